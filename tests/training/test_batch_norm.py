"""Batch-norm statistics before an evaluation: of the whole set, without dropout, and nothing else changes."""

import pytest
import torch
from torch import nn

from segnet_lab.training.batch_norm import refresh_batch_norm
from tests.helpers import Squares
from tests.training.small import network, weights


def test_batch_norm_statistics_do_not_depend_on_the_order_of_the_batches():
    data = Squares(8)
    backwards = Squares(8)
    backwards.order = backwards.order[::-1]
    model, twin = network().double(), network().double()

    def double(data):
        return [sample._replace(image=sample.image.double()) for sample in (data[i] for i in range(8))]

    refresh_batch_norm(model, double(data), batch_size=2, precision="float32")
    refresh_batch_norm(twin, double(backwards), batch_size=2, precision="float32")
    torch.testing.assert_close(weights(model), weights(twin), rtol=1e-12, atol=1e-12)


def test_batch_norm_statistics_of_the_first_layer_by_hand():
    data = Squares(5)
    model = network()
    refresh_batch_norm(model, data, batch_size=2, precision="float32")
    norm = model.stages[0].convs[0].norm
    with torch.no_grad():
        maps = model.stages[0].convs[0].conv(model.normalise(torch.stack([data[i].image for i in range(5)])))
        mean = maps.mean((0, 2, 3))
        # variances of the batches {0 1}, {2 3}, {4}, each weighed by its images
        variance = sum(len(b) * b.var((0, 2, 3)) for b in maps.split(2)) / 5
    torch.testing.assert_close(norm.running_mean, mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.running_var, variance, rtol=1e-4, atol=1e-5)


def test_refresh_leaves_weights_mode_and_dropout_alone():
    model = network("bayesian_segnet_basic").train()
    before = {n: p.clone() for n, p in model.named_parameters()}
    refresh_batch_norm(model, Squares(4), batch_size=2, precision="float32")
    assert model.training
    assert all(m.training for m in model.modules())
    assert all(torch.equal(before[n], p) for n, p in model.named_parameters())


def test_no_dropout_acts_while_statistics_are_gathered():
    """A dropout that is on scales what it keeps by 1 / (1 - p): the next norm's variance would be too large."""
    model = network("bayesian_segnet_basic").train()
    dropouts = [module for module in model.modules() if isinstance(module, nn.Dropout)]
    active = []
    for dropout in dropouts:
        dropout.register_forward_hook(lambda module, *_: active.append(module.training))
    refresh_batch_norm(model, Squares(4), batch_size=2, precision="float32")
    assert len(active) == len(dropouts) * 2  # in each of two batches
    assert not any(active)


def test_statistics_are_those_of_the_whole_set():
    """In one batch of all images: the mean and variance of every map that enters a norm, taken by hooks."""
    model, entered, data = network("segnet", width=0.03).eval(), {}, Squares(6)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.register_forward_pre_hook(lambda module, inputs: entered.update({module: inputs[0].detach()}))
    refresh_batch_norm(model, data, batch_size=6, precision="float32")
    assert entered.keys() == set(norms)
    for norm, x in entered.items():
        torch.testing.assert_close(norm.running_mean, x.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(norm.running_var, x.var((0, 2, 3)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5, 6], [6, 2, 0, 5, 1, 4, 3]])
def test_every_image_counts_once_in_the_mean(order):
    """Batches of 3, 3 and 1: a plain mean over images, neither over batches nor weighed towards the last."""
    model, data = nn.Sequential(nn.BatchNorm2d(3)), Squares(7)
    data.order = order
    refresh_batch_norm(model, data, batch_size=3, precision="float32")
    mean = torch.stack([data[i].image for i in range(7)]).mean((0, 2, 3))
    torch.testing.assert_close(model[0].running_mean, mean, rtol=1e-5, atol=1e-6)


def test_in_float16_the_statistics_are_float32():
    model, twin = network(), network()
    for each, precision in ((model, "float16"), (twin, "float32")):
        refresh_batch_norm(each, Squares(4), batch_size=2, precision=precision)
    found, exact = (dict(each.named_buffers()) for each in (model, twin))
    for name in (name for name in exact if "running" in name):
        assert found[name].dtype == torch.float32
        torch.testing.assert_close(found[name], exact[name], rtol=0.05, atol=0.01)
