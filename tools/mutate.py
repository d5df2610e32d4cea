"""Break the package on purpose, a line at a time, and see that a test minds: `python tools/mutate.py`.

`mutations.toml` beside this file is the list: a file, a text that stands in it once, what takes its place, and the
tests that should fail then. Each break is made in a copy of the checkout, never in the checkout itself.

    killed      a test failed, as it should
    survived    all tests passed: nothing guards that line
    no verdict  the text does not stand in the file exactly once, or the tests could not be run

Exits with 1 if any survived or has no verdict.
"""

import argparse
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
            return _verdict(*pytest(mutation.tests, copy))
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


def pytest(tests: Sequence[str], root: Path) -> tuple[int, str]:
    """Exit status and output of the tests in a copy, up to the first that fails."""
    environment = os.environ | {
        "PYTHONPATH": str(root),
        "PYTHONDONTWRITEBYTECODE": "1",  # or a break of the same length in the same second would not be seen
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # they take longer to load than most tests to run
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--tb=no", "-p", "no:cacheprovider", *tests]
    try:
        ended = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return 1, f"FAILED no end within {TIMEOUT} s"
    return ended.returncode, ended.stdout + ended.stderr


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
        code, output = pytest(tests, free.get())
    if code:
        sys.exit(f"the tests do not pass as they are, so no break can be judged:\n{output}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the list, print a line for each mutation; 1 if any survived or has no verdict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1, help="so many at a time, each in a copy of its own")
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD", help="those with a word in name or file")
    parser.add_argument("--unchecked", action="store_true", help="do not first run the tests on the unbroken source")
    options = parser.parse_args(arguments)
    chosen = [m for m in read_list() if any(word in f"{m.name} {m.file}" for word in options.only)]
    if not chosen:
        parser.error(f"no mutation has any of {options.only} in its name or file")
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
