"""Boundaries of up to 64 classes in one map, for speed.

A bit plane holds one class: of the unsigned integer at a pixel, bit k says whether the pixel belongs to class k. One
operation on such a map serves all classes, where masks would take one for each.
"""

import numpy as np

from segnet_lab.metrics.conventions import Convention, draw_boundaries
from segnet_lab.metrics.matching import margin_of, pair

AT_ONCE = 64  # classes that fit into an integer


def count_matches(
    pred: np.ndarray, target: np.ndarray, num_classes: int, rules: Convention, half_widths: tuple[int, ...]
) -> np.ndarray:
    """Boundary pixels of every class in one image.

    Parameters
    ----------
    pred, target : array, (H, W), unsigned
        Labels, void being `num_classes`, see `read_pair`.
    num_classes : int
        K.
    rules : Convention
    half_widths : tuple of int
        Of the disk within which pixels match, see `disk`.

    Returns
    -------
    counts : array, int, (4, K)
        Those matched in the prediction and in the truth, then all in the prediction and in the truth.

    Examples
    --------
    >>> from segnet_lab.metrics.conventions import CONVENTIONS
    >>> pred, target = np.array([[[0, 0, 1, 1]], [[0, 1, 1, 1]]], np.uint8)
    >>> count_matches(pred, target, 2, CONVENTIONS["paper"], half_widths=(0,))  # one apart, and nothing matches
    array([[0, 0],
           [0, 0],
           [1, 1],
           [1, 1]])
    """
    void = target == num_classes
    counts = []
    for first in range(0, num_classes, AT_ONCE):
        classes = min(num_classes - first, AT_ONCE)
        planes = draw_boundaries(bit_planes(pred, first, classes), bit_planes(target, first, classes), void, rules)
        by_rule = _by_distance if rules.matching == "distance" else _one_to_one
        counts.append(by_rule(*planes, classes, half_widths))
    return np.concatenate(counts, axis=1)


def _by_distance(pred: np.ndarray, target: np.ndarray, classes: int, half_widths: tuple[int, ...]) -> np.ndarray:
    near = pred & dilate(target, half_widths), target & dilate(pred, half_widths)
    return np.stack([_count_bits(planes, classes) for planes in (*near, pred, target)])


def _one_to_one(pred: np.ndarray, target: np.ndarray, classes: int, half_widths: tuple[int, ...]) -> np.ndarray:
    by_class = list(zip(_positions(pred, classes), _positions(target, classes), strict=True))
    matched = [pair(p, t, pred.shape[1], half_widths)[0].size for p, t in by_class]
    return np.array([matched, matched, [p.size for p, _ in by_class], [t.size for _, t in by_class]])


def bit_planes(labels: np.ndarray, first: int, classes: int) -> np.ndarray:
    """A label map (H, W) as one-hot bits, class `first` being bit 0; nobody counts the bits from `classes` on.

    >>> bit_planes(np.array([[0, 1, 2, 3]], np.uint8), first=1, classes=2)  # 3 has bit 2, which nobody counts
    array([[0, 1, 2, 4]], dtype=uint8)
    """
    number = next(t for t in (np.uint8, np.uint16, np.uint32, np.uint64) if np.iinfo(t).bits >= classes)
    # Classes before `first` wrap around to great numbers: like all shifts past the end, they give 0.
    return np.left_shift(number(1), labels - labels.dtype.type(first), dtype=number)


def dilate(planes: np.ndarray, half_widths: tuple[int, ...]) -> np.ndarray:
    """Every pixel of a map (H, W), bits or bool, takes the bits of all pixels of the disk around it.

    The rows of the disk share their work: from the narrowest, outermost row inwards, the map is widened by OR with
    itself, shifted, and each row of the disk adds the widened map to the result.

    >>> dilate(np.array([[0, 0, 0, 0, 4, 0, 1]], np.uint8), half_widths=(1, 0))
    array([[0, 0, 0, 4, 4, 5, 1]], dtype=uint8)
    """
    (height, width), margin = planes.shape, margin_of(half_widths)
    framed = np.zeros((height + 2 * margin, width + margin), planes.dtype)
    framed[margin:-margin, :width] = planes

    wide, reached = framed.ravel(), 0
    near = np.zeros_like(wide)
    for row, half_width in reversed([*enumerate(half_widths)]):
        while reached < half_width:
            step = min(max(reached, 1), half_width - reached)  # longer steps would leave gaps
            wider = np.zeros_like(wide)
            np.bitwise_or(wide[2 * step :], wide[: -2 * step], out=wider[step:-step])
            if not reached:
                wider |= wide
            wide, reached = wider, reached + step
        down = row * framed.shape[1]
        near[down:] |= wide[: wide.size - down]
        if row:
            near[:-down] |= wide[down:]
    return near.reshape(framed.shape)[margin:-margin, :width]


def _count_bits(planes: np.ndarray, classes: int) -> np.ndarray:
    """How many pixels have bit 0, 1, ... set, (classes,)."""
    used = planes[planes != 0]
    return np.array([np.count_nonzero(used & used.dtype.type(1 << bit) != 0) for bit in range(classes)])


def _positions(planes: np.ndarray, classes: int) -> list[np.ndarray]:
    """Flat positions of the pixels with bit 0, 1, ... set."""
    flat = planes.ravel()
    at = np.flatnonzero(flat != 0)
    used = flat[at]
    return [at[used & used.dtype.type(1 << bit) != 0] for bit in range(classes)]
