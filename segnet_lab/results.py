"""Runs as tables: what was measured, where it came from, and the paper's numbers beside it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from segnet_lab._messages import unknown
from segnet_lab.data import SegmentationDataset, load_dataset
from segnet_lab.folders import runs_dir, shipped
from segnet_lab.models import list_models
from segnet_lab.runs import RunDirectory

SCORES = ("G", "C", "mIoU", "BF")


def find_runs(name: str) -> Path:
    """The folder of a set of runs: one's own in `runs/`, else one that came with the kit in `results/`, else a path.

    Raises
    ------
    ValueError
        There is none; the message lists what there is.
    """
    for folder in (runs_dir() / name, shipped("results") / name, Path(name)):
        if any(folder.glob("*/run.json")):
            return folder
    known = {file.parents[1].name for root in (runs_dir(), shipped("results")) for file in root.glob("*/*/run.json")}
    raise ValueError(unknown("set of runs", name, sorted(known)))


def list_runs(name: str) -> dict[str, Path]:
    """Run name -> run directory, networks in the paper's order, then by name."""
    order = {model: number for number, model in enumerate(list_models())}
    runs = [RunDirectory(file.parent) for file in find_runs(name).glob("*/run.json")]
    runs.sort(key=lambda run: (order.get(run.about()["model"]["name"], len(order)), run.path.name))
    return {run.path.name: run.path for run in runs}


def data_of(
    run: str | os.PathLike, split: str = "val", root: str | os.PathLike | None = None, **options
) -> SegmentationDataset:
    """The images that a run was trained on, validated on, or another split of the same data set with the same options.

    Parameters
    ----------
    run : path
        A run directory, such as `list_runs(name)` gives.
    split : str
        "train": what it was trained on (only the part, if it was a part). "val": what selected its epoch; the split of
        that name if nothing did. Any other: that split of the data set.
    root : path, optional
        Where the data set lies now, if not where it lay when the run was made.
    **options
        Options of the data set to change, e.g. `size=(180, 240)`.

    Raises
    ------
    FileNotFoundError
        There is no run, or its data are not at hand: says how to name their place.
    """
    about = RunDirectory(run).about()["data"]
    role, validation = split, about.get("validation")
    if split == "train":
        split, recorded = about["split"], about["options"]
    elif split == "val" and isinstance(validation, dict):
        about, split, recorded = validation, validation["split"], validation["options"]
    elif split == "val" and validation:
        split, recorded = validation, about["options"]
    else:
        recorded = {name: value for name, value in about["options"].items() if name != "part"}
    options = {**recorded, **options} | ({} if root is None else {"root": root})
    try:
        data = load_dataset(about["name"], split=split, **options)
    except FileNotFoundError as error:
        place = options.get("root")
        moved = place is not None and not Path(place).expanduser().is_dir()
        hint = ". Say where they are now with root= (--root on the command line, -p root in a lesson)" if moved else ""
        where = f"the {role} images of run {run} ({about['name']})" + (" are not where they were" if moved else "")
        raise FileNotFoundError(f"{where}: {error}{hint}") from None
    if recorded.get("part") is not None:
        data.part_name = about.get("part") or data.part_name  # "fold 2 of 5"
    return data


def scores_table(name: str, split: str = "val") -> pd.DataFrame:
    """One row a finished run of a set.

    Parameters
    ----------
    name : str
        See `find_runs`.
    split : str
        Whose scores: "train", "val" or "test".

    Returns
    -------
    DataFrame
        Indexed by run; model; data, split, images, size and BF convention that were scored; width, balancing, epochs,
        epoch (the selected one), minutes of training, and G, C, mIoU, BF in percent. A run without scores of that split
        is left out.
    """
    rows = {}
    for run, scores in _scored(name, split):
        about, on = run.about(), scores[split]["on"]
        rows[run.path.name] = {
            "model": about["model"]["name"],
            "data": on["data"],
            "split": on["split"],
            "images": on["images"],
            "size": "x".join(map(str, on["size"])) if on["size"] else "",
            "convention": on["convention"],
            "width": about["model"]["width"],
            "balancing": about["recipe"]["balancing"],
            "epochs": about["recipe"]["epochs"],
            "epoch": scores["epoch"],
            "minutes": pd.read_csv(run.log_file)["seconds"].sum() / 60,
            **{score: 100 * scores[split][score] for score in SCORES},
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def class_table(name: str, split: str = "val", score: str = "accuracy") -> pd.DataFrame:
    """Score of every class ("accuracy", "IoU" or "BF") in percent: a row a run, a column a class."""
    rows = {}
    for run, scores in _scored(name, split):
        values = [100 * v for v in scores[split][f"class_{score}"]]
        rows[run.path.name] = dict(zip(run.about()["data"]["class_names"], values, strict=True))
    return pd.DataFrame.from_dict(rows, orient="index")


def _scored(name: str, split: str) -> Iterator[tuple[RunDirectory, dict]]:
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
