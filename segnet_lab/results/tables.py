"""Runs as tables: what was measured, where it came from, and the paper's numbers beside it."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from segnet_lab._support.errors import InvalidInput, unknown
from segnet_lab.data.cards import SPLITS
from segnet_lab.metrics.conventions import SCORES
from segnet_lab.models import list_models
from segnet_lab.runs.directory import RunDirectory, runs_of
from segnet_lab.runs.provenance import called
from segnet_lab.runs.records import Scores

CLASS_SCORES = ("accuracy", "IoU", "BF")


def list_runs(name: str | os.PathLike[str]) -> dict[str, Path]:
    """Run name -> run directory, networks in the paper's order, then by name.

    A folder whose run.json cannot be read as that of a run is left out, with a warning that names the file.

    Raises
    ------
    ValueError
        There is no such set, or none of its runs can be read.
    """
    order = {model: number for number, model in enumerate(list_models())}
    ranks = {run: order.get(run.about()["model"]["name"], len(order)) for run in runs_of(name)}
    return {run.path.name: run.path for run in sorted(ranks, key=lambda run: (ranks[run], run.path.name))}


def scores_table(name: str, split: str = "val") -> pd.DataFrame:
    """One row per finished run of a set.

    Parameters
    ----------
    name : str
        See `find_runs`.
    split : str
        Whose scores: "train", "val" or "test".

    Returns
    -------
    DataFrame
        Indexed by run; model; data, split, images, size and BF convention that were scored; width (nan for a network
        of your own), balancing, epochs, epoch (the selected one), minutes of training, and G, C, mIoU, BF in percent.
        A run without scores of that split is left out.

    Raises
    ------
    ValueError
        There is no such set, or no such split.
    """
    rows = {}
    for run, scores in _scored(name, split):
        about, on = run.about(), scores[split]["on"]
        rows[run.path.name] = {
            "model": about["model"]["name"],
            "data": called(on),
            "split": on["split"],
            "images": on["images"],
            "size": "x".join(map(str, on["size"])) if on["size"] else "",
            "convention": on["convention"],
            "width": about["model"].get("width", math.nan),
            "balancing": about["recipe"]["balancing"],
            "epochs": about["recipe"]["epochs"],
            "epoch": scores["epoch"],
            "minutes": pd.read_csv(run.log_file)["seconds"].sum() / 60,
            **{score: 100 * scores[split][score] for score in SCORES},
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def class_table(name: str, split: str = "val", score: str = "accuracy") -> pd.DataFrame:
    """Score of every class in percent: one row per run, one column per class; a run without scores is left out.

    Parameters
    ----------
    name, split : str
        As in `scores_table`.
    score : str
        "accuracy", "IoU" or "BF".

    Raises
    ------
    ValueError
        There is no such set, no such split, or no such score.
    """
    if score not in CLASS_SCORES:
        raise InvalidInput(unknown("score of a class", score, CLASS_SCORES))
    rows = {}
    for run, scores in _scored(name, split):
        values = [100 * v for v in scores[split][f"class_{score}"]]
        rows[run.path.name] = dict(zip(run.about()["data"]["class_names"], values, strict=True))
    return pd.DataFrame.from_dict(rows, orient="index")


def check_role(split: str) -> None:
    """Refuse what a run has no scores of, whatever it is: they are those of "train", "val" and "test"."""
    if split not in SPLITS:
        raise InvalidInput(unknown("split", split, SPLITS))


def _scored(name: str, split: str) -> Iterator[tuple[RunDirectory, Scores]]:
    check_role(split)
    for folder in list_runs(name).values():
        run = RunDirectory(folder)
        if split in run.scores():
            yield run, run.scores()


def beside_paper(ours: pd.DataFrame, paper: pd.DataFrame) -> pd.DataFrame:
    """Our columns beside the paper's, under two headings, rows joined by model name.

    Parameters
    ----------
    ours, paper : DataFrame
        Both indexed by our model names; a row that only the paper has stays, with nan on our side.

    Examples
    --------
    >>> ours = pd.DataFrame({"BF": [30.0]}, index=["segnet_basic"])
    >>> paper = pd.DataFrame({"BF": [35.78, 20.83]}, index=["segnet_basic", "bilinear_interpolation"])
    >>> beside_paper(ours, paper).columns.tolist()
    [('ours', 'BF'), ('paper', 'BF')]
    """
    rows = [*paper.index, *(row for row in ours.index if row not in paper.index)]
    return pd.concat({"ours": ours.reindex(rows), "paper": paper.reindex(rows)}, axis=1)
