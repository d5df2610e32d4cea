"""Faster ways to pool with codes, all with the result of `segnet_lab.pooling`'s plain torch, to the last bit.

Each is a `Backend`; `pooling_operators.fastest` chooses.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from segnet_lab._support.compiled import kernel
from segnet_lab.pooling_codes import packed_bytes, pooled_size

BAND = 2**18  # elements of a full-size map that torch operations work on at a time: their steps stay in the cache
INTEGER = {2: torch.int16, 4: torch.int32, 8: torch.int64}  # by element size


class Backend(NamedTuple):
    """One way to do the three operations; maps come out in the memory format that they came in."""

    pool: Callable[[Tensor, bool], tuple[Tensor, Tensor]]  # x, after a ReLU? -> values, codes
    unpool: Callable[[Tensor, Tensor, Sequence[int]], Tensor]  # values, codes, size -> sparse map
    pick: Callable[[Tensor, Tensor], Tensor]  # x, codes -> the values at those corners


def only(x: Tensor, here: Tensor) -> Tensor:
    """`x` where `here`, 0 elsewhere, by a mask over the bits: half the time of torch.where, but cannot be exported."""
    if torch.compiler.is_exporting() or x.element_size() not in INTEGER:
        return torch.where(here, x, torch.zeros((), dtype=x.dtype, device=x.device))
    bits = INTEGER[x.element_size()]
    return (x.view(bits) & -here.to(bits)).view(x.dtype)


def in_layout_of(like: Tensor, x: Tensor) -> Tensor:
    """`x` in the memory format of `like`: channels_last or contiguous."""
    return x.contiguous(memory_format=_layout(like))


def empty_map(like: Tensor, size: Sequence[int]) -> Tensor:
    """A map of another size (H, W), in the layout of `like`, yet to be filled."""
    return torch.empty((*like.shape[:2], *size), dtype=like.dtype, device=like.device, memory_format=_layout(like))


def _layout(x: Tensor) -> torch.memory_format:
    channels_last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if channels_last else torch.contiguous_format


# --------------------------------------------------------------------------------------------------
# Torch operations on a band of rows at a time


@cache
def in_bands(plain: Backend) -> Backend:
    """`plain` on bands that fit into a processor's cache."""
    return Backend(partial(_pool_bands, plain), partial(_unpool_bands, plain), partial(_pick_bands, plain))


def _pool_bands(plain: Backend, x: Tensor, relu: bool) -> tuple[Tensor, Tensor]:
    size = pooled_size(x.shape[-2:])
    bands = _bands(x.shape, size)
    if not bands:
        return plain.pool(x, relu)
    values = empty_map(x, size)
    codes = torch.empty(packed_bytes(values.numel()), dtype=torch.uint8)
    for images, rows, packed in bands:
        band = x[images, :, 2 * rows.start : 2 * rows.stop]
        values[images, :, rows], codes[packed] = plain.pool(band, relu)
    return values, codes


def _unpool_bands(plain: Backend, values: Tensor, codes: Tensor, size: Sequence[int]) -> Tensor:
    bands = _bands(values.shape, values.shape[-2:])
    if not bands:
        return plain.unpool(values, codes, size)
    x = empty_map(values, size)
    for images, rows, packed in bands:
        place = x[images, :, 2 * rows.start : 2 * rows.stop]
        place.copy_(plain.unpool(values[images, :, rows], codes[packed], place.shape[-2:]))
    return x


def _pick_bands(plain: Backend, x: Tensor, codes: Tensor) -> Tensor:
    size = pooled_size(x.shape[-2:])
    bands = _bands(x.shape, size)
    if not bands:
        return plain.pick(x, codes)
    values = empty_map(x, size)
    for images, rows, packed in bands:
        values[images, :, rows] = plain.pick(x[images, :, 2 * rows.start : 2 * rows.stop], codes[packed])
    return values


