"""Label maps as pictures: the data set's own colours, void black."""

import math
from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import ArrayLike
from torch import Tensor

from segnet_lab._support.errors import InvalidInput
from segnet_lab.data.base import DataSet, Labelled
from segnet_lab.figures.style import LINE, bare, picture_grid, styled


def colourise(label: Tensor | ArrayLike, palette: ArrayLike, ignore_index: int | None = None) -> np.ndarray:
    """Label map to colours.

    Parameters
    ----------
    label : array or Tensor of integers, (H, W)
    palette : array, (K, 3) uint8
        `data.palette`.
    ignore_index : int, optional
        Label of void, which becomes black; `data.ignore_index`.

    Returns
    -------
    array, (H, W, 3) uint8

    Raises
    ------
    ValueError
        A label is neither a class nor void.

    Examples
    --------
    >>> colourise([[0, 1, 255]], np.array([[128, 128, 128], [128, 0, 0]], np.uint8), ignore_index=255).tolist()
    [[[128, 128, 128], [128, 0, 0], [0, 0, 0]]]
    """
    label, palette = np.asarray(label), np.asarray(palette, np.uint8)
    void = np.zeros(label.shape, bool) if ignore_index is None else label == ignore_index
    wrong = np.unique(label[~void & ((label < 0) | (label >= len(palette)))])
    if wrong.size:
        known = f"0..{len(palette) - 1}" + ("" if ignore_index is None else f" or void {ignore_index}")
        raise InvalidInput(f"label {wrong[0]} has no colour: labels are {known}; pass ignore_index if it is void")
    return np.where(void[..., None], np.uint8(0), palette[np.where(void, 0, label)])


def overlay(
    image: Tensor | ArrayLike,
    label: Tensor | ArrayLike,
    palette: ArrayLike,
    ignore_index: int | None = None,
    opacity: float = 0.5,
) -> np.ndarray:
    """Label colours laid over the image; void leaves the image as it is.

    Parameters
    ----------
    image : array or Tensor, (3, H, W) float 0..1
    label, palette, ignore_index
        As for `colourise`.
    opacity : float, 0..1
        Share of the label's colour.

    Returns
    -------
    array, (H, W, 3) uint8

    Examples
    --------
    >>> overlay(np.ones((3, 1, 2)), [[0, 9]], np.array([[55, 155, 255]]), ignore_index=9).tolist()
    [[[155, 205, 255], [255, 255, 255]]]
    """
    label = np.asarray(label)
    image = 255 * np.moveaxis(np.asarray(image, float), 0, -1)
    if image.shape[:2] != label.shape:
        raise InvalidInput(f"an image of {image.shape[:2]} and labels of {label.shape} do not match")
    share = np.full(label.shape, opacity) if ignore_index is None else opacity * (label != ignore_index)
    colours = colourise(label, palette, ignore_index)
    return (image + share[..., None] * (colours - image)).round().clip(0, 255).astype(np.uint8)


def show_image(axes: Axes, image: Tensor | ArrayLike, title: str = "") -> None:
    """Put an image, (3, H, W) float 0..1, or (H, W, 3) uint8 as `overlay` gives it, into an axes."""
    image = np.asarray(image)
    axes.imshow(image if image.dtype == np.uint8 else np.moveaxis(image, 0, -1).clip(0, 1))
    bare(axes, title)


def show_label(axes: Axes, label: Tensor | ArrayLike, data: Labelled, title: str = "") -> None:
    """Put a label map, (H, W), into an axes in the colours of its data set."""
    axes.imshow(colourise(label, data.palette, data.ignore_index))
    bare(axes, title)


def legend(figure: Figure, data: Labelled, classes: Iterable[int] | None = None) -> None:
    """Name the colours below a figure.

    Parameters
    ----------
    figure : Figure
    data : Labelled
    classes : list of int, optional
        Only those, e.g. the ones that occur; all by default, and void.
    """
    shown = [*range(len(data.class_names)), data.ignore_index] if classes is None else list(classes)
    swatches = [
        Patch(facecolor=data.palette[c] / 255, edgecolor=LINE, label=data.class_names[c])
        for c in shown
        if c != data.ignore_index
    ]
    if data.ignore_index in shown:
        swatches.append(Patch(facecolor="black", label="void"))
    figure.legend(handles=swatches, loc="outside lower center", ncols=min(6, len(swatches)), handlelength=1.2)


def name_what_occurs(figure: Figure, data: Labelled, maps: Iterable[Tensor | ArrayLike]) -> None:
    """Name the colours below a figure: of many classes, such as SUN RGB-D's 37, only those that the maps hold."""
    few = len(data.class_names) <= 11
    legend(figure, data, None if few else occurring(maps))


def occurring(maps: Iterable[Tensor | ArrayLike]) -> list[int]:
    """The labels that some maps hold, ascending.

    >>> occurring([[[3, 0]], [[3, 255]]])
    [0, 3, 255]
    """
    return sorted({int(label) for labels in maps for label in np.unique(np.asarray(labels))})


@styled
def beside(image: Tensor | ArrayLike, maps: Mapping[str, Tensor | ArrayLike], data: Labelled) -> Figure:
    """An image and label maps of it in a row, with the names of the classes that occur.

    Parameters
    ----------
    image : array or Tensor, (3, H, W) float 0..1
    maps : dict, title -> label map, (H, W)
        Such as the truth and what networks say.
    data : Labelled
        A data set, or whatever else says what its labels mean.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        A label map of another size than the image, or a label that is neither a class nor void.
    """
    arrays = {title: np.asarray(label) for title, label in maps.items()}
    height, width = np.asarray(image).shape[1:]
    for title, label in arrays.items():
        if label.shape != (height, width):
            raise InvalidInput(f"{title} is of size {label.shape}, the image of {(height, width)}: resize one of them")
    figure, axes = picture_grid(1, 1 + len(arrays), (height, width), title=0, rest=0.7)
    show_image(axes[0, 0], image, "image")
    for cell, (title, label) in zip(axes[0, 1:], arrays.items(), strict=True):
        show_label(cell, label, data, title)
    legend(figure, data, occurring(arrays.values()))
    return figure


@styled
def contact_sheet(data: DataSet, numbers: Iterable[int] = range(6), columns: int = 3) -> Figure:
    """Images of a data set, each above its labels.

    Parameters
    ----------
    data : DataSet
    numbers : list of int
        Which images.
    columns : int

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        No image is asked for.
    IndexError
        The data set has no image of that number.
    """
    samples = {number: data[number] for number in numbers}
    if not samples:
        raise InvalidInput("a contact sheet of no images: give numbers such as range(6)")
    columns = min(columns, len(samples))
    rows = math.ceil(len(samples) / columns)
    shape = next(iter(samples.values())).label.shape
    figure, grid = picture_grid(2 * rows, columns, shape, title=0.1, rest=0.5)
    for i, (number, sample) in enumerate(samples.items()):
        row, column = 2 * (i // columns), i % columns
        show_image(grid[row, column], sample.image, f"{data.split} {number}")
        show_label(grid[row + 1, column], sample.label, data)
    legend(figure, data)
    return figure
