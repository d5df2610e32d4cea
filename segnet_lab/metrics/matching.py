"""Boundary pixels within a tolerance of each other, paired one to one."""

import functools
import math
from fractions import Fraction

import numpy as np

from segnet_lab._support.errors import InvalidInput
from segnet_lab.metrics.bipartite import maximum_matching

LOOKED_AT_ONCE = 2**22  # pixels of disks, 8 bytes of index each: bounds memory


def tolerance_pixels(tolerance: float, height: int, width: int) -> float:
    """A tolerance as a distance in pixels.

    Parameters
    ----------
    tolerance : float, >= 0
        Below 1 a fraction of the image diagonal, sqrt(height^2 + width^2); from 1 on a number of pixels.
    height, width : int

    Returns
    -------
    float

    Examples
    --------
    >>> tolerance_pixels(0.0075, 360, 480)  # the paper's, 0.75 % of 600
    4.5
    >>> tolerance_pixels(2, 360, 480)
    2.0
    """
    return math.sqrt(_squared(tolerance, height, width))


@functools.lru_cache
def disk(tolerance: float, height: int, width: int, strict: bool) -> tuple[int, ...]:
    """Half-widths of the rows of a disk, from its middle row outwards; exact, in whole numbers.

    A displacement belongs to the disk when its Euclidean length is at most (`strict`: below) the tolerance. Empty when
    `strict` and the tolerance is 0.

    >>> disk(0.0075, 360, 480, strict=False)
    (4, 4, 4, 3, 2)
    >>> disk(3, 8, 8, strict=False), disk(3, 8, 8, strict=True)
    ((3, 2, 2, 0), (2, 2, 2))
    """
    farthest = Fraction(height**2 + width**2)  # squared: no two pixels lie farther apart
    squared = min(_squared(tolerance, height, width), farthest)
    half_widths = []
    for row in range(math.isqrt(math.floor(squared)) + 1):
        rest = squared - row**2
        if strict and rest == 0:
            break
        half_widths.append(math.isqrt(math.ceil(rest) - 1 if strict else math.floor(rest)))
    return tuple(half_widths)


def _squared(tolerance: float, height: int, width: int) -> Fraction:
    if not 0 <= tolerance < math.inf:
        raise InvalidInput(f"tolerance is {tolerance}: pass a fraction (below 1) of the image diagonal, or pixels")
    exact = Fraction(repr(float(tolerance)))  # 0.0075 is 3 / 400, which no float is
    return exact**2 * (height**2 + width**2 if tolerance < 1 else 1)


def pair(
    left: np.ndarray, right: np.ndarray, width: int, half_widths: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Pair as many pixels as possible one to one, none with a pixel outside of the disk around it.

    Parameters
    ----------
    left, right : array, int, (n,) and (m,)
        Flat positions of pixels, row * width + column, in reading order.
    width : int
    half_widths : tuple of int

    Returns
    -------
    left, right : array, int, (n_pairs,)
        Indices into the arguments. The number of pairs is the greatest possible; which pixels they join may depend on
        whether numba is installed.

    Examples
    --------
    >>> pair(np.array([0, 5]), np.array([4, 9]), width=10, half_widths=(4, 3, 3, 2, 0))  # 0-4 and 5-9, not 5-4
    (array([0, 1]), array([0, 1]))
    """
    if left.size == 0 or right.size == 0:
        return left[:0], right[:0]
    if left.size > right.size:  # augmenting paths start at the side with fewer pixels
        return pair(right, left, width, half_widths)[::-1]
    start, partners = _graph(left, right, width, half_widths)
    mate = maximum_matching(start, partners, right.size)
    paired = np.flatnonzero(mate >= 0)
    return paired, mate[paired].astype(np.intp)


def _graph(
    left: np.ndarray, right: np.ndarray, width: int, half_widths: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Who may be paired with whom, in CSR form, in reading order (which suits the greedy start of the matching)."""
    margin = margin_of(half_widths)
    row_length = width + margin
    # Flat positions in a map with a frame of zeros
    left, right = (at + at // width * margin + margin * row_length for at in (left, right))
    rows = range(1 - len(half_widths), len(half_widths))
    disk = [row * row_length + x for row in rows for x in range(-half_widths[abs(row)], half_widths[abs(row)] + 1)]
    node = np.full(max(left[-1], right[-1]) + margin * row_length, -1, np.int32)
    node[right] = np.arange(right.size, dtype=np.int32)
    degrees, partners = [], []
    for part in np.array_split(left, 1 + left.size * len(disk) // LOOKED_AT_ONCE):
        near = node[part[:, None] + np.array(disk, np.intp)].ravel()  # for each left pixel, all the disk around it
        edges = np.flatnonzero(near >= 0)
        degrees.append(np.diff(np.searchsorted(edges, np.arange(part.size + 1) * len(disk))))
        partners.append(near[edges])
    return np.concatenate([[0], *degrees]).cumsum(dtype=np.int32), np.concatenate(partners)


def margin_of(half_widths: tuple[int, ...]) -> int:
    """Zeros around a map, so that a disk never leaves it and a shift of the flat map never joins two rows."""
    return max(len(half_widths), 1)
