"""Scores made visible: small masks with their numbers, boundary pixels that match or not, confusion matrices."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike
from scipy.ndimage import binary_dilation
from torch import Tensor

from segnet_lab.data.base import Labelled
from segnet_lab.figures.label_maps import colourise
from segnet_lab.figures.style import BLUE, FIGURE_WIDTH, INK, ORANGE, PAPER, SOFT, bare, styled
from segnet_lab.metrics import BoundaryMatches


@styled
def small_masks(
    masks: Mapping[str, Tensor | ArrayLike], data: Labelled, truth: Tensor | ArrayLike | None = None
) -> Figure:
    """Label maps side by side, every cell with the number of its class.

    Parameters
    ----------
    masks : dict, title -> array of integers, (H, W)
    data : Labelled
    truth : array, (H, W), optional
        Cells of the other masks that differ from it get a frame; not where it is void.

    Returns
    -------
    Figure
    """
    height, width = np.asarray(next(iter(masks.values()))).shape
    right = None if truth is None else np.asarray(truth)
    side = min(FIGURE_WIDTH / len(masks), 3.4)
    figure, grid = plt.subplots(1, len(masks), figsize=(side * len(masks), side * height / width + 0.5), squeeze=False)
    for axes, (title, mask) in zip(grid.flat, masks.items(), strict=True):
        mask = np.asarray(mask)
        _cells(axes, colourise(mask, data.palette, data.ignore_index), title)
        wrong = np.zeros(mask.shape, bool) if right is None else (mask != right) & (right != data.ignore_index)
        for (row, column), label in np.ndenumerate(mask):
            colour = (0, 0, 0) if label == data.ignore_index else data.palette[label] / 255
            ink = "white" if np.dot(colour, (0.3, 0.59, 0.11)) < 0.45 else INK
            axes.text(
                column, row, str(label), ha="center", va="center", color=ink, fontsize=min(11, 72 * side / 3 / width)
            )
            if wrong[row, column]:
                axes.add_patch(Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, fill=False, ec=ORANGE, lw=2.5))
    return figure


@styled
def boundaries(found: BoundaryMatches, region: tuple[slice, slice] | None = None, title: str = "") -> Figure:
    """Boundary pixels of one class: those of the prediction and of the truth, matched (blue) or not (orange).

    Parameters
    ----------
    found : BoundaryMatches
        From `metrics.boundary_matches`.
    region : (rows, columns), two slices, optional
        Show only this part; the counts are those of the whole map.
    title : str

    Returns
    -------
    Figure
        Left the prediction with its precision, right the truth with its recall. On maps of up to 32 pixels the
        partners of a one-to-one matching carry the same number.
    """
    region = region or (slice(None), slice(None))
    height, width = found.pred[region].shape
    small = max(height, width) <= 32
    thicken = np.ones((1, 1) if width <= 160 else (3, 3), bool)  # a line of one pixel of 480 can hardly be seen
    figure, panels = plt.subplots(1, 2, figsize=(FIGURE_WIDTH, min(0.5 * FIGURE_WIDTH * height / width, 4.4) + 0.7))
    sides = (
        ("prediction", "precision", found.pred, found.pred_matched, found.precision),
        ("truth", "recall", found.target, found.target_matched, found.recall),
    )
    for axes, (whose, name, drawn, matched, share) in zip(panels, sides, strict=True):
        picture = np.full((*drawn.shape, 3), _rgb(PAPER))
        picture[binary_dilation(drawn, thicken)] = _rgb(ORANGE)
        picture[binary_dilation(matched, thicken)] = _rgb(BLUE)
        text = f"boundary of the {whose}: {name} {matched.sum()}/{drawn.sum()} = {share:.2f}"
        _cells(axes, picture[region], text, lines=small)
    if small:
        top, left = (part.start or 0 for part in region)
        for number, partners in enumerate(found.pairs - (top, left), 1):
            for axes, (row, column) in zip(panels, partners, strict=True):
                axes.text(column, row, str(number), ha="center", va="center", color="white", fontsize=9, clip_on=True)
    figure.suptitle(f"{title}   F1 = {found.f1:.3f}, tolerance {found.tolerance:.2f} px".strip(), x=0.01, ha="left")
    return figure


@styled
def confusion(matrix: Tensor | ArrayLike, class_names: Sequence[str], title: str = "") -> Figure:
    """A confusion matrix, each row divided by its sum: what became of the pixels of a class.

    Parameters
    ----------
    matrix : array or Tensor, (K, K)
        Row = truth, column = prediction, in pixels.
    class_names : K str
    title : str

    Returns
    -------
    Figure
        Percent of the row; the diagonal is the class accuracy. A class that never occurs has an empty row.
    """
    matrix = np.asarray(matrix, float)
    total = matrix.sum(axis=1, keepdims=True)
    percent = 100 * np.divide(matrix, total, out=np.zeros_like(matrix), where=total > 0)
    k = len(matrix)
    figure, axes = plt.subplots(figsize=(min(FIGURE_WIDTH, 2.6 + 0.62 * k), 1.4 + 0.4 * k))
    hidden = (percent < 0.5) | (total == 0)  # a zero in most cells would hide the rest
    sns.heatmap(
        percent, vmin=0, vmax=100, cmap="Blues", cbar=False, ax=axes, linewidths=0.5, linecolor="white",
        annot=np.where(hidden, "", np.char.mod("%.0f", percent)), fmt="", annot_kws={"size": 9},
    )  # fmt: skip
    for text, value in zip(axes.texts, percent.flat, strict=True):
        text.set_color("white" if value > 55 else INK)
    axes.set_xticks(np.arange(k) + 0.5, class_names, rotation=45, ha="right")
    axes.set_yticks(np.arange(k) + 0.5, class_names, rotation=0)
    axes.set(xlabel="prediction", ylabel="truth", title=title)
    axes.tick_params(length=0)
    return figure


def _cells(axes: Axes, picture: np.ndarray, title: str, lines: bool = True) -> None:
    axes.imshow(picture)
    bare(axes, title)
    if lines:
        height, width = picture.shape[:2]
        axes.hlines(np.arange(height + 1) - 0.5, -0.5, width - 0.5, color=SOFT, lw=0.4)
        axes.vlines(np.arange(width + 1) - 0.5, -0.5, height - 0.5, color=SOFT, lw=0.4)


def _rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.uint8)
