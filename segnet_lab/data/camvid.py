"""CamVid: road scenes of Cambridge, with the splits of SegNet's authors, and in the other layouts that are around."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from segnet_lab._support.errors import InvalidInput, NotFound, unknown
from segnet_lab.data.cards import SPLITS, Card, Colour, Pixels, load_card
from segnet_lab.data.images import read_label
from segnet_lab.data.listings import Line, read_listing, without_suffix
from segnet_lab.data.ondisk import FileDataset, Pair, by_name, entry, files_in, missing_split, stem
from segnet_lab.data.text import read_text


class Layout(NamedTuple):
    """How CamVid may be laid out on disk, a row of `layouts` on its card. Names of folders may hold `{split}`."""

    name: str  # "authors", "original", "kaggle" or "fastai"
    title: str
    images: str
    labels: str
    suffix: str = ""  # what a label's name adds to that of its image
    colours: str = ""  # file that says which class each colour is; may be missing
    codes: str = ""  # file that says which class each number is
    val: str = ""  # file that names the validation split; the rest is for training


class CamVid(FileDataset):
    """CamVid's eleven classes (Section 4.1), in any of four layouts below `root`.

    "authors" (Tables 1 to 3): images of 360 x 480 in `train`, label maps in `trainannot`, listed in `train.txt`; the
    same for "val" and "test". Without a listing file a split is everything in its two folders.

    "original": 720 x 960 frames in `701_StillsRaw_full`, labels of 32 colours (`_L.png`) in `LabeledApproved_full`.
    It has no splits of its own.

    "kaggle": the same frames and labels in `train` and `train_labels` and so on, in splits that are not the authors'.

    "fastai": the same frames in `images`; labels in `labels` as numbers 0..31 (`_P.png`), which `codes.txt` names.
    "val" is what `valid.txt` names, "train" all the rest; there is no "test".

    The table on the card maps the 32 classes to the eleven. If the authors' listing files are beside the folders of the
    last three, the splits are the authors', by file name.

    See `FileDataset` for the parameters.

    Attributes
    ----------
    layout : str
        "authors", "original", "kaggle" or "fastai".
    note : str
        Which layout this is and whose splits it has.

    Examples
    --------
    >>> data = CamVid("val", size=(90, 120))                                       # doctest: +SKIP
    >>> data                                                                       # doctest: +SKIP
    <CamVid val: 101 images, 90x120, 11 classes>
    >>> data.layout, data.note                                                     # doctest: +SKIP
    ('authors', "camvid 'val': 101 images in the authors' layout.")
    """

    name = "camvid"

    def __init__(
        self,
        split: str = "train",
        root: str | Path | None = None,
        size: Sequence[int] | None = None,
        cache: bool = True,
    ) -> None:
        super().__init__(split, root, size, cache)
        layout = layout_of(self.root, self.card)
        self.layout = layout.name
        whose = _whose_split(self.root, layout, split, self.card)
        self.note = f"camvid {split!r}: {len(self)} images in {layout.title}{whose}."

    @classmethod
    def is_here(cls, place: Path, card: Card) -> bool:
        """Whether a folder has one of the layouts."""
        return find_layout(place, card) is not None

    @classmethod
    def read_card(cls, root: Path) -> Card:
        """The card, without the authors' fingerprints and numbers of images if labels and splits are not theirs."""
        card = load_card(cls.name)
        if layout_of(root, card).name == "authors":
            return card
        splits = card.splits if _listings(root, card) else dict.fromkeys(card.splits)
        return replace(card, splits=splits, fingerprints={})

    @classmethod
    def pairs(cls, root: Path, split: str, card: Card) -> list[Pair]:
        """As the authors' listing files say, else the layout's own split."""
        layout, listings = layout_of(root, card), _listings(root, card)
        if split in listings:
            lines = read_listing(listings[split])
            if layout.name == "authors":
                return _listed(root, layout, split, lines)
            return _paired(root, layout, split, [_name(line.image) for line in lines], SPLITS)
        own = {s: _own_names(root, layout, s) for s in SPLITS}
        if listings and layout.name != "authors":  # its own splits would overlap those that are listed
            own = {s: [] for s in SPLITS}
        if own[split]:
            return _paired(root, layout, split, own[split], [split])
        raise _missing(root, layout, split, [s for s in SPLITS if own[s] or s in listings], card)

    @classmethod
    def read_label(cls, pair: Pair, card: Card) -> Pixels:
        """The eleven classes, whatever the layout stores."""
        for root in pair.label.parents[1:]:
            layout = find_layout(root, card)
            if layout is not None and layout.name != "authors":
                table = _table(root, layout, card)
                numbers, colours = (table, {}) if layout.codes else ({}, table)
                return read_label(pair.label, card, numbers, colours)
            if layout is not None:
                break
        return super().read_label(pair, card)


def layout_of(root: Path, card: Card) -> Layout:
    """The layout of a folder that is CamVid."""
    layout = find_layout(root, card)
    if layout is None:
        raise NotFound(f"{root} is not {card.title}: it has none of its layouts")
    return layout


def find_layout(root: Path, card: Card) -> Layout | None:
    """The layout of a folder; None if it is not CamVid."""
    layouts = [Layout(name, **row) for name, row in card.layout["layouts"].items()]
    for layout in layouts:
        if any(folder.is_dir() for folder in _folders(root, layout.labels)) and entry(root, layout.codes).exists():
            return layout
    return layouts[0] if _listings(root, card) else None


