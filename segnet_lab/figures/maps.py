"""Feature maps, sparse maps and pooling codes of whole images."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import ArrayLike
from torch import Tensor

from segnet_lab import probe
from segnet_lab._support.errors import InvalidInput
from segnet_lab.figures import grids
from segnet_lab.figures.style import (
    BLUE,
    DIVERGING,
    FIGURE_WIDTH,
    GREEN,
    LINE,
    MARK,
    PAPER,
    PURPLE,
    SEQUENTIAL,
    YELLOW,
    bare,
    picture_grid,
    styled,
)
from segnet_lab.probe.tracing import Trace

CODE_COLOURS = (BLUE, YELLOW, GREEN, PURPLE)  # codes 0..3
CODE_NAMES = ("↖ top-left", "↗ top-right", "↙ bottom-left", "↘ bottom-right")
ZERO_WINDOW = "all zero (↖ by rule)"
PIECE = 3  # windows a side that are shown with their numbers


@styled
def side_by_side(maps: Mapping[str, Tensor | ArrayLike], columns: int = 4) -> Figure:
    """Large maps with titles.

    Parameters
    ----------
    maps : dict, title -> (H, W) array or Tensor
        uint8 holds pooling codes 0..3 and gets their four colours. Other maps get each its own scale, from low to high
        or, where there are negative values, blue - white - orange about zero; it ends where all but 1 % of the values
        do. Sizes may differ.
    columns : int

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        No maps, or one that is not 2-D.
    """
    arrays = {title: _map(title, array) for title, array in maps.items()}
    if not arrays:
        raise InvalidInput("no maps to draw: give a dict of titles and (H, W) maps")
    columns = min(columns, len(arrays))
    rows = math.ceil(len(arrays) / columns)
    has_codes = any(array.dtype == np.uint8 for array in arrays.values())
    shape = next(iter(arrays.values())).shape
    figure, axes = picture_grid(rows, columns, shape, title=0.3, rest=0.3 if has_codes else 0)
    for cell, (title, array) in zip(axes.flat, arrays.items(), strict=False):
        show_map(cell, array, title)
    if has_codes:
        _code_legend(figure)
    return figure


def feature_maps(maps: Tensor | ArrayLike, channels: Sequence[int] = range(16), columns: int = 8) -> Figure:
    """Channels of one layer as a grid; see `side_by_side` for the colours.

    Parameters
    ----------
    maps : array or Tensor, (C, H, W)
    channels : list of int
        Which to show.
    columns : int

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        `maps` is not (C, H, W), or has no such channel.
    """
    maps = np.asarray(maps)
    if maps.ndim != 3:
        raise InvalidInput(f"expected maps (C, H, W), got shape {maps.shape}; take one image of a batch with maps[0]")
    for channel in channels:
        _check_channel(channel, maps)
    return side_by_side({f"channel {c}": maps[c] for c in channels}, columns)


@styled
def decoder_stage(
    below: Tensor | ArrayLike,
    codes: Tensor | ArrayLike,
    sparse: Tensor | ArrayLike,
    dense: Tensor | ArrayLike,
    at: tuple[int, int] = (0, 0),
    zero: Tensor | ArrayLike | None = None,
) -> Figure:
    """One channel of one decoder stage: from the small map to the sparse and the dense one; a piece of it in numbers.

    Parameters
    ----------
    below : (h, w)
        The map from below, one channel.
    codes : uint8, (h, w)
        The encoder's pooling codes of that channel.
    sparse, dense : (H, W)
        After unpooling; after the filters (and batch normalisation).
    at : (row, column)
        Window at the middle of the piece that is shown below with its numbers; moved inwards at the border.
    zero : bool, (h, w), optional
        Windows that were all zero: their code is 0 because a tie takes the first corner. Shown grey.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        A map is not 2-D, or the small maps differ in size.
    """
    small = {"from below": _map("below", below), "codes": _map("codes", codes)}
    large = {"sparse map": _map("sparse", sparse), "dense map": _map("dense", dense)}
    h, w = small["codes"].shape
    if small["from below"].shape != (h, w) or large["sparse map"].shape != large["dense map"].shape:
        shapes = {title: array.shape for title, array in {**small, **large}.items()}
        raise InvalidInput(
            f"these are not of one decoder stage: {shapes}; below and codes, sparse and dense go together"
        )
    row, column = (int(np.clip(at[i] - PIECE // 2, 0, max((h, w)[i] - PIECE, 0))) for i in (0, 1))
    tall = FIGURE_WIDTH / 4 * h / w + 0.35
    figure, axes = plt.subplots(
        2, 4, figsize=(FIGURE_WIDTH, tall + 2.65), height_ratios=[tall, 2.3], gridspec_kw={"wspace": 0.05}
    )
    pieces: list[grids.Panel] = []
    for cell, (title, array) in zip(axes[0], {**small, **large}.items(), strict=True):
        factor = 1 if title in small else 2
        height, width = array.shape
        show_map(cell, array, f"{title}, {height}×{width}", zero)
        side = PIECE * factor
        y, x = row * factor, column * factor
        cell.add_patch(Rectangle((x - 0.5, y - 0.5), side, side, fill=False, edgecolor=MARK, linewidth=2))
        piece = array[y : y + side, x : x + side]
        piece = piece if title == "codes" else np.round(piece, 1) + 0.0  # room for four characters; no -0
        if title == "sparse map":
            pieces.append(grids.sparse_panel(piece, pieces[1].array))
        else:
            pieces.append(grids.Panel(title, piece, windows=factor == 2))
    scale = grids.scale_of([panel.array for panel in pieces if panel.title != "codes"])
    for cell, panel in zip(axes[1], pieces, strict=True):
        grids.draw(cell, panel._replace(title=f"{panel.title}, piece"), scale)
        cell.set(xlim=(0, 2 * PIECE), ylim=(2 * PIECE, 0), aspect="equal", anchor="NW")
    _code_legend(figure, zero is not None)
    return figure


@styled
def code_histogram(shares: Mapping[str, ArrayLike], zero: Mapping[str, float] | None = None) -> Figure:
    """How often each code occurs in each encoder stage, in percent of its windows.

    Parameters
    ----------
    shares : dict, title of a stage -> (4,) shares of the codes, summing to 1
    zero : dict, title -> share of all-zero windows, optional
        Part of code 0, drawn grey: those windows point to the top-left because a tie takes the first corner.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        Shares that do not sum to 1.
    """
    figure, axes = plt.subplots(1, len(shares), figsize=(FIGURE_WIDTH, 2.6), sharey=True, squeeze=False)
    for cell, (title, share) in zip(axes[0], shares.items(), strict=True):
        percents = 100 * np.asarray(share, float)
        if percents.shape != (4,) or not np.isclose(percents.sum(), 100, atol=0.1):
            raise InvalidInput(f"{title}: shares of the four codes must sum to 1, got {percents / 100}")
        cell.bar(range(4), percents, color=CODE_COLOURS, width=0.8)
        if zero is not None:
            cell.bar(0, 100 * zero[title], color=LINE, width=0.8)
            cell.text(0, 50 * zero[title], f"{100 * zero[title]:.0f} %\nall zero", ha="center", va="center", size=9)
        for code, percent in enumerate(percents):
            cell.text(code, percent + 1, f"{percent:.0f} %", ha="center", va="bottom", size=9)
        cell.axhline(25, color=MARK, linewidth=1, linestyle=":")
        cell.set(title=title, xticks=range(4), xticklabels="↖↗↙↘")
        cell.tick_params(axis="x", labelsize=14, length=0)
    axes[0, 0].set_ylabel("percent of windows")
    axes[0, 0].margins(y=0.15)
    axes[0, -1].text(3.4, 25.5, "25 %: all alike", size=9, color=MARK, ha="right", va="bottom")
    return figure


@styled
def window_path(trace: Trace, row: int, column: int, channel: int = 0) -> Figure:
    """A pixel of the image on its way down the encoder: its window at every stage, in one channel.

    Parameters
    ----------
    trace : Trace
        From `probe.trace`.
    row, column : int
        Of the image, 0-based.
    channel : int

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        A pixel outside of the image, or a channel that a stage does not have.
    """
    steps = [step for step in probe.window_path(trace, row, column) if step.kept is not None]
    stages = {e.stage: e for e in trace.encoders}
    height, width = trace.image.shape[-2:]
    tall = FIGURE_WIDTH / len(steps) * height / width + 0.35
    figure, axes = plt.subplots(
        2, len(steps), figsize=(FIGURE_WIDTH, tall + 1.4), height_ratios=[tall, 1.4], squeeze=False
    )
    for (above, below), step in zip(axes.T, steps, strict=True):
        features, kept = stages[step.stage].features[0].numpy(), np.asarray(step.kept)
        _check_channel(channel, features)
        show_map(above, features[channel], f"conv{step.stage}, {features.shape[1]}×{features.shape[2]}")
        y, x = 2 * step.window_row, 2 * step.window_column
        above.add_patch(Rectangle((x - 0.5, y - 0.5), 2, 2, fill=False, edgecolor=MARK, linewidth=2))
        window = np.round(features[channel, y : y + 2, x : x + 2], 1) + 0.0
        code = int(np.asarray(stages[step.stage].corners)[0, channel, step.window_row, step.window_column])
        mine = np.zeros(window.shape, bool)
        mine[step.row - y, step.column - x] = True
        panel = grids.Panel(f"its window: code {code} {CODE_NAMES[code][0]}", window, marked=mine)
        grids.draw(below, panel, grids.scale_of([window]))
        below.set(xlim=(0, 4), ylim=(2.6, 0), aspect="equal", anchor="NW")
        share = f"{kept.sum()} of {len(kept)} channels\nkept this corner"
        below.text(2.2, 1, share, va="center", size=9)
    return figure


def show_map(axes: Axes, array: np.ndarray, title: str = "", zero: Tensor | ArrayLike | None = None) -> None:
    """Put one large map, (H, W), into axes; uint8 holds codes, of which `zero` marks the all-zero windows."""
    if array.dtype == np.uint8:
        shown = array if zero is None else np.where(np.asarray(zero, bool), 4, array)
        axes.imshow(shown, cmap=ListedColormap([*CODE_COLOURS, PAPER]), norm=BoundaryNorm(np.arange(-0.5, 5), 5))
    else:
        signed = array.size > 0 and np.nanmin(array) < 0
        limit = np.nanquantile(np.abs(array[array != 0]), 0.99) if array.any() else 1  # not all for one extreme value
        colours = (DIVERGING if signed else plt.get_cmap(SEQUENTIAL)).resampled(33)  # fewer bytes, the same to the eye
        axes.imshow(array, cmap=colours, vmin=-limit if signed else None, vmax=limit)
    bare(axes, title)


def _code_legend(figure: Figure, zero: bool = False) -> None:
    swatches = [
        Patch(color=colour, label=f"code {name}") for colour, name in zip(CODE_COLOURS, CODE_NAMES, strict=True)
    ]
    if zero:
        swatches.append(Patch(facecolor=PAPER, edgecolor=LINE, label=ZERO_WINDOW))
    figure.legend(handles=swatches, loc="outside lower center", ncols=5, handlelength=1.2)


def _map(title: str, array: Tensor | ArrayLike) -> np.ndarray:
    found = np.asarray(array)
    if found.ndim != 2:
        raise InvalidInput(f"{title} has shape {found.shape}: one map (H, W) is drawn; pick an image and a channel")
    return found


def _check_channel(channel: int, maps: np.ndarray) -> None:
    if not 0 <= channel < len(maps):
        raise InvalidInput(f"channel {channel} of {len(maps)} maps: channels are 0 to {len(maps) - 1}")
