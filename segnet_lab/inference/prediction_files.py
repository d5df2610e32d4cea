"""Picture files to label files: which, under what names, and never over a file that somebody else made."""

import glob
import hashlib
import json
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import nn

from segnet_lab._support.errors import InvalidInput
from segnet_lab._support.files import atomic
from segnet_lab.data.images import IMAGE_SUFFIXES, read_rgb
from segnet_lab.data.listings import normal, walk
from segnet_lab.inference.predict import Size, predict

KINDS = ("label", "colour", "overlay")
STAMP = "segnet_lab"  # the name of the text in our PNGs that says what they are
About = Mapping[str, object]  # what such a PNG says of itself: plain values
OF_THE_RUN = ("run", "run_at", "weights")  # in it: a run may be moved, or trained further, but not both at once


class Picture(NamedTuple):
    """One picture, and where what is made of it goes: `<target>_label.png` and so on."""

    file: Path
    target: Path

    def output(self, kind: str) -> Path:
        """The file of one of `KINDS`."""
        return self.target.with_name(f"{self.target.name}_{kind}.png")

    @property
    def outputs(self) -> list[Path]:
        """All files that are made of it."""
        return [self.output(kind) for kind in KINDS]

    def __str__(self) -> str:
        return f"{self.target}_{{{','.join(KINDS)}}}.png"  # as a shell takes it


def find_pictures(given: Iterable[str | os.PathLike[str]], out: str | os.PathLike[str]) -> list[Picture]:
    """The pictures that are meant, each with a name of its own for what is made of it.

    Parameters
    ----------
    given : list of paths
        Files, which need not exist; folders, with all that lies below them but what is in `out`; patterns such as
        "*.jpg", for shells that do not fill them in. What `write_prediction` made is left out.
    out : path

    Returns
    -------
    list of Picture
        Each file once. Targets lie in `out` under the pictures' own names, and in their subfolders below a folder that
        was given. Where two folders hold the same name, all have their folders in their names; where only the suffix
        differs, it becomes part of the name: `frame.png_label.png`.

    Raises
    ------
    ValueError
        A pattern or a folder without any picture; names that differ in upper and lower case only; a picture in the
        place of what will be made of another.

    Examples
    --------
    >>> [str(p.target.as_posix()) for p in find_pictures(["mon/a.png", "mon/b.png"], "out")]
    ['out/a', 'out/b']
    >>> [str(p.target.as_posix()) for p in find_pictures(["mon/a.png", "tue/a.png", "tue/a.jpg"], "out")]
    ['out/mon-a', 'out/tue-a.png', 'out/tue-a.jpg']
    """
    out = Path(out).expanduser()
    files: dict[str, tuple[Path, Path | None]] = {}
    for place in given:
        for file, root in _files(os.path.expanduser(place), out):
            if not (file.stem.endswith(KINDS) and made_of(file)):
                files.setdefault(os.path.realpath(file), (file, root))
    if not files:
        raise InvalidInput(f"no picture to label: {', '.join(map(str, given))} was made by segnet-lab predict")
    pictures = [
        Picture(file, out / name) for (file, _), name in zip(files.values(), _names(files.values()), strict=True)
    ]
    for picture in pictures:
        for path in picture.outputs:
            if os.path.realpath(path) in files:
                raise InvalidInput(f"{path} is one of the pictures, and the name of what is made of {picture.file}")
    return pictures


def in_the_way(pictures: Iterable[Picture], about: About) -> list[Path]:
    """Outputs that are there already and are not what `write_prediction` made of the same picture with `about`.

    A run is the same where it lies at the same place, also trained further, or where its weights are, also moved.
    """
    return [
        path
        for picture in pictures
        for path in picture.outputs
        if path.exists() and not _is_stamped(path, {**about, **_origin(picture.file)})
    ]


