"""Put the measured numbers into README.md and other documents: `python tools/documents.py`; --check: are they current?

Every table between `<!-- NAME -->` and `<!-- end -->` is made from files under results/; nobody types it.
"""

import json
import re
import sys
from pathlib import Path

import pandas as pd

from segnet_lab import create_model, paper
from segnet_lab._support.folders import shipped
from segnet_lab._support.settings import table
from segnet_lab.lessons.notebooks import list_notebooks
from segnet_lab.metrics.conventions import SCORES
from segnet_lab.results.tables import scores_table

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = [ROOT / "docs" / name for name in ("widgets.md", "benchmarks.md", "gpu.md")]
DOCUMENTS = (README, *DOCS, ROOT / "notebooks" / "README.md")
ON_DEVICE = ROOT / "results" / "benchmarks" / "gpu.jsonl"


def lessons() -> str:
    """Name, question and minutes of every lesson."""
    rows = []
    for name in list_notebooks():
        cells = json.loads((shipped("notebooks") / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
        opening = "".join(cells[0]["source"])
        title = opening.splitlines()[0].lstrip("# ").split("·")[-1].strip()
        rows.append({"lesson": f"[{name}](notebooks/{name}.ipynb)", "question": title, "minutes": minutes(name)})
    return markdown(pd.DataFrame(rows))


def lesson_times() -> str:
    """How long to teach each lesson, and how long it runs, as `python tools/measure.py lessons` measured it."""
    file = ROOT / "results" / "lessons" / "seconds.json"
    if not file.exists():
        return "Not measured yet: `python tools/measure.py lessons`."
    measured = json.loads(file.read_text(encoding="utf-8"))
    about = "{processor}, {cores} cores, Python {python}, torch {torch}:".format(**measured["environment"])
    rows = []
    for name in list_notebooks():
        times = measured["lessons"].get(name, {})
        row = {"lesson": f"[{name}]({name}.ipynb)", "lesson, minutes": minutes(name)}
        row |= {"run, s": times.get("seconds", ""), "busy, s": times.get("processor_seconds", "")}
        rows.append(row | {"load before": times.get("load_before", "")})
    return f"{about}\n\n{markdown(pd.DataFrame(rows))}"


def minutes(lesson: str) -> str:
    """As its opening says."""
    cells = json.loads((shipped("notebooks") / f"{lesson}.ipynb").read_text(encoding="utf-8"))["cells"]
    found = re.search(r"(\d+) minutes", "".join(cells[0]["source"]))
    return found[1] if found else ""


def roadscenes() -> str:
    """What each way of decoding reaches on scenes made here, and what it remembers."""
    scores = committed("roadscenes")
    rows = []
    for _, run in scores.iterrows():
        remembered = sum(r.bytes for r in create_model(run["model"]).memory(360, 480)) / 1e6
        rows.append({"network": run["model"], "remembers, MB": f"{remembered:.2f}"} | percent(run))
    return markdown(pd.DataFrame(rows))


def camvid() -> str:
    """SegNet-Basic on real CamVid, twelve epochs, by seed."""
    scores = committed("camvid_90x120")
    rows = [{"run": name, "selected epoch": int(run["epoch"])} | percent(run) for name, run in scores.iterrows()]
    mean = {"run": "mean", "selected epoch": ""} | percent(scores[list(SCORES)].mean())
    return markdown(pd.DataFrame([*rows, mean]))


def table1() -> str:
    """Table 1 on CamVid: ours of the validation split, the paper's of the test split; with balancing, then without."""
    printed = paper.table(1).assign(network=lambda t: t["variant"].map(paper.NAMES)).set_index("network")
    median, natural = (committed(f"table1_{name}").set_index("model") for name in ("median", "natural"))
    rows = []
    for name, run in median.iterrows():
        row = {"network": name} | percent(run)
        row |= {f"{s}, paper": one_decimal(printed[f"median_test_{s}"].get(name)) for s in SCORES[2:]}
        row |= {f"{s}, natural": one_decimal(natural[s].get(name)) for s in SCORES}
        rows.append(row)
    return markdown(pd.DataFrame(rows))


def table3() -> str:
    """Table 3 at the end of training: ours on the validation split, the paper's on the test split."""
    names = paper.NAMES | {"DeepLab-LargeFOV-denseCRF": "deeplab_large_fov-dense_crf"}
    printed = paper.table(3).assign(network=lambda t: t["network"].map(names)).set_index("network")
    ours = committed("table3").drop("deeplab_large_fov-dense_crf_not_scaled")  # lesson 31's
    rows = []
    for name, run in ours.iterrows():
        theirs = {f"{score}, paper": one_decimal(printed[f"best_{score}"].get(name)) for score in SCORES}
        rows.append({"network": name} | percent(run) | theirs)
    return markdown(pd.DataFrame(rows))


def latencies() -> str:
    """How soon widgets answer, as `make bench` measured it."""
    measured, parts = bench(), []
    for name in ("playground_latency", "explorer_latency"):
        if name in measured:
            about = "{date}, {processor}, {cores} cores, load {load_before} before. Times in ms:".format(
                **measured[name]
            )
            parts += [about, markdown(pd.DataFrame(measured[name]["rows"]))]
    return "\n\n".join(parts) or "Not measured yet: `make bench`."


# ---------------------------------------------------------------------------- speed and memory

NETS = {"segnet_basic": "SegNet-Basic", "segnet": "SegNet"}
TARGETS = [  # what, part, group (with the network's name, where it is of one), row, column, at most
    ("inference, float32, time", "networks", "inference time, {}", "optimize float32", "ratio", 0.75, 0.75),
    ("inference, default, time", "networks", "inference time, {}", "optimize (default)", "ratio", 0.38, 0.38),
    (
        "inference, low memory, float32, peak",
        "networks",
        "inference memory, {}",
        "low memory float32",
        "ratio",
        0.4,
        0.6,
    ),
    (
        "inference, low memory, default, peak",
        "networks",
        "inference memory, {}",
        "low memory (default)",
        "ratio",
        0.25,
        0.36,
    ),
    ("training step, time", "training", "training step time, {}", "kit (default)", "ratio", 0.4, 0.4),
    ("training step, peak", "training", "training step memory, {}", "kit (default)", "ratio", 0.5, 0.5),
    (
        "training step, checkpointing, peak",
        "training",
        "training step memory, {}",
        "kit checkpointing",
        "ratio",
        0.35,
        0.35,
    ),
    (
        "indices kept for training",
        "remembered",
        "indices kept for the backward pass, {}",
        "kit, 2-bit codes",
        "ratio",
        1 / 32,
        1 / 32,
    ),
]
SCORE_TARGETS = [
    ("BF by distance, ms an image", "distance", "segnet_lab", "median", 3),
    ("BF by distance, ratio to cv2.dilate", "distance", "segnet_lab", "ratio", 0.65),
    ("BF one to one, ms an image", "one to one", "segnet_lab with numba", "median", 10),
    ("confusion matrix, ms an image", "confusion matrix", "segnet_lab", "median", 0.5),
]


def benchmarks() -> str:
    """Ratios to plain PyTorch, as `make bench` measured them."""
    parts = []
    for name, kind in (("networks", "inference"), ("training", "training step")):
        if name not in (measured := bench()):
            continue
        rows = {}
        for row in measured[name]["rows"]:
            for net, title in NETS.items():
                for what in ("time", "memory"):
                    if re.match(rf"{kind} {what}, {net}(,|$)", row["group"]):
                        value = f"{row['median']:.0f} {row['unit']}"
                        value += "" if row["name"] == "naive" else f" ({row['ratio']:.2f})"
                        rows.setdefault(row["name"], {})[f"{title}, {what}"] = value
        table = pd.DataFrame([{kind: form} | values for form, values in rows.items()])
        parts += [circumstances(measured[name]) + " In brackets: ratio to the first row.", markdown(table)]
    return "\n\n".join(parts) or "Not measured yet: `make bench`."


def peers() -> str:
    """Inference beside what a user would pick instead, and why a form was not measured."""
    if "peers" not in bench():
        return "Not measured yet: `python benchmarks/run.py peers`."
    measured, rows, missing = bench()["peers"], {}, {}  # `missing`: forms by reason
    for row in measured["rows"]:
        title = NETS[row["group"].split(", ")[1]]
        if "not_measured" in row:
            missing.setdefault(row["not_measured"], {})[row["name"]] = None
            continue
        values = rows.setdefault(row["name"], {})
        values[f"{title}, time"] = f"{row['median']:.0f} ms ({row['ratio']:.2f})"
        values[f"{title}, same labels"] = f"{row['agreement_%']:.2f} %" if row["agreement_%"] else "another network"
    parts = [circumstances(measured) + " In brackets: ratio to the first row."]
    parts.append(markdown(pd.DataFrame([{"inference": name} | values for name, values in rows.items()])))
    if missing:
        parts.append(
            "Not measured: " + "; ".join(f"{', '.join(names)} ({why})" for why, names in missing.items()) + "."
        )
    return "\n\n".join(parts)


def targets() -> str:
    """What was aimed at, and whether the committed run reached it."""
    aims = [
        (f"{title}: {what}", part, group.format(net), name, column, most[list(NETS).index(net)])
        for net, title in NETS.items()
        for what, part, group, name, column, *most in TARGETS
    ]
    aims += [(what, "boundary_f1", group, name, column, most) for what, group, name, column, most in SCORE_TARGETS]
    rows = []
    for what, part, group, name, column, most in aims:
        for row in bench().get(part, {"rows": []})["rows"]:
            if re.match(rf"{group}(, batch|$)", row["group"]) and row["name"] == name:
                values = {"at most": f"{most:.3g}", "measured": f"{row[column]:.3g}"}
                rows.append({"aim": what} | values | {"reached": "yes" if row[column] <= most else "no"})
    shares = [
        row["median"]
        for row in bench().get("agreement", {"rows": []})["rows"]
        if row["name"] in ("optimize (default)", "low memory (default)")
    ]
    if shares:
        row = {"aim": f"pixels of the float32 network's class, least of {len(shares) // 2} trained networks, %"}
        row |= {"at most": "at least 99.5", "measured": f"{min(shares):.2f}"}
        rows.append(row | {"reached": "yes" if min(shares) >= 99.5 else "no"})
    return markdown(pd.DataFrame(rows)) if rows else "Not measured yet: `make bench`."


def score_times() -> str:
    """Milliseconds for the scores of one image."""
    if "boundary_f1" not in bench():
        return "Not measured yet: `make bench`."
    measured = bench()["boundary_f1"]
    rows = [
        {"": row["group"], "way": row["name"], "ms": f"{row['median']:.2f}", "ratio": f"{row['ratio']:.2f}"}
        for row in measured["rows"]
    ]
    return circumstances(measured | {"threads": 1}) + "\n\n" + markdown(pd.DataFrame(rows))


# ---------------------------------------------------------------------------- on an accelerator

MEASURED = {  # title: how the groups begin, and the columns
    "Pooling": (r"(pool|unpool|pick)\b", {"ratio": "ratio", "alone": "alone, ms", "share": "share of a copy"}),
    "Training": ("training step", {"ratio": "ratio", "peak_mb": "peak, MB"}),
    "Inference": ("inference", {"ratio": "ratio", "peak_mb": "peak, MB"}),
}
KIT, PEER = "kit, 2-bit codes", "torch, int64 indices"


def accelerator() -> str:
    """What `benchmarks/gpu.py` measured on a card; that it has not, where it has not."""
    if not ON_DEVICE.exists():
        return "**Not yet measured on a device.**"
    rows = [json.loads(line) for line in ON_DEVICE.read_text(encoding="utf-8").splitlines()]
    about = next(row for row in rows if row["group"] == "machine")
    facts = "{date}: {name}, driver {driver}, CUDA {cuda}, torch {torch}, triton {triton}; "
    facts += "pooling by {pooling}; images of {size}."
    parts = [facts.format(**about), device_aims(rows)]
    for title, (begins, columns) in MEASURED.items():
        lines = [
            {"what": row["group"], "way": row["name"], "ms": rounded(row.get("median", row.get("error")))}
            | {shown: rounded(row.get(column)) for column, shown in columns.items()}
            for row in rows
            if re.match(begins, row["group"])
        ]
        parts += [f"### {title}", markdown(pd.DataFrame(lines))] if lines else []
    printed = paper.table(6).assign(network=lambda t: t["network"].map(paper.NAMES)).set_index("network")
    lines = []
    for row in rows:
        if row["group"] == "table 6" and row["name"] in printed.index and "error" not in row:
            theirs = printed.loc[row["name"]]
            lines.append({"network": row["name"]})
            for column in printed:
                lines[-1] |= {column: rounded(row[column]), f"{column}, paper": rounded(theirs[column])}
    parts += ["### Table 6", markdown(pd.DataFrame(lines))] if lines else []
    return "\n\n".join(parts)


def device_aims(rows: list[dict]) -> str:
    """What was aimed at on a card, and whether it was reached."""
    found = {(row["group"], row["name"]): row for row in rows if "median" in row}
    lines = []

    def aim(what: str, most: str, value: float, reached: bool) -> None:
        lines.append({"aim": what, "wanted": most, "measured": f"{value:.3g}", "reached": "yes" if reached else "no"})

    for (group, name), row in found.items():
        if name == KIT and re.match("(pool|unpool), .* bfloat16 channels_last$", group):
            if group.split(", ")[1].startswith("12x64x360x480 "):
                aim(f"{group}: share of a copy", "at least 0.8", row.get("share", 0), row.get("share", 0) >= 0.8)
            aim(f"{group}: time, ratio to torch's", "at most 1", row["ratio"], row["ratio"] <= 1)
    step = "training step, segnet_basic, batch 12"
    ours, naive = (found.get((step, name)) for name in ("kit bfloat16", "naive bfloat16 channels_last"))
    if ours and naive:
        for column, what, most in (("median", "time", 0.85), ("peak_mb", "memory", 0.6)):
            if column in ours and column in naive:
                ratio = ours[column] / naive[column]
                aim(f"{step}: {what}, ratio to naive bfloat16", f"at most {most}", ratio, ratio <= most)
    return markdown(pd.DataFrame(lines)) if lines else "None of what was aimed at was measured."


def rounded(value: float | str | None) -> str:
    """A number in four digits, a message as it is."""
    if isinstance(value, str):
        return value.replace("|", "/")
    return "" if value is None else f"{value:.4g}"


def bench() -> dict:
    file = ROOT / "results" / "benchmarks" / "benchmarks.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def circumstances(measured: dict) -> str:
    facts = "{date}, {processor}, {cores} cores, {threads} used, load {load_before} before; torch {torch}."
    return facts.format(**measured, torch=measured["packages"]["torch"])


def committed(name: str) -> pd.DataFrame:
    """Scores of a committed set: your own runs of the same name are passed over."""
    return scores_table(str(ROOT / "results" / name))


def percent(run) -> dict[str, str]:
    return {score: f"{run[score]:.1f}" for score in SCORES}


def one_decimal(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def markdown(table: pd.DataFrame) -> str:
    def line(cells):
        return "| " + " | ".join(map(str, cells)) + " |"

    return "\n".join([line(table.columns), line(["---"] * len(table.columns)), *(line(row) for row in table.values)])


def settings() -> str:
    """Environment variables that the kit reads."""
    return table()


BLOCKS = {
    block.__name__: block
    for block in (
        lessons,
        lesson_times,
        roadscenes,
        camvid,
        table1,
        table3,
        latencies,
        benchmarks,
        peers,
        targets,
        score_times,
        accelerator,
        settings,
    )
}


def current(text: str) -> str:
    """A document with every block made anew; an unknown block is an error."""

    def fill(match):
        return f"<!-- {match[1]} -->\n{BLOCKS[match[1]]()}\n<!-- end -->"

    return re.sub(r"<!-- (\w+) -->\n.*?<!-- end -->", fill, text, flags=re.DOTALL)


def main() -> None:
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        if "--check" not in sys.argv:
            document.write_text(current(text), encoding="utf-8")
        elif current(text) != text:
            sys.exit(f"{document.name} is not current: run python tools/documents.py")


if __name__ == "__main__":
    main()
