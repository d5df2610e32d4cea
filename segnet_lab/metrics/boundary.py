"""Boundary F1 (BF): how much of the boundary of each class lies where it should.

The measure of Section 3.3: per image and class, precision and recall of boundary pixels within a small distance; their
harmonic mean F1; the mean over the classes of an image, then over images. The same masks score 69 or 88 depending on
what is called a boundary, a match, a class that counts: `conventions` names the published rules.

What holds under all of them. A class counts in an image when its boundary has a pixel there: a class that fills the
whole image has none under "seg2bdry". Precision is 0 when the prediction has no boundary of a class, recall when the
truth has none, F1 when either is 0. An image without any class that counts is left out of the mean; without any image
left, BF is nan.

`boundary_matches` shows the whole of it for one class, in masks. `boundary_scores` counts the same for all classes at
once, in bit planes (`_bits`).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from segnet_lab._support.errors import InvalidInput, unknown
from segnet_lab.metrics._bits import count_matches, dilate
from segnet_lab.metrics.checked import as_array, read_pair
from segnet_lab.metrics.conventions import BOUNDARIES, PRESENT, TOLERANCE, Convention, draw_boundaries, find_convention
from segnet_lab.metrics.matching import disk, pair, tolerance_pixels


def boundary_f1(
    pred: Tensor | ArrayLike,
    target: Tensor | ArrayLike,
    num_classes: int,
    tolerance: float = TOLERANCE,
    *,
    ignore_index: int | None = None,
    convention: str | Convention = "paper",
    matching: str | None = None,
    boundary: str | None = None,
    present: str | None = None,
    void: str | None = None,
    strict: bool | None = None,
) -> float:
    """Mean over images of the mean over classes of the F1 of boundary pixels.

    Parameters
    ----------
    pred, target : Tensor on any device or array, (H, W) or (B, H, W), integer
        Label maps.
    num_classes : int
        K, the classes being 0 .. K - 1.
    tolerance : float
        How far apart matched boundary pixels may lie, Euclidean. Below 1 a fraction of the image diagonal (0.0075 is
        4.5 pixels at 360x480), from 1 on a number of pixels.
    ignore_index : int, optional
        The label of void. In `pred` it is no class, like void in `target` under the rule "kept".
    convention : {"paper", "authors_script", "csurka", "matlab"} or Convention
        The rules, see `CONVENTIONS`.
    matching, boundary, present, void, strict : optional
        One rule in place of the convention's, see `Convention`.

    Returns
    -------
    float
        0 .. 1; nan when no image has a class that counts.

    Raises
    ------
    ValueError
        If the maps differ in shape, hold a label that is neither a class nor `ignore_index`, or a rule or convention is
        unknown (the message lists those that are known).

    Notes
    -----
    Section 3.3 of the paper. Under "authors_script" an image without any boundary is left out too, while the script
    itself counts it as 0.

    Examples
    --------
    A 4x4 square, moved by two pixels. Its boundary has 16 pixels in both maps; 6 of them coincide.

    >>> target = np.zeros((9, 9), int)
    >>> target[2:6, 2:6] = 1
    >>> pred = np.roll(target, 2, axis=1)
    >>> boundary_f1(pred, target, num_classes=2, tolerance=0)
    0.375
    >>> boundary_f1(pred, target, num_classes=2, tolerance=2)
    1.0
    """
    rules = find_convention(convention, matching, boundary, present, void, strict)
    f1 = boundary_scores(pred, target, num_classes, tolerance, ignore_index=ignore_index, convention=rules).f1
    return float(_mean(_mean(f1, axis=1), axis=0))


class BoundaryScores(NamedTuple):
    """Scores per image and class, (B, K) float64; nan for a class that does not count in the image."""

    f1: np.ndarray
    precision: np.ndarray
    recall: np.ndarray


def boundary_scores(
    pred: Tensor | ArrayLike,
    target: Tensor | ArrayLike,
    num_classes: int,
    tolerance: float = TOLERANCE,
    *,
    ignore_index: int | None = None,
    convention: str | Convention = "paper",
) -> BoundaryScores:
    """Precision, recall and F1 of the boundary of each class in each image: what `boundary_f1` is the mean of.

    Parameters
    ----------
    pred, target, num_classes, tolerance, ignore_index, convention
        As in `boundary_f1`.

    Returns
    -------
    BoundaryScores
        f1, precision, recall, each (B, K), with B = 1 for (H, W) maps.

    Raises
    ------
    ValueError
        As `boundary_f1`.

    Examples
    --------
    >>> boundary_scores([[0, 0, 1, 1]], [[0, 1, 1, 1]], num_classes=3, tolerance=1).f1  # class 2 is absent
    array([[ 1.,  1., nan]])
    """
    rules = find_convention(convention)
    pred, target = read_pair(pred, target, num_classes, ignore_index)
    half_widths = disk(tolerance, pred.shape[1], pred.shape[2], rules.strict)  # of the tolerance, row by row
    counts = np.zeros((4, len(pred), num_classes), np.int64)
    for image in range(len(pred)):
        counts[:, image] = count_matches(pred[image], target[image], num_classes, rules, half_widths)
    matched, drawn = counts[:2], counts[2:]  # each of the prediction, of the truth
    with np.errstate(invalid="ignore"):
        precision, recall = np.where(drawn > 0, matched / drawn, 0)
        f1 = np.where(matched.all(0), 2 * precision * recall / (precision + recall), 0)
    counting = PRESENT[rules.present](*drawn)
    return BoundaryScores(*(np.where(counting, score, np.nan) for score in (f1, precision, recall)))


def _mean(scores: np.ndarray, axis: int) -> np.ndarray:
    """Mean of what is not nan; nan where there is nothing."""
    known = ~np.isnan(scores)
    with np.errstate(invalid="ignore"):
        return np.where(known, scores, 0).sum(axis) / known.sum(axis)


# --------------------------------------------------------------------------------------------------
# To look at


def boundary_map(
    labels: Tensor | ArrayLike, cls: int | None = None, kind: str = "seg2bdry", ignore_index: int | None = None
) -> np.ndarray:
    """Boundary pixels of one class of a label map, or of all classes.

    Parameters
    ----------
    labels : Tensor or array, (H, W), integer
    cls : int, optional
        The class; without it the boundaries of every class that occurs.
    kind : {"seg2bdry", "inner"}
        See `Convention`.
    ignore_index : int, optional
        The label of void, which takes no part ("masked").

    Returns
    -------
    array, (H, W), bool
        All False when the class does not occur.

    Raises
    ------
    ValueError
        If `labels` is no (H, W) map of integers, or `kind` is unknown.

    Examples
    --------
    >>> labels = [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    >>> boundary_map(labels, 1).astype(int)  # both sides of the edge, half a pixel up and left
    array([[1, 1, 1, 0],
           [1, 0, 1, 0],
           [1, 1, 1, 0],
           [0, 0, 0, 0]])
    >>> boundary_map(labels, 1, kind="inner").astype(int)
    array([[0, 0, 0, 0],
           [0, 1, 1, 0],
           [0, 1, 1, 0],
           [0, 0, 0, 0]])
    """
    labels = _one_map(labels, "labels")
    if kind not in BOUNDARIES:
        raise InvalidInput(unknown("kind of boundary", kind, BOUNDARIES))
    boundary = BOUNDARIES[kind]
    void = _is_void(labels, ignore_index)
    classes = np.unique(labels[~void]) if cls is None else [cls]
    each = [boundary((labels == c) & ~void, (labels == c) | void) for c in classes]
    return np.any(each, axis=0) if each else np.zeros(labels.shape, bool)


def _one_map(labels: Tensor | ArrayLike, name: str) -> np.ndarray:
    labels = as_array(labels, name)
    if len(labels) != 1:
        raise InvalidInput(f"{name} must be one map (H, W), got {len(labels)}: pass one image at a time")
    return labels[0]


def _is_void(labels: np.ndarray, ignore_index: int | None) -> np.ndarray:
    return np.zeros(labels.shape, bool) if ignore_index is None else labels == ignore_index


@dataclass(frozen=True, eq=False)
class BoundaryMatches:
    """The boundary of one class in two maps, and which of its pixels found a partner.

    Attributes
    ----------
    pred, target : array, (H, W), bool
        Boundary pixels.
    pred_matched, target_matched : array, (H, W), bool
        Those of them that are matched; `pred_missed`, `target_missed` are the others.
    pairs : array, int, (n, 2, 2)
        One-to-one partners, each ((row, column) in pred, (row, column) in target); n = 0 when matched by distance.
    tolerance : float
        In pixels.
    """

    pred: np.ndarray
    target: np.ndarray
    pred_matched: np.ndarray
    target_matched: np.ndarray
    pairs: np.ndarray
    tolerance: float

    @property
    def pred_missed(self) -> np.ndarray:
        """Predicted boundary pixels without a partner, (H, W), bool."""
        return self.pred & ~self.pred_matched

    @property
    def target_missed(self) -> np.ndarray:
        """True boundary pixels without a partner, (H, W), bool."""
        return self.target & ~self.target_matched

    @property
    def precision(self) -> float:
        """Matched share of the predicted boundary, 0 when there is none; nan when neither map has one."""
        return self._share(self.pred_matched, self.pred)

    @property
    def recall(self) -> float:
        """Matched share of the true boundary, 0 when there is none; nan when neither map has one."""
        return self._share(self.target_matched, self.target)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else both

    def _share(self, matched: np.ndarray, drawn: np.ndarray) -> float:
        if not (self.pred.any() or self.target.any()):
            return float("nan")
        return float(matched.sum() / max(drawn.sum(), 1))


def boundary_matches(
    pred: Tensor | ArrayLike,
    target: Tensor | ArrayLike,
    cls: int,
    tolerance: float = TOLERANCE,
    *,
    ignore_index: int | None = None,
    convention: str | Convention = "paper",
    matching: str | None = None,
    boundary: str | None = None,
    void: str | None = None,
    strict: bool | None = None,
) -> BoundaryMatches:
    """Boundary pixels of one class in one image, matched: what a figure draws and a reader counts.

    Parameters
    ----------
    pred, target : Tensor or array, (H, W), integer
    cls : int
        The class.
    tolerance, ignore_index, convention, matching, boundary, void, strict
        As in `boundary_f1`; labels other than `cls` and `ignore_index` only count as not `cls`.

    Returns
    -------
    BoundaryMatches
        With one-to-one matching the number of pairs is certain, but often more than one choice of partners reaches it.

    Raises
    ------
    ValueError
        If the maps differ in shape or are no (H, W) maps of integers, or a rule or convention is unknown.

    Examples
    --------
    >>> found = boundary_matches([[0, 0, 0, 1, 1]], [[0, 1, 1, 1, 1]], cls=1, tolerance=2)
    >>> found.pred.astype(int), found.target.astype(int)
    (array([[0, 0, 1, 0, 0]]), array([[1, 0, 0, 0, 0]]))
    >>> found.pairs.tolist(), found.f1
    ([[[0, 2], [0, 0]]], 1.0)
    """
    rules = find_convention(convention, matching=matching, boundary=boundary, void=void, strict=strict)
    labels, truth = _one_map(pred, "pred"), _one_map(target, "target")
    if labels.shape != truth.shape:
        raise InvalidInput(f"pred is {labels.shape} but target is {truth.shape}: resize one to the other")
    hidden = _is_void(truth, ignore_index)
    pred_has, target_has = (labels == cls) & ~_is_void(labels, ignore_index), (truth == cls) & ~hidden
    pred, target = draw_boundaries(pred_has, target_has, hidden, rules)
    half_widths = disk(tolerance, *target.shape, strict=rules.strict)
    if rules.matching == "distance":
        pairs = np.zeros((0, 2, 2), int)
        pred_matched = pred & dilate(target, half_widths)
        target_matched = target & dilate(pred, half_widths)
    else:
        partners = pair(np.flatnonzero(pred), np.flatnonzero(target), pred.shape[1], half_widths)
        pairs = np.stack([np.argwhere(map_)[at] for map_, at in zip((pred, target), partners, strict=True)], axis=1)
        pred_matched, target_matched = np.zeros_like(pred), np.zeros_like(target)
        pred_matched[tuple(pairs[:, 0].T)] = target_matched[tuple(pairs[:, 1].T)] = True
    return BoundaryMatches(
        pred, target, pred_matched, target_matched, pairs, tolerance_pixels(tolerance, *target.shape)
    )
