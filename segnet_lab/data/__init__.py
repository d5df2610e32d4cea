"""Data sets: cards that describe them, loaders that read them, and generators that make them."""

import os
from collections.abc import Callable, Iterable, Sequence
from inspect import signature

from segnet_lab._support.errors import InvalidInput, unknown
from segnet_lab.data.base import DataSet, Labelled, Sample, SegmentationDataset
from segnet_lab.data.camvid import CamVid
from segnet_lab.data.cards import Card, load_card
from segnet_lab.data.folder import Folder
from segnet_lab.data.generated import RoadScenes, Rooms
from segnet_lab.data.images import read_image
from segnet_lab.data.road_ensemble import RoadEnsemble
from segnet_lab.data.sunrgbd import SunRGBD

__all__ = [
    "Card",
    "DataSet",
    "Labelled",
    "Sample",
    "SegmentationDataset",
    "list_datasets",
    "load_card",
    "load_dataset",
    "read_image",
]

DATASETS: dict[str, type[SegmentationDataset]] = {
    data.name: data for data in (RoadScenes, CamVid, SunRGBD, Rooms, Folder, RoadEnsemble)
}


def list_datasets() -> tuple[str, ...]:
    """Names that `load_dataset` takes; the first is the default everywhere.

    >>> list_datasets()
    ('roadscenes', 'camvid', 'sunrgbd', 'rooms', 'folder', 'road_ensemble')
    """
    return tuple(DATASETS)


def load_dataset(
    name: str,
    split: str = "train",
    root: str | os.PathLike[str] | None = None,
    size: Sequence[int] | None = None,
    part: Iterable[int] | None = None,
    **options: object,
) -> SegmentationDataset:
    """A data set by name.

    Parameters
    ----------
    name : str
        "roadscenes" and "rooms" are drawn by the kit and need no files; "camvid", "sunrgbd" and "road_ensemble" are
        read from disk; "folder" is your own.
    split : str
        "train", "val" or "test", if the data set has it.
    root : str or Path, optional
        Folder of a set on disk; None looks in SEGNET_LAB_DATA, the checkout's datasets/ and ../shared/.
    size : (H, W), optional
        What images and labels are resized to. None: the files' own size; (96, 128) for drawn scenes.
    part : list of int, optional
        Only the images of these numbers, see `SegmentationDataset.part`.
    **options
        For all: cache=True. For drawn scenes: images=300, seed=0, clutter=0.5 and, for roadscenes, lighting="mixed".
        Each class in `DATASETS` documents its own; others are refused by name.

    Returns
    -------
    data : SegmentationDataset
        `data[i]` is a Sample: image float32 (3, H, W) in 0..1, label int64 (H, W).

    Raises
    ------
    ValueError
        Unknown name, split or option: lists the known ones.
    FileNotFoundError
        The data are not there: says where it looked and how to get them.

    Examples
    --------
    >>> data = load_dataset("roadscenes", split="val", images=4, size=(48, 64))
    >>> data
    <roadscenes val: 4 images, 48x64, 11 classes>
    >>> load_dataset("roadscene")
    Traceback (most recent call last):
    ...
    segnet_lab...InvalidInput: unknown data set 'roadscene'. Did you mean 'roadscenes'? Known: roadscenes, camvid, ...
    """
    if name not in DATASETS:
        raise InvalidInput(unknown("data set", name, DATASETS))
    known = signature(DATASETS[name]).parameters
    options |= {"size": size} if root is None else {"size": size, "root": root}
    for option in options:
        if option not in known:
            raise InvalidInput(unknown(f"option of {name}", option, known))
    make: Callable[..., SegmentationDataset] = DATASETS[name]
    data = make(split=split, **options)
    return data if part is None else data.part(part)
