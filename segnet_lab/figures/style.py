"""The look that all pictures share: width, fonts, colours that everybody can tell apart.

@styled
def scores(table):
    figure, axes = plt.subplots(figsize=(FIGURE_WIDTH, 3))
    ...
    return figure
"""

from collections.abc import Callable
from functools import partial, wraps
from typing import TYPE_CHECKING, ParamSpec

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from matplotlib.ticker import FuncFormatter

if TYPE_CHECKING:  # not in every matplotlib
    from matplotlib.typing import RcKeyType

FIGURE_WIDTH = 10.0  # inches; with DPI, what a notebook cell shows without scaling
DPI = 90

INK, SOFT, LINE, PAPER = "#1b1e23", "#59626e", "#cfd4db", "#f3f4f7"  # text, lesser text, grid lines, empty cells
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"  # Okabe and Ito's
PURPLE, YELLOW, SKY = "#cc79a7", "#e69f00", "#56b4e9"
MARK = "#f0278c"  # outlines on top of any map
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, YELLOW, SKY)  # of things without an order, in this order

SEQUENTIAL = "viridis"  # of values from low to high
DIVERGING = LinearSegmentedColormap.from_list("blue_orange", ["#0b4f8a", "#5fa5ee", "#ffffff", "#ee8a2c", "#8a4300"])

RC: "dict[RcKeyType, object]" = {
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.edgecolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=COLOURS),
    "image.cmap": SEQUENTIAL,
    "image.interpolation": "nearest",  # a pixel is a square
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
}


P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Decorator of a drawing function: the shared look goes in, a Figure that pyplot no longer holds comes out.

    So a notebook shows the picture once, as the value of its cell, and a loop over pictures fills no memory. In a live
    notebook it follows the theme, see `dark`; what batch runs keep is one PNG on white.

    Examples
    --------
    >>> @styled
    ... def line():
    ...     figure, axes = plt.subplots()
    ...     return figure
    >>> line().get_dpi(), plt.get_fignums()
    (90.0, [])
    """

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        before = set(plt.get_fignums())
        try:
            with plt.rc_context(RC):
                figure = draw(*args, **kwargs)
            # what JupyterLab shows, if it can, instead of a PNG
            figure._repr_html_ = partial(_in_both_themes, figure)  # type: ignore[method-assign]
            return figure
        finally:
            for number in set(plt.get_fignums()) - before:
                plt.close(number)

    return drawn


def _in_both_themes(figure: Figure) -> str | None:
    from segnet_lab.figures.dark import html  # needs the colours of this module

    return html(figure)


def picture_grid(
    rows: int, columns: int, shape: tuple[int, ...], title: float, rest: float = 0.0
) -> tuple[Figure, np.ndarray]:
    """A figure of pictures side by side, together as wide as the page.

    Parameters
    ----------
    rows, columns : int
    shape : (height, width)
        Of a picture, in any unit.
    title : float
        Inches of each row for what is written above or below its pictures.
    rest : float
        Inches for what stands around all rows, such as a legend.

    Returns
    -------
    figure : Figure
    axes : array of Axes, (rows, columns)
        All of them `bare`.

    Examples
    --------
    >>> figure, axes = picture_grid(2, 5, (3, 4), title=0.25, rest=0.5)  # pictures of 2 x 1.5 inches
    >>> figure.get_size_inches().tolist(), axes.shape
    ([10.0, 4.0], (2, 5))
    >>> plt.close(figure)
    """
    tall = FIGURE_WIDTH / columns * shape[0] / shape[1] + title
    figure, grid = plt.subplots(rows, columns, figsize=(FIGURE_WIDTH, rows * tall + rest), squeeze=False)
    for axes in grid.flat:
        bare(axes)
    return figure, grid


def bare(axes: Axes, title: str = "") -> None:
    """An axes that shows a picture: no ticks, no frame, a title."""
    axes.set(xticks=[], yticks=[], title=title)
    axes.spines[:].set_visible(False)


def plain_numbers(axis: Axis) -> None:
    """Write a logarithmic axis in plain numbers, 0.1 and 100, instead of powers of ten."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def megabytes(count: int) -> str:
    """Bytes as people say them, in units of 1000.

    >>> [megabytes(n) for n in (1, 17, 2_800, 691_200, 14_691_840)]
    ['1 byte', '17 bytes', '2.8 kB', '691 kB', '14.7 MB']
    """
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} byte" + "s" * (count != 1)
