"""Data sets on disk: where they are looked for, how files are found and paired, and what they share."""

import os
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from segnet_lab._support.errors import InvalidInput, NotFound
from segnet_lab._support.folders import shipped
from segnet_lab._support.settings import DATA
from segnet_lab.data.base import SegmentationDataset
from segnet_lab.data.cards import Card, Pixels, load_card
from segnet_lab.data.images import IMAGE_SUFFIXES, read_label, read_rgb
from segnet_lab.data.listings import is_litter, normal, walk

Key = TypeVar("Key", bound=Hashable)


class Pair(NamedTuple):
    """The two files of one image."""

    image: Path
    label: Path


class FileDataset(SegmentationDataset):
    """Images and label maps in files.

    A subclass says which pairs belong to a split (`pairs`) and, if labels are not plain label maps of the card, how to
    read one (`read_label`). Both are class methods, so that `check` can go through a damaged set, too.

    Parameters
    ----------
    split : str
    root : str or Path, optional
        Its folder, or one that holds it one level down; `~` is your home. None looks in `folders_to_search(name)`.
    size : (H, W), optional
    cache : bool

    Attributes
    ----------
    root : Path
        The folder that was found.
    files : list of Pair
    note : str
        What readers of scores on this data set must know; empty if nothing.

    Raises
    ------
    FileNotFoundError
        The data set, the split or some of its files are not there: names the folder and the way out.
    ValueError
        Unknown split; two files that claim to be the same one.
    """

    note = ""

    def __init__(
        self,
        split: str = "train",
        root: str | Path | None = None,
        size: Sequence[int] | None = None,
        cache: bool = True,
    ) -> None:
        self.root = self.find(root)
        found_at = None if root is None else str(self.root.absolute())
        super().__init__(self.read_card(self.root), split, size, cache, {"root": found_at})
        self.files = self.pairs(self.root, split, self.card)
        missing = [path for pair in self.files for path in pair if not path.is_file()]
        if missing:
            raise NotFound(
                f"{self.title}: {len(missing)} of {2 * len(self.files)} files of split {split!r} are missing, first "
                f"{missing[0]}. See `segnet-lab data check {self.name} --root {self.root}`"
            )
        if not self.files:
            raise NotFound(f"{self.title}: split {split!r} in {self.root} names no image")

    @classmethod
    def find(cls, root: str | Path | None) -> Path:
        """Where this data set is: `root`, or the first of `folders_to_search`, or a folder one level down in it."""
        card = load_card(cls.name)
        looked = folders_to_search(cls.name) if root is None else [expand(root)]
        for place in looked:
            found = cls.within(place, card, below=root is not None or place.name.casefold() == cls.name)
            if found is not None:
                return found
        marks, tried = ", ".join(card.layout["marks"]), ", ".join(map(str, looked))
        raise NotFound(
            f"{card.title} is not here: none of {marks} in {tried}. Get it with `segnet-lab data get {cls.name}`, "
            "or say where it is with root= or SEGNET_LAB_DATA; 'roadscenes' needs no files"
        )

    @classmethod
    def within(cls, place: Path, card: Card, below: bool = True) -> Path | None:
        """The folder of this data set if that is `place`, or one level down in it; else None."""
        if cls.is_here(place, card):
            return place
        return _one_level_down(place, card) if below else None

    @classmethod
    def is_here(cls, place: Path, card: Card) -> bool:
        """Whether a folder is this data set's."""
        return is_marked(place, card)

    @classmethod
    def read_card(cls, root: Path) -> Card:
        """The card of what is in a folder."""
        return load_card(cls.name)

    @classmethod
    def pairs(cls, root: Path, split: str, card: Card) -> list[Pair]:
        """The files of a split, in order, whether they exist or not."""
        raise NotImplementedError

    @classmethod
    def read_label(cls, pair: Pair, card: Card) -> Pixels:
        """Label map of a pair as class indices, uint8 (H, W)."""
        return read_label(pair.label, card)

    def __len__(self) -> int:
        return len(self.files)

    def read(self, i: int) -> tuple[Pixels, Pixels]:
        """Image and label of pair `i`."""
        return read_rgb(self.files[i].image), self.read_label(self.files[i], self.card)

    def label_bytes(self, i: int) -> bytes:
        """The class indices, without reading the image."""
        return self.read_label(self.files[self._number(i)], self.card).tobytes()

    def identity(self, i: int) -> str:
        """The path of the image below the root, without its suffix."""
        image = self.files[self._number(i)].image
        below = image.relative_to(self.root) if image.is_relative_to(self.root) else image
        return normal(below.with_suffix("").as_posix())

    def file_name(self, i: int) -> str:
        """The name of the image file."""
        return self.files[self._number(i)].image.name


