"""Receptive fields, drawn over the image."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike
from torch import Tensor

from segnet_lab._support.errors import InvalidInput
from segnet_lab.figures.style import (
    FIGURE_WIDTH,
    MARK,
    SEQUENTIAL,
    bare,
    styled,
)
from segnet_lab.probe.receptive_fields import MeasuredField


@styled
def receptive_fields(
    image: Tensor | ArrayLike, sizes: Mapping[str, int], measured: MeasuredField, title: str
) -> Figure:
    """What one pixel can see: squares on the image, and how much each image pixel moved it when measured.

    Parameters
    ----------
    image : array or Tensor, (3, H, W) float 0..1
    sizes : dict, place -> pixels
        Sides of the squares, as `probe.receptive_field` computes them.
    measured : MeasuredField
        From `probe.measured_receptive_field`, of a pixel of this image.
    title : str
        What was measured.

    Returns
    -------
    Figure
    """
    gradient = measured.gradient.numpy()
    rows, columns = (gradient.sum(axis).nonzero()[0] for axis in (1, 0))
    if not len(rows):
        raise InvalidInput("this pixel does not depend on the image at all: take another one, or another place")
    y, x = (rows[0] + rows[-1]) / 2, (columns[0] + columns[-1]) / 2
    h, w = gradient.shape
    figure, (left, right) = plt.subplots(1, 2, figsize=(FIGURE_WIDTH, FIGURE_WIDTH / 2 * h / w + 0.4))
    grey = np.asarray(image).mean(0)
    left.imshow(grey.round(1), cmap="gray", vmin=-0.6, vmax=1)  # pale and in few steps: the squares are the news
    label = {"color": "white", "size": 9, "bbox": {"facecolor": MARK, "edgecolor": "none", "pad": 1}}
    for number, (place, size) in enumerate(sorted(sizes.items(), key=lambda item: -item[1])):
        left.add_patch(Rectangle((x - size / 2, y - size / 2), size, size, fill=False, edgecolor=MARK, linewidth=1.8))
        side = -1 if number % 2 == 0 else 1  # labels above and below in turn
        place = f"{place}: {size}"
        left.text(x, y + side * (size / 2 + 2), place, ha="center", va="bottom" if side < 0 else "top", **label)
    bare(left, "computed: what a pixel can depend on")
    blocks = _means(gradient, 4)
    right.imshow(
        np.log10(np.maximum(blocks / blocks.max(), 1e-3)), cmap=SEQUENTIAL, extent=(-0.5, w - 0.5, h - 0.5, -0.5)
    )
    bare(right, f"{title}: box {measured.height}×{measured.width}")
    for axes in (left, right):
        axes.set(xlim=(-0.5, w - 0.5), ylim=(h - 0.5, -0.5))
    return figure


def _means(values: np.ndarray, side: int) -> np.ndarray:
    """Means over blocks of side x side, those at the lower and right border cut short."""
    rows, columns = (range(0, n, side) for n in values.shape)
    sums = np.add.reduceat(np.add.reduceat(values, rows, 0), columns, 1)
    counts = np.add.reduceat(np.add.reduceat(np.ones_like(values), rows, 0), columns, 1)
    return sums / counts
