"""Pictures in plain numpy: made in a few ms, so that a widget can show them live; `still` draws them as a figure.

All pictures of a scene show the same image, each in its own cells: after two poolings a cell covers 4x4 pixels.
"""

import math
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.colors import Colormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike
from torch import Tensor

from segnet_lab._support.errors import InvalidInput
from segnet_lab.data.base import Labelled
from segnet_lab.figures.label_maps import colourise
from segnet_lab.figures.maps import CODE_COLOURS, CODE_NAMES, ZERO_WINDOW
from segnet_lab.figures.style import DIVERGING, LINE, MARK, PAPER, SEQUENTIAL, bare, picture_grid, styled

LEVELS = 253  # of a map of numbers, so that the one in the middle is 0 when signed
EMPTY, BROKEN = LEVELS, LEVELS + 1
SCALE = np.linspace(0, 1, LEVELS)


class Mark(NamedTuple):
    """An outline around some cells of a picture."""

    row: int
    column: int
    height: int = 1
    width: int = 1


class Picture(NamedTuple):
    """One picture, and how to read it.

    `pixels` are colours (h, w, 3), or indices (h, w) into `palette` (n, 3), all uint8; `names` then says what each
    index stands for. One cell covers `scale` x `scale` pixels of the image.
    """

    title: str
    pixels: np.ndarray
    palette: np.ndarray | None = None
    names: tuple[str, ...] = ()
    scale: int = 1
    note: str = ""
    marks: tuple[Mark, ...] = ()

    @property
    def rgb(self) -> np.ndarray:
        """(h, w, 3) uint8."""
        return self.pixels if self.palette is None else self.palette[self.pixels]


class Scene(NamedTuple):
    """What is seen at once: pictures of one image, and a line of text about them."""

    pictures: tuple[Picture, ...]
    note: str = ""


def photo(title: str, image: Tensor | ArrayLike, marks: tuple[Mark, ...] = ()) -> Picture:
    """An image, float (3, H, W) in 0..1 or uint8 (H, W, 3), as a picture.

    >>> photo("image", np.full((3, 1, 2), 0.5)).rgb.tolist()
    [[[128, 128, 128], [128, 128, 128]]]
    """
    image = np.asarray(image)
    if image.dtype != np.uint8:
        image = (255 * np.moveaxis(image, 0, -1)).round().clip(0, 255).astype(np.uint8)
    return Picture(title, image, marks=marks)


def classes(title: str, label: Tensor | ArrayLike, data: Labelled, note: str = "") -> Picture:
    """A label map in the colours of its data set, void black.

    Parameters
    ----------
    title : str
    label : array or Tensor of integers, (H, W)
    data : Labelled
    note : str

    Raises
    ------
    ValueError
        A label is neither a class nor void.

    Examples
    --------
    >>> from segnet_lab.data.cards import load_card
    >>> from types import SimpleNamespace
    >>> card = load_card("camvid")
    >>> camvid = SimpleNamespace(class_names=card.class_names, palette=card.palette, ignore_index=card.void_index)
    >>> picture = classes("truth", [[3, 11]], camvid)
    >>> picture.rgb.tolist(), [picture.names[i] for i in picture.pixels[0]]
    ([[[128, 64, 128], [0, 0, 0]]], ['Road', 'void'])
    """
    label = np.asarray(label)
    colourise(label, data.palette, data.ignore_index)  # refuses unknown labels
    count = len(data.class_names)
    pixels = np.where(label == data.ignore_index, count, label).astype(np.uint8)
    colours = np.concatenate([np.asarray(data.palette, np.uint8), np.zeros((1, 3), np.uint8)])
    return Picture(title, pixels, colours, (*data.class_names, "void"), note=note)


