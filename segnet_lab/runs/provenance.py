"""What a number or a network belongs to: no score without its data set, no trained network without its classes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import torch

from segnet_lab._support.errors import InvalidInput
from segnet_lab.data.base import DataSet
from segnet_lab.metrics.conventions import CONVENTIONS, TOLERANCE, Convention
from segnet_lab.runs.recipe import Recipe
from segnet_lab.runs.records import ModelRecord, RunRecord, ScoredOn, SetRecord

NEEDED = ("name", "split", "images", "options", "class_names", "palette", "ignore_index")  # of the data, in a run.json


@dataclass(frozen=True)
class TrainedOn:
    """The data that a network was trained on, as `train` and `load_run` hang it on the model (`model.trained_on`).

    Attributes
    ----------
    name, title, called : str
        What `load_dataset` takes; what a person calls it; its name and what tells it from others of that name.
    split : str
    images : int
    size : (H, W) or None
        What images were resized to; None: each file's own size.
    class_names : tuple of K str
    palette : tuple of K (R, G, B)
    ignore_index : int
    """

    name: str
    title: str
    called: str
    split: str
    images: int
    size: tuple[int, int] | None
    class_names: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    ignore_index: int

    def __str__(self) -> str:
        size = "at {}x{}".format(*self.size) if self.size else "of their own sizes"
        named = self.title if self.called == self.name else f"{self.title} ({self.called})"
        return f"{self.called if self.title == self.name else named} {self.split}, {self.images} images {size}"

    @classmethod
    def of(cls, data: DataSet) -> "TrainedOn":
        """From a data set."""
        return cls.of_run(describe_data(data))

    @classmethod
    def of_run(cls, about: SetRecord) -> "TrainedOn":
        """From the `data` part of a run.json."""
        if lacking := [key for key in NEEDED if key not in about]:
            raise InvalidInput(
                f"run.json does not say {', '.join(lacking)} of the data: it is damaged or was not written by this kit"
            )
        return cls(
            name=about["name"],
            title=about.get("title", about["name"]),
            called=about.get("called", about["name"]),
            split=about["split"],
            images=about["images"],
            size=_height_width(about.get("size", about["options"].get("size"))),
            class_names=tuple(about["class_names"]),
            palette=tuple((r, g, b) for r, g, b in about["palette"]),
            ignore_index=about["ignore_index"],
        )


def describe(
    model: ModelRecord,
    start: str | dict[str, object],
    data: DataSet,
    validation: DataSet | None,
    recipe: Recipe,
    computes_in: torch.dtype,
) -> RunRecord:
    """What a run is, as run.json has it: the network and where its weights came from, the data, the recipe.

    Parameters
    ----------
    model : ModelRecord
        From `models.guests.describe_network`.
    start : str or dict
        Where the first weights came from.
    data, validation : SegmentationDataset
        `validation` may be None.
    recipe : Recipe
    computes_in : torch.dtype
        What the recipe's precision means on the device of the training.
    """
    return {
        "model": model,
        "start": start,
        "data": {**describe_data(data), "validation": None if validation is None else describe_data(validation)},
        "recipe": asdict(recipe),
        "computed_in": str(computes_in).removeprefix("torch."),
    }


def describe_data(data: DataSet) -> SetRecord:
    """What run.json says of a data set: enough to load the same images again, and to see that they are the same.

    Parameters
    ----------
    data : SegmentationDataset

    Returns
    -------
    dict of plain values
        name, title, called, split, images, size, options (`load_dataset(name, split, **options)` makes it again),
        part (what it is called), fingerprint (of file names and labels; None if the data set has none), in_order (the
        same with the order of images), class_names, palette, ignore_index.
    """
    size = getattr(data, "size", None)
    return {
        "name": data.name,
        "title": getattr(data, "title", data.name),
        "called": getattr(data, "called", data.name),
        "split": data.split,
        "images": len(data),
        "size": size and list(size),
        "options": dict(data.options),
        "part": getattr(data, "part_name", None),
        "fingerprint": data.fingerprint() if hasattr(data, "fingerprint") else None,
        "in_order": data.fingerprint(ordered=True)[:16] if hasattr(data, "fingerprint") else None,
        "class_names": list(data.class_names),
        "palette": [list(map(int, colour)) for colour in data.palette],
        "ignore_index": data.ignore_index,
    }


def scored_on(data: DataSet, convention: str | Convention = "paper", tolerance: float = TOLERANCE) -> ScoredOn:
    """What a score belongs to, as plain values; `in_words` says it in a line.

    Parameters
    ----------
    data : SegmentationDataset
        What was scored.
    convention, tolerance
        Of BF, see `metrics.boundary_f1`.

    Returns
    -------
    dict
        data, called (its name, and what tells it from others of that name), split, images, size ([H, W], or None for
        the files' own sizes), part (which images of the split, None for all), convention, tolerance, fingerprint.
    """
    size = getattr(data, "size", None)
    named = next((name for name, rules in CONVENTIONS.items() if convention in (name, rules)), str(convention))
    return {
        "data": data.name,
        "called": getattr(data, "called", data.name),
        "split": data.split,
        "images": len(data),
        "size": size and list(size),
        "part": getattr(data, "part_name", None),
        "convention": named,
        "tolerance": tolerance,
        "fingerprint": data.fingerprint() if hasattr(data, "fingerprint") else None,
    }


def in_words(on: ScoredOn) -> str:
    """One line for people.

    >>> in_words({"data": "camvid", "split": "val", "images": 101, "size": [90, 120], "part": None,
    ...           "convention": "paper", "tolerance": 0.0075})
    "camvid val, 101 images at 90x120; BF by convention 'paper' within 0.75 % of the diagonal"
    """
    size = "at {}x{}".format(*on["size"]) if on["size"] else "of their own sizes"
    part = f" ({on['part']})" if on.get("part") else ""
    tolerance = on["tolerance"]
    within = f"{100 * tolerance:g} % of the diagonal" if tolerance < 1 else f"{tolerance:g} pixels"
    images = "1 image" if on["images"] == 1 else f"{on['images'] or 'all'} images"
    return f"{called(on)} {on['split']}{part}, {images} {size}; BF by convention {on['convention']!r} within {within}"


def called(on: Mapping[str, object]) -> str:
    """What the data set of a score is called; scores of older versions have its name alone."""
    return str(on.get("called") or on["data"])


def _height_width(size: Sequence[int] | None) -> tuple[int, int] | None:
    if not size:
        return None
    height, width = size
    return height, width


def check_classes(model: object, data: DataSet) -> None:
    """Refuse data whose classes are not the network's: by number, and by name where the network's names are known.

    Parameters
    ----------
    model : Module
        With `num_classes` and `trained_on` where it has them; any other module passes.
    data : SegmentationDataset

    Raises
    ------
    ValueError
        Names the first class that differs and the way out.
    """
    classes, name = getattr(model, "num_classes", data.num_classes), getattr(data, "called", data.name)
    if classes != data.num_classes:
        raise InvalidInput(
            f"the model has {classes} classes, {name} has {data.num_classes}: "
            "create the model with num_classes=data.num_classes"
        )
    trained_on, names = getattr(model, "trained_on", None), getattr(data, "class_names", None)
    if trained_on is not None and names is not None and tuple(names) != trained_on.class_names:
        ours, theirs = next(pair for pair in zip(trained_on.class_names, names, strict=True) if pair[0] != pair[1])
        number = trained_on.class_names.index(ours)
        raise InvalidInput(
            f"the network was trained on {trained_on.called}, where class {number} was {ours!r}; in {name} it is "
            f"{theirs!r}. Give the data set it was trained on, or one with the same classes in the same order; to go "
            "on to other classes, train a new network with init="
        )
