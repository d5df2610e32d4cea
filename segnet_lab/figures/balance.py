"""Who owns the loss: pixels of each class times its weight (Section 3.2)."""

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from segnet_lab.data.base import Labelled
from segnet_lab.figures.scene import Scene, classes, numbers, photo


def loss_shares(pixels: Tensor | ArrayLike, weights: Tensor | ArrayLike) -> np.ndarray:
    """Share of each class in the loss of a network that is equally unsure of every pixel.

    Parameters
    ----------
    pixels : (K,) pixels of each class
    weights : (K,) >= 0

    Returns
    -------
    array, (K,) float64
        Sums to 1; all 0 when every weight is.

    Examples
    --------
    >>> loss_shares([90, 10], [1, 9]).tolist()
    [0.5, 0.5]
    """
    loss = np.asarray(pixels, float) * np.asarray(weights, float)
    return loss / loss.sum() if loss.sum() else loss


def class_weight_map(
    image: Tensor | ArrayLike, label: Tensor | ArrayLike, weights: Tensor | ArrayLike, data: Labelled
) -> Scene:
    """How much every pixel of a label map counts in the loss."""
    label, weights = np.asarray(label), np.asarray(weights, np.float32)
    void = label == data.ignore_index
    weight = np.append(weights, 0)[np.where(void, len(weights), label)]
    pictures = (
        photo("image", image),
        classes("truth", label, data),
        numbers("what a pixel counts", weight, empty=void, signed=False),
    )
    return Scene(pictures)


def loss_share_bars(pixels: Tensor | ArrayLike, weights: Tensor | ArrayLike, data: Labelled) -> str:
    """Share of the pixels and of the loss, class by class, as bars in HTML.

    Parameters
    ----------
    pixels, weights
        As in `loss_shares`.
    data : Labelled

    Returns
    -------
    str
    """
    before, after = loss_shares(pixels, np.ones(len(data.class_names))), loss_shares(pixels, weights)
    longest = max(before.max(), after.max(), 1e-9)

    def bar(share: float, colour: str) -> str:
        style = f"width:{120 * share / longest:.1f}px;background:{colour};height:10px;outline:1px solid"
        return f'<td style="width:124px"><div style="{style}"></div></td><td style="text-align:right">{share:.1%}</td>'

    rows = []
    for name, colour, b, a in zip(data.class_names, data.palette, before, after, strict=True):
        paint = "rgb({}, {}, {})".format(*colour)
        rows.append(f"<tr><th scope=row style='text-align:left'>{name}</th>{bar(b, paint)}{bar(a, paint)}</tr>")
    head = "<tr><th></th><th colspan=2>of the pixels</th><th colspan=2>of the loss</th></tr>"
    return f"<table style='line-height:1.3;border-spacing:6px 2px'>{head}{''.join(rows)}</table>"
