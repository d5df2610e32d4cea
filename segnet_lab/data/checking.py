"""What of a data set is there, what is missing, which files are broken, and what in it will hurt training."""

import hashlib
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from segnet_lab._support.errors import InvalidInput, unknown
from segnet_lab._support.progress import bar
from segnet_lab.data import DATASETS
from segnet_lab.data.base import check_pair
from segnet_lab.data.cards import Card, Pixels, load_card
from segnet_lab.data.class_counts import ClassCounts
from segnet_lab.data.images import IMAGE_SUFFIXES, read_rgb
from segnet_lab.data.listings import is_litter, walk
from segnet_lab.data.ondisk import FileDataset, Pair

_TELLING = (".ds_store", *IMAGE_SUFFIXES)
LABELLED = "% of labelled"
ONE_COLUMN = 16  # more classes than these are printed in two


class SplitReport(NamedTuple):
    """One split, every image and label of it opened."""

    split: str
    expected: int | None  # images that the card wants; None if it does not say
    listed: int  # images that the listing, or the folder, names
    missing: tuple[str, ...] = ()  # files
    broken: tuple[str, ...] = ()  # "what is wrong with which file"
    same_labels: bool | None = None  # whether their hash is the card's fingerprint; None if it has none
    absent: str = ""  # why there is no such split here
    counts: ClassCounts | None = None  # of the labels that can be read; None if there are none
    void: int = 0  # void pixels in those labels

    @property
    def whole(self) -> bool:
        """Whether every image and label that there should be is there and can be read."""
        return not (self.absent or self.missing or self.broken) and self.expected in (None, self.listed)

    @property
    def verdict(self) -> str:
        """The last column of the table."""
        if self.absent:
            return "not here"
        labels = {True: "labels as measured", False: "labels differ from those measured", None: ""}[self.same_labels]
        return ", ".join(filter(None, ["whole" if self.whole else "NOT WHOLE", labels]))


class Report(NamedTuple):
    """What `check` found, as a table if printed."""

    name: str
    root: Path | None  # None for drawn scenes
    splits: tuple[SplitReport, ...]
    class_names: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()  # what can be loaded, but will hurt training or is not what it seems

    @property
    def complete(self) -> bool:
        """Whether every split whose size the card gives is here, and whatever is here is whole."""
        needed = [split for split in self.splits if not split.absent or split.expected is not None]
        return bool(needed) and all(split.whole for split in needed)

    def __str__(self) -> str:
        lines = [f"{self.name} in {self.root}" if self.root else f"{self.name} is made here, nothing to check", ""]
        lines.append(f"{'split':8}{'expected':>9}{'listed':>8}{'missing':>9}{'broken':>8}  verdict")
        for s in self.splits:
            expected = "-" if s.expected is None else s.expected
            counts = f"{expected:>9}{s.listed:>8}{len(s.missing):>9}{len(s.broken):>8}"
            lines.append(f"{s.split:8}{counts}  {s.verdict}")
        details = [s.absent for s in self.splits if s.absent]
        details += [f"missing: {path}" for s in self.splits for path in s.missing]
        details += [f"broken: {problem}" for s in self.splits for problem in s.broken]
        details = list(dict.fromkeys(details))  # a mistake on the card is reported by every split
        blocks = [lines, _shares(self), [f"warning: {warning}" for warning in self.warnings], details]
        return "\n\n".join("\n".join(block) for block in blocks if block)


