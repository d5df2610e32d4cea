"""Data set cards: one YAML file per set, `datasets/<name>/card.yaml`, from which the loaders take everything.

A card says what the values and colours of a label map mean, which files to expect where, where they come from and
under which licence. None of this is written in the code a second time.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segnet_lab._support.errors import InvalidInput, NotFound, unknown
from segnet_lab._support.folders import shipped
from segnet_lab.data.strict_yaml import read_yaml

Colour = tuple[int, int, int]
Pixels = npt.NDArray[np.uint8]  # an image (H, W, 3) or a label map (H, W)

SPLITS = ("train", "val", "test")
VOID = "Void"  # how the tables of a card call it
LARGEST = 255  # label maps are uint8
KEYS = (
    *("name", "title", "about", "classes", "void", "ids", "splits", "layout", "homepage", "download"),
    *("fingerprints", "licence", "citation", "expect", "mappings"),
)
Yaml = Any  # what stands in a YAML file, until it has been checked


class Labels(NamedTuple):
    """What the numbers and colours of a label map mean: six fields of a `Card`."""

    class_names: tuple[str, ...]
    colours: tuple[Colour, ...]
    void_index: int
    void_colour: Colour
    indices: dict[int, int]
    indices_by_colour: dict[Colour, int]


class Download(NamedTuple):
    """One file at a public source."""

    url: str
    file: str  # its name here
    to: str = "."  # folder below the root that it is unpacked into
    take: str = ""  # folder inside the archive: only what is below it is taken
    sha256: str | None = None  # None where it is not known


class Row(NamedTuple):
    """One row of a mapping table: a label of another set, and the class that it becomes here."""

    source: str  # its name there
    value: int | Colour | None  # how it is stored there: a number, a colour, or by its name only
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
        Unlabelled pixels, which count nowhere; the index is K..255, whatever number the files hold.
    indices, indices_by_colour : dict
        Numbers and colours (R, G, B) that a label file may hold -> class index, or the void index.
    splits : dict
        Split -> number of images that it should have, None where that is not known.
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
    >>> card.indices[3], card.indices_by_colour[(128, 64, 128)]
    (3, 3)
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
    indices: dict[int, int]
    indices_by_colour: dict[Colour, int]
    path: Path
    about: str = ""
    homepage: str = ""
    licence: str = ""  # the first line is the short form
    expect: str = ""
    citation: tuple[str, ...] = ()
    splits: dict[str, int | None] = field(default_factory=dict)
    layout: dict[str, Any] = field(default_factory=dict)
    downloads: tuple[Download, ...] = ()
    fingerprints: dict[str, str] = field(default_factory=dict)
    mappings: dict[str, tuple[Row, ...]] = field(default_factory=dict)

    @property
    def num_classes(self) -> int:
        """K, without void."""
        return len(self.class_names)

    @property
    def palette(self) -> npt.NDArray[np.uint8]:
        """(K, 3) uint8, a new array each time."""
        return np.array(self.colours, np.uint8)

    def table(self, name: str) -> dict[Any, int]:
        """A mapping table as {number, colour or, for rows that give neither, name: class index}."""
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
        raise InvalidInput(unknown("data set", name, card_names()))
    path = shipped("datasets") / name / "card.yaml"
    return _once(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=32)
def _once(path: Path, _changed: int) -> Card:
    """A card of the kit's own, read once: parsing CamVid's takes longer than opening ten images."""
    return _read(path)


def read_card(path: str | Path) -> Card:
    """Read and check the card.yaml of your own data set.

    Parameters
    ----------
    path : str or Path
        YAML in UTF-8, or UTF-16 with its byte-order mark. `datasets/folder/card.yaml` is an example with every key that
        your own set needs.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The card contradicts itself, lacks something or has a key that nothing reads: names the file, the key and what
        is expected.
    """
    path = Path(os.path.expanduser(path))
    if not path.is_file():
        raise NotFound(
            f"no card at {path}: copy {shipped('datasets') / 'folder' / 'card.yaml'} there and name your classes in it"
        )
    card = _read(path)
    if card.mappings:
        raise InvalidInput(
            f"{path}: `mappings` are tables of the sets that this kit knows, and are not read on your own card: "
            "say what the numbers in your label files mean under `ids`, such as `ids: {7: "
            f"{card.class_names[0]}, 0: {VOID}}}`, and give a class of several colours a list of them"
        )
    return card


# --------------------------------------------------------------------------------------------------
# From YAML to Card, checking as it goes.


def _read(path: Path) -> Card:
    content = read_yaml(path)
    try:
        return _card(content, path)
    except ValueError as error:
        raise InvalidInput(f"{path}: {error}") from None


def _card(content: Yaml, path: Path) -> Card:
    _need(isinstance(content, dict), "a card is a list of `key: value` lines", content)
    for key in content:
        _need(key in KEYS, unknown("key", key, KEYS))
    labels = _labels(content)
    name = _text(content, "name") or path.absolute().parent.name
    return Card(
        **labels._asdict(),
        name=name,
        title=_text(content, "title") or name,
        path=path,
        about=_text(content, "about"),
        homepage=_text(content, "homepage"),
        licence=_text(content, "licence"),
        expect=_text(content, "expect"),
        citation=_citation(content),
        splits=_splits(content),
        layout=_table(content, "layout", "labels: masks"),
        downloads=tuple(_download(entry) for entry in _list(content, "download", "{url: https://..., file: a.zip}")),
        fingerprints=_fingerprints(content),
        mappings=_mappings(content, labels),
    )


def _labels(content: dict[str, Yaml]) -> Labels:
    _need("classes" in content, "`classes` is missing: list them as `- Name: [R, G, B]`")
    if isinstance(content["classes"], str):  # the classes of another card, and its void unless this one has its own
        other = load_card(content["classes"])
        if not {"void", "ids"} & content.keys():
            return Labels(*(getattr(other, field) for field in Labels._fields))
        names = list(other.class_names)
        colours = [[c for c, index in other.indices_by_colour.items() if index == i] for i in range(len(names))]
        void = content.get("void", {"index": other.void_index, "colour": list(other.void_colour)})
    else:
        names, colours = _classes(content["classes"])
        void = content.get("void")
    number, void_colours = _void(void)
    void_index = max(number, len(names))  # number 0, or one of `ids`, is no class either
    every = [*zip(colours, range(len(names)), strict=True), (void_colours, void_index)]
    flat = [colour for some, _ in every for colour in some]
    _need(len(set(flat)) == len(flat), "two classes, or a class and void, have the same colour", _twice(flat))
    return Labels(
        class_names=tuple(names),
        colours=tuple(some[0] for some in colours),
        void_index=void_index,
        void_colour=void_colours[0],
        indices=_numbers(content, names, number, void_index),
        indices_by_colour={colour: index for some, index in every for colour in some},
    )


def _classes(entries: Yaml) -> tuple[list[str], list[list[Colour]]]:
    names: list[str] = []
    colours: list[list[Colour]] = []
    _need(isinstance(entries, list | None), "`classes` is a list of `- Name: [R, G, B]`", entries)
    for entry in entries or ():
        _need(isinstance(entry, dict) and len(entry) == 1, "a class is `- Name: [R, G, B]`", entry)
        ((name, colour),) = entry.items()
        _need(isinstance(name, str) and name.strip(), "a class name is text; put quotes around it", name)
        _need(name.lower() != VOID.lower(), "void is no class: say its number and colour under `void`", name)
        names.append(name)
        colours.append(_colours(colour, name))
    _need(names, "`classes` is empty: list them as `- Name: [R, G, B]`")
    _need(len(set(names)) == len(names), "two classes have the same name", _twice(names))
    _need(len(names) <= LARGEST, f"a label map has room for {LARGEST} classes and void", len(names))
    return names, colours


def _void(void: Yaml) -> tuple[int, list[Colour]]:
    _need(
        isinstance(void, dict) and {"index", "colour"} == void.keys(),
        "`void: {index: 255, colour: [0, 0, 0]}` is needed: what unlabelled pixels hold",
        void,
    )
    _need(_is_number(void["index"], 0, LARGEST), f"void: the index is a number, 0 to {LARGEST}", void["index"])
    return void["index"], _colours(void["colour"], "void")


def _numbers(content: dict[str, Yaml], names: list[str], number: int, void_index: int) -> dict[int, int]:
    """{number in a file: class index}: in the order of the classes, unless `ids` says otherwise."""
    if "ids" not in content:
        _need(
            number == 0 or number >= len(names),
            f"void: the index is {len(names)} to {LARGEST}, above the {len(names)} classes, or 0 where the classes "
            "begin at 1 (for other numbers, write a table `ids`)",
            number,
        )
        first = 1 if number == 0 else 0
        return {**{first + i: i for i in range(len(names))}, number: void_index}
    ids = _table(content, "ids", f"7: {names[0]}")
    index = {**{name: i for i, name in enumerate(names)}, VOID: void_index}
    for key, name in ids.items():
        _need(_is_number(key), "ids: each key is the number of a class in the label files", key)
        _need(isinstance(name, str) and name in index, "ids: " + unknown("class", name, index))
    _need(ids, "`ids` is empty: write a line `7: Road` for each number in the label files, or leave it out")
    _need(ids.get(number, VOID) == VOID, f"void has the index {number}, but `ids` calls it", ids.get(number))
    return {**{key: index[name] for key, name in ids.items()}, number: void_index}


def _colours(value: Yaml, what: str) -> list[Colour]:
    """One colour, or several of which the first is used for drawing."""
    several = isinstance(value, list) and value and all(isinstance(v, list) for v in value)
    return [_colour(v, what) for v in (value if several else [value])]


def _colour(value: Yaml, what: str) -> Colour:
    ok = isinstance(value, list) and len(value) == 3 and all(_is_number(v, 0, 255) for v in value)
    _need(ok, f"the colour of {what} is three numbers [R, G, B], each 0 to 255", value)
    red, green, blue = value
    return red, green, blue


def _splits(content: dict[str, Yaml]) -> dict[str, int | None]:
    splits = _table(content, "splits", "train: 80")
    for split, images in splits.items():
        _need(split in SPLITS, unknown("split", split, SPLITS))
        _need(images is None or _is_number(images, 0), f"splits: {split} is a number", images)
    return splits or dict.fromkeys(SPLITS)


def _download(entry: Yaml) -> Download:
    _need(isinstance(entry, dict), "a download is `{url: https://..., file: a.zip}`", entry)
    for key, value in entry.items():
        _need(key in Download._fields, "download: " + unknown("key", key, Download._fields))
        _need(isinstance(value, str), f"download: {key} is text", value)
    _need({"url", "file"} <= entry.keys(), "download: `url` and `file` are needed", entry)
    for key in ("file", "to"):
        below = PurePosixPath(entry.get(key, "."))
        _need(not below.is_absolute() and ".." not in below.parts, f"download: {key} stays below the root", str(below))
    return Download(**entry)


def _fingerprints(content: dict[str, Yaml]) -> dict[str, str]:
    fingerprints = _table(content, "fingerprints", "train: SHA-256 of its labels")
    for split, value in fingerprints.items():
        _need(split in SPLITS, "fingerprints: " + unknown("split", split, SPLITS))
        _need(isinstance(value, str), f"fingerprints: {split} is text", value)
    return fingerprints


def _citation(content: dict[str, Yaml]) -> tuple[str, ...]:
    one = content.get("citation")
    entries = [one] if isinstance(one, str) else _list(content, "citation", "texts")
    for entry in entries:
        _need(isinstance(entry, str), "citation: each is text", entry)
    return tuple(entry.strip() for entry in entries)


def _mappings(content: dict[str, Yaml], labels: Labels) -> dict[str, tuple[Row, ...]]:
    index = {**{name: i for i, name in enumerate(labels.class_names)}, VOID: labels.void_index}
    tables = _table(content, "mappings", "table: [{from: name, value: 7, to: Class}]")
    return {table: tuple(_rows(f"mappings: {table}", rows, index)) for table, rows in tables.items()}


def _rows(table: str, rows: Yaml, index: dict[str, int]) -> Iterator[Row]:
    _need(isinstance(rows, list), f"{table} is a list", rows)
    for row in rows:
        ok = isinstance(row, dict) and {"from", "to"} <= row.keys() <= {"from", "value", "to"}
        _need(ok, f"{table}: a row is {{from: name, value: number or colour, to: class}}", row)
        _need(isinstance(row["to"], str) and row["to"] in index, f"{table}: " + unknown("class", row["to"], index))
        value = row.get("value")
        _need(value is None or isinstance(value, list) or _is_number(value), f"{table}: a value is a number", value)
        value = _colour(value, row["from"]) if isinstance(value, list) else value
        for source in row["from"] if isinstance(row["from"], list) else [row["from"]]:
            _need(isinstance(source, str), f"{table}: a name is text; put quotes around it", source)
            yield Row(source, value, index[row["to"]])


def _text(content: dict[str, Yaml], key: str) -> str:
    value = content.get(key)
    ok = value is None or (isinstance(value, str | int | float) and not isinstance(value, bool))
    _need(ok, f"{key} is text; put quotes around it", value)
    return "" if value is None else str(value).strip()


def _table(content: dict[str, Yaml], key: str, example: str) -> dict[Any, Yaml]:
    value = content.get(key)
    _need(isinstance(value, dict | None), f"{key} is a table such as `{key}: {{{example}}}`", value)
    return value or {}


def _list(content: dict[str, Yaml], key: str, example: str) -> list[Yaml]:
    value = content.get(key)
    _need(isinstance(value, list | None), f"{key} is a list of {example}", value)
    return value or []


def _is_number(value: Yaml, least: int = -(2**31), most: int = 2**32 - 1) -> bool:
    """A whole number in the range; `yes` is none, though Python counts it as 1."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _twice(values: Sequence[object]) -> object:
    """The first value that occurs more than once; None if there is none."""
    return next((v for v in values if values.count(v) > 1), None)


def _need(condition: object, message: str, value: Yaml = None) -> None:
    """Refuse a card that does not meet a condition, and show the value that stands there instead."""
    if not condition:
        raise InvalidInput(message if value is None else f"{message}; this one says {value!r}")
