"""Small maps with their numbers, side by side: what fits the screen and can be checked by hand.

All cells of a picture have one size, so a pooled map is half as wide as its input. A `nan` is an empty cell.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike
from torch import Tensor

from segnet_lab._support.errors import InvalidInput
from segnet_lab.figures.style import DIVERGING, INK, LINE, MARK, PAPER, SEQUENTIAL, SOFT, megabytes, styled
from segnet_lab.pooling import packed_bytes

CELL = 0.4  # inches
LARGEST = 16  # rows or columns; smaller cells than CELL hold no readable number
_TOWARDS = ((-1, -1), (1, -1), (-1, 1), (1, 1))  # code -> (right, down)


class Panel(NamedTuple):
    """One grid of a picture."""

    title: str
    array: Tensor | ArrayLike  # 2-D; uint8 means codes, drawn as arrows; everything else numbers
    sign: str = "→"  # what stands before it, unless it is the first
    windows: bool = False  # thick lines around 2x2 windows
    marked: np.ndarray | None = None  # bool, of the array's shape: cells to outline
    framed: bool = False  # one outline around all
    plain: bool = False  # weights: no colour


@styled
def side_by_side(grids: Mapping[str, Tensor | ArrayLike], sign: str = " ") -> Figure:
    """Small maps in a row.

    Parameters
    ----------
    grids : dict, title -> 2-D array or Tensor of at most 16 x 16
        uint8 holds pooling codes 0..3 and is drawn as arrows, everything else as numbers.
    sign : str
        What stands between them: "→", "+", "=".

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        A map is not 2-D, too large to show numbers, or a code is not 0..3.
    """
    return _strips({"": [Panel(title, array, sign) for title, array in grids.items()]})


@styled
def pooling(x: Tensor | ArrayLike, values: Tensor | ArrayLike, codes: Tensor | ArrayLike) -> Figure:
    """2x2 max pooling: the input with its windows and each window's maximum, the values, the codes.

    Parameters
    ----------
    x : (H, W)
    values : (ceil(H/2), ceil(W/2))
    codes : uint8, (ceil(H/2), ceil(W/2)), 0..3

    Returns
    -------
    Figure
    """
    entering = _grid("input", x)
    winners = _winners(_grid("codes", codes), entering.shape)
    panels = [
        Panel("input", entering, windows=True, marked=winners),
        Panel("values", values),
        Panel("codes", codes, sign="and"),
    ]
    return _strips({"": panels})


@styled
def unpooling(
    values: Tensor | ArrayLike,
    codes: Tensor | ArrayLike,
    sparse: Tensor | ArrayLike,
    kernel: Tensor | ArrayLike | None = None,
    dense: Tensor | ArrayLike | None = None,
) -> Figure:
    """From values and codes to the sparse map and, with a kernel, on to the dense map.

    Parameters
    ----------
    values : (h, w)
    codes : uint8, (h, w), 0..3
    sparse : (H, W)
        Cells that no code points to are shown empty.
    kernel : (k, k), optional
    dense : (H, W), optional
        Both or neither.

    Returns
    -------
    Figure
    """
    panels = [Panel("values", values), Panel("codes", codes, sign="and"), sparse_panel(sparse, codes)]
    if kernel is not None and dense is not None:
        panels += [Panel("kernel", kernel, sign="∗", plain=True), Panel("dense map", dense, sign="=", windows=True)]
    return _strips({"": panels})


@styled
def decoders(
    values: Tensor | ArrayLike,
    codes: Tensor | ArrayLike,
    sparse: Tensor | ArrayLike,
    kernel: Tensor | ArrayLike,
    dense: Tensor | ArrayLike,
    upsampled: Tensor | ArrayLike,
    encoder_map: Tensor | ArrayLike,
    total: Tensor | ArrayLike,
) -> Figure:
    """Fig. 3: one step of SegNet's decoder above one step of FCN's, with what each had to remember outlined.

    Parameters
    ----------
    values : (h, w)
        The map from below, the same for both.
    codes, sparse, kernel, dense
        SegNet: places the values, then convolves; see `unpooling`.
    upsampled, encoder_map, total : (H, W)
        FCN: deconvolves, then adds the encoder's map.

    Returns
    -------
    Figure
    """
    stored, kept = _grid("codes", codes), _grid("encoder's map", encoder_map)
    return _strips(
        {
            f"SegNet remembers {stored.size} codes of 2 bits: {megabytes(packed_bytes(stored.size))}": [
                Panel("from below", values),
                Panel("codes", stored, sign="and", framed=True),
                sparse_panel(sparse, stored),
                Panel("trained kernel", kernel, sign="∗", plain=True),
                Panel("dense map", dense, sign="=", windows=True),
            ],
            f"FCN remembers {kept.size} numbers of 32 bits: {megabytes(4 * kept.size)}": [
                Panel("from below", values),
                Panel("deconvolved", upsampled, windows=True),
                Panel("encoder's map", kept, sign="+", windows=True, framed=True),
                Panel("sum", total, sign="=", windows=True),
            ],
        }
    )


# --------------------------------------------------------------------------------------------------


def sparse_panel(sparse: Tensor | ArrayLike, codes: Tensor | ArrayLike) -> Panel:
    """A sparse map that shows as empty what no code points to."""
    cells = _grid("sparse map", sparse)
    filled = _winners(_grid("codes", codes), cells.shape)
    return Panel("sparse map", np.where(filled | (cells != 0), cells, np.nan), windows=True)


def _winners(codes: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Which cells of the full map the codes point to."""
    rows, columns = np.indices(codes.shape)
    marked = np.zeros((2 * codes.shape[0], 2 * codes.shape[1]), bool)
    marked[2 * rows + codes // 2, 2 * columns + codes % 2] = True
    return marked[: size[0], : size[1]]


def _grid(title: str, array: Tensor | ArrayLike) -> np.ndarray:
    array = np.asarray(array)
    if array.ndim != 2 or max(array.shape) > LARGEST:
        raise InvalidInput(
            f"{title} has shape {array.shape}: numbers are readable in 2-D maps of up to {LARGEST} x {LARGEST}; "
            "pick one map and a part of it, such as x[0, 0, :8, :8]"
        )
    if array.dtype == np.uint8 and array.size and array.max() > 3:
        raise InvalidInput(
            f"{title} holds a code {array.max()}: codes are 0..3; segnet_lab.pooling.unpack unpacks bytes"
        )
    return array


class _Cells(NamedTuple):
    """A panel whose array has been checked, and its size in inches."""

    panel: Panel
    array: np.ndarray

    @property
    def tall(self) -> float:
        return CELL * self.array.shape[0]

    @property
    def wide(self) -> float:
        return CELL * self.array.shape[1]

    @property
    def room(self) -> float:
        """How wide it is with its title."""
        return max(self.wide, 0.085 * len(self.panel.title))


def _strips(rows: Mapping[str, list[Panel]]) -> Figure:
    """Rows of panels, each with a heading, in cells of one size."""
    strips = {head: [_Cells(p, _grid(p.title, p.array)) for p in panels] for head, panels in rows.items()}
    gap, top = 0.55, 0.3  # inches: between panels, for titles
    heads = {head: 0.3 if head else 0.05 for head in strips}
    heights = {head: max(cells.tall for cells in strip) for head, strip in strips.items()}
    width = max(sum(cells.room + gap for cells in strip) for strip in strips.values())
    height = sum(heights[head] + heads[head] + top + 0.1 for head in strips)
    everything = [cells for strip in strips.values() for cells in strip]
    scale = scale_of([array for panel, array in everything if not panel.plain and array.dtype != np.uint8])

    figure = plt.figure(figsize=(width, height), layout="none")
    y = height
    for head, strip in strips.items():
        figure.text(0.1 / width, (y - 0.1) / height, head, weight="bold", size=11, va="top")
        y -= heads[head] + top + heights[head]
        x = 0.1
        for number, cells in enumerate(strip):
            bottom = y + heights[head] - cells.tall
            if number:
                middle = y + heights[head] - min(heights[head], cells.tall, CELL * 2) / 2
                sign = cells.panel.sign
                figure.text((x - gap / 2) / width, middle / height, sign, ha="center", va="center", size=12)
            axes = figure.add_axes((x / width, bottom / height, cells.wide / width, cells.tall / height))
            draw(axes, cells.panel, scale)
            x += cells.room + gap
        y -= 0.1
    return figure


def scale_of(arrays: Sequence[Tensor | ArrayLike]) -> ScalarMappable:
    """Colours for all these numbers together: from 0 up, or about 0 where some are negative."""
    finite = np.concatenate([np.asarray(a, float).ravel() for a in arrays] or [np.zeros(1)])
    finite = finite[np.isfinite(finite)]
    low, high = min(finite.min(initial=0), 0), max(finite.max(initial=0), 1e-9)
    if low < 0:
        limit = max(-low, high)
        return ScalarMappable(Normalize(-limit, limit), DIVERGING)
    return ScalarMappable(Normalize(0, high), SEQUENTIAL)


def draw(axes: Axes, panel: Panel, scale: ScalarMappable) -> None:
    """Put a panel into axes, one unit to a cell."""
    array = np.asarray(panel.array)
    rows, columns = array.shape
    axes.set(xlim=(0, columns), ylim=(rows, 0), xticks=[], yticks=[])
    axes.set_title(panel.title, size=10, pad=4)
    axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(array):
        if array.dtype == np.uint8:
            _arrow(axes, row, column, int(value))
        else:
            _number(axes, row, column, float(value), None if panel.plain else scale)
    if panel.windows:
        axes.vlines(range(2, columns, 2), 0, rows, color="white", linewidth=4)
        axes.hlines(range(2, rows, 2), 0, columns, color="white", linewidth=4)
    for row, column in np.argwhere(panel.marked) if panel.marked is not None else ():
        axes.add_patch(
            Rectangle((column + 0.09, row + 0.09), 0.82, 0.82, fill=False, edgecolor=MARK, linewidth=2, zorder=3)
        )
    if panel.framed:
        axes.add_patch(
            Rectangle((0, 0), columns, rows, clip_on=False, fill=False, edgecolor=MARK, linewidth=2, zorder=3)
        )


def _cell(axes: Axes, row: int, column: int, colour: str | tuple[float, ...], edge: str = "white") -> None:
    axes.add_patch(Rectangle((column, row), 1, 1, facecolor=colour, edgecolor=edge, linewidth=1))


def _number(axes: Axes, row: int, column: int, value: float, scale: ScalarMappable | None) -> None:
    x, y = column + 0.5, row + 0.5
    if np.isnan(value):
        _cell(axes, row, column, PAPER)
        axes.text(x, y, "·", ha="center", va="center", color=SOFT)
        return
    text = f"{value:.3g}"
    letters = 11 if len(text) < 4 else 9
    if scale is None:
        _cell(axes, row, column, PAPER, LINE)
        ink = INK
    else:
        colour = tuple(scale.to_rgba(np.array([value]))[0])
        _cell(axes, row, column, colour)
        ink = INK if np.dot(colour[:3], (0.299, 0.587, 0.114)) > 0.5 else "white"
    axes.text(x, y, text, ha="center", va="center", size=letters, color=ink)


def _arrow(axes: Axes, row: int, column: int, code: int) -> None:
    """An arrow into the corner that held the maximum, and the code's number."""
    _cell(axes, row, column, PAPER, LINE)
    x, y = column + 0.5, row + 0.5
    right, down = _TOWARDS[code]
    axes.annotate(
        "",
        xy=(x + 0.36 * right, y + 0.36 * down),
        xytext=(x - 0.1 * right, y - 0.1 * down),
        arrowprops={"arrowstyle": "-|>,head_width=0.22,head_length=0.35", "color": INK, "linewidth": 1.6},
    )
    axes.text(x - 0.27 * right, y - 0.27 * down, str(code), ha="center", va="center", size=9, color=SOFT)