def _bands(shape: Sequence[int], pooled: Sequence[int]) -> list[tuple[slice, slice, slice]]:
    """Images, rows of the pooled map, and bytes of codes that belong together.

    Their codes must fill whole bytes: those of four rows do where those of an image do. Otherwise there are no bands.
    """
    (b, c), (h, w) = shape[:2], pooled
    windows = c * h * w  # of an image
    if windows % 4:
        return []
    images = max(1, BAND // (4 * windows))
    rows = max(4, BAND // (4 * c * w) // 4 * 4)
    bands, end = [], 0
    for first in range(0, b, images):
        for top in range(0, h, rows):
            start, bottom = end, min(top + rows, h)
            end += packed_bytes(min(images, b - first) * c * (bottom - top) * w)
            bands.append((slice(first, first + images), slice(top, bottom), slice(start, end)))
    return bands


# --------------------------------------------------------------------------------------------------
# The same on numpy's view of the tensors, for the compiled loops below


def _pool_compiled(x: Tensor, relu: bool) -> tuple[Tensor, Tensor]:
    values = x.new_empty(x.shape[0], *pooled_size(x.shape[-2:]), x.shape[1])
    codes = torch.empty(packed_bytes(values.numel()), dtype=torch.uint8)
    infinity = int(_bits(torch.tensor(torch.inf, dtype=x.dtype)))
    _pool_loop(_bits(_channels_last(x)), infinity, relu, _bits(values), codes.numpy())
    return in_layout_of(x, values.permute(0, 3, 1, 2)), codes


def _unpool_compiled(values: Tensor, codes: Tensor, size: Sequence[int]) -> Tensor:
    x = values.new_empty(values.shape[0], *size, values.shape[1])
    _unpool_loop(_bits(_channels_last(values)), codes.numpy(), _bits(x))
    return in_layout_of(values, x.permute(0, 3, 1, 2))


def _pick_compiled(x: Tensor, codes: Tensor) -> Tensor:
    values = x.new_empty(x.shape[0], *pooled_size(x.shape[-2:]), x.shape[1])
    _pick_loop(_bits(_channels_last(x)), codes.numpy(), _bits(values))
    return in_layout_of(x, values.permute(0, 3, 1, 2))


COMPILED = Backend(_pool_compiled, _unpool_compiled, _pick_compiled)


def _channels_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).contiguous()


def _bits(x: Tensor) -> np.ndarray:
    """The bits of floats as a numpy array of integers, without a copy."""
    return x.view(INTEGER[x.element_size()]).numpy()


# --------------------------------------------------------------------------------------------------
# Compiled loops. Floats come as the integers that their bits spell, so that one kernel
# serves every float type, also bfloat16, which numpy does not know. Such integers are in the order of the floats,
# except that negative ones run backwards (`lowest - bits` turns them round, and makes -0 equal to 0) and nan must win.
@kernel
def _pool_loop(x: np.ndarray, infinity: int, relu: bool, values: np.ndarray, codes: np.ndarray) -> None:
    """2x2 max pooling: the maximum of each window, and the packed codes of the corners where they were.

    Parameters
    ----------
    x : array, intN, (B, H, W, C)
        Bits of floats.
    infinity : int
        Bits of the float infinity.
    relu : bool
        A window whose maximum is not above 0 gets the value 0 and corner 0.
    values : array, intN, (B, ceil(H/2), ceil(W/2), C)
        Written.
    codes : array, uint8, (ceil(values.size/4),)
        Written.
    """
    lowest, largest = x.dtype.type(np.iinfo(x.dtype).min), x.dtype.type(np.iinfo(x.dtype).max)
    nan_above = x.dtype.type(infinity)  # narrow types throughout: more of them fit in a vector register
    corners = np.zeros(4 * codes.size, np.uint8)

    def beats(new: np.integer, old: np.integer) -> bool:  # a tie is the first one's
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
                        v, k = (v if v == lowest else x.dtype.type(0)), np.uint8(0)  # as torch: -0 stays -0
                    best[c], where[c] = v, k
    for n in range(codes.size):
        codes[n] = corners[4 * n] | corners[4 * n + 1] << 2 | corners[4 * n + 2] << 4 | corners[4 * n + 3] << 6


@kernel
def _unpool_loop(values: np.ndarray, codes: np.ndarray, x: np.ndarray) -> None:
    """Every value to the corner its code names, 0 to the others: arrays as in `_pool_loop`, x is written."""
    corners = np.empty(4 * codes.size, np.uint8)
    for n in range(codes.size):
        for k in range(4):
            corners[4 * n + k] = codes[n] >> 2 * k & 3
    corner = corners[: values.size].reshape(values.shape)
    for b in range(x.shape[0]):
        for row in range(x.shape[1]):
            for column in range(x.shape[2]):
                this = np.uint8(2 * (row % 2) + column % 2)
                here = x[b, row, column]
                value, where = values[b, row // 2, column // 2], corner[b, row // 2, column // 2]
                for c in range(here.size):
                    here[c] = value[c] if where[c] == this else x.dtype.type(0)


@kernel
def _pick_loop(x: np.ndarray, codes: np.ndarray, values: np.ndarray) -> None:
    """Read x at the corners that the codes name: arrays as in `_pool_loop`, values are written."""
    corners = np.empty(4 * codes.size, np.uint8)
    for n in range(codes.size):
        for k in range(4):
            corners[4 * n + k] = codes[n] >> 2 * k & 3
    corner = corners[: values.size].reshape(values.shape)
    for b in range(values.shape[0]):
        for i in range(values.shape[1]):
            bottom = min(2 * i + 1, x.shape[1] - 1)  # no code names a place beyond an odd edge
            for j in range(values.shape[2]):
                right = min(2 * j + 1, x.shape[2] - 1)
                value, where = values[b, i, j], corner[b, i, j]
                x0, x1, x2, x3 = x[b, 2 * i, 2 * j], x[b, 2 * i, right], x[b, bottom, 2 * j], x[b, bottom, right]
                for c in range(value.size):
                    k = where[c]
                    value[c] = (x0[c] if k == 0 else x1[c]) if k < 2 else (x2[c] if k == 2 else x3[c])
