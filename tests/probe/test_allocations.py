"""Bytes that a computation leaves allocated."""

import torch

from segnet_lab import create_model
from segnet_lab.pooling import max_pool_2x2
from segnet_lab.probe.allocations import left_behind


def test_what_is_returned_counts_and_what_is_let_go_does_not():
    def make():
        large = torch.zeros(500, 500)
        return large[:2].clone(), torch.zeros(3, dtype=torch.uint8)

    assert left_behind(make).bytes == 2 * 500 * 4 + 3


def test_a_view_costs_nothing():
    x = torch.zeros(1000)
    assert left_behind(lambda: x[:10]).bytes == 0


def test_freeing_what_was_there_before_does_not_count():
    held = [torch.zeros(1000)]
    assert left_behind(held.clear).bytes == 0


def test_pooling_leaves_two_bits_a_window_beside_its_values():
    (values, codes), left = left_behind(lambda: max_pool_2x2(torch.rand(1, 8, 20, 20)))
    assert left == values.nbytes + codes.nbytes == 8 * 100 * 4 + 8 * 100 // 4


def test_an_encoder_leaves_what_its_decoder_asked_for_and_its_last_map():
    model = create_model("segnet_basic", width=0.1, seed=0).eval()
    with torch.inference_mode():
        (x, _), left = left_behind(lambda: model.encode(torch.rand(1, 3, 45, 60)))
    assert left == x.nbytes + sum(kept.bytes for kept in model.memory(45, 60))


def test_the_profiler_does_not_write_to_stderr(capfd):
    left_behind(lambda: torch.zeros(1))
    assert capfd.readouterr().err == ""
