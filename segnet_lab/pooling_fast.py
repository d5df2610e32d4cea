"""Pooling with codes as compiled loops, for maps on a CPU that are worth it."""

import numpy as np

from segnet_lab._support.compiled import kernel


# Pooling with codes, for segnet_lab.pooling. Floats come as the integers that their bits spell, so that one kernel
# serves every float type, also bfloat16, which numpy does not know. Such integers are in the order of the floats,
# except that negative ones run backwards (`lowest - bits` turns them round, and makes -0 equal to 0) and nan must win.
@kernel
def pool(x: np.ndarray, infinity: int, relu: bool, values: np.ndarray, codes: np.ndarray) -> None:
    """2x2 max pooling: the maximum of each window, and the packed codes of the corners where they were.

    Parameters
    ----------
    x : array, intN, (B, H, W, C)
        Bits of floats.
    infinity : int
        Bits of the float infinity.
    relu : bool
        A window whose maximum is not above 0 gets corner 0.
    values : array, intN, (B, ceil(H/2), ceil(W/2), C)
        Written.
    codes : array, uint8, (ceil(values.size/4),)
        Written.
    """
    lowest, largest = x.dtype.type(np.iinfo(x.dtype).min), x.dtype.type(np.iinfo(x.dtype).max)
    nan_above = x.dtype.type(infinity)  # narrow types throughout: more of them fit in a vector register
    corners = np.zeros(4 * codes.size, np.uint8)

    def beats(new, old):  # a tie is the first one's
        order_new, order_old = (new if new >= 0 else lowest - new), (old if old >= 0 else lowest - old)
        return ((new & largest) > nan_above) | ((order_new > order_old) & ((old & largest) <= nan_above))

    start = 0
    for b in range(values.shape[0]):
        for i in range(values.shape[1]):
            has_bottom = 2 * i + 1 < x.shape[1]
            top, bottom = x[b, 2 * i], x[b, 2 * i + has_bottom]
            for j in range(values.shape[2]):
                has_right = 2 * j + 1 < x.shape[2]
                x0, x1, x2, x3 = top[2 * j], top[2 * j + has_right], bottom[2 * j], bottom[2 * j + has_right]
                best, where = values[b, i, j], corners[start : start + values.shape[3]]
                start += values.shape[3]
                for c in range(best.size):
                    v, k = x0[c], np.uint8(0)
                    if has_right & beats(x1[c], v):
                        v, k = x1[c], np.uint8(1)
                    if has_bottom & beats(x2[c], v):
                        v, k = x2[c], np.uint8(2)
                    if has_right & has_bottom & beats(x3[c], v):
                        v, k = x3[c], np.uint8(3)
                    if relu & (v <= 0) & ((v & largest) <= nan_above):
                        k = np.uint8(0)
                    best[c], where[c] = v, k
    for n in range(codes.size):
        codes[n] = corners[4 * n] | corners[4 * n + 1] << 2 | corners[4 * n + 2] << 4 | corners[4 * n + 3] << 6


@kernel
def unpool(values: np.ndarray, codes: np.ndarray, x: np.ndarray) -> None:
    """Every value to the corner its code names, 0 to the others: arrays as in `pool`, x is written."""
    corners = np.empty(4 * codes.size, np.uint8)
    for n in range(codes.size):
        for k in range(4):
            corners[4 * n + k] = codes[n] >> 2 * k & 3
    corners = corners[: values.size].reshape(values.shape)
    for b in range(x.shape[0]):
        for row in range(x.shape[1]):
            for column in range(x.shape[2]):
                corner = np.uint8(2 * (row % 2) + column % 2)
                here = x[b, row, column]
                value, where = values[b, row // 2, column // 2], corners[b, row // 2, column // 2]
                for c in range(here.size):
                    here[c] = value[c] if where[c] == corner else x.dtype.type(0)


@kernel
def pick(x: np.ndarray, codes: np.ndarray, values: np.ndarray) -> None:
    """Read x at the corners that the codes name: arrays as in `pool`, values are written."""
    corners = np.empty(4 * codes.size, np.uint8)
    for n in range(codes.size):
        for k in range(4):
            corners[4 * n + k] = codes[n] >> 2 * k & 3
    corners = corners[: values.size].reshape(values.shape)
    for b in range(values.shape[0]):
        for i in range(values.shape[1]):
            bottom = min(2 * i + 1, x.shape[1] - 1)  # no code names a place beyond an odd edge
            for j in range(values.shape[2]):
                right = min(2 * j + 1, x.shape[2] - 1)
                value, where = values[b, i, j], corners[b, i, j]
                x0, x1, x2, x3 = x[b, 2 * i, 2 * j], x[b, 2 * i, right], x[b, bottom, 2 * j], x[b, bottom, right]
                for c in range(value.size):
                    k = where[c]
                    value[c] = (x0[c] if k == 0 else x1[c]) if k < 2 else (x2[c] if k == 2 else x3[c])
