"""Rerun every figure of speed and memory: `python benchmarks/run.py [--quick] [--only NAME]`.

Each script beside this one offers `measure() -> list[dict]`. The rows of all go to results/benchmarks/benchmarks.json
and, as tables, to benchmarks.md, with the machine, the versions and the time. With --only, the other scripts' rows stay
as they were. Run it on a quiet machine: about 15 minutes on two cores.
"""

import argparse
import importlib
import inspect
import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE.parent / "results" / "benchmarks"
NAMES = ("networks", "boundary_f1", "playground_latency", "explorer_latency")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a look, not a result; nothing is written")
    parser.add_argument("--only", choices=NAMES)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of networks; the scores take one")
    options = parser.parse_args()
    sys.path.insert(0, str(HERE))
    file = FOLDER / "benchmarks.json"
    results = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for name in [options.only] if options.only else NAMES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        results[name] = about(options.threads) | {"rows": run(name, options.quick, options.threads)}
    text = tables(results)
    print(text)
    if not options.quick:
        from segnet_lab.files import write_json, write_text

        write_json(file, results)
        write_text(FOLDER / "benchmarks.md", text)


def run(name: str, quick: bool, threads: int) -> list[dict]:
    """The rows of one script; a peer that is not installed is said, not passed over."""
    import torch

    try:
        measure = importlib.import_module(name).measure
    except ImportError as error:
        return [{"group": name, "name": f"not measured: {error}"}]
    torch.set_num_threads(threads)
    takes = inspect.signature(measure).parameters
    return measure(**{key: value for key, value in {"quick": quick}.items() if key in takes})


def about(threads: int) -> dict:
    packages = {}
    for package in ("torch", "numpy", "numba", "opencv-python-headless", "segmentation-models-pytorch"):
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


def tables(results: dict) -> str:
    """Markdown: a table for each group of rows."""
    parts = ["# Benchmarks", "Made by `python benchmarks/run.py`. Ratios are to the first row of each table."]
    for name, result in results.items():
        packages = ", ".join(f"{p} {v}" for p, v in result["packages"].items() if v)
        parts.append(f"## {name}")
        parts.append(
            f"{result['date']}, {result['processor']}, {result['cores']} cores, {result['threads']} threads, load "
            f"{result['load_before']} before; Python {result['python']}, {packages}."
        )
        groups = {}
        for row in result["rows"]:
            groups.setdefault(row.get("group", ""), []).append({k: v for k, v in row.items() if k != "group"})
        for group, rows in groups.items():
            columns = list(dict.fromkeys(key for row in rows for key in row))
            lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
            lines += ["| " + " | ".join(_cell(row.get(column, "")) for column in columns) + " |" for row in rows]
            parts.append((f"**{group}**\n\n" if group else "") + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _cell(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
