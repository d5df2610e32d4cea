"""How pooling codes are stored: two bits a window, four windows a byte, the first in its lowest bits.

Windows are counted along image, row, column, channel (the channel runs fastest), so that the codes of a band of rows
lie side by side in memory.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from segnet_lab._support.errors import InvalidInput, NotPossible


def unpack(codes: Tensor, shape: Sequence[int]) -> Tensor:
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
    q = _shiftable(codes)
    corners = torch.stack([q & 3, (q >> 2) & 3, (q >> 4) & 3, q >> 6], dim=-1).to(torch.uint8).flatten()
    windows = b * c * h * w
    if torch.compiler.is_exporting() and c * h * w % 4:  # a slice would tie the exported graph to this batch
        corners = corners[torch.arange(windows, device=corners.device)]
    return corners[:windows].view(b, h, w, c).permute(0, 3, 1, 2)


def pack(corners: Tensor) -> Tensor:
    """Pack corner numbers (B, C, h, w) in 0..3, uint8, four a byte: the inverse of `unpack`.

    Examples
    --------
    >>> pack(torch.tensor([[[[0, 1], [2, 3]]]], dtype=torch.uint8)) == 0b11_10_01_00
    tensor([True])
    """
    flat, size = corners.permute(0, 2, 3, 1).reshape(-1), packed_bytes(corners.numel())
    q = _shiftable(F.pad(flat, (0, 4 * size - flat.numel())).view(size, 4))
    return (q[:, 0] | (q[:, 1] << 2) | (q[:, 2] << 4) | (q[:, 3] << 6)).to(torch.uint8)


def packed_bytes(windows: int) -> int:
    """Bytes that the codes of a number of windows take: two bits each, rounded up to a whole byte.

    >>> packed_bytes(64 * 180 * 240)  # first stage of SegNet-Basic at 360x480; the paper prints 0.17 MB
    691200
    """
    return (windows + 3) // 4  # not -(-windows // 4): ONNX rounds towards zero


def pooled_size(size: Sequence[int]) -> tuple[int, int]:
    """(H, W) after one 2x2 pooling, rounded up.

    >>> pooled_size((45, 60))
    (23, 30)
    """
    h, w = size
    return (h + 1) // 2, (w + 1) // 2


def check_map(x: Tensor) -> None:
    """Refuse what cannot be pooled: anything but a float map (B, C, H, W) with H, W >= 1."""
    if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        raise NotPossible(
            "torch.jit cannot trace pooling codes, and is deprecated: use torch.export.export(model, (image,)), or "
            "torch.onnx.export(model, (image,), file, dynamo=True)"
        )
    if x.dim() != 4 or not x.is_floating_point() or 0 in x.shape[-2:]:
        raise InvalidInput(
            f"expected a float map (B, C, H, W) with H, W >= 1, got {x.dtype} of shape {tuple(x.shape)}"
            + ("; add the missing axes with x[None]" if x.dim() < 4 else "")
        )


def check_codes(codes: Tensor, shape: Sequence[int], size: Sequence[int]) -> None:
    """Refuse codes that are not those of a map of this size (H, W), pooled to this shape (B, C, h, w)."""
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


def _shiftable(x: Tensor) -> Tensor:
    """Bytes, as int32 while exporting: the ONNX exporter turns a shifted uint8 into int8."""
    return x.to(torch.int32) if torch.compiler.is_exporting() else x
