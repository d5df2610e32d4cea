"""Costs: counts worked out by hand, memory against what torch says that it allocates, times by their order."""

import math
import subprocess

import pytest
import torch
from torch import nn

import segnet_lab
from segnet_lab import create_model, list_models
from segnet_lab.models.layers import Deconvolution
from segnet_lab.probe import costs as module
from segnet_lab.probe.costs import compare_costs, costs, multiply_adds
from segnet_lab.runs.checkpoints import write

FULL, HALF, QUARTER, EIGHTH = 360 * 480, 180 * 240, 90 * 120, 45 * 60
BY_HAND = {
    "segnet_basic": (
        49 * 3 * 64 * FULL
        + 49 * 64 * 64 * (HALF + QUARTER + EIGHTH)  # encoders 2 to 4
        + 49 * 64 * 64 * (EIGHTH + QUARTER + HALF + FULL)  # decoders 4 to 1
        + 64 * 11 * FULL
    ),
    "segnet_basic_single_channel_decoder": (
        49 * 3 * 64 * FULL
        + 49 * 64 * 64 * (HALF + QUARTER + EIGHTH)
        + 49 * 64 * (EIGHTH + QUARTER + HALF + FULL)  # a filter sees one map
        + 64 * 11 * FULL
    ),
    "fcn_basic": (
        49 * 3 * 64 * FULL
        + 49 * 64 * 64 * (HALF + QUARTER + EIGHTH)
        + 64 * 11 * (23 * 30 + EIGHTH + QUARTER + HALF)  # scores of pool4, pool3, pool2, pool1
        + 8 * 8 * 11 * 11 * (23 * 30 + EIGHTH + QUARTER + HALF)  # each input pixel spreads one 8x8 filter
    ),
    "segnet": 9
    * (
        (3 * 64 + 64 * 64) * FULL
        + (64 * 128 + 128 * 128) * HALF
        + (128 * 256 + 2 * 256 * 256) * QUARTER
        + (256 * 512 + 2 * 512 * 512) * EIGHTH
        + 3 * 512 * 512 * 23 * 30
        + 3 * 512 * 512 * 23 * 30  # decoder 5
        + (2 * 512 * 512 + 512 * 256) * EIGHTH
        + (2 * 256 * 256 + 256 * 128) * QUARTER
        + (128 * 128 + 128 * 64) * HALF
        + (64 * 64 + 64 * 11) * FULL  # the last one is the classifier
    ),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_multiply_adds_by_hand(name):
    assert multiply_adds(create_model(name), (1, 3, 360, 480)) == BY_HAND[name]


@pytest.mark.parametrize("name", list_models())
def test_multiply_adds_of_every_network_layer_by_layer(name):
    """Another way: watch the layers of a real pass; output pixels x filter, or input pixels x filter if transposed."""
    model, total = create_model(name, num_classes=5, width=0.05, seed=0).eval(), 0

    def count(layer, inputs, output):
        nonlocal total
        transposed = isinstance(layer, nn.ConvTranspose2d | Deconvolution)
        batch, _, height, width = (inputs[0] if transposed else output).shape
        total += batch * height * width * layer.weight.numel()

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | Deconvolution):
            layer.register_forward_hook(count)
    with torch.no_grad():
        model(torch.rand(2, 3, 45, 61))
    assert multiply_adds(model, (2, 3, 45, 61)) == total > 0


def test_counts_without_measuring():
    c = costs(create_model("segnet"), 360, 480, measure=False)
    assert c.parameters == 29_449_355
    # 5,283,840 windows: 2 bits, 4 bytes, 8 bytes each
    assert (c.remembered_mb, c.remembered_mb_float32, c.remembered_mb_int64) == (1.32096, 21.13536, 42.27072)
    assert math.isnan(c.forward_ms + c.backward_ms + c.inference_memory_mb + c.training_memory_mb)


def test_a_batch_costs_so_many_times_an_image():
    one, four = (costs(create_model("fcn_basic"), 45, 61, batch=b, measure=False) for b in (1, 4))
    assert four.multiply_adds == 4 * one.multiply_adds
    assert four.remembered_mb == pytest.approx(4 * one.remembered_mb)
    assert (four.parameters, four.model_size_mb) == (one.parameters, one.model_size_mb)


