"""Where a network computes, and in which precision."""

import pytest
import torch

from segnet_lab._support import devices
from segnet_lab._support.devices import autocast, compute_dtype, default_device, device_of

CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda"), torch.device("mps")


def test_an_accelerator_is_taken_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: MPS)
    assert default_device() == MPS
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    assert default_device() == CPU


def test_a_network_is_where_its_weights_are():
    assert device_of(torch.nn.Linear(1, 1, device="meta")).type == "meta"
    assert device_of(torch.nn.ReLU()) == CPU  # has none


@pytest.mark.parametrize(
    ("device", "fast", "precision", "expected"),
    [
        (CPU, False, "auto", torch.float32),
        (CPU, True, "auto", torch.bfloat16),
        (CUDA, False, "auto", torch.float32),
        (CUDA, True, "auto", torch.bfloat16),
        (MPS, True, "auto", torch.float32),  # nobody has measured it
        (CPU, True, "float32", torch.float32),
        (CPU, False, "bfloat16", torch.bfloat16),
    ],
)
def test_auto_takes_bfloat16_where_the_hardware_multiplies_it(monkeypatch, device, fast, precision, expected):
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: fast, raising=False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: fast and not including_emulation)
    assert compute_dtype(device, precision) == expected


@pytest.mark.parametrize("amx", [True, False])
def test_one_of_the_two_instruction_sets_is_enough(monkeypatch, amx):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: not amx, raising=False)
    assert devices.compute_dtype(CPU) == torch.bfloat16


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_autocast_computes_in_that_type(dtype):
    with autocast(CPU, dtype):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
