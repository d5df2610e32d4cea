"""Four public road sets under CamVid's eleven classes, after Section 4.1."""

import warnings
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from segnet_lab._support.errors import InvalidInput
from segnet_lab.data.camvid import CamVid
from segnet_lab.data.cards import Card, Pixels, load_card
from segnet_lab.data.images import read_label
from segnet_lab.data.labels import translate
from segnet_lab.data.listings import normal
from segnet_lab.data.ondisk import FileDataset, Pair, by_name, entry, files_in, missing_split, stem
from segnet_lab.data.text import read_text

FARTHEST = 2**31  # pixels; PIL draws with 32-bit numbers and silently draws nothing beyond them
STANFORD = ".regions.txt"

Polygon = tuple[str, list[tuple[float, float]]]  # name in lower case, corners (x, y)


class RoadEnsemble(FileDataset):
    """CamVid, KITTI, Stanford Background and LabelMe as one data set; uses whichever of them are under `root`.

    Its "train" split is all of KITTI, Stanford Background and LabelMe and the training split of CamVid; "val" and
    "test" are CamVid's. Sizes differ, so batches need `size=`. The paper trained on 3,433 images of these four, but the
    list of them was never released: the SegNet of Table 2 cannot be reproduced exactly. The card has the class tables
    and the names of folders.

    See `FileDataset` for the parameters.

    Attributes
    ----------
    parts : dict
        Part -> number of images found.
    note : str
        What was found, and why scores are not the paper's; also given as a warning.

    Examples
    --------
    >>> data = RoadEnsemble("train", root="roads", size=(360, 480))                # doctest: +SKIP
    >>> data.parts                                                                 # doctest: +SKIP
    {'camvid': 367, 'kitti': 200, 'stanford': 715, 'labelme': 0}
    """

    name = "road_ensemble"

    def __init__(
        self,
        split: str = "train",
        root: str | Path | None = None,
        size: Sequence[int] | None = None,
        cache: bool = True,
    ) -> None:
        super().__init__(split, root, size, cache)
        parts = [_part(pair, self.root) for pair in self.files]
        self.parts = {part: parts.count(part) for part in self.card.layout["marks"]}
        found = ", ".join(f"{count} of {part}" for part, count in self.parts.items() if count)
        self.note = (
            f"road_ensemble {split!r}: {len(self.files)} images ({found}). The 3,433 images that the paper trained on "
            "(Section 4.1) were never released, so scores cannot be compared with Table 2's."
        )
        warnings.warn(self.note, stacklevel=2)

    @classmethod
    def pairs(cls, root: Path, split: str, card: Card) -> list[Pair]:
        """CamVid's, and for training those of the other three."""
        pairs: list[Pair] = []
        camvid = load_card("camvid")
        place = CamVid.within(entry(root, "camvid"), camvid)
        if place is not None:
            pairs += CamVid.pairs(place, split, camvid)
        if split == "train":
            for part, find in PARTS.items():
                pairs += find(entry(root, part))
        if not pairs:
            wanted = "camvid" if split != "train" else " or ".join(card.layout["marks"])
            raise missing_split(cls.name, card.title, split, root, f"folder {wanted} with images", [])
        return pairs

    @classmethod
    def read_label(cls, pair: Pair, card: Card) -> Pixels:
        """CamVid's eleven classes, whatever the kind of file."""
        if _is_labelme(pair.label):
            with Image.open(pair.image) as image:
                size = image.size[::-1]
            return read_labelme(pair.label, size, card)
        if pair.label.name.lower().endswith(STANFORD):
            return read_stanford(pair.label, card)
        if pair.label.parent.name.lower() == "semantic":
            return read_label(pair.label, card, card.table("kitti"), colours={})
        return CamVid.read_label(pair, load_card("camvid"))

    @property
    def unmapped(self) -> dict[str, int]:
        """Names in LabelMe's polygons that no row of the card maps, and how often they occur: their pixels are void."""
        known = self.card.table("labelme")
        names = Counter(
            name for pair in self.files if _is_labelme(pair.label) for name, _ in labelme_polygons(pair.label)
        )
        return {name: count for name, count in names.most_common() if name not in known}