def check(name: str, root: str | Path | None = None) -> Report:
    """Open every image and label of a data set; report what is wrong, how often each class occurs, and what will hurt.

    Parameters
    ----------
    name : str
    root : str or Path, optional
        As in `load_dataset`.

    Returns
    -------
    Report
        One row per split of the card; a broken file stops nothing. Its `warnings` name what can be loaded but will hurt
        training: a class that never occurs, labels that are all void, the same picture twice or in two splits, images
        of several sizes, files that belong to no split, files that macOS and Windows leave behind.

    Raises
    ------
    ValueError
        Unknown data set.
    FileNotFoundError
        None of it is there.

    Examples
    --------
    >>> print(check("roadscenes"))
    roadscenes is made here, nothing to check
    <BLANKLINE>
    split    expected  listed  missing  broken  verdict
    train         300     300        0       0  whole
    val            60      60        0       0  whole
    test           60      60        0       0  whole
    """
    if name not in DATASETS:
        raise InvalidInput(unknown("data set", name, DATASETS))
    loader = DATASETS[name]
    if not issubclass(loader, FileDataset):
        sizes = load_card(name).splits
        return Report(name, None, tuple(SplitReport(split, n, n or 0) for split, n in sizes.items()))
    folder = loader.find(root)
    card = loader.read_card(folder)
    seen = {split: _Seen() for split in card.splits}
    splits = tuple(_check_split(loader, folder, split, card, seen[split]) for split in card.splits)
    warnings = [*_of_classes(splits, card), *_of_sizes(seen), *_of_pictures(seen)]
    if all(split.listed or split.absent for split in splits):  # else it is not known which files belong to none
        warnings += _of_other_files(folder, seen)
    return Report(name, folder, splits, card.class_names, tuple(warnings))


def hurts(counts: ClassCounts, class_names: Sequence[str]) -> list[str]:
    """What in a data set's labels will hurt training, one line each; [] if nothing.

    Parameters
    ----------
    counts : ClassCounts
    class_names : sequence of K str

    Examples
    --------
    >>> def found(*pixels):
    ...     return hurts(ClassCounts(torch.tensor(pixels), None), ["Ground", "Cat", "Dog"][: len(pixels)])
    >>> found(60, 0, 40), found(60, 10, 30)
    (['class Cat never occurs'], [])
    >>> found(60, 0, 0)
    ['classes Cat, Dog never occur', 'class Ground is the only one that occurs, so there is nothing to tell apart']
    >>> found(60) + found(0, 0)
    ['Ground is the only class, so there is nothing to tell apart', 'all labels are void, so there is nothing to learn']
    """
    occurs = {name: bool(pixels) for name, pixels in zip(class_names, counts.pixels.tolist(), strict=True)}
    there, never = ([name for name in occurs if occurs[name] == state] for state in (True, False))
    if not there:
        return ["all labels are void, so there is nothing to learn"]
    if len(occurs) == 1:
        return [f"{there[0]} is the only class, so there is nothing to tell apart"]
    lines = []
    if never:
        lines.append(f"class {never[0]} never occurs" if len(never) == 1 else f"classes {', '.join(never)} never occur")
    if len(there) == 1:
        lines.append(f"class {there[0]} is the only one that occurs, so there is nothing to tell apart")
    return lines


# --------------------------------------------------------------------------------------------------
# Going through the files.


class _Seen:
    """What is kept of a split: a few bytes per image."""

    def __init__(self) -> None:
        self.pairs: list[Pair] = []
        self.pictures: dict[Path, bytes] = {}  # image file -> hash of its pixels
        self.sizes: Counter[tuple[int, int]] = Counter()  # (H, W) -> images


def _check_split(loader: type[FileDataset], root: Path, split: str, card: Card, seen: _Seen) -> SplitReport:
    expected = card.splits[split]
    try:
        seen.pairs = loader.pairs(root, split, card)
    except FileNotFoundError as error:
        return SplitReport(split, expected, 0, absent=str(error))
    except ValueError as error:  # there, but it cannot be read
        return SplitReport(split, expected, 0, broken=(str(error),))
    missing: list[str] = []
    broken: list[str] = []
    labels, counted = hashlib.sha256(), _Counted(card)
    for pair in bar(seen.pairs, description=split, show=sys.stderr.isatty()):
        gone = [path for path in pair if not path.is_file()]
        missing += map(str, gone)
        if not gone:
            try:
                label = _check_pair(loader, pair, card, seen)
                labels.update(label.tobytes())
                counted.add(label)
            except (ValueError, OSError) as error:
                broken.append(str(error))
    wanted = card.fingerprints.get(split)
    same = None if wanted is None or missing or broken else labels.hexdigest() == wanted
    report = SplitReport(split, expected, len(seen.pairs), tuple(missing), tuple(broken), same)
    return report._replace(counts=counted.classes(), void=counted.void) if counted.images else report


