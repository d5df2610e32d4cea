"""Data sets that lie on disk: where they are looked for, and what they share."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from segnet_lab.data.base import SegmentationDataset
from segnet_lab.data.cards import Card, load_card
from segnet_lab.data.images import read_label, read_rgb
from segnet_lab.folders import shipped


class Pair(NamedTuple):
    """The two files of one image."""

    image: Path
    label: Path


class FileDataset(SegmentationDataset):
    """Images and label maps in files.

    A subclass says which pairs belong to a split (`pairs`) and, if they are not plain label maps of the card, how to
    read a label (`read_label`). Neither needs an object, so that `check` can go through a damaged set too.

    Parameters
    ----------
    split : str
    root : str or Path, optional
        Its folder; None looks in the places of `places(name)`.
    size : (H, W), optional
    cache : bool

    Raises
    ------
    FileNotFoundError
        The data set, the split or some of its files are not there: names the folder and the way out.
    ValueError
        Unknown split.
    """

    def __init__(self, split="train", root=None, size=None, cache=True):
        self.root = self.find(root)
        super().__init__(self.read_card(self.root), split, size, cache, {"root": root and str(root)})
        self.files = self.pairs(self.root, split, self.card)
        missing = [path for pair in self.files for path in pair if not path.is_file()]
        if missing:
            raise FileNotFoundError(
                f"{self.title}: {len(missing)} of {2 * len(self.files)} files of split {split!r} are missing, first "
                f"{missing[0]}. See `segnet-lab data check {self.name} --root {self.root}`"
            )
        if not self.files:
            raise FileNotFoundError(f"{self.title}: split {split!r} in {self.root} names no image")

    @classmethod
    def find(cls, root: str | Path | None) -> Path:
        """The folder of this data set: `root`, or the first of `places`, that holds one of the card's marks."""
        card = load_card(cls.name)
        looked = [Path(root)] if root is not None else places(cls.name)
        for place in looked:
            if is_marked(place, card):
                return place
        marks, looked = (", ".join(map(str, some)) for some in (card.layout["marks"], looked))
        raise FileNotFoundError(
            f"{card.title} is not here: none of {marks} in {looked}. Get it with `segnet-lab data get {cls.name}`, "
            "or say where it is with root= or SEGNET_LAB_DATA; 'roadscenes' needs no files"
        )

    @classmethod
    def read_card(cls, root: Path) -> Card:
        return load_card(cls.name)

    @classmethod
    def pairs(cls, root: Path, split: str, card: Card) -> list[Pair]:
        """The files of a split, in order, whether they exist or not."""
        raise NotImplementedError

    @classmethod
    def read_label(cls, pair: Pair, card: Card) -> np.ndarray:
        """Label map of a pair as class indices, uint8 (H, W)."""
        return read_label(pair.label, card)

    def __len__(self):
        return len(self.files)

    def read(self, i):
        return read_rgb(self.files[i].image), self.read_label(self.files[i], self.card)

    def file_name(self, i):
        return self.files[self._number(i)].image.name


def data_home() -> Path:
    """Folder that holds data sets: SEGNET_LAB_DATA, else the checkout's `datasets`, else `datasets` where you are."""
    if os.environ.get("SEGNET_LAB_DATA"):
        return Path(os.environ["SEGNET_LAB_DATA"])
    return shipped("datasets") if _in_checkout() else Path.cwd() / "datasets"


def places(name: str) -> list[Path]:
    """Where a data set is looked for, in this order: `data_home()/name`, SEGNET_LAB_DATA itself, the checkout's
    `datasets/name`, and `../shared/name` beside the checkout."""
    found = [data_home() / name]
    if os.environ.get("SEGNET_LAB_DATA"):
        found.append(data_home())
    if _in_checkout():
        checkout = shipped("datasets").parent
        found += [checkout / "datasets" / name, checkout.parent / "shared" / name]
    return list(dict.fromkeys(found))


def missing_split(name: str, title: str, split: str, root: Path, wanted: str, present: list[str]) -> FileNotFoundError:
    """The error for a split that is not in a folder."""
    return FileNotFoundError(
        f"{title} has no split {split!r} in {root}: there is no {wanted}. Present: {', '.join(present) or 'none'}. "
        f"Get the rest with `segnet-lab data get {name}`, or say with root= where it is"
    )


def is_marked(place: Path, card: Card) -> bool:
    """Whether a folder holds one of the files or folders by which a data set is known."""
    return any((place / mark).exists() for mark in card.layout["marks"])


def _in_checkout() -> bool:
    return (shipped("datasets").parent / "pyproject.toml").is_file()
