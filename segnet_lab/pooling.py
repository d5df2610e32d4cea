"""2x2 max pooling that remembers, in two bits a window, where each maximum was - and its inverse.

This is the idea of SegNet (Section 3): the decoder needs no feature map of the encoder, only
the corner of each 2x2 window that held the maximum. Two bits name a corner:

    0 top-left      1 top-right
    2 bottom-left   3 bottom-right

Four codes fill a byte, the first in its lowest bits. Windows are counted along image, row, column,
channel (the channel runs fastest), so the codes of a band of rows lie side by side in memory.

Any device, float dtype and memory format; deterministic; differentiable. Large maps on a CPU go through compiled
kernels where numba is installed, all else through plain torch operations, with the same result.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from segnet_lab import pooling_fast
from segnet_lab._support import compiled
from segnet_lab._support.errors import InvalidInput, NotPossible

CORNERS = ("top-left", "top-right", "bottom-left", "bottom-right")  # code -> corner
KERNELS_FROM = 2**18  # elements of a full-size map
BAND = 2**18  # elements of a full-size map that torch operations work on at a time: their steps stay in the cache
_INTEGER = {2: torch.int16, 4: torch.int32, 8: torch.int64}  # by element size


def max_pool_2x2(x: Tensor) -> tuple[Tensor, Tensor]:
    """Halve a map by 2x2 max pooling and remember, in two bits a window, where each maximum was.

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
    _check_map(x)
    return _Pool.apply(x, False)


def relu_max_pool_2x2(x: Tensor) -> tuple[Tensor, Tensor]:
    """`max_pool_2x2(x.relu())` without ever making the full-size map after the ReLU.

    The two commute: values, codes and gradient are the same to the last bit. A window without a positive
    value ties at zero after the ReLU, so its code is 0, top-left.

    Examples
    --------
    >>> values, codes = relu_max_pool_2x2(torch.tensor([[[[-3.0, -1.0, 2.0, 4.0], [-2.0, -5.0, 0.0, 1.0]]]]))
    >>> values, unpack(codes, values.shape)
    (tensor([[[[0., 4.]]]]), tensor([[[[0, 1]]]], dtype=torch.uint8))
    """
    _check_map(x)
    values, codes = _Pool.apply(x, True)
    return values.relu(), codes


