"""All runs in one table: what each is, how far it is, and what its scores belong to."""

import os
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from segnet_lab.folders import runs_dir, shipped
from segnet_lab.results import SCORES, find_runs
from segnet_lab.runs import RunDirectory


def runs_table(runs: str | os.PathLike | None = None, split: str = "val") -> pd.DataFrame:
    """One row per run, finished or not.

    Parameters
    ----------
    runs : str or path, optional
        A set of runs, see `results.find_runs`. None: all that are in `runs/` and in the kit's `results/`.
    split : str
        Whose scores: "train", "val" or "test".

    Returns
    -------
    DataFrame
        run, model, state (finished, unfinished, or damaged), epochs (done of how many), epoch (the selected one), then
        what was scored: data, split, images, size, BF convention; G, C, mIoU, BF in percent. What there is none of is
        empty, or nan in a number's place.

    Raises
    ------
    ValueError
        There is no such set of runs; the message lists what there is.

    Examples
    --------
    >>> table = runs_table("roadscenes")
    >>> table.loc[table.run == "segnet_basic", ["model", "state", "epochs", "data", "split", "images", "size"]]
              model     state epochs        data split  images    size
    ...  segnet_basic  finished  30/30  roadscenes   val      60  96x128
    """
    if runs is None:
        rows = [_row(run, split, f"{run.path.parent.name}/{run.path.name}") for run in _all_runs()]
    else:
        rows = [_row(run, split, run.path.name) for run in _runs_in(find_runs(str(runs)))]
    return pd.DataFrame(rows, columns=[*_COLUMNS, *SCORES])


_COLUMNS = ("run", "model", "state", "epochs", "epoch", "data", "split", "images", "size", "convention")


def _all_runs() -> list[RunDirectory]:
    return [
        run
        for root in (runs_dir(), shipped("results"))
        for folder in (root, *sorted(path for path in root.glob("*") if path.is_dir()))
        for run in _runs_in(folder)
    ]


def _runs_in(folder: Path) -> Iterable[RunDirectory]:
    return [RunDirectory(file.parent) for file in sorted(folder.glob("*/run.json"))]


def _row(run: RunDirectory, split: str, name: str) -> dict:
    try:
        about, scores = run.about(), run.scores()
        model, planned = about["model"]["name"], about["recipe"]["epochs"]
    except (ValueError, KeyError, OSError):
        return {"run": name, "state": "damaged", "model": "", "epochs": "", "data": "", "split": "", "size": ""}
    scored = scores.get(split, {})
    on = scored.get("on", {"data": about["data"]["name"], "split": "", "size": None, "convention": ""})
    return {
        "run": name,
        "model": model,
        "state": "finished" if run.finished() else "unfinished",
        "epochs": f"{run.log_rows()}/{planned}",
        "epoch": scores.get("epoch"),
        "data": on["data"],
        "split": on["split"],
        "images": on.get("images"),
        "size": "x".join(map(str, on["size"])) if on["size"] else "",
        "convention": on["convention"],
        **{score: 100 * scored[score] for score in SCORES if score in scored},
    }
