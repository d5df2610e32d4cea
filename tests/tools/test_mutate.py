"""The tool that breaks the package: tried on a package of one line, and its list held to the present source."""

import ast
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tools import mutate
from tools.mutate import KILLED, NO_VERDICT, ROOT, SURVIVED, Mutation

TESTS = "from adding import add, double\n\ndef test_add():\n    assert add(2, 3) == 5\n"
SOURCE = "def add(a, b):\n    return a + b\n\ndef double(a):\n    return 2 * a\n"
MUTATIONS = mutate.read_list()


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "adding.py").write_text(SOURCE)
    (tmp_path / "test_adding.py").write_text(TESTS)
    (tmp_path / ".gitignore").write_text("ignored\n")
    (tmp_path / "ignored").write_text("much\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def breaking(old, new, tests="test_adding.py"):
    return Mutation(f"{old} -> {new}", "adding.py", old, new, (tests,))


def test_what_is_tested_is_killed_and_what_is_not_survives(checkout):
    killed, survives = breaking("a + b", "a - b"), breaking("2 * a", "3 * a")
    found = {mutation: (verdict, why) for mutation, verdict, why in mutate.run([killed, survives], checkout)}
    assert found[killed] == (KILLED, "FAILED test_adding.py::test_add - assert -1 == 5")
    assert found[survives] == (SURVIVED, found[survives][1])
    assert found[survives][1].startswith("1 passed")
    assert (checkout / "adding.py").read_text() == SOURCE  # the checkout itself is never broken


def test_no_verdict_where_the_text_is_stale_or_the_tests_cannot_run(checkout, monkeypatch):
    def tests_that_cannot_be_imported(tests, root):
        return 2, "ImportError\n1 error in 0.1s\n"

    monkeypatch.setattr(mutate, "run_tests", tests_that_cannot_be_imported)
    gone, twice, broken = breaking("a * b", "a"), breaking("return", "yield"), breaking("import", "")
    broken = Mutation("broken", "adding.py", "def add", "def subtract", ("test_adding.py",))
    found = {mutation.name: (verdict, why) for mutation, verdict, why in mutate.run([gone, twice, broken], checkout, 2)}
    assert found[gone.name] == (NO_VERDICT, "adding.py holds 0 times: 'a * b'")
    assert found[twice.name] == (NO_VERDICT, "adding.py holds 2 times: 'return'")
    assert found["broken"] == (NO_VERDICT, "pytest ended with 2: 1 error in 0.1s")


def test_copies_hold_what_git_would(checkout):
    with mutate.copies(checkout, 2) as free:
        one, other = free.get(), free.get()
        assert one != other
        assert sorted(p.name for p in one.iterdir()) == [".gitignore", "adding.py", "test_adding.py"]
    assert not one.exists()


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [([KILLED, KILLED], 0), ([KILLED, SURVIVED], 1), ([NO_VERDICT, KILLED], 1)],
)
def test_main_says_who_survived(verdicts, status, monkeypatch, capsys):
    pair = [breaking("a", "b"), breaking("c", "d")]
    monkeypatch.setattr(mutate, "read_list", lambda: pair)
    monkeypatch.setattr(mutate, "run", lambda chosen, jobs: zip(chosen, verdicts, ["", ""], strict=True))
    assert mutate.main(["--unchecked", "--jobs", "2"]) == status
    said = capsys.readouterr().out
    assert ("survived: c -> d: adding.py: 'c' -> 'd'" in said) == (SURVIVED in verdicts)


def test_only_some(monkeypatch, capsys):
    monkeypatch.setattr(mutate, "read_list", lambda: [breaking("a", "b"), breaking("c", "d")])
    monkeypatch.setattr(mutate, "run", lambda chosen, jobs: [(m, KILLED, "") for m in chosen])
    assert mutate.main(["--unchecked", "--only", "c ->"]) == 0
    assert capsys.readouterr().out.endswith("1 killed, 0 survived, 0 no verdict\n")
    with pytest.raises(SystemExit):
        mutate.main(["--unchecked", "--only", "nothing of the kind"])


# --------------------------------------------------------------------------------------------------
# The list


def test_the_list_is_long_and_reaches_every_room():
    assert len(MUTATIONS) >= 60
    assert Counter(m.name for m in MUTATIONS).most_common(1)[0][1] == 1
    rooms = {Path(m.file).parts[1].removesuffix(".py") for m in MUTATIONS}
    there = {p.stem for p in (ROOT / "segnet_lab").iterdir() if p.is_dir() and any(p.glob("[a-z]*.py"))}
    assert there <= rooms


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
def test_every_mutation_fits_the_source(mutation):
    broken = mutation.broken(ROOT)
    assert mutation.old != mutation.new
    if mutation.file.endswith(".py"):
        ast.parse(broken)
    assert mutation.tests
    for test in mutation.tests:
        file, *names = test.split("::")
        if names and file.startswith("tests/"):
            assert re.search(rf"(def|class) {re.escape(names[0])}\b", (ROOT / file).read_text(encoding="utf-8"))
        assert (ROOT / file).exists()
