"""Label maps as every score reads them: checked, small, on the CPU, with void as the number after the last class."""

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from segnet_lab._support.errors import InvalidInput


def read_pair(
    pred: Tensor | ArrayLike, target: Tensor | ArrayLike, num_classes: int, ignore_index: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """A prediction and its truth, checked, as small unsigned maps.

    Parameters
    ----------
    pred, target : Tensor on any device or array, (H, W) or (B, H, W), integer
        Labels 0 .. num_classes - 1, and `ignore_index` where there is no class.
    num_classes : int
        K >= 1.
    ignore_index : int or None
        The label of void, inside or outside 0 .. K - 1; None when every pixel has a class.

    Returns
    -------
    pred, target : array, (B, H, W), the smallest unsigned dtype that holds K
        Void is K, whatever `ignore_index` was.

    Raises
    ------
    ValueError
        If the shapes differ, a map is not an integer one of 2 or 3 axes, or a label is neither a class nor void.

    Examples
    --------
    >>> pred, target = read_pair([[0, 1]], [[255, 1]], num_classes=2, ignore_index=255)
    >>> target
    array([[[2, 1]]], dtype=uint8)
    """
    if num_classes < 1:
        raise InvalidInput(f"num_classes is {num_classes}: a score needs at least one class")
    pred, target = as_array(pred, "pred"), as_array(target, "target")
    if pred.shape != target.shape:
        raise InvalidInput(
            f"pred is {pred.shape} but target is {target.shape}: resize one to the other (nearest neighbour), "
            "and for logits (B, K, H, W) pass logits.argmax(1)"
        )
    small = np.empty((2, *pred.shape), np.min_scalar_type(num_classes))
    for image in range(len(pred)):  # one image fits into the processor's cache
        _copy_checked(pred[image], small[0, image], num_classes, ignore_index, "pred")
        _copy_checked(target[image], small[1, image], num_classes, ignore_index, "target")
    return small[0], small[1]


def as_array(labels: Tensor | ArrayLike, name: str) -> np.ndarray:
    """Labels as an integer array (B, H, W), B = 1 for one map; an error names what else was given."""
    if isinstance(labels, Tensor):
        floating = labels.is_floating_point()
        labels = labels.detach().cpu()
        labels = labels.float().numpy() if floating else labels.numpy()  # numpy knows no bfloat16
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iub" or labels.ndim not in (2, 3):
        raise InvalidInput(
            f"{name} must be a map of integer labels, (H, W) or (B, H, W), got {labels.dtype} of shape {labels.shape}: "
            "for logits (B, K, H, W) pass logits.argmax(1)"
        )
    return labels if labels.ndim == 3 else labels[None]


def _copy_checked(labels: np.ndarray, small: np.ndarray, num_classes: int, ignore_index: int | None, name: str) -> None:
    """One image into `small`, void as `num_classes`."""
    if labels.size == 0:
        return
    low, high = labels.min(), labels.max()
    last = num_classes if ignore_index == num_classes else num_classes - 1
    known = None
    if ignore_index is not None and ignore_index != num_classes and low <= ignore_index <= high:
        labels = labels.astype(np.result_type(np.min_scalar_type(low), np.min_scalar_type(high)))  # fewer bytes to read
        known = labels != ignore_index
        labels = labels * known  # faster in numpy than to select
        low, high = labels.min(), labels.max()
    if low < 0 or high > last:
        strange = labels[(labels < 0) | (labels > last)][0]
        raise InvalidInput(
            f"{name} holds {strange}, which is neither one of the {num_classes} classes 0..{num_classes - 1} nor void "
            f"(ignore_index={ignore_index}): pass the number that stands for void as ignore_index, or relabel the map"
        )
    small[...] = labels
    if known is not None:
        small += ~known * small.dtype.type(num_classes)
