"""Break the package on purpose, a line at a time, and see that a test minds: `python tools/mutate.py`.

`mutations.toml` beside this file is the list: a file, a text that stands in it once, what takes its place, and the
tests that should fail then. Each break is made in a copy of the checkout, never in the checkout itself.

    killed      a test failed, as it should
    survived    all tests passed: nothing guards that line
    no verdict  the text does not stand in the file exactly once, or the tests could not be run

Exits with 1 if any survived or has no verdict.
"""

import argparse
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
LIST = Path(__file__).with_name("mutations.toml")
TIMEOUT = 600  # seconds; a break that never ends has been noticed
PROCESSES = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
HEAVY = ["torch", "torchmetrics", "pandas", "scipy.stats", "seaborn", "sklearn.ensemble", "skimage.feature", "numba"]
HEAVY += ["hypothesis", "pytest"]  # imported once; each run of pytest is a fork of the process that holds them
KILLED, SURVIVED, NO_VERDICT = "killed", "survived", "no verdict"


class Stale(Exception):
    """A mutation that does not fit the source any more."""


@dataclass(frozen=True)
class Mutation:
    """One break: `old`, which stands once in `file`, becomes `new`; `tests` are what pytest runs."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def broken(self, root: Path) -> str:
        """The file's text with the break in it."""
        text = (root / self.file).read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise Stale(f"{self.file} holds {text.count(self.old)} times: {self.old!r}")
        return text.replace(self.old, self.new)


def read_list(path: Path = LIST) -> list[Mutation]:
    """The mutations of a list, in its order."""
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["mutation"]
    return [Mutation(**row | {"tests": tuple(row["tests"])}) for row in rows]


def run(mutations: Sequence[Mutation], root: Path = ROOT, jobs: int = 1) -> Iterator[tuple[Mutation, str, str]]:
    """Each mutation with its verdict and a line that explains it, as they come."""
    with copies(root, jobs) as free, ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(_judge, mutation, free): mutation for mutation in mutations}
        for done in as_completed(running):
            yield running[done], *done.result()


def _judge(mutation: Mutation, free: "SimpleQueue[Path]") -> tuple[str, str]:
    copy = free.get()
    file = copy / mutation.file
    try:
        whole = file.read_bytes()
        file.write_text(mutation.broken(copy), encoding="utf-8")
        try:
            return _verdict(*run_tests(mutation.tests, copy))
        finally:
            file.write_bytes(whole)
    except (Stale, OSError) as error:
        return NO_VERDICT, str(error)
    finally:
        free.put(copy)


def _verdict(code: int, output: str) -> tuple[str, str]:
    lines = output.strip().splitlines() or [""]
    if code == 0:
        return SURVIVED, lines[-1]
    if code == 1:
        return KILLED, next((line for line in lines if re.match("(FAILED|ERROR) ", line)), lines[-1])
    return NO_VERDICT, f"pytest ended with {code}: {lines[-1]}"  # nothing collected, no such test, no import


def run_tests(tests: Sequence[str], root: Path) -> tuple[int, str]:
    """Exit status and output of the tests in a copy, up to the first that fails."""
    output = root.with_suffix(".txt")
    process = PROCESSES.Process(target=_pytest, args=(tuple(tests), str(root), str(output)))
    process.start()
    process.join(TIMEOUT)
    if process.is_alive():
        process.kill()
        process.join()
        return 1, f"FAILED no end within {TIMEOUT} s"
    return process.exitcode or 0, output.read_text(encoding="utf-8", errors="replace")


def _pytest(tests: tuple[str, ...], root: str, output: str) -> None:
    """What runs in a process of its own, with the copy before everything else on the path."""
    sys.dont_write_bytecode = True  # or a break of the same length in the same second would not be seen
    os.environ |= {
        "PYTHONPATH": root,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # they take longer to load than most tests to run
    }
    os.chdir(root)
    sys.path.insert(0, root)
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    import pytest

    sys.exit(int(pytest.main(["-q", "-x", "--tb=no", "-p", "no:cacheprovider", *tests])))


@contextmanager
def copies(root: Path, count: int) -> Iterator["SimpleQueue[Path]"]:
    """Copies of a checkout: what git knows and what it would add, as it lies there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    names = [name for name in listed.stdout.decode().split("\0") if name and (root / name).is_file()]
    with TemporaryDirectory(prefix="mutations-") as folder:
        free: SimpleQueue[Path] = SimpleQueue()
        for number in range(count):
            copy = Path(folder, str(number))
            for name in names:
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, copy / name)
            free.put(copy)
        yield free


def check_unbroken(mutations: Sequence[Mutation], root: Path = ROOT) -> None:
    """The tests must pass before anything is broken, or every mutation would look killed."""
    tests = sorted({test for mutation in mutations for test in mutation.tests})
    with copies(root, 1) as free:
        code, output = run_tests(tests, free.get())
    if code:
        sys.exit(f"the tests do not pass as they are, so no break can be judged:\n{output}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the list, print a line for each mutation; 1 if any survived or has no verdict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time, each in its own copy")
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD", help="those with a word in name or file")
    parser.add_argument("--unchecked", action="store_true", help="do not first run the tests on the unbroken source")
    options = parser.parse_args(arguments)
    chosen = [m for m in read_list() if any(word in f"{m.name} {m.file}" for word in options.only)]
    if not chosen:
        parser.error(f"no mutation has any of {options.only} in its name or file")
    os.environ["OMP_NUM_THREADS"] = "1"
    if os.name == "posix":
        PROCESSES.set_forkserver_preload(HEAVY)
    if not options.unchecked:
        check_unbroken(chosen)
    verdicts: dict[str, list[Mutation]] = {KILLED: [], SURVIVED: [], NO_VERDICT: []}
    for mutation, verdict, why in run(chosen, jobs=options.jobs):
        verdicts[verdict].append(mutation)
        print(f"{verdict:10s}  {mutation.name}  ({mutation.file})  {why}", flush=True)
    print(", ".join(f"{len(found)} {verdict}" for verdict, found in verdicts.items()))
    for mutation in verdicts[SURVIVED]:
        print(f"survived: {mutation.name}: {mutation.file}: {mutation.old!r} -> {mutation.new!r}")
    return int(len(verdicts[KILLED]) < len(chosen))


if __name__ == "__main__":
    sys.exit(main())