def max_unpool_2x2(values: Tensor, codes: Tensor, size: tuple[int, int]) -> Tensor:
    """Put every value back into the corner its code names; zero everywhere else.

    Parameters
    ----------
    values : Tensor, (B, C, ceil(H/2), ceil(W/2))
        Any float dtype; in SegNet the map that the decoder upsamples, not the pooled one.
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
    _check_map(values)
    _check_codes(codes, values.shape, tuple(size))
    return _Unpool.apply(values, codes, tuple(size))


def unpack(codes: Tensor, shape: tuple[int, int, int, int]) -> Tensor:
    """Packed codes as one number a window.

    Parameters
    ----------
    codes : Tensor, uint8, (ceil(n/4),)
    shape : (B, C, h, w)
        Shape of the pooled map, n = B * C * h * w.

    Returns
    -------
    corners : Tensor, uint8, (B, C, h, w), 0..3

    Examples
    --------
    >>> unpack(torch.tensor([0b11_10_01_00], dtype=torch.uint8), (1, 1, 2, 2))
    tensor([[[[0, 1],
              [2, 3]]]], dtype=torch.uint8)
    """
    b, c, h, w = shape
    p = _wide(codes)
    quarters = torch.stack([p & 3, (p >> 2) & 3, (p >> 4) & 3, p >> 6], dim=-1).to(torch.uint8)
    flat, windows = quarters.flatten(), b * c * h * w
    if torch.compiler.is_exporting() and c * h * w % 4:  # a slice would tie the exported graph to this batch
        flat = flat[torch.arange(windows, device=flat.device)]
    return flat[:windows].view(b, h, w, c).permute(0, 3, 1, 2)


def pack(corners: Tensor) -> Tensor:
    """Pack corner numbers (B, C, h, w) in 0..3, uint8, four a byte: the inverse of `unpack`.

    Examples
    --------
    >>> pack(torch.tensor([[[[0, 1], [2, 3]]]], dtype=torch.uint8)) == 0b11_10_01_00
    tensor([True])
    """
    flat, size = corners.permute(0, 2, 3, 1).reshape(-1), packed_bytes(corners.numel())
    q = _wide(F.pad(flat, (0, 4 * size - flat.numel())).view(size, 4))
    return (q[:, 0] | (q[:, 1] << 2) | (q[:, 2] << 4) | (q[:, 3] << 6)).to(torch.uint8)


def packed_bytes(windows: int) -> int:
    """Bytes that the codes of so many windows take: two bits each, rounded up to a whole byte.

    >>> packed_bytes(64 * 180 * 240)  # first stage of SegNet-Basic at 360x480; the paper prints 0.17 MB
    691200
    """
    return (windows + 3) // 4  # not -(-windows // 4): ONNX rounds towards zero


def pooled_size(size: tuple[int, int]) -> tuple[int, int]:
    """(H, W) after one 2x2 pooling, rounded up.

    >>> pooled_size((45, 60))
    (23, 30)
    """
    h, w = size
    return (h + 1) // 2, (w + 1) // 2


# --------------------------------------------------------------------------------------------------
# The arithmetic. Each Function saves nothing but codes; its gradient is the other one's forward.


class _Pool(torch.autograd.Function):
    @staticmethod
    def forward(x, relu):
        return _pool(x, relu)

    @staticmethod
    def setup_context(ctx, inputs, output):
        (x, _), (_, codes) = inputs, output
        ctx.size = tuple(x.shape[-2:])
        ctx.save_for_backward(codes)
        ctx.mark_non_differentiable(codes)

    @staticmethod
    def backward(ctx, grad, _):
        (codes,) = ctx.saved_tensors
        return _Unpool.apply(grad, codes, ctx.size), None


class _Unpool(torch.autograd.Function):
    @staticmethod
    def forward(values, codes, size):
        return _scatter(values, codes, size)

    @staticmethod
    def setup_context(ctx, inputs, output):
        _, codes, size = inputs
        ctx.size = size
        ctx.save_for_backward(codes)

    @staticmethod
    def backward(ctx, grad):
        (codes,) = ctx.saved_tensors
        return _Pick.apply(grad, codes), None, None


class _Pick(torch.autograd.Function):
    """Read a map at the remembered corners: the transpose of unpooling."""

    @staticmethod
    def forward(x, codes):
        return _gather(x, codes)

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, codes = inputs
        ctx.size = tuple(x.shape[-2:])
        ctx.save_for_backward(codes)

    @staticmethod
    def backward(ctx, grad):
        (codes,) = ctx.saved_tensors
        return _Unpool.apply(grad, codes, ctx.size), None


def _pool(x: Tensor, relu: bool) -> tuple[Tensor, Tensor]:
    if not _kernels_pay(x.numel(), x):
        return pool_in_torch(x, relu)
    b, c, *size = x.shape
    values = x.new_empty(b, *pooled_size(size), c)
    codes = torch.empty(packed_bytes(values.numel()), dtype=torch.uint8)
    infinity = int(_bits(torch.tensor(torch.inf, dtype=x.dtype)))
    pooling_fast.pool(_bits(_channels_last(x)), infinity, relu, _bits(values), codes.numpy())
    return values.permute(0, 3, 1, 2).contiguous(memory_format=_layout(x)), codes


def _scatter(values: Tensor, codes: Tensor, size: tuple[int, int]) -> Tensor:
    if not _kernels_pay(4 * values.numel(), values):
        return unpool_in_torch(values, codes, size)
    x = values.new_empty(values.shape[0], *size, values.shape[1])
    pooling_fast.unpool(_bits(_channels_last(values)), codes.numpy(), _bits(x))
    return x.permute(0, 3, 1, 2).contiguous(memory_format=_layout(values))


def _gather(x: Tensor, codes: Tensor) -> Tensor:
    if not _kernels_pay(x.numel(), x):
        return pick_in_torch(x, codes)
    b, c, *size = x.shape
    values = x.new_empty(b, *pooled_size(size), c)
    pooling_fast.pick(_bits(_channels_last(x)), codes.numpy(), _bits(values))
    return values.permute(0, 3, 1, 2).contiguous(memory_format=_layout(x))


def _kernels_pay(elements: int, x: Tensor) -> bool:
    """On a CPU, outside of tracing, and for maps that take longer than a millisecond: loading numba takes a second."""
    plain = not torch.compiler.is_compiling() and type(x) is Tensor and x.device.type == "cpu"
    return plain and x.element_size() in _INTEGER and elements >= KERNELS_FROM and compiled.available()


def _channels_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).contiguous()


def _bits(x: Tensor):
    """The bits of floats as a numpy array of integers, without a copy."""
    return x.view(_INTEGER[x.element_size()]).numpy()


def pool_in_torch(x: Tensor, relu: bool) -> tuple[Tensor, Tensor]:
    """Values and codes by torch operations alone."""
    size = pooled_size(x.shape[-2:])
    bands = _bands(x, size)
    if not bands:
        return _pool_band(x, relu)
    values = _empty(x, size)
    codes = torch.empty(packed_bytes(values.numel()), dtype=torch.uint8)
    for images, rows, packed in bands:
        band = x[images, :, 2 * rows.start : 2 * rows.stop]
        values[images, :, rows], codes[packed] = _pool_band(band, relu)
    return values, codes


def _pool_band(x: Tensor, relu: bool) -> tuple[Tensor, Tensor]:
    x = _even(x, -torch.inf)
    rows, right = _larger(x[..., 0::2], x[..., 1::2])  # of each row of a window
    values, bottom = _larger(rows[..., 0::2, :], rows[..., 1::2, :])
    right = (right[..., 0::2, :] & ~bottom) | (right[..., 1::2, :] & bottom)  # of the row that won
    if relu:  # all corners of a window tie at zero: the first one wins
        positive = ~(values <= 0)  # or nan
        right, bottom = right & positive, bottom & positive
    return values, pack(right.to(torch.uint8) + 2 * bottom.to(torch.uint8))


def _larger(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """The larger of two maps, and where it is the second. A tie is the first; nan wins, as in torch."""
    return torch.maximum(first, second), (second > first) | (second != second)


def unpool_in_torch(values: Tensor, codes: Tensor, size: tuple[int, int]) -> Tensor:
    """The sparse map by torch operations alone."""
    bands = _bands(values, values.shape[-2:])
    if not bands:
        return _unpool_band(values, codes, size).contiguous(memory_format=_layout(values))
    x = _empty(values, size)
    for images, rows, packed in bands:
        place = x[images, :, 2 * rows.start : 2 * rows.stop]
        place.copy_(_unpool_band(values[images, :, rows], codes[packed], place.shape[-2:]))
    return x


def _unpool_band(values: Tensor, codes: Tensor, size: tuple[int, int]) -> Tensor:
    corners = unpack(codes, values.shape).permute(0, 2, 3, 1)
    spread = _channels_last(values)
    corner = [_only(spread, corners == code) for code in range(4)]
    x = torch.stack([torch.stack(corner[:2], 3), torch.stack(corner[2:], 3)], 2)  # B h 2 w 2 C
    return x.flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)[..., : size[0], : size[1]]


def _only(x: Tensor, here: Tensor) -> Tensor:
    """x here, 0 elsewhere. A mask over the bits takes a CPU half as long as torch.where, but cannot be exported."""
    if torch.compiler.is_exporting() or x.element_size() not in _INTEGER:
        return torch.where(here, x, torch.zeros((), dtype=x.dtype, device=x.device))
    bits = _INTEGER[x.element_size()]
    return (x.view(bits) & -here.to(bits)).view(x.dtype)


def pick_in_torch(x: Tensor, codes: Tensor) -> Tensor:
    """The values at the corners by torch operations alone."""
    size = pooled_size(x.shape[-2:])
    bands = _bands(x, size)
    if not bands:
        return _pick_band(x, codes)
    values = _empty(x, size)
    for images, rows, packed in bands:
        values[images, :, rows] = _pick_band(x[images, :, 2 * rows.start : 2 * rows.stop], codes[packed])
    return values


def _pick_band(x: Tensor, codes: Tensor) -> Tensor:
    h, w = pooled_size(x.shape[-2:])
    x = _even(x, 0)
    corners = unpack(codes, (*x.shape[:2], h, w))
    at_right, at_bottom = (corners & 1).bool(), corners > 1
    top = torch.where(at_right, x[..., 0::2, 1::2], x[..., 0::2, 0::2])
    bottom = torch.where(at_right, x[..., 1::2, 1::2], x[..., 1::2, 0::2])
    return torch.where(at_bottom, bottom, top)


def _bands(x: Tensor, pooled: tuple[int, int]) -> list[tuple[slice, slice, slice]]:
    """Images, rows of the pooled map, and bytes of codes that belong together; empty where parts do not pay.

    They pay on a CPU, and for codes that fill whole bytes: those of four rows always do.
    """
    (b, c), (h, w) = x.shape[:2], pooled
    windows = c * h * w  # of an image
    parts_pay = x.device.type == "cpu" and not torch.compiler.is_compiling() and 4 * b * windows > BAND
    if not parts_pay or windows % 4:
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


def _empty(like: Tensor, size: tuple[int, int]) -> Tensor:
    """A map of another size, in the same layout, yet to be filled."""
    return torch.empty((*like.shape[:2], *size), dtype=like.dtype, device=like.device, memory_format=_layout(like))


def _even(x: Tensor, fill: float) -> Tensor:
    """Pad the last row and column so that windows are whole."""
    h, w = x.shape[-2:]
    return F.pad(x, (0, w % 2, 0, h % 2), value=fill) if h % 2 or w % 2 else x


def _wide(x: Tensor) -> Tensor:
    """Shift bytes as int32 while exporting: the ONNX exporter turns a shifted uint8 into int8."""
    return x.to(torch.int32) if torch.compiler.is_exporting() else x


def _layout(x: Tensor) -> torch.memory_format:
    channels_last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if channels_last else torch.contiguous_format


def _check_map(x: Tensor) -> None:
    if torch.jit.is_tracing():
        raise NotPossible(
            "torch.jit cannot trace pooling codes, and is deprecated: use torch.export.export(model, (image,)), or "
            "torch.onnx.export(model, (image,), file, dynamo=True)"
        )
    if x.dim() != 4 or not x.is_floating_point() or 0 in x.shape[-2:]:
        raise InvalidInput(
            f"expected a float map (B, C, H, W) with H, W >= 1, got {x.dtype} of shape {tuple(x.shape)}"
            + ("; add the missing axes with x[None]" if x.dim() < 4 else "")
        )


def _check_codes(codes: Tensor, shape: torch.Size, size: tuple[int, int]) -> None:
    if tuple(shape[-2:]) != pooled_size(size):
        raise InvalidInput(
            f"a map of size {size} pools to {pooled_size(size)}, but values are {tuple(shape[-2:])}: "
            "pass the size of the map that was pooled, x.shape[-2:]"
        )
    length = packed_bytes(math.prod(shape))  # shape.numel() would tie an exported graph to this batch
    if codes.dtype != torch.uint8 or codes.shape != (length,):
        raise InvalidInput(
            f"values of shape {tuple(shape)} need {length} bytes of uint8 codes, "
            f"got {codes.dtype} of shape {tuple(codes.shape)}: pass the codes that max_pool_2x2 returned"
        )