def read_stanford(path: Path, card: Card) -> Pixels:
    """Stanford Background's `*.regions.txt`: one line of integers per pixel row; negative is unknown, hence void."""
    text = read_text(path)
    try:
        if not text.strip():
            raise InvalidInput("the file is empty")
        values = np.loadtxt(text.split("\n"), dtype=np.int64, comments=None, ndmin=2)
    except ValueError as error:
        raise InvalidInput(f"{path} is not a grid of integers: {error}") from None
    return translate(values.clip(min=-1), {-1: card.void_index, **card.table("stanford")}, path, card)


def read_labelme(path: Path, size: tuple[int, int], card: Card) -> Pixels:
    """LabelMe's polygons drawn as classes, the largest first so that small things stay visible; the rest is void."""
    table = card.table("labelme")
    label = Image.new("L", size[::-1], card.void_index)
    draw = ImageDraw.Draw(label)
    for name, corners in sorted(labelme_polygons(path), key=lambda polygon: -_area(polygon[1])):
        if len(corners) >= 3:
            draw.polygon(corners, fill=table.get(name, card.void_index))
    return np.asarray(label)


def labelme_polygons(path: Path) -> list[Polygon]:
    """Names and corners of the polygons in a LabelMe file, without what its users deleted."""
    try:
        root = ET.parse(path).getroot()  # noqa: S314  expat limits entity expansion and reads nothing outside
        things = [thing for thing in root.iterfind("object") if thing.findtext("deleted", "0").strip() != "1"]
        polygons = [
            (
                " ".join(thing.findtext("name", "").lower().split()),
                [(_coordinate(p, "x"), _coordinate(p, "y")) for p in thing.iterfind("polygon/pt")],
            )
            for thing in things
        ]
    except (ET.ParseError, LookupError, TypeError, ValueError) as error:
        raise InvalidInput(f"{path} is not a LabelMe annotation: {error}") from None
    if polygons and not any(corners for _, corners in polygons):
        raise InvalidInput(
            f"{path} is not a LabelMe annotation of polygons: none of its {len(polygons)} objects has one"
        )
    return polygons


def _coordinate(corner: ET.Element, axis: str) -> float:
    text = corner.findtext(axis, "")
    if not abs(float(text)) < FARTHEST:  # nan fails, too
        raise InvalidInput(f"the coordinate {text.strip()} of a corner is outside any image")
    return float(text)


def _is_labelme(label: Path) -> bool:
    return label.suffix.lower() == ".xml"


def _kitti(root: Path) -> list[Pair]:
    training = entry(root, "training")
    images, labels = entry(training, "image_2"), entry(training, "semantic")
    own = (path for path in files_in(labels) if path.parent == labels)
    return _by_label(images, by_name(files_in(images), stem), by_name(own, stem), ".png")


def _stanford(root: Path) -> list[Pair]:
    images, labels = entry(root, "images"), entry(root, "labels")
    regions = by_name(files_in(labels, [STANFORD]), lambda path: normal(path.name)[: -len(STANFORD)])
    return _by_label(images, by_name(files_in(images), stem), regions, ".jpg")


def _labelme(root: Path) -> list[Pair]:
    images, annotations = entry(root, "Images"), entry(root, "Annotations")
    labels = by_name(files_in(annotations, [".xml"]), _below(annotations))
    return _by_label(images, by_name(files_in(images), _below(images)), labels, ".jpg")


def _below(folder: Path) -> Callable[[Path], str]:
    """street/a of Images/street/a.jpg, for the folder Images."""
    return lambda path: normal(path.relative_to(folder).with_suffix("").as_posix())


def _by_label(folder: Path, images: dict[str, Path], labels: dict[str, Path], suffix: str) -> list[Pair]:
    """The image of every label; images without one are left out."""
    return [Pair(images.get(name, folder / f"{name}{suffix}"), label) for name, label in labels.items()]


PARTS = {"kitti": _kitti, "stanford": _stanford, "labelme": _labelme}


def _part(pair: Pair, root: Path) -> str:
    return pair.label.relative_to(root).parts[0].lower()


def _area(corners: list[tuple[float, float]]) -> float:
    """Of a polygon, by the shoelace formula.

    >>> _area([(0, 0), (4, 0), (4, 2), (0, 2)])
    8.0
    """
    following = corners[1:] + corners[:1]
    return abs(sum(x * b - a * y for (x, y), (a, b) in zip(corners, following, strict=True))) / 2
