"""What the fully connected CRF does: which other pixels a pixel listens to."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from torch import Tensor

from segnet_lab.figures.label_maps import show_image
from segnet_lab.figures.style import FIGURE_WIDTH, MARK, SEQUENTIAL, bare, styled


@styled
def listening(image: Tensor | ArrayLike, at: tuple[int, int], heard: Mapping[str, np.ndarray]) -> Figure:
    """An image with one pixel marked, and how strongly every other pixel weighs in its label.

    Parameters
    ----------
    image : array or Tensor, (3, H, W) float 0..1
    at : (row, column)
        The pixel that listens.
    heard : dict, title -> array (H, W)
        Strengths of kernels, 0..1.

    Returns
    -------
    Figure
    """
    height, width = np.asarray(image).shape[1:]
    columns = 1 + len(heard)
    side = FIGURE_WIDTH / max(columns, 3)
    figure, panels = plt.subplots(1, columns, figsize=(side * columns, side * height / width + 0.4))
    show_image(panels[0], image, f"the pixel ({at[0]}, {at[1]})")
    for axes, (title, strength) in zip(panels[1:], heard.items(), strict=True):
        axes.imshow(strength, cmap=SEQUENTIAL, vmin=0, vmax=1)
        bare(axes, title)
    for axes in panels:
        axes.plot(at[1], at[0], "s", markersize=7, fillstyle="none", color=MARK, markeredgewidth=2)
    return figure
