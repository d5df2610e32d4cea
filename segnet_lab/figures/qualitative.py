"""Figs. 4 and 5: image, truth and what each network sees, one row per image, one column per network."""

import textwrap
from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import ArrayLike
from torch import Tensor

from segnet_lab._support.errors import InvalidInput
from segnet_lab.data.base import Labelled
from segnet_lab.figures.label_maps import colourise, name_what_occurs
from segnet_lab.figures.style import FIGURE_WIDTH, bare, styled

WRONG = np.array([213, 94, 0], np.uint8)  # style.ORANGE


@styled
def qualitative(
    samples: Mapping[str, tuple[Tensor | ArrayLike, Tensor | ArrayLike]],
    predictions: Mapping[str, Mapping[str, Tensor | ArrayLike]],
    data: Labelled,
    errors: bool = False,
    region: tuple[slice, slice] | None = None,
    notes: Mapping[str, Mapping[str, str]] | None = None,
) -> Figure:
    """Images, their truth, and a column a network.

    Parameters
    ----------
    samples : dict, name of a row -> (image, label)
        Image float (3, H, W) in 0..1, label (H, W).
    predictions : dict, name of a column -> {name of a row: label map (H, W)}
    data : Labelled
    errors : bool
        Show where each network is wrong instead of what it says.
    region : (rows, columns), two slices, optional
        Show only this part of every picture.
    notes : dict, name of a column -> {name of a row: text}, optional
        A line under a picture, such as its score.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        There is no image to show.
    """
    if not samples:
        raise InvalidInput("no image to show: give at least one sample")
    region = region or (slice(None), slice(None))
    columns = ["image", "truth", *predictions]
    height, width = np.asarray(next(iter(samples.values()))[1])[region].shape
    cell = FIGURE_WIDTH / len(columns)
    size = (FIGURE_WIDTH, len(samples) * (cell * height / width + (0.2 if notes else 0.05)) + (0.3 if errors else 0.9))
    close = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, hspace=0, wspace=0)
    figure, grid = plt.subplots(len(samples), len(columns), figsize=size, squeeze=False, layout=close)
    letters = int(12 * cell)  # of a title, in a line as wide as a picture
    for axes, title in zip(grid[0], columns, strict=True):
        axes.set_title(textwrap.fill(title.replace("_", " "), letters), fontsize=10, va="bottom")
    for panels, (row, (image, label)) in zip(grid, samples.items(), strict=True):
        image = np.moveaxis(np.asarray(image), 0, -1)
        pictures = [_fewer_tones(255 * image), colourise(label, data.palette, data.ignore_index)]
        for by_row in predictions.values():
            pictures.append(
                error_map(image, label, by_row[row], data.ignore_index)
                if errors
                else colourise(by_row[row], data.palette, data.ignore_index)
            )
        for axes, picture in zip(panels, pictures, strict=True):
            axes.imshow(picture[region])
            bare(axes, axes.get_title(loc="left"))
        panels[0].set_ylabel(row, fontsize=9)
        for axes, column in zip(panels[2:], predictions, strict=True):
            if notes:
                axes.set_xlabel(notes[column][row], fontsize=9, labelpad=2)
    if not errors:
        maps = [label for _, label in samples.values()] + [p for row in predictions.values() for p in row.values()]
        name_what_occurs(figure, data, [np.asarray(labels)[region] for labels in maps])
    return figure


def error_map(
    image: Tensor | ArrayLike,
    label: Tensor | ArrayLike,
    prediction: Tensor | ArrayLike,
    ignore_index: int | None = None,
) -> np.ndarray:
    """Wrong pixels in orange over the pale grey image; void pixels of the truth are never wrong and stay black.

    Parameters
    ----------
    image : array, (H, W, 3) float in 0..1
    label, prediction : arrays of integers, (H, W)
    ignore_index : int, optional

    Returns
    -------
    array, (H, W, 3) uint8

    Examples
    --------
    >>> error_map(np.zeros((1, 3, 3)), [[0, 1, 255]], [[1, 1, 0]], ignore_index=255).tolist()
    [[[213, 94, 0], [136, 136, 136], [0, 0, 0]]]
    """
    label, prediction = np.asarray(label), np.asarray(prediction)
    grey = np.asarray(image).mean(axis=-1, keepdims=True)
    picture = np.repeat(_fewer_tones(140 + 100 * grey), 3, axis=-1)
    void = np.zeros(label.shape, bool) if ignore_index is None else label == ignore_index
    picture[label != prediction] = WRONG
    picture[void] = 0
    return picture


def _fewer_tones(picture: np.ndarray) -> np.ndarray:
    """Every eighth tone: hard to see, and the noise of small images takes far less room in a notebook."""
    return picture.astype(np.uint8) // 8 * 8
