"""Bytes that a computation leaves allocated."""

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from segnet_lab import create_model
from segnet_lab.pooling import max_pool_2x2
from segnet_lab.probe.allocations import still_allocated


def test_what_is_returned_counts_and_what_is_let_go_does_not():
    def make():
        large = torch.zeros(500, 500)
        return large[:2].clone(), torch.zeros(3, dtype=torch.uint8)

    assert still_allocated(make).bytes == 2 * 500 * 4 + 3


def test_a_view_costs_nothing():
    x = torch.zeros(1000)
    assert still_allocated(lambda: x[:10]).bytes == 0


def test_freeing_what_was_there_before_does_not_count():
    held = [torch.zeros(1000)]
    assert still_allocated(held.clear).bytes == 0


def test_pooling_leaves_two_bits_a_window_beside_its_values():
    (values, codes), left = still_allocated(lambda: max_pool_2x2(torch.rand(1, 8, 20, 20)))
    assert left == values.nbytes + codes.nbytes == 8 * 100 * 4 + 8 * 100 // 4


def test_an_encoder_leaves_what_its_decoder_asked_for_and_its_last_map():
    model = create_model("segnet_basic", width=0.1, seed=0).eval()
    with torch.inference_mode():
        (x, _), left = still_allocated(lambda: model.encode(torch.rand(1, 3, 45, 60)))
    assert left == x.nbytes + sum(kept.bytes for kept in model.memory(45, 60))


def test_what_a_gradient_would_need_counts():
    x, weight = torch.rand(100), torch.rand(100, requires_grad=True)
    # exp stores its result, the product both factors: weight and x lie there already
    assert still_allocated(lambda: (weight * x).exp().sum()).bytes == 100 * 4 + 4
    with torch.no_grad():
        assert still_allocated(lambda: (weight * x).exp().sum()).bytes == 4


def test_a_tensor_is_counted_however_it_is_made():
    assert still_allocated(lambda: torch.tensor([1.0, 2.0, 3.0])).bytes == 12
    assert still_allocated(lambda: torch.zeros(3).resize_(10)).bytes == 40
    assert still_allocated(lambda: torch.from_numpy(np.zeros(3))).bytes == 24
    assert still_allocated(lambda: torch.zeros(3, device="meta")).bytes == 0, "no memory"


def test_writing_into_an_earlier_tensor_costs_nothing():
    x = torch.zeros(1000)
    assert still_allocated(lambda: x.add_(1).relu_()).bytes == 0


@pytest.mark.parametrize("name", ["segnet_basic", "unet"])
def test_is_what_torchs_memory_profiler_counts(name):
    model, x = create_model(name, width=0.1, seed=0).train(), torch.rand(1, 3, 45, 60)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        kept = model(x)
    counted = sum(event.self_cpu_memory_usage for event in seen.key_averages())
    assert still_allocated(lambda: model(x)).bytes == counted > kept.nbytes


def test_nothing_is_written_to_stderr(capfd):
    still_allocated(lambda: torch.zeros(1))
    assert capfd.readouterr().err == ""
