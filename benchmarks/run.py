"""Measure everything again, or what is named: `python benchmarks/run.py [NAME ...] [--quick] [--threads N]`.

The rows of each part go to results/benchmarks/benchmarks.json and, as tables, to benchmarks.md, with the machine, the
versions, the threads and the load. Parts that are not named keep the rows they had. Run it on a quiet machine: about
10 minutes on two cores.
"""

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter

HERE = Path(__file__).parent
FOLDER = HERE.parent / "results" / "benchmarks"
PARTS = {  # name: module and function, which takes `quick` and gives rows
    "networks": ("networks", "inference"),
    "peers": ("peers", "peers"),
    "training": ("networks", "training"),
    "pooling": ("networks", "pooling_pair"),
    "image_sizes": ("networks", "image_sizes"),
    "remembered": ("networks", "remembered"),
    "agreement": ("networks", "agreement"),
    "unet": ("peers", "unet_peer"),
    "boundary_f1": ("boundary_f1", "measure"),
    "playground_latency": ("playground_latency", "measure"),
    "explorer_latency": ("explorer_latency", "measure"),
}
PACKAGES = (
    "torch",
    "numpy",
    "numba",
    "opencv-python-headless",
    "onnxruntime",
    "openvino",
    "segmentation-models-pytorch",
    "playwright",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(PARTS)}; all of them by default")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a look, not a result; nothing is written")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of networks; the scores take one")
    options = parser.parse_args()
    if wrong := [name for name in options.names if name not in PARTS]:
        parser.error(f"unknown part {wrong[0]!r}; known: {', '.join(PARTS)}")
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    from segnet_lab._support.files import write_json, write_text

    file = FOLDER / "benchmarks.json"
    results = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for name in options.names or PARTS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        facts, start = about(options.threads), perf_counter()
        try:
            rows = run(name, options.quick, options.threads)
        except (ImportError, FileNotFoundError) as missing:  # a peer, Chromium
            print(f"{name} not measured: {missing}", file=sys.stderr, flush=True)
            continue
        results[name] = facts | {"seconds": round(perf_counter() - start), "rows": rows}
        print(tables({name: results[name]}), flush=True)
        if not options.quick:  # after each part: an interrupted run keeps what it measured
            results = {part: results[part] for part in PARTS if part in results}
            write_json(file, results)
            write_text(FOLDER / "benchmarks.md", f"{HEADING}\n\n{tables(results)}\n")
    if not options.names and not options.quick:
        on_a_card()


def on_a_card() -> None:
    """`gpu.py` has minutes of its own and keeps its rows itself."""
    import torch

    if torch.cuda.is_available():
        subprocess.run([sys.executable, HERE / "gpu.py"], check=True)
    else:
        print("gpu not measured: there is no card", file=sys.stderr, flush=True)


def run(name: str, quick: bool, threads: int) -> list[dict]:
    """The rows of one part."""
    import torch

    module, function = PARTS[name]
    measure = getattr(importlib.import_module(module), function)
    torch.set_num_threads(threads)
    return measure(quick)


def about(threads: int) -> dict:
    packages = {}
    for package in PACKAGES:
        try:
            packages[package] = version(package)
        except PackageNotFoundError:
            packages[package] = None
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "packages": packages,
    }


def processor() -> str:
    """Name of the processor and the units that matter to matrix products."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    units = [unit for unit in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if unit in facts.get("flags", "").split()]
    return " ".join([facts.get("model name", platform.machine()), *units])


HEADING = """# Benchmarks

Made by `python benchmarks/run.py`; [docs/benchmarks.md](../../docs/benchmarks.md) says how. `ratio` is to the first row
of a table, round by round; `low` and `high` are quartiles over `runs`."""


def tables(results: dict) -> str:
    """Markdown: a table for each group of rows."""
    parts = []
    for name, result in results.items():
        packages = ", ".join(f"{p} {v}" for p, v in result["packages"].items() if v)
        parts.append(f"## {name}")
        parts.append(
            f"{result['date']}, {result['processor']}, {result['cores']} cores, {result['threads']} threads, load "
            f"{result['load_before']} before, {result['seconds']} s; Python {result['python']}, {packages}."
        )
        groups = {}
        for row in result["rows"]:
            groups.setdefault(row.get("group", ""), []).append({k: v for k, v in row.items() if k != "group"})
        for group, rows in groups.items():
            columns = list(dict.fromkeys(key for row in rows for key in row))
            lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
            lines += ["| " + " | ".join(_cell(row.get(column, "")) for column in columns) + " |" for row in rows]
            parts.append((f"**{group}**\n\n" if group else "") + "\n".join(lines))
    return "\n\n".join(parts)


def _cell(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
