"""Pixels counted once, in one confusion matrix over the data set; G, C and mIoU divided out of it at the end."""

from typing import TypedDict

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from segnet_lab._support.errors import InvalidInput, unknown
from segnet_lab.metrics.checked import read_pair


def confusion_matrix(
    pred: Tensor | ArrayLike, target: Tensor | ArrayLike, num_classes: int, ignore_index: int | None = None
) -> Tensor:
    """How many pixels of each class were given each label.

    Parameters
    ----------
    pred, target : Tensor on any device or array, (H, W) or (B, H, W), integer
        Label maps. Pixels that `target` calls void are left out, whatever `pred` says there.
    num_classes : int
        K, the classes being 0 .. K - 1.
    ignore_index : int, optional
        The label of void.

    Returns
    -------
    matrix : Tensor, int64, (K, K), on the CPU
        Row = truth, column = prediction. Matrices of several images add up. All zero when no pixel counts.

    Raises
    ------
    ValueError
        If the maps differ in shape or are no label maps, if a label is neither a class nor `ignore_index`, or if
        `pred` is void where `target` has a class: the matrix has no column for that.

    Examples
    --------
    >>> confusion_matrix([[0, 0, 1, 1]], [[0, 1, 1, 9]], num_classes=2, ignore_index=9)  # the last pixel is void
    tensor([[1, 0],
            [1, 1]])
    """
    pred, target = read_pair(pred, target, num_classes, ignore_index)
    side = num_classes + 1  # void is the last row and column
    pairs = np.multiply(target, side, dtype=np.min_scalar_type(side**2)) + pred
    matrix = np.bincount(pairs.ravel(), minlength=side**2).reshape(side, side)
    if missed := int(matrix[:-1, -1].sum()):
        raise InvalidInput(
            f"pred is void (ignore_index={ignore_index}) at {missed} pixels where target has a class: "
            "a prediction must name a class at every pixel"
        )
    return torch.from_numpy(matrix[:-1, :-1].copy())


class ConfusionScores(TypedDict):
    """What `scores_from_confusion` returns."""

    G: float
    C: float
    mIoU: float
    class_accuracy: Tensor
    class_iou: Tensor


def scores_from_confusion(matrix: Tensor | ArrayLike, absent: str = "nan") -> ConfusionScores:
    """Global accuracy G, class average accuracy C and mean intersection over union, as fractions of 1.

    Parameters
    ----------
    matrix : Tensor or array, (K, K)
        From `confusion_matrix`, summed over the data set; row = truth.
    absent : {"nan", "zero"}
        What a class without a single pixel in the truth does to the means. "nan": it has no accuracy and no IoU, and
        C and mIoU are means over the other classes. "zero": it counts as 0, so that C and mIoU divide by K as the
        authors' script does.

    Returns
    -------
    dict
        'G', 'C', 'mIoU' : float. 'class_accuracy', 'class_iou' : Tensor, float64, (K,), nan for an absent class under
        either rule. G is nan when the matrix is empty; so are C and mIoU unless `absent` is "zero".

    Raises
    ------
    ValueError
        If `matrix` is not square, or `absent` is no such rule.

    Notes
    -----
    Section 3.3 of the paper. With n the matrix: G = sum_k n_kk / sum n, accuracy_k = n_kk / row_k,
    IoU_k = n_kk / (row_k + column_k - n_kk).

    Examples
    --------
    >>> scores = scores_from_confusion([[3, 1, 0], [2, 4, 0], [0, 0, 0]])  # class 2 occurs nowhere
    >>> scores["G"], scores["C"]  # 7 / 10, (3 / 4 + 4 / 6) / 2
    (0.7, 0.7083333333333333)
    >>> scores["class_iou"]  # 3 / (4 + 5 - 3), 4 / (6 + 5 - 4)
    tensor([0.5000, 0.5714,    nan], dtype=torch.float64)
    """
    if absent not in ("nan", "zero"):
        raise InvalidInput(unknown("rule for absent classes", absent, ("nan", "zero")))
    matrix = torch.as_tensor(matrix).cpu().double()
    if matrix.dim() != 2 or matrix.shape[0] != matrix.shape[1]:
        raise InvalidInput(f"expected a confusion matrix (K, K), got {tuple(matrix.shape)}")
    right, truth, given = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
    accuracy = right / truth
    iou = torch.where(truth > 0, right / (truth + given - right), torch.nan)
    accuracies, ious = (accuracy, iou) if absent == "nan" else (accuracy.nan_to_num(), iou.nan_to_num())
    return {
        "G": float(right.sum() / matrix.sum()),
        "C": float(accuracies.nanmean()),
        "mIoU": float(ious.nanmean()),
        "class_accuracy": accuracy,
        "class_iou": iou,
    }