def _check_pair(loader: type[FileDataset], pair: Pair, card: Card, seen: _Seen) -> Pixels:
    image, label = read_rgb(pair.image), loader.read_label(pair, card)
    seen.sizes[image.shape[0], image.shape[1]] += 1
    seen.pictures[pair.image] = _hash(image)
    check_pair(image, label, None, card.title, pair.image.name)
    return label


def _hash(image: Pixels) -> bytes:
    """The same for pictures with the same pixels, whatever files they are stored in."""
    return hashlib.blake2b(f"{image.shape}".encode() + image.tobytes(), digest_size=16).digest()


class _Counted:
    """Pixels by class, of labels that come one by one."""

    def __init__(self, card: Card) -> None:
        self.card, self.images, self.void = card, 0, 0
        self.pixels, self.where_present = np.zeros((2, card.num_classes), np.int64)

    def add(self, label: Pixels) -> None:
        values = np.bincount(label.ravel(), minlength=self.card.void_index + 1)
        self.images += 1
        self.void += int(values[self.card.void_index])
        self.pixels += values[: self.card.num_classes]
        self.where_present += label.size * (values[: self.card.num_classes] > 0)

    def classes(self) -> ClassCounts:
        return ClassCounts(torch.from_numpy(self.pixels), torch.from_numpy(self.where_present))


# --------------------------------------------------------------------------------------------------
# What will hurt.


def _of_classes(splits: Iterable[SplitReport], card: Card) -> list[str]:
    lines, lost = [], []
    for s in splits:
        if s.counts is None:
            continue
        lines += [f"{s.split}: {problem}" for problem in hurts(s.counts, card.class_names)]
        if s.void and card.num_classes > 1 and (s.counts.pixels > 0).sum() <= 1:
            lost.append(_of_void(s.split, s.counts, s.void, card))
    return [*lines, *lost[:1]]


def _of_void(split: str, counts: ClassCounts, void: int, card: Card) -> str:
    """Masks of 0 and 255 are the usual way to lose a class."""
    number = next(number for number, index in card.indices.items() if index == card.void_index)
    first = next(f"{number}: {card.class_names[index]}" for number, index in card.indices.items() if index == 0)
    never = [name for name, pixels in zip(card.class_names, counts.pixels, strict=True) if not pixels]
    ids = f"{first}, {'..., ' if card.num_classes > 2 else ''}{number}: {never[-1]}"
    return (
        f"{split}: {_percent(void, void + int(counts.pixels.sum()))} % of the pixels are void; if {number} in "
        f"the label files is a class, say so in {card.path.name}, `ids: {{{ids}}}`, and give void another index"
    )


def _of_sizes(seen: dict[str, _Seen]) -> list[str]:
    sizes = sorted({size for s in seen.values() for size in s.sizes})
    if len(sizes) < 2:
        return []
    each = [f"{h}x{w} ({sum(s.sizes[h, w] for s in seen.values())})" for h, w in sizes]
    return [f"images of {len(sizes)} sizes, {_some(each, 4)}: train with --size H W, or with --batch-size 1"]


def _of_pictures(seen: dict[str, _Seen]) -> list[str]:
    lines = []
    by_picture = {split: _by_picture(s.pictures) for split, s in seen.items()}
    for split, pictures in by_picture.items():
        twice = [" = ".join(path.name for path in paths) for paths in pictures.values() if len(paths) > 1]
        if twice:
            lines.append(f"{split}: {_images(len(twice))} more than once: {_some(twice)}")
    for (a, first), (b, second) in combinations(by_picture.items(), 2):
        shared = [(first[key][0].name, second[key][0].name) for key in first if key in second]
        if shared:
            names = [name if name == other else f"{name} = {other}" for name, other in shared]
            lines.append(f"{_images(len(shared))} in {a} and in {b}: {_some(names)}")
    return lines