def test_model_size_is_the_file(tmp_path):
    model = create_model("segnet_basic")
    write(tmp_path / "weights.safetensors", model.state_dict(), {})
    on_disk = (tmp_path / "weights.safetensors").stat().st_size / 1e6
    assert costs(model, 8, 8, measure=False).model_size_mb == pytest.approx(on_disk, rel=0.002)  # names take 8 kB


@pytest.fixture(scope="module")
def measured():
    model = create_model("segnet_basic", width=0.25, seed=0).eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    return costs(model, 192, 256, repeats=1, precision="float32"), model, before


def test_measures(measured):
    c, *_ = measured
    assert (c.network, c.batch, c.height, c.width) == ("segnet_basic", 1, 192, 256)
    assert (c.device, c.precision) == ("cpu", "float32")
    assert c.forward_ms > 0
    assert c.backward_ms > 0


@pytest.mark.skipif(not module._Resident.resets, reason="only Linux counts the peak anew")
def test_memory_is_that_of_the_maps(measured):
    c, *_ = measured
    one_map = 16 * 192 * 256 * 4 / 1e6  # 3.1 MB, as large as any
    # without gradients two or three live at a time: what enters a layer, what leaves it, what is normalised
    assert 2 * one_map < c.inference_memory_mb < 5 * one_map
    # with them: what enters a convolution or a norm is kept, but the codes for the pooling. At full size that is
    # 1 map (norm 1) + 3 (sparse map, norm, classifier), at half size 4 of a quarter, and so on: 5.3. Gradients on top
    weights = 2 * c.model_size_mb  # their gradients, and momentum
    assert (4 + 4 / 4 + 4 / 16 + 4 / 64) * one_map < c.training_memory_mb - weights < 12 * one_map


def test_measuring_leaves_the_model_alone(measured):
    _, model, before = measured
    assert not model.training
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_networks_are_timed_in_turns(monkeypatch):
    order, clock = [], iter(range(1, 100))

    class Passes:
        def __init__(self, model, shape, precision):
            self.model, self.infer = model, None

        def time(self, function):
            order.append(self.model)
            return next(clock)

        def time_backward(self):
            return next(clock)

    monkeypatch.setattr(module, "_Passes", Passes)
    times = module._times(["a", "b"], module._Asked((1, 3, 8, 8), 3, "float32", True))
    assert order == ["a", "b"] * (2 + 3), "two rounds to warm up, three that count"
    # a round takes four ticks; a's forwards that count are ticks 9, 13, 17, in seconds; b's backwards 12, 16, 20
    assert times[0]["forward_ms"] == 13_000
    assert times[1]["backward_ms"] == 16_000


def test_comparison_is_a_table():
    table = compare_costs([create_model(n, width=0.1) for n in ("segnet_basic", "unet")], 32, 48, measure=False)
    assert list(table.index) == ["segnet_basic", "unet"]
    assert table.loc["unet", "remembered_mb"] > table.loc["segnet_basic", "remembered_mb"]


@pytest.mark.parametrize(("stderr", "reason"), [(b"Trace\nMemoryError: full", "MemoryError: full"), (b"", "code -9")])
def test_says_when_the_fresh_process_failed(stderr, reason, monkeypatch):
    failed = subprocess.CompletedProcess([], -9, stdout=b"", stderr=stderr)
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: failed)
    with pytest.raises(RuntimeError, match=rf"memory of unet for a batch of 2 images of 32x48 \(.*{reason}\).*smaller"):
        module.peak_memory(create_model("unet", width=0.1), (2, 3, 32, 48), "float32")


@pytest.mark.parametrize("wrong", [{"height": 0}, {"width": -1}, {"batch": 0}, {"repeats": 0}])
def test_refuses_sizes_below_one(wrong):
    (name, value), *_ = wrong.items()
    with pytest.raises(ValueError, match=f"{name}={value}: it has to be at least 1"):
        costs(create_model("segnet_basic", width=0.1), **{"height": 8, "width": 8, **wrong})


def test_refuses_an_empty_comparison():
    with pytest.raises(ValueError, match="no models to compare"):
        compare_costs([], 8, 8)


def test_is_what_the_package_offers():
    assert segnet_lab.costs is costs
    assert segnet_lab.compare_costs is compare_costs
