"""What a lesson looks at: runs of a set, and their own images, or those of another data set of the same classes."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from segnet_lab import results
from segnet_lab._support.errors import InvalidInput, NotFound, unknown
from segnet_lab.data import SegmentationDataset, load_dataset, read_image
from segnet_lab.data.base import check_size, resize_image
from segnet_lab.data.images import read_rgb
from segnet_lab.inference.predict import input_size
from segnet_lab.models.build import build
from segnet_lab.models.from_runs import config_of
from segnet_lab.runs.directory import RunDirectory
from segnet_lab.runs.provenance import TrainedOn, check_classes, in_words
from segnet_lab.runs.records import is_guest

NEEDS = {  # what a lesson may need of a run -> what is said where it is missing
    "weights": "no weights here: train it with the command in its run.json",
    "network": "a network of your own, which only your code can make: lessons look into the kit's own",
    "codes": "no decoding by pooling codes, which this lesson is about: train a segnet_basic or a segnet",
    "dropout": "no dropout, so all samples would be equal: train a bayesian_segnet_basic, or with --dropout 0.5",
}


def choose_run(runs: str, name: str = "", usual: Sequence[str] = ("segnet_basic",), needs: str = "weights") -> Path:
    """The run of a set that has this name; without a name the usual one, or else the first that will do.

    Parameters
    ----------
    runs : str
        The set, see `results.find_runs`.
    name : str
    usual : names of runs or models
        The first that is there is taken.
    needs : str
        A key of `NEEDS`.

    Raises
    ------
    ValueError
        There is no such run, or it lacks what is needed.

    Examples
    --------
    >>> choose_run("roadscenes").name, choose_run("roadscenes", needs="dropout").name
    ('segnet_basic', 'bayesian_segnet_basic')
    >>> choose_run("roadscenes", "fcn_basic", needs="codes")
    Traceback (most recent call last):
    ...
    segnet_lab...InvalidInput: fcn_basic of 'roadscenes': no decoding by pooling codes, which this lesson is about: ...
    """
    return next(iter(choose_runs(runs, [name] if name else [], usual, needs, most=1).values()))


def choose_runs(
    runs: str, names: Sequence[str] = (), usual: Sequence[str] = (), needs: str = "weights", most: int = 4
) -> dict[str, Path]:
    """Runs of a set by name; without names, at most `most` of them, the usual ones first. See `choose_run`.

    Examples
    --------
    >>> list(choose_runs("roadscenes", usual=["fcn_basic"], most=2))
    ['fcn_basic', 'bilinear_interpolation']
    """
    known = results.list_runs(runs)
    for name in names:
        if name not in known:
            raise InvalidInput(unknown(f"run of {runs}", name, known))
    chosen = {name: known[name] for name in names or _usual_first(known, usual)}
    lacking: dict[str, list[str]] = {}
    for name, run in chosen.items():
        lacking.setdefault(lacks(run, needs), []).append(name)
    fit = {name: chosen[name] for name in lacking.pop("", [])}
    if lacking and (names or not fit):
        raise InvalidInput("; ".join(f"{', '.join(n)} of {runs!r}: {NEEDS[missing]}" for missing, n in lacking.items()))
    return fit if names else dict(list(fit.items())[:most])


def lacks(run: Path, needs: str) -> str:
    """What a run lacks of what is needed: a key of `NEEDS`, or "" for nothing."""
    directory = RunDirectory(run)
    if not directory.has_weights():
        return "weights"
    if is_guest(directory.about()["model"]):
        return "network"
    with torch.device("meta"):
        model = build(config_of(directory))
    if needs == "codes" and not any(kept.kind == "codes" for kept in model.memory(32, 32)):
        return needs
    if needs == "dropout" and not any(m.p > 0 for m in model.modules() if isinstance(m, torch.nn.Dropout)):
        return needs
    return ""


def images_for(run: Path, dataset: str = "", split: str = "val", root: str = "", **options: Any) -> SegmentationDataset:
    """The run's own images; or those of another data set, at the size of the run, and then it is printed.

    Parameters
    ----------
    run : path
    dataset : str
        Empty: the run's own, see `results.data_of`.
    split : str
    root : str
        Where they lie; empty: where the run says, or in the usual places.
    **options
        Of the data set, to change, such as size=(360, 480).

    Raises
    ------
    ValueError
        The other data set has other classes.
    FileNotFoundError
        The images are not there.
    """
    trained_on = TrainedOn.of_run(RunDirectory(run).about()["data"])
    data = results.images_of(run, dataset, split, root=root or None, **options)
    if dataset in ("", trained_on.name):
        for said in results.beside_training(run, data):
            print(f"{data.called} {data.split}: {said}")
        return data
    check_classes(SimpleNamespace(num_classes=len(trained_on.class_names), trained_on=trained_on), data)
    print(f"{run.name} was trained on {trained_on.title}; what it is shown here is {data.title} ({dataset} {split})")
    return data


def first_images(data: SegmentationDataset, count: int) -> SegmentationDataset:
    """The first `count` images of a data set, or all of it if it has fewer.

    >>> from segnet_lab.data import load_dataset
    >>> first_images(load_dataset("roadscenes", images=3, size=(24, 32)), 9)
    <roadscenes train: 3 images, 24x32, 11 classes>
    """
    return data if count >= len(data) else data.part(range(count))


def picture_for(model: nn.Module, file: str) -> Tensor:
    """A picture of your own at the size at which the network looks at it, (3, H, W) float32 in 0..1."""
    pixels = read_rgb(Path(file).expanduser())
    return read_image(resize_image(pixels, input_size(model, pixels.shape[:2])))


def scores_of(runs: str, names: Sequence[str] = (), split: str = "val") -> pd.DataFrame:
    """`results.scores_table` of runs that are named, or of all that have scores.

    Raises
    ------
    ValueError
        There is no such run, or it has no scores of that split; or no run of the set has.
    """
    known, table = results.list_runs(runs), results.scores_table(runs, split)
    for name in names:
        if name not in known:
            raise InvalidInput(unknown(f"run of {runs}", name, known))
    if (lacking := [name for name in names or known if name not in table.index]) and (names or table.empty):
        raise InvalidInput(
            f"{', '.join(lacking)} of {runs!r} has no scores of split {split!r}: either its training is not "
            f"finished, or it ran without that split"
        )
    return table.loc[list(names)] if names else table


def scored_in_words(runs: str, names: Collection[str] | None = None, split: str = "val") -> str:
    """What the scores of a set belong to: one line if it is the same for all, else one per run.

    Parameters
    ----------
    runs : str
    names : names of runs, optional
        Those that are meant; by default all.
    split : str

    Examples
    --------
    >>> print(scored_in_words("roadscenes"))
    roadscenes val, 60 images at 96x128; BF by convention 'paper' within 0.75 % of the diagonal
    """
    lines: dict[str, list[str]] = {}
    for name, run in results.list_runs(runs).items():
        scores = RunDirectory(run).scores()
        if split in scores and (names is None or name in names):
            lines.setdefault(in_words(scores[split]["on"]), []).append(name)
    if len(lines) == 1:
        return next(iter(lines))
    return "\n".join(f"{', '.join(names)}: {line}" for line, names in lines.items()) or f"no scores of {split!r}"


# ------------------------------------------------------------------------------------ before a kernel starts

SETS = ("runs", "pictures", "on_camvid")  # parameters that name a set of runs
USUAL = {"split": "val", "root": "", "dataset": ""}  # what a lesson without that parameter takes
RUNS = ("model", "models", "plain", "other", "a", "b")  # parameters that name runs of `runs`


def check_choices(values: Mapping[str, object], given: Collection[str]) -> None:
    """Refuse what a notebook would not find: sets of runs, runs, data sets, folders, files, splits, images, sizes.

    Parameters
    ----------
    values : dict
        All parameters of the notebook, those that were given and the defaults.
    given : names
        Those to check.

    Raises
    ------
    ValueError, FileNotFoundError
        Names the parameter and says what there is.
    """
    asked = {name: values[name] for name in given if values[name] not in ("", [])}
    for group in (group for name in SETS for group in _names(asked.get(name))):
        results.find_runs(group)
    if "runs" in values and (runs := [run for name in RUNS for run in _names(asked.get(name))]):
        known = results.list_runs(str(values["runs"]))
        for run in runs:
            if run not in known:
                raise InvalidInput(unknown(f"run of {values['runs']}", run, known))
    root, picture, size = asked.get("root"), asked.get("picture"), asked.get("size")
    if isinstance(root, str) and not Path(root).expanduser().is_dir():
        raise NotFound(f"root {root} is no folder")
    if isinstance(picture, str) and not Path(picture).expanduser().is_file():
        raise NotFound(f"picture {picture} is no file")
    if isinstance(size, list | tuple):
        check_size(size)
    numbers = {name: number for name in ("image", "picture") if isinstance(number := asked.get(name), int)}
    if numbers or {"dataset", "root", "split"} & asked.keys():
        data = _images(values)
        for name, number in numbers.items():
            if data is not None and not 0 <= number < len(data):
                raise InvalidInput(f"{name} {number}: {data.name} {data.split} has images 0 to {len(data) - 1}")


def _names(value: object) -> list[str]:
    """One name or several, as a list; none for anything else."""
    return [value] if isinstance(value, str) else list(map(str, value)) if isinstance(value, list) else []


def _images(values: Mapping[str, object]) -> SegmentationDataset | None:
    """The images that a notebook with these parameters takes; None if it takes none."""
    split, root, dataset = (str(values.get(name) or usual) for name, usual in USUAL.items())
    if "runs" not in values:
        return load_dataset(dataset, split, root=root or None) if dataset else None
    known = results.list_runs(str(values["runs"]))
    names = _names(values.get("model")) + _names(values.get("models"))
    run = next((known[name] for name in names if name in known), next(iter(known.values())))
    return results.images_of(run, dataset, split, root=root or None)


def _usual_first(known: Mapping[str, Path], usual: Sequence[str]) -> list[str]:
    """Names of runs: those that are usual, then those of usual models, then the others."""

    def rank(name: str) -> tuple[int, bool]:
        model = RunDirectory(known[name]).about()["model"]["name"]
        places = [usual.index(word) for word in (name, model) if word in usual]
        return min(places, default=len(usual)), name not in usual

    return sorted(known, key=rank)
