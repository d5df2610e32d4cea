"""2x2 max pooling that remembers, in two bits a window, where each maximum was - and its inverse.

This is the idea of SegNet (Section 3): the decoder needs no feature map of the encoder, only
the corner of each 2x2 window that held the maximum. Two bits name a corner:

    0 top-left      1 top-right
    2 bottom-left   3 bottom-right

Four codes fill a byte, see `pooling_codes`. Any device, float dtype and memory format; deterministic; differentiable.
The last functions of this file say in plain torch what happens; `pooling_fast` has faster ways to the same result,
and `pooling_operators` makes both known to torch.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from segnet_lab.pooling_codes import check_codes, check_map, pack, packed_bytes, pooled_size, unpack
from segnet_lab.pooling_fast import Backend, in_layout_of, only
from segnet_lab.pooling_operators import operators

__all__ = ["CORNERS", "max_pool_2x2", "max_unpool_2x2", "relu_max_pool_2x2"]
__all__ += ["pack", "packed_bytes", "pooled_size", "unpack"]  # from pooling_codes

CORNERS = ("top-left", "top-right", "bottom-left", "bottom-right")  # code -> corner


def max_pool_2x2(x: Tensor) -> tuple[Tensor, Tensor]:
    """Halve a feature map by 2x2 max pooling and remember, in two bits a window, where each maximum was.

    Parameters
    ----------
    x : Tensor, (B, C, H, W)
        Any float dtype, H and W >= 1. Odd sizes are rounded up, as Caffe does: 45 -> 23.

    Returns
    -------
    values : Tensor, (B, C, ceil(H/2), ceil(W/2))
        The maximum of each window; equal to `F.max_pool2d(x, 2, ceil_mode=True)`.
    codes : Tensor, uint8, (ceil(n/4),) with n = values.numel()
        Four 2-bit codes a byte: 0 top-left, 1 top-right, 2 bottom-left, 3 bottom-right. A tie takes
        the first corner in that order. Empty when `x` holds no image or no channel.

    Raises
    ------
    ValueError
        If `x` is not a (B, C, H, W) float map with H, W >= 1.

    Notes
    -----
    Section 3 of the paper: "In principle, this can be done using 2 bits for each 2x2 pooling window".

    Examples
    --------
    >>> x = torch.tensor([[[[1.0, 5.0, 0.0, 0.0], [2.0, 3.0, 0.0, 7.0]]]])
    >>> values, codes = max_pool_2x2(x)
    >>> values
    tensor([[[[5., 7.]]]])
    >>> unpack(codes, values.shape)  # 5 was top-right, 7 bottom-right
    tensor([[[[1, 3]]]], dtype=torch.uint8)
    >>> codes  # 1 + 4 * 3
    tensor([13], dtype=torch.uint8)
    """
    check_map(x)
    return _way().pool(x, False)


def relu_max_pool_2x2(x: Tensor) -> tuple[Tensor, Tensor]:
    """`max_pool_2x2(x.relu())` without ever storing the full-size map after the ReLU.

    The two commute: values, codes and gradient are the same to the last bit. A window without a positive
    value ties at zero after the ReLU, so its code is 0, top-left.

    Examples
    --------
    >>> values, codes = relu_max_pool_2x2(torch.tensor([[[[-3.0, -1.0, 2.0, 4.0], [-2.0, -5.0, 0.0, 1.0]]]]))
    >>> values, unpack(codes, values.shape)
    (tensor([[[[0., 4.]]]]), tensor([[[[0, 1]]]], dtype=torch.uint8))
    """
    check_map(x)
    return _way().pool(x, True)


def max_unpool_2x2(values: Tensor, codes: Tensor, size: tuple[int, int]) -> Tensor:
    """Put every value back into the corner that its code names; zero everywhere else.

    Parameters
    ----------
    values : Tensor, (B, C, ceil(H/2), ceil(W/2))
        Any float dtype; in SegNet the feature map that the decoder upsamples, not the pooled one.
    codes : Tensor, uint8, (ceil(n/4),) with n = values.numel()
        From `max_pool_2x2`.
    size : (H, W)
        Size of the map that was pooled, `x.shape[-2:]`; it decides between an even and an odd size.

    Returns
    -------
    sparse : Tensor, (B, C, H, W)
        Equal to `F.max_unpool2d(values, indices, 2, output_size=size)`.

    Raises
    ------
    ValueError
        If `size` does not belong to `values`, or `codes` has another length than `values` needs.

    Examples
    --------
    >>> values, codes = max_pool_2x2(torch.tensor([[[[1.0, 5.0, 0.0], [2.0, 3.0, 7.0]]]]))
    >>> max_unpool_2x2(values, codes, (2, 3))
    tensor([[[[0., 5., 0.],
              [0., 0., 7.]]]])
    """
    check_map(values)
    check_codes(codes, values.shape, tuple(size))
    return _way().unpool(values, codes, size)


# --------------------------------------------------------------------------------------------------
# The arithmetic in plain torch


def _pool(x: Tensor, relu: bool) -> tuple[Tensor, Tensor]:
    """Values and codes; with `relu`, those of the map behind one."""
    whole = _even(x, -math.inf)
    rows, right = _larger(whole[..., 0::2], whole[..., 1::2])  # left or right, in each row of a window
    values, bottom = _larger(rows[..., 0::2, :], rows[..., 1::2, :])  # the upper or the lower row
    right = (right[..., 0::2, :] & ~bottom) | (right[..., 1::2, :] & bottom)  # in the row that won
    corners = right + 2 * bottom.to(torch.uint8)
    if relu:
        values = values.relu()  # what is largest stays largest
        corners = corners * (values != 0)  # the four tie at zero: the first corner
    return in_layout_of(x, values), pack(corners)


def _unpool(values: Tensor, codes: Tensor, size: Sequence[int]) -> Tensor:
    corners = unpack(codes, values.shape).permute(0, 2, 3, 1)  # B h w C
    spread = values.permute(0, 2, 3, 1).contiguous()
    corner = [only(spread, corners == code) for code in range(4)]  # torch.where with zeros, at half the time
    x = torch.stack([torch.stack(corner[:2], 3), torch.stack(corner[2:], 3)], 2)  # B h 2 w 2 C
    x = x.flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)  # B C 2h 2w
    return in_layout_of(values, x[..., : size[0], : size[1]])


def _pick(x: Tensor, codes: Tensor) -> Tensor:
    whole = _even(x, 0)
    values, *others = (whole[..., row::2, column::2] for row in (0, 1) for column in (0, 1))
    corners = unpack(codes, values.shape)
    for code, other in enumerate(others, start=1):
        values = torch.where(corners == code, other, values)
    return in_layout_of(x, values)


def _larger(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """The larger of two maps, and where it is the second. A tie is the first, also of 0 and -0; nan wins."""
    wins = (second > first) | (second != second)
    return torch.where(wins, second, first), wins


def _even(x: Tensor, fill: float) -> Tensor:
    """Pad the last row and column so that windows are whole."""
    h, w = x.shape[-2:]
    return F.pad(x, (0, w % 2, 0, h % 2), value=fill) if h % 2 or w % 2 else x


def _way() -> Backend:
    """Operators of torch, which choose the fastest way; what is exported goes through the arithmetic above."""
    return PLAIN if torch.compiler.is_exporting() else OPERATORS


PLAIN = Backend(_pool, _unpool, _pick)
OPERATORS = operators(PLAIN)
