"""Put the measured numbers into README.md: `python docs/readme.py` (or --check to see if they are current).

Every table between `<!-- NAME -->` and `<!-- end -->` is made from files under results/; nobody types it.
"""

import json
import re
import sys
from pathlib import Path

import pandas as pd

from segnet_lab import create_model, paper
from segnet_lab.batch import list_notebooks
from segnet_lab.folders import shipped
from segnet_lab.models import storage_multiplier
from segnet_lab.results import scores_table

README = Path(__file__).parents[1] / "README.md"
SCORES = ["G", "C", "mIoU", "BF"]


def lessons() -> str:
    """Name, question and minutes of every lesson."""
    rows = []
    for name in list_notebooks():
        cells = json.loads((shipped("notebooks") / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
        opening = "".join(cells[0]["source"])
        title = opening.splitlines()[0].lstrip("# ").split("·")[-1].strip()
        minutes = re.search(r"(\d+) minutes", opening)
        rows.append(
            {
                "lesson": f"[{name}](notebooks/{name}.ipynb)",
                "question": title,
                "minutes": minutes[1] if minutes else "",
            }
        )
    return markdown(pd.DataFrame(rows))


def roadscenes() -> str:
    """What each way of decoding reaches on scenes made here, and what it remembers."""
    scores = scores_table("roadscenes")
    rows = []
    for _, run in scores.iterrows():
        remembered = sum(r.bytes for r in create_model(run["model"]).memory(360, 480)) / 1e6
        rows.append({"network": run["model"], "remembers, MB": f"{remembered:.2f}"} | percent(run))
    return markdown(pd.DataFrame(rows))


def camvid() -> str:
    """SegNet-Basic on real CamVid, twelve epochs, by seed."""
    scores = scores_table("camvid_90x120")
    rows = [{"run": name, "selected epoch": int(run["epoch"])} | percent(run) for name, run in scores.iterrows()]
    mean = {"run": "mean", "selected epoch": ""} | percent(scores[SCORES].mean())
    return markdown(pd.DataFrame([*rows, mean]))


def table1() -> str:
    """Table 1's decoders: ours on the validation split, the paper's on the test split."""
    printed = paper.table(1).set_index(paper.table(1)["variant"].map(paper.NAMES))
    ours = scores_table("table1_median").set_index("model")
    rows = []
    for model, run in ours.iterrows():
        row = {"network": model, "maps kept": f"{storage_multiplier(create_model(model)):g}"}
        row |= {f"{score}": f"{run[score]:.1f}" for score in SCORES}
        for score in SCORES:
            known = model in printed.index
            row[f"{score}, paper"] = f"{printed.loc[model, f'median_test_{score}']:.1f}" if known else ""
        rows.append(row)
    return markdown(pd.DataFrame(rows))


def percent(run) -> dict[str, str]:
    return {score: f"{run[score]:.1f}" for score in SCORES}


def markdown(table: pd.DataFrame) -> str:
    def line(cells):
        return "| " + " | ".join(map(str, cells)) + " |"

    return "\n".join([line(table.columns), line(["---"] * len(table.columns)), *(line(row) for row in table.values)])


BLOCKS = {block.__name__: block for block in (lessons, roadscenes, camvid, table1)}


def current(text: str) -> str:
    """README with every block made anew; an unknown block is an error."""

    def fill(match):
        return f"<!-- {match[1]} -->\n{BLOCKS[match[1]]()}\n<!-- end -->"

    return re.sub(r"<!-- (\w+) -->\n.*?<!-- end -->", fill, text, flags=re.DOTALL)


def main() -> None:
    text = README.read_text(encoding="utf-8")
    if "--check" in sys.argv:
        sys.exit(0 if current(text) == text else "README.md is not current: run python docs/readme.py")
    README.write_text(current(text), encoding="utf-8")


if __name__ == "__main__":
    main()
