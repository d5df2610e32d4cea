"""What of a data set is there, what is missing, which files are broken."""

import hashlib
import sys
from pathlib import Path
from typing import NamedTuple

from segnet_lab._messages import unknown
from segnet_lab.data import DATASETS
from segnet_lab.data.base import check_pair
from segnet_lab.data.cards import Card, load_card
from segnet_lab.data.images import read_rgb
from segnet_lab.data.ondisk import FileDataset, Pair
from segnet_lab.progress import bar


class SplitReport(NamedTuple):
    """One split, every image and label of it opened."""

    split: str
    expected: int | None  # images that the card wants; None if it does not say
    listed: int  # images that the files on disk speak of
    missing: tuple[str, ...] = ()  # files
    broken: tuple[str, ...] = ()  # "what is wrong with which file"
    same_labels: bool | None = None  # as the card's fingerprint; None if it has none
    absent: str = ""  # why there is no such split here

    @property
    def whole(self) -> bool:
        return not (self.absent or self.missing or self.broken) and self.expected in (None, self.listed)

    @property
    def verdict(self) -> str:
        if self.absent:
            return "not here"
        labels = {True: "labels as measured", False: "labels differ from those measured", None: ""}[self.same_labels]
        return ", ".join(filter(None, ["whole" if self.whole else "NOT WHOLE", labels]))


class Report(NamedTuple):
    """What `check` found; prints as a table."""

    name: str
    root: Path | None  # None for what is made here
    splits: tuple[SplitReport, ...]

    @property
    def complete(self) -> bool:
        """Every split whose size the card gives is here, and what is here is whole."""
        needed = [split for split in self.splits if not split.absent or split.expected is not None]
        return bool(needed) and all(split.whole for split in needed)

    def __str__(self):
        lines = [f"{self.name} in {self.root}" if self.root else f"{self.name} is made here, nothing to check", ""]
        lines.append(f"{'split':8}{'expected':>9}{'listed':>8}{'missing':>9}{'broken':>8}  verdict")
        for s in self.splits:
            expected = "-" if s.expected is None else s.expected
            counts = f"{expected:>9}{s.listed:>8}{len(s.missing):>9}{len(s.broken):>8}"
            lines.append(f"{s.split:8}{counts}  {s.verdict}")
        details = [s.absent for s in self.splits if s.absent]
        details += [f"missing: {path}" for s in self.splits for path in s.missing]
        details += [f"broken: {problem}" for s in self.splits for problem in s.broken]
        return "\n".join([*lines, *([""] if details else []), *details])


def check(name: str, root: str | Path | None = None) -> Report:
    """Open every image and label of a data set and say what is wrong.

    Parameters
    ----------
    name : str
    root : str or Path, optional
        As in `load_dataset`.

    Returns
    -------
    Report
        One row a split of the card; a broken file stops nothing.

    Raises
    ------
    ValueError, FileNotFoundError
        Unknown data set; none of it is there.

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
        raise ValueError(unknown("data set", name, DATASETS))
    loader = DATASETS[name]
    if not issubclass(loader, FileDataset):
        splits = load_card(name).splits
        return Report(name, None, tuple(SplitReport(split, n, n) for split, n in splits.items()))
    root = loader.find(root)
    card = loader.read_card(root)
    return Report(name, root, tuple(_check_split(loader, root, split, card) for split in card.splits))


def _check_split(loader: type[FileDataset], root: Path, split: str, card: Card) -> SplitReport:
    expected = card.splits[split]
    try:
        pairs = loader.pairs(root, split, card)
    except (FileNotFoundError, ValueError) as error:
        return SplitReport(split, expected, 0, absent=str(error))
    missing, broken, labels = [], [], hashlib.sha256()
    for pair in bar(pairs, description=split, show=sys.stderr.isatty()):
        gone = [path for path in pair if not path.is_file()]
        missing += map(str, gone)
        if not gone:
            try:
                labels.update(_check_pair(loader, pair, card))
            except (ValueError, OSError) as error:
                broken.append(str(error))
    wanted = card.fingerprints.get(split)
    same = None if wanted is None or missing or broken else labels.hexdigest() == wanted
    return SplitReport(split, expected, len(pairs), tuple(missing), tuple(broken), same)


def _check_pair(loader: type[FileDataset], pair: Pair, card: Card) -> bytes:
    image, label = read_rgb(pair.image), loader.read_label(pair, card)
    check_pair(image, label, None, card.title, pair.image.name)
    return label.tobytes()
