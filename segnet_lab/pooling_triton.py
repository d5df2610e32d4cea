"""Pooling with codes on CUDA and ROCm devices: the kernels of `pooling_kernels`, one launch an operation.

Triton compiles them; it comes with torch for such devices. Where it is missing, too old or fails, one warning says so
and `available` says no: plain torch has the same results, in more time.
"""

import warnings
from collections.abc import Sequence
from functools import cache
from math import gcd
from types import ModuleType

import torch
from torch import Tensor

from segnet_lab._support.errors import NotInstalled
from segnet_lab.pooling_codes import packed_bytes, pooled_size
from segnet_lab.pooling_fast import Backend, empty_map

OLDEST = (3, 2)  # Triton, as it comes with torch 2.6
DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
ELEMENTS = 2**31  # from here on an address no longer fits into the kernels' 32 bits
WARPS = 4  # of 32 threads
WORDS = 32 * WARPS  # a thread has one: nothing goes through shared memory then
ASIDE = 4  # at most, so that the other 32 make up whole lines of memory


def available(x: Tensor, elements: int) -> bool:
    """Whether `TRITON` works for a map; the answer for a device and a dtype is found once, by trying.

    Parameters
    ----------
    x : Tensor
        A full-size or a pooled map.
    elements : int
        Of the full-size map.

    Examples
    --------
    >>> available(torch.zeros(1, 64, 360, 480), 64 * 360 * 480)  # on a CPU
    False
    """
    reach = 1 + sum((size - 1) * stride for size, stride in zip(x.shape, x.stride(), strict=True))
    fits = x.dtype in DTYPES and max(reach, elements) < ELEMENTS
    return x.device.type == "cuda" and fits and _works(x.device, x.dtype)


@cache
def _works(device: torch.device, dtype: torch.dtype) -> bool:
    try:
        x = torch.empty(1, 4, 2, 2, device=device, dtype=dtype)
        values, codes = TRITON.pool(x, True)
        TRITON.unpool(values, codes, (2, 2))
        TRITON.pick(x, codes)
    except Exception as error:  # of a compiler, a driver, a disk: whatever it is, there is another way
        _warn(str(error) if isinstance(error, NotInstalled) else f"{type(error).__name__}: {error}")
        return False
    return True


@cache
def _warn(reason: str) -> None:
    warnings.warn(f"pooling without Triton, slower and with the same results: {reason}", stacklevel=4)


@cache
def _kernels() -> ModuleType:
    """The kernels; Triton is loaded here."""
    try:
        import triton
    except ImportError as error:
        raise NotInstalled(f"it is not installed ({error}): pip install triton") from error
    if tuple(map(int, triton.__version__.split(".")[:2])) < OLDEST:
        needed = ".".join(map(str, OLDEST))
        raise NotInstalled(f"version {triton.__version__} is too old: install {needed} or newer, as torch 2.6 does")
    from segnet_lab import pooling_kernels

    return pooling_kernels


def _pool(x: Tensor, relu: bool) -> tuple[Tensor, Tensor]:
    values = empty_map(x, pooled_size(x.shape[-2:]))
    codes = torch.empty(packed_bytes(values.numel()), dtype=torch.uint8, device=x.device)
    _launch("pool", x, values, codes, RELU=relu)
    return values, codes


def _unpool(values: Tensor, codes: Tensor, size: Sequence[int]) -> Tensor:
    x = empty_map(values, size)
    _launch("unpool", x, values, codes.contiguous())
    return x


def _pick(x: Tensor, codes: Tensor) -> Tensor:
    values = empty_map(x, pooled_size(x.shape[-2:]))
    _launch("pick", x, values, codes.contiguous())
    return values


def _launch(operation: str, full: Tensor, pooled: Tensor, codes: Tensor, **switches: bool) -> None:
    c, *size = full.shape[1:]
    windows = pooled.numel()
    if not windows:
        return
    run = 8 if full.element_size() == 2 and c % 8 == 0 and codes.data_ptr() % 2 == 0 else 4
    aside = gcd(c // run, ASIDE) if c % run == 0 and pooled.is_contiguous() else 0
    programs = -(-windows // run // WORDS)
    if aside:
        programs = -(-windows // c // (WORDS // aside)) * (c // run // aside)
    with torch.cuda.device_of(full):
        getattr(_kernels(), operation)[(programs,)](
            *(full, pooled, codes, *size, windows, *full.stride(), *pooled.stride()),
            **{"C": c, "RUN": run, "WORDS": WORDS, "ASIDE": aside, "num_warps": WARPS, **switches},
        )


TRITON = Backend(_pool, _unpool, _pick)
