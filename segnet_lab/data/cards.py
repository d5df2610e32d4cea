"""Data set cards: one YAML file a set, `datasets/<name>/card.yaml`, from which the loaders take everything.

A card says what the values and colours of a label map mean, which files to expect where, where they come from and
under which licence. Nothing of this stands in the code a second time.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml

from segnet_lab._messages import unknown
from segnet_lab.folders import shipped

Colour = tuple[int, int, int]

SPLITS = ("train", "val", "test")
KEYS = (
    *("name", "title", "about", "classes", "void", "splits", "layout", "homepage", "download"),
    *("fingerprints", "licence", "citation", "expect", "mappings"),
)


class Download(NamedTuple):
    """One file at a public source."""

    url: str
    file: str  # its name here
    to: str = "."  # folder below the root that it is unpacked into
    take: str = ""  # folder inside the archive: only what lies below it is taken
    sha256: str | None = None  # None where it is not known


class Row(NamedTuple):
    """One row of a mapping table: a label of another set, and the class that it becomes here."""

    source: str  # its name there
    value: int | Colour | None  # how it is written there: a number, a colour, or only its name
    target: int  # class index here, or the void index


@dataclass(frozen=True)
class Card:
    """What a data set's labels mean and where it comes from.

    Attributes
    ----------
    name, title : str
        What `load_dataset` takes, and what error messages say.
    class_names : tuple of K str
        The position is the class index, 0..K-1.
    colours : tuple of K (R, G, B)
        0..255, all different.
    void_index, void_colour : int, (R, G, B)
        Pixels that count nowhere; the index is none of 0..K-1 and at most 255.
    splits : dict
        Split -> number of images that it should have, None where nobody knows.
    layout : dict
        Names of files and folders below the root.
    downloads : tuple of Download
    fingerprints : dict
        Split -> SHA-256 of all its label bytes, where measured.
    mappings : dict
        Table name -> tuple of Row.
    path : Path
        The YAML file.

    Examples
    --------
    >>> card = load_card("camvid")
    >>> card.num_classes, card.class_names[3], card.colours[3], card.void_index
    (11, 'Road', (128, 64, 128), 11)
    >>> card.splits
    {'train': 367, 'val': 101, 'test': 233}
    >>> card.table("camvid32")[(128, 0, 192)]  # the colour of LaneMkgsDriv is Road
    3
    """

    name: str
    title: str
    class_names: tuple[str, ...]
    colours: tuple[Colour, ...]
    void_index: int
    void_colour: Colour
    path: Path
    about: str = ""
    homepage: str = ""
    licence: str = ""  # the first line is the short form
    expect: str = ""
    citation: tuple[str, ...] = ()
    splits: dict[str, int | None] = field(default_factory=dict)
    layout: dict = field(default_factory=dict)
    downloads: tuple[Download, ...] = ()
    fingerprints: dict[str, str] = field(default_factory=dict)
    mappings: dict[str, tuple[Row, ...]] = field(default_factory=dict)

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def palette(self) -> np.ndarray:
        """(K, 3) uint8, a new array each time."""
        return np.array(self.colours, np.uint8)

    @property
    def indices(self) -> dict[int, int]:
        """Values that a label map of this set may hold: {0: 0, 1: 1, ..., void: void}."""
        return {i: i for i in (*range(self.num_classes), self.void_index)}

    @property
    def indices_by_colour(self) -> dict[Colour, int]:
        """Colours that a coloured label map of this set may hold, and their class."""
        return {**{c: i for i, c in enumerate(self.colours)}, self.void_colour: self.void_index}

    def table(self, name: str) -> dict:
        """A mapping table as {value: class index}; rows that give no value go by their name."""
        return {row.source if row.value is None else row.value: row.target for row in self.mappings[name]}


def card_names() -> tuple[str, ...]:
    """Names of all cards, sorted.

    >>> card_names()
    ('camvid', 'folder', 'road_ensemble', 'roadscenes', 'rooms', 'sunrgbd')
    """
    return tuple(sorted(path.parent.name for path in shipped("datasets").glob("*/card.yaml")))


def load_card(name: str) -> Card:
    """The card of a data set that this kit knows.

    Raises
    ------
    ValueError
        Unknown name; the message lists the known ones.
    """
    if name not in card_names():
        raise ValueError(unknown("data set", name, card_names()))
    return read_card(shipped("datasets") / name / "card.yaml")


def read_card(path: str | Path) -> Card:
    """Read and check a card.yaml.

    Parameters
    ----------
    path : path to a YAML file
        `datasets/folder/card.yaml` is an example with every key that a set of one's own needs.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The card contradicts itself or lacks something: names the file, the key and what is expected.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"no card at {path}: copy {shipped('datasets') / 'folder' / 'card.yaml'} there and name your classes in it"
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no valid YAML: {error}") from None
    try:
        return _card(content, path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


# --------------------------------------------------------------------------------------------------
# From YAML to Card, checking as it goes.


def _card(content, path: Path) -> Card:
    _need(isinstance(content, dict), "a card is a list of `key: value` lines", content)
    for key in content:
        _need(key in KEYS, unknown("key", key, KEYS))
    _need("classes" in content, "`classes` is missing: list them as `- Name: [R, G, B]`")

    name = str(content.get("name", path.parent.name))
    classes, colours, void_index, void_colour = _classes(content)
    splits = content.get("splits") or dict.fromkeys(SPLITS)
    for split, images in splits.items():
        _need(split in SPLITS, unknown("split", split, SPLITS))
        _need(images is None or (isinstance(images, int) and images >= 0), f"splits: {split} is a number", images)
    return Card(
        name=name,
        title=str(content.get("title", name)),
        class_names=classes,
        colours=colours,
        void_index=void_index,
        void_colour=void_colour,
        path=path,
        citation=tuple(text.strip() for text in content.get("citation") or ()),
        splits=splits,
        layout=content.get("layout") or {},
        downloads=tuple(_download(entry) for entry in content.get("download") or ()),
        fingerprints=content.get("fingerprints") or {},
        mappings={
            table: tuple(_rows(table, rows, [*classes, "Void"], [*range(len(classes)), void_index]))
            for table, rows in (content.get("mappings") or {}).items()
        },
        **{key: str(content.get(key, "")).strip() for key in ("about", "homepage", "licence", "expect")},
    )


def _classes(content) -> tuple[tuple[str, ...], tuple[Colour, ...], int, Colour]:
    if isinstance(content["classes"], str):  # the classes of another card
        other = load_card(content["classes"])
        return other.class_names, other.colours, other.void_index, other.void_colour
    names, colours = [], []
    for entry in content["classes"] or ():
        _need(isinstance(entry, dict) and len(entry) == 1, "a class is `- Name: [R, G, B]`", entry)
        ((name, colour),) = entry.items()
        _need(isinstance(name, str), "a class name is text; put quotes around it", name)
        names.append(name)
        colours.append(_colour(colour, name))
    _need(names, "`classes` is empty: list them as `- Name: [R, G, B]`")
    _need(len(set(names)) == len(names), "two classes have the same name", _twice(names))
    void = content.get("void")
    _need(
        isinstance(void, dict) and {"index", "colour"} == void.keys(),
        "`void: {index: 255, colour: [0, 0, 0]}` is needed: what unlabelled pixels hold",
        void,
    )
    index = void["index"]
    _need(
        isinstance(index, int) and len(names) <= index <= 255,
        f"void: the index is {len(names)} to 255, above the {len(names)} classes",
        index,
    )
    colour = _colour(void["colour"], "void")
    every = [*colours, colour]
    _need(len(set(every)) == len(every), "two classes, or a class and void, have the same colour", _twice(every))
    return tuple(names), tuple(colours), index, colour


def _colour(value, what) -> Colour:
    ok = isinstance(value, list) and len(value) == 3 and all(isinstance(v, int) and 0 <= v <= 255 for v in value)
    _need(ok, f"the colour of {what} is three numbers [R, G, B], each 0 to 255", value)
    return tuple(value)


def _download(entry) -> Download:
    for key in entry:
        _need(key in Download._fields, "download: " + unknown("key", key, Download._fields))
    _need({"url", "file"} <= entry.keys(), "download: `url` and `file` are needed", entry)
    return Download(**entry)


def _rows(table, rows, names, indices):
    index = dict(zip(names, indices, strict=True))
    for row in rows:
        _need(row["to"] in names, f"mappings: {table}: " + unknown("class", row["to"], names))
        sources = row["from"] if isinstance(row["from"], list) else [row["from"]]
        value = row.get("value")
        for source in sources:
            yield Row(source, _colour(value, source) if isinstance(value, list) else value, index[row["to"]])


def _twice(values):
    return next((v for v in values if values.count(v) > 1), None)


def _need(condition, message, value=None):
    if not condition:
        raise ValueError(message if value is None else f"{message}; this one says {value!r}")