def numbers(
    title: str,
    values: Tensor | ArrayLike,
    empty: Tensor | ArrayLike | None = None,
    signed: bool | None = None,
    marks: tuple[Mark, ...] = (),
) -> Picture:
    """A map of numbers: low to high, or blue - white - orange about zero where there are negative ones.

    As in `maps.side_by_side`, a signed scale ends where all but 1 % of the numbers do; the note gives the whole range.

    Parameters
    ----------
    title : str
    values : array or Tensor of floats, (H, W)
        nan and infinity are shown pink and counted in the note.
    empty : array of bool, (H, W), optional
        Cells that hold nothing, shown pale.
    signed : bool, optional
        Which of the two scales; by default the numbers decide.
    marks : tuple of Mark

    Raises
    ------
    ValueError
        `values` is not one map.

    Examples
    --------
    >>> picture = numbers("map", [[0.0, 2.0, float("nan")]])
    >>> picture.note, [picture.names[i] for i in picture.pixels[0]]
    ('0 to 2; 1 nan or infinite (pink)', ['0', '2', 'nan or infinite'])
    """
    values = np.asarray(values, np.float32)
    if values.ndim != 2:
        raise InvalidInput(f"{title} has shape {values.shape}: one map (H, W) is shown; pick an image and a channel")
    broken = ~np.isfinite(values)
    nothing = np.zeros(values.shape, bool) if empty is None else np.asarray(empty, bool)
    shown = values[~(broken | nothing)]
    low, high = (float(shown.min()), float(shown.max())) if shown.size else (0.0, 0.0)
    note = _range(low, high)
    signed = low < 0 if signed is None else signed
    if signed:
        high = float(np.quantile(np.abs(shown[shown != 0]), 0.99)) if shown.any() else 0.0
        low = -high
    span = high - low if 0 < high - low < np.inf else 1.0
    pixels = np.nan_to_num((values - low) * ((LEVELS - 1) / span) + 0.5).clip(0, LEVELS - 1).astype(np.uint8)
    pixels[nothing] = EMPTY
    if broken.any():
        pixels[broken] = BROKEN
        note += f"; {broken.sum()} nan or infinite (pink)"
    names = (*(f"{low + span * at:.3g}" for at in SCALE), "empty", "nan or infinite")
    return Picture(title, pixels, _PALETTES["signed" if signed else "plain"], names, note=note, marks=marks)


def codes(title: str, corners: Tensor | ArrayLike, zero: Tensor | ArrayLike | None = None) -> Picture:
    """Pooling codes 0..3, (h, w), in their four colours; `zero` marks windows that were all zero.

    >>> picture = codes("codes", [[0, 3]])
    >>> [picture.names[i] for i in picture.pixels[0]]
    ['↖ top-left', '↘ bottom-right']
    """
    pixels = np.asarray(corners, np.uint8)
    pixels = pixels if zero is None else np.where(np.asarray(zero), np.uint8(4), pixels)
    return Picture(title, pixels, _PALETTES["codes"], (*CODE_NAMES, ZERO_WINDOW))


@styled
def still(scene: Scene, columns: int | None = None) -> Figure:
    """The pictures of a scene as a figure, for where nothing is live.

    Parameters
    ----------
    scene : Scene
    columns : int, optional
        The default puts up to five side by side.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        A scene without pictures.
    """
    if not scene.pictures:
        raise InvalidInput("a scene without pictures cannot be drawn")
    columns = min(columns or 5, len(scene.pictures))
    rows = -(-len(scene.pictures) // columns)
    shape = scene.pictures[0].pixels.shape
    figure, grid = picture_grid(rows, columns, shape, title=0.45, rest=0.3 if scene.note else 0)
    for axes, picture in zip(grid.flat, scene.pictures, strict=False):
        axes.imshow(picture.rgb)
        bare(axes, picture.title)
        axes.set_xlabel(picture.note, fontsize=9)
        for mark in picture.marks:
            corner = mark.column - 0.5, mark.row - 0.5
            axes.add_patch(Rectangle(corner, mark.width, mark.height, fill=False, edgecolor=MARK, linewidth=2))
    if scene.note:
        figure.suptitle(scene.note, x=0.01, ha="left", fontsize=10)
    return figure


def _range(low: float, high: float) -> str:
    """Both ends to the same digit, three of them for the larger one: a gradient from 6.2e-06 to 0.458 begins at 0."""
    size = max(abs(low), abs(high))
    digits = 2 - math.floor(math.log10(size)) if 0 < size < math.inf else 0
    return " to ".join(f"{round(end, digits) + 0.0:.3g}" for end in (low, high))


def palette(*colours: str | tuple[float, float, float, float]) -> np.ndarray:
    """Colours as matplotlib knows them, as a palette.

    >>> palette("white", "#0072b2").tolist()
    [[255, 255, 255], [0, 114, 178]]
    """
    return np.array([[round(255 * part) for part in to_rgb(colour)] for colour in colours], np.uint8)


def _scale(colour_map: str | Colormap) -> np.ndarray:
    return palette(*map(tuple, matplotlib.colormaps.get_cmap(colour_map)(SCALE)), PAPER, MARK)


_PALETTES = {"plain": _scale(SEQUENTIAL), "signed": _scale(DIVERGING), "codes": palette(*CODE_COLOURS, LINE)}
