"""Where a network computes, and in which precision."""

import pytest
import torch

from segnet_lab._support import devices
from segnet_lab._support.devices import autocast, compute_dtype, default_device, device_of
from segnet_lab.runs.recipe import PRECISIONS

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
    ("device", "bfloat16", "capability", "precision", "expected"),
    [
        (CPU, False, None, "auto", torch.float32),
        (CPU, True, None, "auto", torch.bfloat16),
        (CUDA, False, (6, 1), "auto", torch.float32),  # GTX 1080
        (CUDA, False, (7, 0), "auto", torch.float16),  # V100
        (CUDA, False, (7, 5), "auto", torch.float16),  # T4
        (CUDA, True, (8, 0), "auto", torch.bfloat16),
        (CUDA, True, (7, 5), "float32", torch.float32),
        (CUDA, True, (9, 0), "float16", torch.float16),
        (MPS, True, None, "auto", torch.float32),  # nobody has measured it
        (MPS, True, None, "float16", torch.float16),
        (CPU, True, None, "float32", torch.float32),
        (CPU, False, None, "bfloat16", torch.bfloat16),
    ],
)
def test_auto_takes_what_the_hardware_multiplies(monkeypatch, device, bfloat16, capability, precision, expected):
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: bfloat16, raising=False)
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation: bfloat16 and not including_emulation
    )
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert compute_dtype(device, precision) == expected


def test_precisions_are_those_of_recipes_and_no_others():
    assert ("auto", *devices.DTYPES) == PRECISIONS
    with pytest.raises(ValueError, match=r"unknown precision 'half'.*Known: auto, float32"):
        compute_dtype(CPU, "half")


def test_free_memory_is_what_the_device_says(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (3 * 2**30, 16 * 2**30))
    assert [devices.free_memory(device) for device in (CUDA, MPS, CPU)] == [3 * 2**30, 0, 0]


def test_only_a_cpu_has_done_its_work_when_it_is_asked():
    assert [devices.queues(device) for device in (CPU, CUDA, MPS)] == [False, True, True]


@pytest.mark.parametrize("amx", [True, False])
def test_one_of_the_two_instruction_sets_is_enough(monkeypatch, amx):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: not amx, raising=False)
    assert devices.compute_dtype(CPU) == torch.bfloat16


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_autocast_computes_in_that_type(dtype):
    with autocast(CPU, dtype):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
