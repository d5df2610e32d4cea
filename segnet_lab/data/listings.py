"""Listing files, one image per line, and the files that their lines may mean."""

import os
import re
import unicodedata
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from segnet_lab._support.errors import InvalidInput, NotFound, unknown
from segnet_lab.data.images import IMAGE_SUFFIXES
from segnet_lab.data.text import read_text

_SUFFIXES = "|".join(re.escape(suffix) for suffix in IMAGE_SUFFIXES)
_AFTER_FILE_NAME = re.compile(rf"({_SUFFIXES})(?:\s*[,;]\s*|\s+)", re.IGNORECASE)  # names may hold spaces themselves
_QUOTE = re.compile(r'(^|[\s,;])"')
_QUOTED_OR_PLAIN = re.compile(r'"([^"]*)"|([^\s,;]+)')
_LITTER = ("thumbs.db", "desktop.ini", "__macosx", "@eadir")


class Line(NamedTuple):
    """What one line of a listing names."""

    number: int  # in the file, from 1
    image: str  # a name or a path, with or without suffix, as `normal` writes it
    label: str | None = None  # the second column, if there is one


def read_listing(path: str | Path) -> list[Line]:
    r"""The images that a listing file names, in its order.

    A line holds a name (`cat_01`, `town/cat_01.jpg`, `my cat.jpg`), or an image and its label as two columns
    (`train/a.png trainannot/a.png`). Columns are separated by a tab, or by a space, comma or semicolon that follows an
    image's suffix; text in double quotes is one name. Empty lines and lines that begin with # are skipped.
    Encodings and line endings are those of `read_text`.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    list of Line
        Empty if every line is. Names are only passed through `normal`: nothing is looked up.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        An encoding that cannot be read, a line with more than two columns or with none, an image that an earlier line
        names already: says which file and which line.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "train.txt"
    >>> _ = path.write_text('# by day\ntown/a 1.png\n/SegNet/train/b.png /SegNet/trainannot/b.png\n\nc\n')
    >>> for line in read_listing(path):
    ...     print(*line)
    2 town/a 1.png None
    3 /SegNet/train/b.png /SegNet/trainannot/b.png
    5 c None
    """
    lines: list[Line] = []
    first: dict[str, int] = {}  # image -> number of its line
    for number, text in enumerate(read_text(path).split("\n"), 1):
        text = text.strip()
        if not text or text.startswith("#"):
            continue
        names = [normal(name) for name in columns(text)]
        if len(names) not in (1, 2) or not all(map(_is_a_name, names)):
            raise InvalidInput(
                f"{path}, line {number}: expected an image, or an image and its label, got {text!r}; "
                "put a name that holds spaces or commas in double quotes"
            )
        line = Line(number, *names)
        if line.image in first:
            raise InvalidInput(f"{path}, line {number}: {line.image!r} is already in line {first[line.image]}")
        first[line.image] = number
        lines.append(line)
    return lines


def columns(text: str) -> list[str]:
    """Cut a line of a listing into its columns, see `read_listing`.

    >>> columns("my cat.JPG my cat_L.png"), columns("my cat"), columns('"my cat", "x.png"'), columns("a.png")
    (['my cat.JPG', 'my cat_L.png'], ['my cat'], ['my cat', 'x.png'], ['a.png'])
    """
    text = text.strip()
    if _QUOTE.search(text):
        return [quoted or plain for quoted, plain in _QUOTED_OR_PLAIN.findall(text)]
    return [column.strip() for column in _AFTER_FILE_NAME.sub("\\1\t", text).split("\t") if column.strip()]


def normal(name: str) -> str:
    r"""A name or path as names are compared here: Unicode composed (NFC), slashes instead of backslashes.

    macOS stores ü as u with a combining diaeresis (NFD), and so do the archives that it makes.

    >>> normal("town\\mu\u0308ll.png")
    'town/müll.png'
    """
    return unicodedata.normalize("NFC", name).replace("\\", "/")


def without_suffix(name: str) -> str:
    """A name without the suffix of an image, if it has one.

    >>> without_suffix("town/cat.01.JPG"), without_suffix("cat.01")
    ('town/cat.01', 'cat.01')
    """
    return re.sub(rf"({_SUFFIXES})$", "", name, flags=re.IGNORECASE)


def is_litter(name: str) -> bool:
    """Whether a file or folder is one that macOS or Windows leaves behind, or a hidden one: never data.

    >>> [is_litter(name) for name in ("._cat.png", "__MACOSX", "Thumbs.db", "cat (1).png")]
    [True, True, True, False]
    """
    return name.startswith(".") or name.lower() in _LITTER