def _by_picture(pictures: dict[Path, bytes]) -> dict[bytes, list[Path]]:
    found: dict[bytes, list[Path]] = {}
    for path, picture in pictures.items():
        found.setdefault(picture, []).append(path)
    return found


def _of_other_files(root: Path, seen: dict[str, _Seen]) -> list[str]:
    """Files that belong to no split, in those folders below the root that also hold files of a split."""
    pairs = [pair for s in seen.values() for pair in s.pairs]
    known = {path for pair in pairs for path in pair}
    tops = {"images": {_top(pair.image, root) for pair in pairs}, "labels": {_top(pair.label, root) for pair in pairs}}
    every = tops["images"] | tops["labels"]
    lines, litter = [], {path.name for path in root.iterdir() if _is_left_out(path)}
    for top in sorted(every):
        litter |= {path.name for path in top.rglob("*") if _is_left_out(path)}
        files = [path for path in walk(top) if path.suffix.lower() in IMAGE_SUFFIXES and path not in known]
        files = [path for path in files if not any(other in path.parents for other in every - {top, *top.parents})]
        if files:
            kind = " or ".join(kind for kind, folders in tops.items() if top in folders)
            lines.append(f"{kind} in {top} that belong to no split: {len(files)} ({_some([f.name for f in files])})")
    if litter:
        lines.append(f"left out as hidden or left behind by macOS or Windows: {_some(sorted(litter))}")
    return lines


def _is_left_out(path: Path) -> bool:
    """Whether it is litter that may have been taken for data; not everything that is hidden."""
    return is_litter(path.name) and (path.name[0] != "." or (path.suffix or path.name).lower() in _TELLING)


def _top(path: Path, root: Path) -> Path:
    """The folder directly below the root that holds a file; the file's own folder if it is elsewhere."""
    if path.parent == root or not path.is_relative_to(root):
        return path.parent
    return root / path.relative_to(root).parts[0]


# --------------------------------------------------------------------------------------------------
# Print.


def _shares(report: Report) -> list[str]:
    """One row per class, one column per split, in percent of the labelled pixels; void in percent of all."""
    counted = {split.split: (split.counts, split.void) for split in report.splits if split.counts is not None}
    if not counted:
        return []
    width = max(map(len, (*report.class_names, LABELLED)))
    rows = [
        (name, [_percent(int(counts.pixels[k]), int(counts.pixels.sum())) for counts, _ in counted.values()])
        for k, name in enumerate(report.class_names)
    ]
    void = [_percent(void, void + int(counts.pixels.sum())) for counts, void in counted.values()]
    head, *lines = (
        "  ".join([f"{name:{width}}", *(f"{cell:>6}" for cell in cells)])
        for name, cells in [(LABELLED, list(counted)), *rows, ("void, of all", void)]
    )
    if len(report.class_names) <= ONE_COLUMN:
        return [head, *lines]
    half = (len(lines) + 1) // 2
    left, right = [head, *lines[:half]], [head, *lines[half:]]
    return [f"{a}    {b}".rstrip() for a, b in zip(left, [*right, ""][: len(left)], strict=True)]


def _percent(part: int, whole: int) -> str:
    """Two digits; "-" is none at all, and a share too small for two digits is "<0.01".

    >>> _percent(1, 3), _percent(0, 3), _percent(1, 10**9), _percent(0, 0)
    ('33.33', '-', '<0.01', '-')
    """
    if part == 0:
        return "-"
    return "<0.01" if part / whole < 0.00005 else f"{100 * part / whole:.2f}"


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def _some(names: Sequence[str], most: int = 6) -> str:
    """The first names of many."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
