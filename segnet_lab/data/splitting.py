"""Lists of training and validation images for your own folder."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from segnet_lab._support.errors import InvalidInput, unknown
from segnet_lab._support.files import write_text
from segnet_lab.data.base import check_seed
from segnet_lab.data.cards import SPLITS, Card
from segnet_lab.data.folder import Folder, Layout, every_pair, layout_of
from segnet_lab.data.listings import columns, normal, without_suffix

GROUPS: dict[str, Callable[[str], str]] = {
    "image": lambda name: name,
    "prefix": lambda name: re.sub(r"[\W_]*\d+$", "", name),  # street_0001, street_0002: frames of one film
}


class Splits(NamedTuple):
    """The lists that `split_folder` wrote; prints how many images each holds."""

    files: dict[str, Path]  # split -> its list
    names: dict[str, list[str]]  # split -> images, relative to their folder
    notes: tuple[str, ...] = ()  # which images are in none of them, and why

    def __str__(self) -> str:
        return "\n".join(
            [*(f"{path}: {len(self.names[split])} images" for split, path in self.files.items()), *self.notes]
        )


def split_folder(
    root: str | Path, *, val: float = 0.2, test: float = 0.0, seed: int = 0, by: str = "image", force: bool = False
) -> Splits:
    """Divide a folder's labelled images at random into splits, and write their lists: train.txt, val.txt, test.txt.

    Parameters
    ----------
    root : str or Path
        The folder that holds card.yaml.
    val, test : float, 0 <= val + test < 1
        Share of the images, rounded; at least one image unless it is 0. At 0 no list is written, and the images of one
        that is there already stay in it.
    seed : int
        The same seed gives the same lists, whatever the order of the files on disk.
    by : str
        "image", or "prefix": images whose names differ only in the number at the end stay together, as frames of one
        film should.
    force : bool
        Replace lists that are there.

    Returns
    -------
    Splits

    Raises
    ------
    FileNotFoundError
        There is no card, or no folder of images or of labels.
    FileExistsError
        A list is there already; none is written.
    ValueError
        Too few images, shares that leave none for training, splits that are folders already, or a list that would be
        written outside `root`.

    Examples
    --------
    >>> print(split_folder("my_images", val=0.25))                                 # doctest: +SKIP
    my_images/train.txt: 9 images
    my_images/val.txt: 3 images
    """
    shares = _shares(val, test)
    if by not in GROUPS:
        raise InvalidInput(unknown("way to split by", by, GROUPS))
    folder = Folder.find(root)
    card = Folder.read_card(folder)
    layout = layout_of(folder, card)
    files = {split: file for split, file in _lists(folder, layout).items() if split in shares}
    present = [file.name for file in files.values() if file.exists()]
    if present and not force:
        raise FileExistsError(f"{folder} already holds {', '.join(present)}: force=True (--force) replaces them")
    images, notes = _images(folder, card, layout, kept=[split for split in SPLITS if split not in shares])
    names = _divided(images, shares, seed, by, folder)
    for split, file in files.items():
        write_text(file, "".join(f"{_line(name)}\n" for name in names[split]))
    return Splits(files, names, notes)


# --------------------------------------------------------------------------------------------------


def _shares(val: float, test: float) -> dict[str, float]:
    """{"train": 0.8, "val": 0.2}: splits that get any image."""
    fit = all(isinstance(share, int | float) and 0 <= share < 1 for share in (val, test))
    if not (fit and 0 < val + test < 1):
        raise InvalidInput(
            f"val={val!r}, test={test!r}: give shares of all images, such as 0.2, that leave some for training"
        )
    shares = {"train": 1 - val - test, "val": val, "test": test}
    return {split: share for split, share in shares.items() if share > 0}


def _lists(root: Path, layout: Layout) -> dict[str, Path]:
    if "{split}" in layout.images:
        raise InvalidInput(f"{root} has its splits in folders, {layout.images}: there is nothing to split")
    lists = {split: layout.place("listing", root, split) for split in SPLITS}
    for file in lists.values():
        if not file.resolve().is_relative_to(root.resolve()):
            raise InvalidInput(f"{file} is outside {root}, and nothing is written there: change `listing` on the card")
    return lists


def _images(root: Path, card: Card, layout: Layout, kept: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """Names of the images to divide, sorted, and what is said of the others."""
    folder = layout.place("images", root, "")
    pairs = every_pair(root, "train", layout)
    labelled = {pair.image for pair in pairs if pair.label.is_file()}
    notes = [f"left out: {len(pairs) - len(labelled)} without a label"] if len(labelled) < len(pairs) else []
    for split in kept:
        file = layout.place("listing", root, split)
        if file.is_file():
            there = labelled & {pair.image for pair in Folder.pairs(root, split, card)}
            labelled -= there
            notes.append(f"{file} stays as it is: {len(there)} images")
    return sorted(normal(path.relative_to(folder).as_posix()) for path in labelled), tuple(notes)


def _divided(images: list[str], shares: dict[str, float], seed: int, by: str, root: Path) -> dict[str, list[str]]:
    by_key: dict[str, list[str]] = {}
    for name in images:
        by_key.setdefault(GROUPS[by](without_suffix(name)), []).append(name)
    if len(by_key) < len(shares):
        what = "labelled images" if by == "image" else "names that differ in more than the number at the end"
        raise InvalidInput(
            f"{root} has {len(by_key)} {what}, too few for {', '.join(shares)}: add images, or make fewer splits"
        )
    together, names = list(by_key.values()), dict[str, list[str]]()
    groups = [together[i] for i in np.random.default_rng(check_seed(seed)).permutation(len(together))]
    for n, split in enumerate(list(shares)[:0:-1], 1):  # test, val; train is what is left
        wanted, names[split] = round(shares[split] * len(images)), []
        while not names[split] or (len(names[split]) < wanted and len(groups) > len(shares) - n):
            names[split] += groups.pop()
    names["train"] = [name for group in groups for name in group]
    return {split: sorted(names[split]) for split in shares}


def _line(name: str) -> str:
    """A name as `read_listing` reads it back."""
    if columns(name) == [name] and not name.startswith("#"):
        return name
    quoted = f'"{name}"'
    if columns(quoted) != [name]:
        raise InvalidInput(f"{name} cannot stand in a list: rename it")
    return quoted
