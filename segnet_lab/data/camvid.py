"""CamVid: road scenes of Cambridge, as the authors of SegNet cut it, or as its makers published it."""

import re
from pathlib import Path

from segnet_lab.data.base import stem
from segnet_lab.data.cards import SPLITS, Card, load_card
from segnet_lab.data.images import read_label_values, translate
from segnet_lab.data.ondisk import FileDataset, Pair, missing_split

# "/SegNet/CamVid/train/a.png /SegNet/CamVid/trainannot/a.png": the authors' own paths, so only the ends matter.
_END_OF_PATH = re.compile(r"([^/\\\s]+)[/\\]([^/\\]+?\.png)(?=\s|$)", re.IGNORECASE)


class CamVid(FileDataset):
    """CamVid's eleven classes (Section 4.1), in either of two layouts below `root`.

    The authors' (Table 1 to 3): `train.txt`, `val.txt`, `test.txt` list images and label maps of 360 x 480.

    The original download: 720 x 960 frames in `701_StillsRaw_full`, colour labels of 32 classes (`_L.png`) in
    `LabeledApproved_full`, grouped to the eleven by the table on the card. It has no splits of its own: put the
    authors' three listing files beside the two folders; they go by file name.

    See `FileDataset` for the parameters.

    Examples
    --------
    >>> data = CamVid("val", size=(90, 120))                                       # doctest: +SKIP
    >>> data                                                                       # doctest: +SKIP
    <CamVid val: 101 images, 90x120, 11 classes>
    """

    name = "camvid"

    @classmethod
    def pairs(cls, root: Path, split: str, card: Card) -> list[Pair]:
        original = (root / card.layout["labels32"]).is_dir() and not (root / split).is_dir()
        listing = root / card.layout["listing"].format(split=split)
        if not listing.is_file():
            if original:
                raise FileNotFoundError(
                    f"{card.title}: {root} is the original download, which has no splits: put the authors' "
                    f"{listing.name} beside {card.layout['labels32']} (`segnet-lab data get camvid` loads it too)"
                )
            present = [s for s in SPLITS if (root / card.layout["listing"].format(split=s)).is_file()]
            raise missing_split(cls.name, card.title, split, root, listing.name, present)
        rows = _rows(listing)
        if not original:
            return [Pair(root / Path(*image), root / Path(*label)) for image, label in rows]
        images, labels = root / card.layout["images32"], root / card.layout["labels32"]
        names = [stem(image[1]) for image, _ in rows]
        return [Pair(images / f"{name}.png", labels / f"{name}{card.layout['suffix32']}.png") for name in names]

    @classmethod
    def read_label(cls, pair: Pair, card: Card):
        if pair.label.parent.name != card.layout["labels32"]:
            return super().read_label(pair, card)
        return read_label32(pair.label)


def read_label32(path: Path):
    """A colour label of the original download as the eleven classes, uint8 (H, W); an unknown colour is an error."""
    card = load_card("camvid")
    values = read_label_values(path)
    if values.ndim == 2:
        raise ValueError(f"{path} is grey, but the labels of the original CamVid download are in colour (RGB)")
    return translate(values, card.table("camvid32"), path, card)


def _rows(listing: Path) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """[((folder, image), (folder, label)), ...] of a listing file."""
    rows = []
    for number, line in enumerate(listing.read_text(encoding="utf-8").splitlines(), 1):
        ends = _END_OF_PATH.findall(line)
        if len(ends) == 2:
            rows.append(tuple(ends))
        elif line.strip():
            raise ValueError(f"{listing}, line {number}: expected an image and a label, folder/name.png, got {line!r}")
    return rows