def expand(path: str | Path) -> Path:
    """An absolute path; `~` is your home.

    >>> expand("~/camvid") == Path.home() / "camvid", expand("camvid") == Path.cwd() / "camvid"
    (True, True)
    """
    if not isinstance(path, str | os.PathLike):
        raise InvalidInput(f"{path!r} is not a path: give a folder as text, as in root='my_images'")
    return Path(os.path.expanduser(path)).absolute()  # Path.expanduser raises for ~nobody; here it is a folder


def data_home() -> Path:
    """The folder of data sets: SEGNET_LAB_DATA, else `datasets` in the checkout, else in the current directory."""
    if DATA.get():
        return expand(DATA.get())
    return shipped("datasets") if _in_checkout() else Path.cwd() / "datasets"


def folders_to_search(name: str) -> list[Path]:
    """Where a data set is looked for, in this order.

    `data_home()/name`, SEGNET_LAB_DATA itself, the checkout's `datasets/name`, and `../shared/name` beside the
    checkout. A name in other letters, such as `CamVid`, will do.
    """
    found = _spellings(data_home(), name)
    if DATA.get():
        found.append(data_home())
    if _in_checkout():
        checkout = shipped("datasets").parent
        found += [*_spellings(checkout / "datasets", name), *_spellings(checkout.parent / "shared", name)]
    return list(dict.fromkeys(found))


def entry(folder: Path, name: str) -> Path:
    """What is called `name` in a folder, in upper or lower case; `folder / name` if nothing is.

    `Train` and `TRAIN` will do for `train`.
    """
    exact = folder / name
    return exact if exact.exists() else [*_spellings(folder, name)[1:], exact][0]


def files_in(folder: Path, suffixes: Iterable[str] = IMAGE_SUFFIXES) -> list[Path]:
    """Files of a folder and its subfolders by suffix, in upper or lower case, sorted.

    Files that macOS, Windows or a file server leave behind are never among them.

    Parameters
    ----------
    folder : Path
        One that does not exist holds no files.
    suffixes : iterable of str
        With their dot, in lower case; ".regions.txt" is one, too.
    """
    ends = tuple(suffixes)
    return [path for path in walk(folder) if path.name.lower().endswith(ends)]


def stem(path: Path) -> str:
    """The name of a file without its suffix, as `normal` writes it."""
    return normal(path.stem)


def by_name(files: Iterable[Path], name: Callable[[Path], Key]) -> dict[Key, Path]:
    """{name: file}, in the order of `files`; two files of one name are refused, since either may be meant.

    >>> by_name([Path("a.png"), Path("b.jpg")], stem) == {"a": Path("a.png"), "b": Path("b.jpg")}
    True
    """
    found: dict[Key, Path] = {}
    for path in files:
        key = name(path)
        if key in found:
            raise InvalidInput(f"{found[key]} and {path} are both {key!r}: remove or rename one")
        found[key] = path
    return found


def missing_split(name: str, title: str, split: str, root: Path, wanted: str, present: list[str]) -> NotFound:
    """The error for a split that is not in a folder."""
    return NotFound(
        f"{title} has no split {split!r} in {root}: there is no {wanted}. Present: {', '.join(present) or 'none'}. "
        f"Get the rest with `segnet-lab data get {name}`, or say with root= where it is"
    )


def is_marked(place: Path, card: Card) -> bool:
    """Whether a folder holds one of the files or folders by which a data set is known."""
    return any(entry(place, mark).exists() for mark in card.layout["marks"])


# --------------------------------------------------------------------------------------------------


def _one_level_down(place: Path, card: Card) -> Path | None:
    """The data set in a folder of `place`, where an archive was unpacked below its own name."""
    folders = _folders(place)
    marked = [folder for folder in folders if is_marked(folder, card)]
    named = [folder for folder in marked if folder.name.casefold() == card.name]
    found = named or marked
    if len(found) > 1:
        several = ", ".join(folder.name for folder in found)
        raise InvalidInput(f"{place} holds {card.title} more than once, in {several}: say which with root=")
    return found[0] if found else None


def _folders(place: Path) -> list[Path]:
    inside = sorted(place.iterdir()) if place.is_dir() else []
    return [path for path in inside if path.is_dir() and not is_litter(path.name)]


def _spellings(folder: Path, name: str) -> list[Path]:
    """`folder / name` first, then what is there under that name in other letters."""
    others = folder.iterdir() if folder.is_dir() else ()
    return [folder / name, *sorted(p for p in others if p.name != name and p.name.casefold() == name.casefold())]


def _in_checkout() -> bool:
    return (shipped("datasets").parent / "pyproject.toml").is_file()
