"""Which device to compute on, and in which precision."""

import torch


def default_device() -> torch.device:
    """The accelerator that torch finds (CUDA, ROCm, MPS, XPU...), or the CPU."""
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return found or torch.device("cpu")


def device_of(model: torch.nn.Module) -> torch.device:
    """Where a network computes; one without weights computes on the CPU."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))


def compute_dtype(device: torch.device, precision: str = "auto") -> torch.dtype:
    """torch.bfloat16 or torch.float32 for a recipe's precision.

    "auto" takes bfloat16 where the hardware multiplies it: CPUs with AMX or AVX512-BF16, GPUs that say so.
    """
    if precision == "float32":
        return torch.float32
    if precision == "bfloat16" or _fast_bfloat16(device):
        return torch.bfloat16
    return torch.float32


def _fast_bfloat16(device: torch.device) -> bool:
    if device.type == "cpu":
        return any(getattr(torch.cpu, name, bool)() for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Mixed precision in `dtype`; does nothing for float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16, cache_enabled=False)