class Files:
    """The image files below a folder, by what a listing may call them; litter is left out.

    Parameters
    ----------
    folder : Path
    ending : str
        Only files whose names, without suffix, end with it; it does not count as part of the name.
    without : collection of Path
        Files to leave out.

    Attributes
    ----------
    folder : Path
    ending : str
    names : dict
        Path of each file -> its name: relative to the folder, without suffix and ending, as `normal` writes it.
        Sorted by name.

    Raises
    ------
    FileNotFoundError
        There is no such folder, or no such image in it.
    """

    def __init__(self, folder: Path, ending: str = "", without: Collection[Path] = ()) -> None:
        if not folder.is_dir():
            raise NotFound(f"no folder {folder}: create it, or name another one under `layout` in card.yaml")
        self.folder, self.ending, self._without = folder, normal(ending), without
        self._real = folder.resolve()
        relative = {path: normal(path.relative_to(folder).as_posix()) for path in walk(folder) if path not in without}
        relative = {path: name for path, name in relative.items() if path.suffix.lower() in IMAGE_SUFFIXES}
        names = {path: without_suffix(name) for path, name in relative.items()}
        names = {path: name.removesuffix(self.ending) for path, name in names.items() if name.endswith(self.ending)}
        if not names:
            wanted = ", ".join(self.ending + suffix for suffix in IMAGE_SUFFIXES)
            raise NotFound(f"no image in {folder}: expected {wanted}")
        self.names = dict(sorted(names.items(), key=lambda item: (item[1], item[0])))
        self._by_file: dict[str, list[Path]] = {}
        self._by_name: dict[str, list[Path]] = {}
        self._by_last: dict[str, list[Path]] = {}
        for path, name in self.names.items():
            self._by_file.setdefault(relative[path], []).append(path)
            self._by_name.setdefault(name, []).append(path)
            self._by_last.setdefault(last_part(name), []).append(path)

    def ending_in(self, ending: str) -> "Files":
        """The files of the same folder whose names end otherwise."""
        return self if ending == self.ending else Files(self.folder, ending, self._without)

    def named(self, name: str) -> list[Path]:
        """Files of this name, as in `names`."""
        return self._by_name.get(name, [])

    def called(self, name: str) -> list[Path]:
        """Files whose name has this last part, in any subfolder."""
        return self._by_last.get(name, [])

    def find(self, name: str, root: Path) -> Path | None:
        """The one file that a listing means; None if there is none.

        Parameters
        ----------
        name : str
            A name, with or without suffix, ending and subfolders; a path relative to this folder, to one above it or
            to `root`; an absolute path. An absolute path that does not exist here, because the listing was written
            elsewhere, is matched by its end.
        root : Path

        Raises
        ------
        ValueError
            It may mean either of two files.
        """
        direct = os.path.join(root, os.path.expanduser(name))  # an absolute name stays as it is
        if os.path.isabs(name) and os.path.isfile(direct):
            return self._own(direct)
        for end in self._ends(name):
            bare = without_suffix(end).removesuffix(self.ending)
            found = self._by_file.get(end) or self.named(bare) or self.called(bare)
            if len(found) > 1:
                raise InvalidInput(f"{name!r} may be {self.either(found)}: write the whole name, or rename one")
            if found:
                return found[0]
        return self._own(direct) if os.path.isfile(direct) else None

    def _own(self, path: str) -> Path:
        """A file as `names` has it, if it is one of them, whatever way leads there."""
        real = Path(os.path.realpath(path))
        return self.folder / real.relative_to(self._real) if real.is_relative_to(self._real) else Path(path)

    def either(self, found: list[Path]) -> str:
        """The first two of several files, for a message."""
        a, b = (path.relative_to(self.folder).as_posix() for path in found[:2])
        return f"{a} or {b} in {self.folder}"

    def unknown(self, name: str) -> str:
        """What to say of a name that `find` does not know."""
        return _shortened(unknown(f"image of {self.folder}", name, self.names.values()))

    def _ends(self, name: str) -> Iterator[str]:
        """The path, then what is left of it without its first folders.

        Any first folders may go if the path is from another machine, else only those that lead to this folder.
        """
        foreign = name.startswith("/") or re.match(r"[A-Za-z]:/", name)
        here = normal(self._real.as_posix())
        parts = PurePosixPath(name).parts
        for i in range(len(parts)):
            if i == 0 or foreign or here.endswith("/" + "/".join(parts[:i])):
                yield "/".join(parts[i:])


def last_part(name: str) -> str:
    """A name without its subfolders.

    >>> last_part("town/cat"), last_part("cat")
    ('cat', 'cat')
    """
    return name.rpartition("/")[2]


def walk(folder: Path) -> Iterator[Path]:
    """All files below a folder, whatever their kind, in order; none that are litter or hidden, or in such folders."""
    seen = set()  # a link may lead back to a folder above it
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not is_litter(name))
        yield from (Path(place, name) for name in sorted(files) if not is_litter(name))


# --------------------------------------------------------------------------------------------------


def _is_a_name(name: str) -> bool:
    return bool(name.strip(" ./")) and not name.endswith("/")


def _shortened(text: str, length: int = 300) -> str:
    return text if len(text) <= length else f"{text[:length]} ..."