def write_prediction(
    model: nn.Module, picture: Picture, palette: npt.ArrayLike, *, size: Size = "run", about: About | None = None
) -> None:
    """Write what a network says of a picture file as three PNGs.

    Parameters
    ----------
    model : Module
        As `predict` takes it. For many pictures give what `optimize` made: the network's fast form is then made once.
    picture : Picture
        Files are `<target>_label.png` (class indices, grey), `<target>_colour.png` (in the palette's colours) and
        `<target>_overlay.png` (half picture, half colours); folders are made. What is there is replaced.
    palette : (K, 3) of 0..255
        Colours of the classes, as in `data.palette`.
    size : "run", "own" or (H, W)
        See `predict`.
    about : dict, optional
        What the PNGs say of themselves, as JSON in a text named "segnet_lab": plain values. The picture's name, its
        SHA-256 and that of the pixels are added.
    """
    pixels = read_rgb(picture.file)
    label = predict(model, picture.file, size=size).numpy()
    colours = np.asarray(palette, np.uint8)
    label = label.astype(np.uint8 if len(colours) <= 256 else np.uint16)
    colour = colours[label]
    overlay = ((pixels.astype(np.uint16) + colour + 1) // 2).astype(np.uint8)
    about = {**(about or {}), **_origin(picture.file)}
    for kind, made in zip(KINDS, (label, colour, overlay), strict=True):
        with atomic(picture.output(kind)) as draft:
            Image.fromarray(made).save(draft, format="PNG", pnginfo=_stamp(about, made))


def made_of(path: str | os.PathLike[str]) -> dict[str, object] | None:
    """What a PNG that `write_prediction` wrote says of itself; None if it is none."""
    try:
        with Image.open(path) as image:
            return json.loads(image.info[STAMP])
    except (OSError, SyntaxError, ValueError, KeyError):
        return None


# --------------------------------------------------------------------------------------------------


def _files(path: str, out: Path) -> Iterator[tuple[Path, Path | None]]:
    """Files that an argument means, each with the folder that was given, or None."""
    if os.path.isdir(path):
        yield from ((file, Path(path)) for file in _below(Path(path), out))
    elif glob.has_magic(path) and not os.path.exists(path):
        found = sorted(filter(os.path.isfile, glob.glob(path, recursive=True)))
        if not found:
            raise InvalidInput(f"no file fits {path}")
        yield from ((Path(file), None) for file in found)
    else:
        yield Path(path), None


def _below(folder: Path, out: Path) -> list[Path]:
    """Pictures in a folder and its subfolders, without the output folder."""
    files = list(walk(folder))
    if folder.resolve() in out.resolve().parents:
        files = [file for file in files if out.resolve() not in file.resolve().parents]
    pictures = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
    if not pictures:
        there = Counter(file.suffix.lower() or "without suffix" for file in files)
        others = ", ".join(f"{n} {suffix}" for suffix, n in there.most_common(5)) or "nothing"
        raise InvalidInput(f"{folder} holds no picture ({', '.join(IMAGE_SUFFIXES)}) but {others}")
    return pictures


def _names(files: Collection[tuple[Path, Path | None]]) -> list[Path]:
    """A name for each file, without suffix and relative to the output folder; no two alike on any file system."""
    names = [file.relative_to(root or file.parent).with_suffix("") for file, root in files]
    folders: dict[str, set[str]] = {}
    for name, (file, _) in zip(names, files, strict=True):
        folders.setdefault(_key(name), set()).add(os.path.realpath(file.parent))
    if any(len(found) > 1 for found in folders.values()):
        common = os.path.commonpath([os.path.abspath(file.parent) for file, _ in files])
        names = [Path(os.path.relpath(os.path.abspath(file), common)).with_suffix("") for file, _ in files]
        names = [name if root else Path("-".join(name.parts)) for name, (_, root) in zip(names, files, strict=True)]
    alike = Counter(map(_key, names))
    names = [
        name if alike[_key(name)] == 1 else name.with_name(name.name + file.suffix)
        for name, (file, _) in zip(names, files, strict=True)
    ]
    taken: dict[str, Path] = {}
    for name, (file, _) in zip(names, files, strict=True):
        if (other := taken.setdefault(_key(name), file)) is not file:
            raise InvalidInput(f"{other} and {file} would have the same names on some systems: rename one")
    return names


def _key(name: Path) -> str:
    return normal(name.as_posix()).casefold()


def _origin(file: Path) -> dict[str, str]:
    content = file.read_bytes() if file.is_file() else b""
    return {"image": file.name, "image_sha256": hashlib.sha256(content).hexdigest()}


def _stamp(about: About, pixels: np.ndarray) -> PngInfo:
    text = PngInfo()
    text.add_itxt(STAMP, json.dumps({**about, "pixels_sha256": _checksum(pixels)}, ensure_ascii=False))
    return text


def _is_stamped(path: Path, about: About) -> bool:
    """Whether a PNG says `about` of itself, and its pixels are those that were written: nobody has painted in it."""
    said, about = made_of(path) or {}, json.loads(json.dumps(about))
    same_run = any(said.get(name) == about.get(name) for name in ("run_at", "weights"))
    if not same_run or _compared(said) != _compared(about):
        return False
    try:
        with Image.open(path) as image:
            return said.get("pixels_sha256") == _checksum(np.asarray(image))
    except (OSError, SyntaxError):
        return False


def _compared(about: About) -> dict[str, object]:
    return {name: value for name, value in about.items() if name not in (*OF_THE_RUN, "pixels_sha256")}


def _checksum(pixels: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
