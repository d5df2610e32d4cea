"""SUN RGB-D: rooms, 37 classes (Section 4.2)."""

import re
from pathlib import Path

import numpy as np

from segnet_lab.data.cards import Card
from segnet_lab.data.images import read_label_values, translate
from segnet_lab.data.ondisk import FileDataset, Pair, missing_split


class SunRGBD(FileDataset):
    """SUN RGB-D's colour images with 37 classes, as the public archives named on the card unpack.

    Label files 1 to 5050 are the *test* split, 5051 to 10335 the training split; images are numbered from 1 in each.
    Label files hold 0 for void and 1..37; here classes are 0..36 and void 37. Images come in several sizes, so
    batches need `size=`. There is no validation split.

    See `FileDataset` for the parameters.

    Examples
    --------
    >>> data = SunRGBD("test", size=(240, 320))                                    # doctest: +SKIP
    """

    name = "sunrgbd"

    @classmethod
    def pairs(cls, root: Path, split: str, card: Card) -> list[Pair]:
        folders = {s: card.layout[f"{s}_images"] for s in card.splits}
        folder, first_training_label = root / folders[split], card.layout["test_labels"]
        if not folder.is_dir():
            present = [s for s in folders if (root / folders[s]).is_dir()]
            raise missing_split(cls.name, card.title, split, root, folders[split], present)
        labels = {_number(path): path for path in (root / card.layout["labels"]).rglob("*.png")}
        offset = first_training_label if split == "train" else 0
        pairs = []
        for image in sorted(folder.rglob("*.jpg"), key=_number):
            number = _number(image) + offset
            label = labels.get(number, root / card.layout["labels"] / f"img-{number:06d}.png")
            pairs.append(Pair(image, label))
        return pairs

    @classmethod
    def read_label(cls, pair: Pair, card: Card) -> np.ndarray:
        values = read_label_values(pair.label)
        if values.ndim == 3:
            raise ValueError(f"{pair.label} is in colour, but SUN RGB-D's labels are grey numbers 0..37")
        table = {0: card.void_index, **{k + 1: k for k in range(card.num_classes)}}
        return translate(values, table, pair.label, card)


def _number(path: Path) -> int:
    """5051 of img-005051.png."""
    digits = re.findall(r"\d+", path.stem)
    if not digits:
        raise ValueError(f"{path} has no number in its name: SUN RGB-D's files are img-000001 and so on")
    return int(digits[-1])
