"""Maps made again in the backward pass: when, how often, and that they go."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn

from segnet_lab.models.layers import ConvBN
from segnet_lab.models.recompute import Maker, computed_again, how, keeping_how


class Counted:
    """Makes a map and counts how often."""

    def __init__(self, x):
        self.x, self.times = x, 0

    def __call__(self):
        self.times += 1
        return self.x.exp()


def test_made_once_for_two_users_and_let_go_with_the_last():
    make = Counted(torch.ones(2))
    maker = Maker(make)
    first, last = maker.one_more(), maker.one_more()
    assert first() is maker.made
    assert torch.equal(last(), torch.ones(2).exp())
    assert (make.times, maker.made) == (1, None)
    first(), last()  # another backward pass over the same graph
    assert (make.times, maker.made) == (2, None)


def test_an_operation_keeps_the_maker_and_not_the_map():
    x = torch.rand(3, requires_grad=True)
    weight = torch.rand(3, requires_grad=True)
    make = Counted(x.detach())
    y = Maker(make).makes(x.exp())
    with keeping_how(y):
        product = weight * y  # would keep both factors
    assert make.times == 0
    product.sum().backward()
    assert make.times == 1
    assert torch.equal(weight.grad, x.exp())
    assert torch.equal(x.grad, weight * x.exp())


def test_other_tensors_are_kept_as_ever():
    y = Maker(lambda: pytest.fail("nobody needs y")).makes(torch.rand(2, 2))
    weight = torch.rand(2, 2, requires_grad=True)
    with keeping_how(y):
        (y + weight * weight).sum().backward()
    assert torch.equal(weight.grad, 2 * weight)


def test_how_gives_the_map_itself_where_nothing_makes_it():
    x = torch.rand(2)
    assert how(x)() is x
    assert how(Maker(lambda: x + 1).makes(torch.rand(2)))().equal(x + 1)


@pytest.mark.parametrize("relu", [True, False])
def test_batch_statistics_count_once(relu):
    x = torch.rand(2, 3, 8, 8)
    layer = ConvBN(3, 4, 3, relu=relu).train()
    nn.Sequential(layer, ConvBN(4, 4, 3))(x).sum().backward()
    assert layer.norm.num_batches_tracked == 1
    expected = 0.1 * layer.conv(x).mean((0, 2, 3))  # from 0, one step of momentum 0.1 towards the batch's
    torch.testing.assert_close(layer.norm.running_mean, expected)


def test_the_same_gradients_in_mixed_precision(monkeypatch):
    torch.manual_seed(0)
    layers = nn.Sequential(ConvBN(3, 8, 3), ConvBN(8, 8, 7), ConvBN(8, 4, 3, relu=False), ConvBN(4, 2, 1, norm=False))
    layers = layers.to(memory_format=torch.channels_last).train()
    x = torch.rand(2, 3, 24, 32).contiguous(memory_format=torch.channels_last)

    def gradients():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = layers(x)
        assert y.dtype == torch.bfloat16
        return torch.autograd.grad(y.float().square().mean(), list(layers.parameters()))

    made_again = gradients()
    monkeypatch.setattr(Maker, "replaces", lambda *_: nullcontext())
    assert all(torch.equal(g, e) for g, e in zip(made_again, gradients(), strict=True))


@pytest.mark.parametrize("way", ["evaluation", "no gradients", "computed again"])
def test_maps_have_no_maker_where_none_is_needed(way):
    layer, x = ConvBN(3, 4, 3), torch.rand(2, 3, 8, 8)
    if way == "evaluation":
        y = layer.eval()(x)
    elif way == "no gradients":
        with torch.no_grad():
            y = layer(x)
    else:
        with computed_again():
            y = layer(x)
    assert not hasattr(y, "maker")
    assert hasattr(ConvBN(3, 4, 3)(x), "maker")
