"""Which device to compute on, in which precision, and what its memory holds."""

import torch

from segnet_lab._support.errors import InvalidInput, unknown

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
FLOAT16_FROM = 7, 0  # compute capability of the first NVIDIA cards whose tensor cores multiply float16 (Volta, Turing)


def default_device() -> torch.device:
    """The accelerator that torch finds (CUDA, ROCm, MPS, XPU...), or the CPU."""
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return found or torch.device("cpu")


def device_of(model: torch.nn.Module) -> torch.device:
    """Where a network computes; one without weights computes on the CPU."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))


def queues(device: torch.device) -> bool:
    """Whether work is only queued there, so that to read a number is to wait for all of it: not on a CPU."""
    return device.type != "cpu"


def free_memory(device: torch.device) -> int:
    """Bytes that are free on a CUDA, ROCm or XPU device; 0 for others, of which torch does not say it (MPS)."""
    ask = getattr(getattr(torch, device.type, None), "mem_get_info", None)
    return int(ask(device)[0]) if ask else 0


def compute_dtype(device: torch.device, precision: str = "auto") -> torch.dtype:
    """What a recipe's precision means on a device.

    Parameters
    ----------
    device : torch.device
    precision : str
        A name of `DTYPES`, which is taken at its word; or "auto", the best that the hardware multiplies: bfloat16 on
        CPUs with AMX or AVX512-BF16, NVIDIA cards from Ampere on and AMD cards; float16 on NVIDIA cards with tensor
        cores that have no bfloat16 (T4, V100); else float32. MPS and XPU get float32, because nobody has measured the
        kit there: name another precision to try it.

    Raises
    ------
    ValueError
        Unknown precision.

    Examples
    --------
    >>> compute_dtype(torch.device("mps")), compute_dtype(torch.device("mps"), "float16")
    (torch.float32, torch.float16)
    """
    if precision in DTYPES:
        return DTYPES[precision]
    if precision != "auto":
        raise InvalidInput(unknown("precision", precision, ["auto", *DTYPES]))
    if _fast_bfloat16(device):
        return torch.bfloat16
    return torch.float16 if _fast_float16(device) else torch.float32


def _fast_bfloat16(device: torch.device) -> bool:
    if device.type == "cpu":
        return any(getattr(torch.cpu, name, bool)() for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)  # of ROCm torch says yes


def _fast_float16(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= FLOAT16_FROM


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Mixed precision in `dtype`, bfloat16 or float16; does nothing for wider types."""
    half = dtype in (torch.bfloat16, torch.float16)
    return torch.autocast(device.type, dtype=dtype if half else torch.bfloat16, enabled=half, cache_enabled=False)
