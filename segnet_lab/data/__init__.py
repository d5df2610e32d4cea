"""Data sets: cards that describe them, loaders that read them, and generators that make them."""

from inspect import signature

from segnet_lab._support.errors import InvalidInput, unknown
from segnet_lab.data.base import Sample, SegmentationDataset
from segnet_lab.data.camvid import CamVid
from segnet_lab.data.cards import Card, load_card
from segnet_lab.data.folder import Folder
from segnet_lab.data.generated import RoadScenes, Rooms
from segnet_lab.data.images import read_image
from segnet_lab.data.road_ensemble import RoadEnsemble
from segnet_lab.data.sunrgbd import SunRGBD

__all__ = ["Card", "Sample", "SegmentationDataset", "list_datasets", "load_card", "load_dataset", "read_image"]

DATASETS = {data.name: data for data in (RoadScenes, CamVid, SunRGBD, Rooms, Folder, RoadEnsemble)}


def list_datasets() -> tuple[str, ...]:
    """Names that `load_dataset` takes; the first is the default everywhere.

    >>> list_datasets()
    ('roadscenes', 'camvid', 'sunrgbd', 'rooms', 'folder', 'road_ensemble')
    """
    return tuple(DATASETS)


def load_dataset(name: str, split: str = "train", root=None, size=None, part=None, **options) -> SegmentationDataset:
    """A data set by name.

    Parameters
    ----------
    name : str
        "roadscenes" and "rooms" are made here and need nothing; "camvid", "sunrgbd" and "road_ensemble" lie on disk;
        "folder" is your own.
    split : str
        "train", "val" or "test", where there is one.
    root : str or Path, optional
        Folder of a set on disk; None looks in SEGNET_LAB_DATA, the checkout's datasets/ and ../shared/.
    size : (H, W), optional
        What images and labels are resized to. None: the files' own size; (96, 128) for those made here.
    part : list of int, optional
        Only the images of these numbers, see `SegmentationDataset.part`.
    **options
        Of all: cache=True. Of those made here: images=300, seed=0, clutter=0.5 and, for roadscenes,
        lighting="mixed". Each class in `DATASETS` documents its own; others are refused by name.

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
    ValueError: unknown data set 'roadscene'. Did you mean 'roadscenes'? Known: roadscenes, camvid, sunrgbd, rooms, ...
    """
    if name not in DATASETS:
        raise InvalidInput(unknown("data set", name, DATASETS))
    known = signature(DATASETS[name]).parameters
    options |= {"size": size} if root is None else {"size": size, "root": root}
    for option in options:
        if option not in known:
            raise InvalidInput(unknown(f"option of {name}", option, known))
    data = DATASETS[name](split=split, **options)
    return data if part is None else data.part(part)
