"""All runs in one table: what each is, how far it is, and what its scores belong to."""

import os
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from segnet_lab.metrics.conventions import SCORES
from segnet_lab.results.tables import check_role
from segnet_lab.runs.directory import RunDirectory
from segnet_lab.runs.places import every_run, find, find_runs, is_run, name_of
from segnet_lab.runs.provenance import called


def runs_table(
    names: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None = None, split: str = "val"
) -> pd.DataFrame:
    """One row per run, finished or not.

    Parameters
    ----------
    names : str or path, or an iterable of them, optional
        Sets of runs or single ones, by name or path, see `places`. None: all that are at hand.
    split : str
        Whose scores: "train", "val" or "test".

    Returns
    -------
    DataFrame
        set (what finds it, where its name alone means another), run, model, state (finished, unfinished, or damaged),
        epochs (done of how many), epoch (the selected one); what was scored: data, split, part (which of its images, if
        not all), images, size, BF convention; and G, C, mIoU, BF in percent. Missing text is empty,
        missing numbers are nan.

    Raises
    ------
    ValueError
        There is no such set of runs, or no such split; the message lists what there is.

    Examples
    --------
    >>> table = runs_table(["roadscenes"])
    >>> table.loc[table.run == "segnet_basic", ["set", "state", "epochs", "data", "split", "images", "size"]]
               set     state epochs        data split  images    size
    ... roadscenes  finished  30/30  roadscenes   val      60  96x128
    """
    check_role(split)
    names = [names] if isinstance(names, str | os.PathLike) else names
    folders = every_run() if names is None else [run for name in names for run in _named(name)]
    table = pd.DataFrame([_row(RunDirectory(run), split) for run in folders], columns=["set", "run", *_ABOUT, *SCORES])
    return table.astype({"epoch": "Int64", "images": "Int64"})


def as_text(table: pd.DataFrame) -> str:
    """For a terminal: set by set, with what all its runs have in common above them.

    Parameters
    ----------
    table : DataFrame
        From `runs_table`.

    Examples
    --------
    >>> print(as_text(runs_table(["rooms"])))
    rooms: finished, 24/24 epochs, rooms val, 60 images at 96x128, BF by convention 'paper'
                  run  epoch     G     C  mIoU    BF
    deeplab_large_fov     24 67.36 42.05 30.05 15.90
         segnet_basic     24 59.24 23.51 16.50 13.78
    """
    return "\n\n".join(_set_as_text(str(name), rows) for name, rows in table.groupby("set", sort=False))


_ABOUT = {  # column -> how its value is said above a table
    "model": "{}",
    "state": "{}",
    "epochs": "{} epochs",
    "epoch": "epoch {}",
    "data": "{}",
    "split": "{}",
    "part": "({})",
    "images": "{} images",
    "size": "at {}",
    "convention": "BF by convention {!r}",
}


def _set_as_text(name: str, rows: pd.DataFrame) -> str:
    rows = rows.astype(object).where(rows.notna(), "")
    common = [c for c in _ABOUT if c not in ("model", "epoch") and rows[c].nunique() == 1]
    said = {c: _ABOUT[c].format(rows[c].iloc[0]) for c in common if rows[c].iloc[0] != ""}
    images = " ".join(said.get(c, "") for c in ("data", "split", "part")).strip()
    count = " ".join(said.get(c, "") for c in ("images", "size")).strip()
    heading = [said.get("state"), said.get("epochs"), images, count, said.get("convention")]
    named_alike = ["model"] if (rows.model == rows.run).all() else []
    table = rows.drop(columns=["set", *common, *named_alike])
    title = f"{name}: {', '.join(filter(None, heading))}".removesuffix(": ")
    return f"{title}\n{table.to_string(index=False, float_format='{:.2f}'.format)}"


def _named(name: str | os.PathLike[str]) -> list[Path]:
    folder = find(name)
    if folder is not None and is_run(folder):
        return [folder]
    return [file.parent for file in sorted(find_runs(name).glob("*/run.json"))]


def _set_name(folder: Path) -> str:
    """What a folder is called; what finds it, where that name means another."""
    meant = find(folder.name)
    return folder.name if meant is None or meant.resolve() == folder.resolve() else name_of(folder)


def _row(run: RunDirectory, split: str) -> dict[str, object]:
    row = {"set": _set_name(run.path.absolute().parent), "run": run.path.name, "state": "damaged"}
    text = dict.fromkeys(("model", "epochs", "data", "split", "part", "size", "convention"), "")
    try:
        about, scores = run.about(), run.scores()
        model, planned = about["model"]["name"], about["recipe"]["epochs"]
    except (ValueError, KeyError, OSError):
        return {**text, **row}
    scored = scores.get(split, {})
    on = scored.get("on") or {name: about["data"].get(key) for name, key in (("data", "name"), ("called", "called"))}
    return {
        **text,
        **row,
        "model": model,
        "state": "finished" if run.finished() else "unfinished",
        "epochs": f"{run.log_rows()}/{planned}",
        "epoch": scores.get("epoch"),
        "data": called(on),
        **{name: on[name] for name in ("split", "part", "images", "convention") if on.get(name) is not None},
        "size": "x".join(map(str, on.get("size") or [])),
        **{score: 100 * scored[score] for score in SCORES if score in scored},
    }
