"""SUN RGB-D: rooms, 37 classes (Section 4.2)."""

import re
from pathlib import Path

from segnet_lab._support.errors import InvalidInput
from segnet_lab.data.cards import Card, Pixels
from segnet_lab.data.images import read_label
from segnet_lab.data.ondisk import FileDataset, Pair, by_name, entry, files_in, missing_split


class SunRGBD(FileDataset):
    """SUN RGB-D's colour images with 37 classes, as the public archives named on the card unpack.

    Label files 1 to 5050 are the *test* split, 5051 to 10335 the training split; images are numbered from 1 in each.
    Label files hold 0 for void and 1..37; here classes are 0..36 and void 37. Images come in several sizes, so
    batches need `size=`. There is no validation split. Files not named like `img-000001` are refused, as is a second
    file with the same number: they are from other label sets, which may be in subfolders.

    See `FileDataset` for the parameters.

    Examples
    --------
    >>> data = SunRGBD("test", size=(240, 320))                                    # doctest: +SKIP
    """

    name = "sunrgbd"

    @classmethod
    def pairs(cls, root: Path, split: str, card: Card) -> list[Pair]:
        """The images of a split in the order of their numbers, each with the label of its number."""
        folders = {s: entry(root, card.layout[f"{s}_images"]) for s in card.splits}
        if not folders[split].is_dir():
            present = [s for s in folders if folders[s].is_dir()]
            raise missing_split(cls.name, card.title, split, root, folders[split].name, present)
        images, labels = by_name(files_in(folders[split]), _number), entry(root, card.layout["labels"])
        label_files, tests = by_name(files_in(labels), _number), card.layout["test_labels"]
        last, offset = (tests, 0) if split == "test" else (card.splits["train"] or 0, tests)
        for number, image in images.items():
            if not 1 <= number <= last:
                raise InvalidInput(f"{image} is not in split {split!r}, whose images are numbered from 1 to {last}")
        return [
            Pair(images[n], label_files.get(n + offset, labels / f"img-{n + offset:06d}.png")) for n in sorted(images)
        ]

    @classmethod
    def read_label(cls, pair: Pair, card: Card) -> Pixels:
        """Classes 0..36 of 1..37 in the file."""
        numbers = {0: card.void_index, **{k + 1: k for k in range(card.num_classes)}}
        return read_label(pair.label, card, numbers, colours={})


def _number(path: Path) -> int:
    """5051 of img-005051.png.

    Any number in a name would not do: a second copy, `img-005051 (1).png`, or a label with 13 classes,
    `img13labels-005051.png`, would pass for another file.
    """
    name = re.fullmatch(r"img-(\d+)", path.stem, re.IGNORECASE)
    if not name:
        raise InvalidInput(
            f"{path} is not named as the files of SUN RGB-D with 37 classes are, img-000001: move it out of that folder"
        )
    return int(name[1])
