"""All that is worth doing on an accelerator that is at hand for minutes, in one command, run from anywhere:

    python tools/on_device.py --minutes 12 --out OUT [--data FOLDER] [--wheels FOLDER] [--device cpu --size 48 64]

One after another, each in a process of its own that is ended when its time is over, and what fails stops no other:

1. imports: which packages are missing (they may lie as wheels in --wheels; nothing comes from a network);
2. unpack: --data holds the parts that tools/pack_camvid.py made, or CamVid as it is;
3. tests: `pytest -m gpu`, a sixth of the minutes, two at most;
4. benchmark: `benchmarks/gpu.py`, a third of the minutes, four at most;
5. study: `results/study.py --minutes N` with what is left; where there is none, tools/train_in_time.py.

OUT gets on_device.jsonl (a line a step), log.txt (what they print), gpu.jsonl, and what the study writes; with Table 1
that is six files of less than 15 MB each. This file needs nothing but Python.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]
STUDY = ROOT / "results" / "study.py"
NEEDED = (  # by the kit, where no notebook is opened, and by its tests on a device
    *("torch", "numpy", "scipy", "pandas", "PIL", "matplotlib", "torchmetrics", "safetensors", "yaml", "tqdm"),
    *("click", "cloudpickle", "psutil", "skimage", "pytest"),
)
TESTS = [f"tests/gpu/test_{name}.py" for name in ("operators", "training", "networks")]  # most important first
HELPFUL = ("triton", "numba", "xdist")
PROBE = """
import importlib, importlib.metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        module = importlib.import_module(name)
        found[name] = str(getattr(module, "__version__", "there"))
    except Exception as error:
        found[name] = None
missing = [name for name in found if found[name] is None]
print(json.dumps({"missing": missing, "python": sys.version.split()[0]} | found))
"""


@dataclass(frozen=True)
class Step:
    """A command, and how much of the time it may have."""

    name: str
    command: Callable[[float], list[str]]  # from the minutes that it may take
    share: float = 1.0  # of all minutes, if there are as many left
    most: float = float("inf")  # minutes


def steps(options: argparse.Namespace, out: Path, site: Path, camvid: Path | None) -> list[Step]:
    """What is to be done, in order."""
    device = ["--device", options.device]
    size = ["--size", *map(str, options.size)]
    planned = []
    if options.wheels:
        wheels = sorted(map(str, options.wheels.glob("*.whl")))
        install = python("-m", "pip", "install", "-q", "--no-index", "--no-deps", "--target", site, *wheels)
        planned.append(Step("wheels", lambda _: install, most=1))
    planned.append(Step("imports", lambda _: python("-c", PROBE, *NEEDED, *HELPFUL), most=1))
    if options.data and camvid != options.data:
        unpack = python(ROOT / "tools" / "pack_camvid.py", "--unpack", options.data, camvid)
        planned.append(Step("unpack", lambda _: unpack, most=1))
    at_once = ["-n", str(min(4, os.cpu_count() or 1))] if find_spec("xdist") else []
    tests = python("-m", "pytest", "-v", "-m", "gpu", *TESTS, *at_once, "--durations=10")
    tests += ["-p", "no:cacheprovider", "-o", "filterwarnings=default"]  # other versions, other warnings
    planned.append(Step("tests", lambda _: tests, 1 / 6, 2))
    gpu = python(ROOT / "benchmarks" / "gpu.py", "--out", out, *device, *size)
    planned.append(Step("benchmark", lambda minutes: [*gpu, *within(minutes)], 1 / 3, 4))
    script = STUDY if STUDY.exists() else ROOT / "tools" / "train_in_time.py"
    study = python(script, "--out", out, *(["--data", camvid] if camvid else []), *device, *size)
    name = "study" if STUDY.exists() else "table 1, as no study is here yet"
    planned.append(Step(name, lambda minutes: [*study, *within(minutes)]))
    return planned


def within(minutes: float) -> list[str]:
    """What a step is told: a little less than it may have, so that it ends by itself."""
    return ["--minutes", f"{0.95 * minutes:.2f}"]


def python(*arguments: object) -> list[str]:
    return [sys.executable, *map(str, arguments)]


def run(
    planned: list[Step],
    minutes: float,
    out: Path,
    surroundings: dict[str, str],
    now: Callable[[], float] = time.monotonic,
) -> list[dict[str, object]]:
    """Step after step within the minutes; a row for each is written when it ends."""
    start, rows = now(), []
    for step in planned:
        left = minutes - (now() - start) / 60
        allowed = min(left, step.share * minutes, step.most)
        row: dict[str, object] = {"step": step.name, "minutes": round(allowed, 2)}
        if allowed > 0:
            row |= attempt(step.command(allowed), 60 * allowed, out / "log.txt", surroundings)
        else:
            row |= {"rc": None, "said": "no time was left"}
        row["at"] = round(now() - start, 1)
        rows.append(row)
        with (out / "on_device.jsonl").open("a", encoding="utf-8") as file:
            print(json.dumps(row), file=file)
        print(json.dumps(row), flush=True)
    return rows


def attempt(command: list[str], seconds: float, log: Path, surroundings: dict[str, str]) -> dict[str, object]:
    """Run a command in a session of its own, which ends as a whole when the time is over; its last line."""
    with log.open("ab") as file:
        file.write(f"\n$ {' '.join(command)[:300]}\n".encode())
        file.flush()
        begin = file.tell()
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env=surroundings, cwd=ROOT, start_new_session=True
        )
        try:
            process.wait(seconds)
            over = False
        except subprocess.TimeoutExpired:
            over = True
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    said = log.read_bytes()[begin:].decode(errors="replace").strip()
    return {"rc": process.returncode, "timed_out": over, "said": said.rpartition("\n")[2][-1500:]}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="CamVid, or its parts; without it, scenes made here")
    parser.add_argument("--wheels", type=Path, help="a folder of packages that this machine lacks")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", type=int, nargs=2, default=(360, 480), metavar=("H", "W"))
    options = parser.parse_args(arguments)
    for name in ("out", "data", "wheels"):
        if path := getattr(options, name):
            setattr(options, name, path.expanduser().absolute())
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        site, camvid = Path(folder, "site"), options.data
        if camvid and any(camvid.glob("part*.tar")):
            camvid = Path(folder, "camvid")
        surroundings = os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), str(site), os.environ.get("PYTHONPATH")])),
            "PYTHONUNBUFFERED": "1",
            "SEGNET_LAB_HEADLESS": "1",
        }
        if options.device == "cpu":
            surroundings["SEGNET_LAB_TEST_DEVICE"] = "cpu"
        run(steps(options, options.out, site, camvid), options.minutes, options.out, surroundings)


if __name__ == "__main__":
    main()