# --------------------------------------------------------------------------------------------------
# Which files make a split.


def _listings(root: Path, card: Card) -> dict[str, Path]:
    """{"train": train.txt, ...}: the authors' listing files, as far as they are there."""
    files = {split: entry(root, card.layout["listing"].format(split=split)) for split in SPLITS}
    return {split: file for split, file in files.items() if file.is_file()}


def _listed(root: Path, layout: Layout, split: str, lines: list[Line]) -> list[Pair]:
    """A split of the authors' layout by its listing: only the folder and the name at the end of each path matter."""
    files: Callable[[Path], dict[str, Path]] = cache(lambda folder: by_name(files_in(folder), stem))

    def find(path: str, usual: str) -> Path:
        above = PurePosixPath(path).parts[:-1]
        folder = entry(root, above[-1] if above else usual.format(split=split))
        return files(folder).get(_name(path), folder / f"{_name(path)}.png")

    return [Pair(find(a, layout.images), find(b or _name(a), layout.labels)) for _, a, b in lines]


def _own_names(root: Path, layout: Layout, split: str) -> list[str]:
    """Names of a layout's own split: those of images and of labels, so that one without the other is noticed."""
    names = sorted({name for files in _files(root, layout, [split]) for name in files})
    if not layout.val:
        return names if "{split}" in layout.images else []
    listing = entry(root, layout.val)
    held_out = [_name(line.image) for line in read_listing(listing)] if listing.is_file() else []
    return {"train": sorted(set(names) - set(held_out)), "val": held_out}.get(split, [])


def _paired(root: Path, layout: Layout, split: str, names: list[str], splits: Iterable[str]) -> list[Pair]:
    """The files of these names, looked for in the folders of these splits."""
    images, labels = _files(root, layout, splits)
    (a,), (b,) = (_folders(root, folder, [split]) for folder in (layout.images, layout.labels))
    return [Pair(images.get(n, a / f"{n}.png"), labels.get(n, b / f"{n}{layout.suffix}.png")) for n in names]


def _files(root: Path, layout: Layout, splits: Iterable[str]) -> tuple[dict[str, Path], dict[str, Path]]:
    """Images by name, and labels by the name of their image."""
    images, labels = (
        [file for folder in _folders(root, folder, splits) for file in files_in(folder)]
        for folder in (layout.images, layout.labels)
    )
    return by_name(images, stem), by_name(labels, lambda path: stem(path).removesuffix(layout.suffix))


def _folders(root: Path, folder: str, splits: Iterable[str] = SPLITS) -> list[Path]:
    return list(dict.fromkeys(entry(root, folder.format(split=split)) for split in splits))


def _name(path: str) -> str:
    """0001TP_006690 of train/0001TP_006690.png."""
    return without_suffix(path).rpartition("/")[2]


def _missing(root: Path, layout: Layout, split: str, present: list[str], card: Card) -> NotFound:
    listing = card.layout["listing"]
    if layout.name == "authors":
        wanted = f"{listing.format(split=split)} and no {layout.labels.format(split=split)}"
        return missing_split(card.name, card.title, split, root, wanted, present)
    return NotFound(
        f"{card.title} has no split {split!r} in {root}, which is {layout.title}. Present: "
        f"{', '.join(present) or 'none'}. Put the authors' {listing.format(split=split)} there, as "
        f"`segnet-lab data get {card.name}` loads it, and the splits are theirs"
    )


def _whose_split(root: Path, layout: Layout, split: str, card: Card) -> str:
    """The end of the note."""
    listing = card.layout["listing"].format(split=split)
    if split in _listings(root, card):
        return "" if layout.name == "authors" else f", split as {listing} says"
    if layout.name == "authors":
        return f", without {listing}: all that {layout.labels.format(split=split)} holds"
    theirs = ", ".join(f"{images} {s}" for s, images in load_card(card.name).splits.items())
    return (
        f", whose splits are not the authors' ({theirs}): scores cannot be compared with the paper's. Put the authors' "
        f"listing files into {root}, as `segnet-lab data get {card.name}` loads them, and the splits are theirs"
    )


# --------------------------------------------------------------------------------------------------
# What the labels of 32 classes mean.


def _table(root: Path, layout: Layout, card: Card) -> dict[Any, int]:
    """{colour or number in a label file: class index}, by the data set's own list of names where it has one."""
    path = entry(root, layout.codes or layout.colours)
    if not path.is_file():
        return card.table("camvid32")
    rows: Iterable[tuple[int | Colour, str]] = _colours(path)
    if layout.codes:
        rows = enumerate(read_text(path).split())
    classes = {row.source: row.target for row in card.mappings["camvid32"]}
    table: dict[int | Colour, int] = {}
    for value, name in rows:
        if name not in classes:
            raise InvalidInput(f"{path}: " + unknown("class", name, classes))
        if table.setdefault(value, classes[name]) != classes[name]:
            raise InvalidInput(f"{path}: {value} is {name} and, in another row, another class: correct it")
    return table


def _colours(path: Path) -> Iterator[tuple[Colour, str]]:
    """(colour, name of the class) of each row of class_dict.csv."""
    for row in csv.DictReader(read_text(path).splitlines()):
        try:
            yield (int(row["r"]), int(row["g"]), int(row["b"])), row["name"].strip()
        except (AttributeError, KeyError, TypeError, ValueError):
            raise InvalidInput(f"{path}: expected rows of name,r,g,b, got {list(row.values())}") from None
