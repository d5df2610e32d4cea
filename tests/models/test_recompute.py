"""Feature maps that the backward pass recomputes: the same gradients, fewer bytes, and only where it is asked for."""

from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from segnet_lab import create_model
from segnet_lab.models import recompute
from segnet_lab.models.decoders import Memory, Ports, Unpool
from segnet_lab.models.layers import ConvBN
from segnet_lab.models.recompute import save_less
from segnet_lab.pooling import max_pool_2x2
from segnet_lab.probe.allocations import still_allocated

PORTS = Ports(8, 8, 8, 2, widths=(8,), classes=2, kernel=3, relu=False, bias=False, small_scores=False)


def chain():
    torch.manual_seed(0)
    layers = ConvBN(3, 8, 3, bias=True), ConvBN(8, 8, 7), ConvBN(8, 4, 3, relu=False), ConvBN(4, 2, 1, norm=False)
    return nn.Sequential(*layers).train()


def images(batch=2, height=24, width=32):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


class Decoded(nn.Module):
    """Encode, unpool, filter: a decoder between two layers."""

    def __init__(self):
        super().__init__()
        self.first, self.decoder = ConvBN(3, 8, 3), Unpool(PORTS)

    def forward(self, x):
        x = self.first(x)
        _, codes = max_pool_2x2(F.interpolate(x.detach(), scale_factor=2.0))
        return self.decoder(x, Memory((2 * x.shape[-2], 2 * x.shape[-1]), codes=codes))


def gradients(model, x, mode, dtype=torch.float32):
    with mode(model), torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        y = model(x)
    y.float().square().mean().backward()
    found = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=str)
@pytest.mark.parametrize("shape", [(1, 15, 20), (2, 24, 32)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("make", [chain, Decoded])
def test_the_same_gradients_to_the_last_bit(make, layout, shape, dtype):
    model, x = make().to(memory_format=layout), images(*shape).contiguous(memory_format=layout)
    if dtype == torch.float64:
        model, x = model.double(), x.double()
    less, plain = (gradients(model, x, mode, dtype) for mode in (save_less, lambda _: nullcontext()))
    assert all(torch.equal(g, e) for g, e in zip(less, plain, strict=True))


def test_bytes_of_a_chain_by_hand():
    model, x = chain(), images()
    plain = still_allocated(lambda: model(x))
    with save_less(model):
        less = still_allocated(lambda: model(x))
    # the outputs of the three normalised layers, of which the first two have a ReLU: 8, 8 and 4 channels
    assert plain.bytes - less.bytes == 2 * 24 * 32 * (8 + 8 + 4) * 4
    assert torch.equal(less.made, plain.made)


def test_bytes_of_a_decoder_by_hand():
    model, x = Decoded().train(), images()
    plain = still_allocated(lambda: model(x))
    with save_less(model):
        less = still_allocated(lambda: model(x))
    # the ReLU's output, 8 channels, and the sparse map, 8 channels of four times the pixels
    assert plain.bytes - less.bytes == 2 * 24 * 32 * (8 + 4 * 8) * 4


def test_a_map_is_recomputed_once_for_the_relu_and_the_convolution_behind_it(monkeypatch):
    model, counted = chain(), []
    with save_less(model):
        loss = model(images()).sum()
    batch_norm = F.batch_norm
    monkeypatch.setattr(F, "batch_norm", lambda *a, **k: counted.append(1) or batch_norm(*a, **k))
    loss.backward(retain_graph=True)
    assert len(counted) == 3  # one a normalised layer
    loss.backward()  # nothing was left over from the first time
    assert len(counted) == 6


def test_the_graph_is_free_after_one_backward_pass():
    model = chain()
    with save_less(model):
        loss = model(images()).sum()
    loss.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        loss.backward()


def test_batch_statistics_count_once():
    model, x = chain(), images()
    with save_less(model):
        model(x).sum().backward()
    first = model[0]
    assert first.norm.num_batches_tracked == 1
    expected = 0.1 * first.conv(x).mean((0, 2, 3))  # from 0, one step of momentum 0.1 towards the batch's
    torch.testing.assert_close(first.norm.running_mean, expected)


@pytest.mark.parametrize("make", [chain, Decoded])
def test_second_derivatives(make):
    def second(mode):
        model, x = make().double(), images(1, 8, 8).double()
        with mode(model):
            loss = model(x).square().mean()
        weights = list(model.parameters())
        first = torch.autograd.grad(loss, weights, create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in first), weights, allow_unused=True)

    torch.manual_seed(0)
    less = second(save_less)
    torch.manual_seed(0)
    for g, e in zip(less, second(lambda _: nullcontext()), strict=True):
        torch.testing.assert_close(g, e, rtol=1e-9, atol=1e-12)


def test_frozen_layers_get_no_gradient_and_others_the_same():
    model, x = chain(), images()
    for p in [*model[1].parameters(), model[2].norm.weight]:
        p.requires_grad_(False)

    def found(mode):
        with mode(model):
            model(x).square().mean().backward()
        grads = [p.grad for p in model.parameters()]
        model.zero_grad(set_to_none=True)
        return grads

    less, plain = found(save_less), found(lambda _: nullcontext())
    assert [g is None for g in less] == [g is None for g in plain]
    assert all(torch.equal(g, e) for g, e in zip(less, plain, strict=True) if e is not None)


def test_weights_that_were_cast_in_here_still_learn_outside():
    """Autocast keeps cast weights for the next use; one cast inside a Function knows of no gradient."""
    model, x = chain(), images()
    with torch.autocast("cpu", dtype=torch.bfloat16):  # which caches
        with save_less(model):
            model(x)
        y = model(x)
    y.float().sum().backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("way", ["evaluation", "no gradients", "outside"])
def test_nothing_is_recomputed_where_it_is_of_no_use(way):
    model, x = chain().train(way != "evaluation"), images()
    with nullcontext() if way == "outside" else save_less(model), torch.set_grad_enabled(way != "no gradients"):
        y = model[0](x)
    assert not hasattr(y.grad_fn, "recompute")
    with save_less(model.train()):
        assert hasattr(model[0](x).grad_fn, "recompute")


def test_layers_are_as_before_afterwards_also_after_an_error():
    model = Decoded()

    def look_and_fail():
        assert "forward" in vars(model.first)
        assert "upsample" in vars(model.decoder)
        raise KeyError

    with pytest.raises(KeyError), save_less(model):
        look_and_fail()
    assert not any({"forward", "upsample"} & {*vars(layer)} for layer in model.modules())


def test_a_layer_with_a_forward_of_its_own_is_left_alone():
    class Louder(ConvBN):
        def forward(self, x):
            return 2 * super().forward(x)

    model = nn.Sequential(Louder(3, 4, 3), nn.Conv2d(4, 4, 3))
    with save_less(model):
        assert not any("forward" in vars(layer) for layer in model.modules())


def test_checkpointing_stores_less_still_and_stays_as_it_is():
    model = create_model("segnet_basic", width=0.05, seed=0).train()
    model.checkpointing = True
    with save_less(nn.Sequential(model)):
        model(images()).sum().backward()
        assert not any("forward" in vars(layer) for layer in model.modules())


def test_a_compiler_sees_plain_layers():
    model, x = chain(), images()
    expected = gradients(model, x, lambda _: nullcontext())

    @torch.compile(backend="aot_eager", fullgraph=True)
    def forward(x):
        return model(x)

    with save_less(model):
        forward(x).square().mean().backward()
    for p, e in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(p.grad, e, rtol=1e-4, atol=1e-5)
    torch.compiler.reset()


@pytest.mark.parametrize("compile", [torch.compile, nn.Module.compile])
def test_a_compiled_network_decides_by_itself(compile):
    layers = chain()
    model = compile(layers, backend="eager") or layers
    with save_less(model):
        assert not any("forward" in vars(layer) for layer in layers.modules())


def test_blocky_and_sparse_maps_without_codes_are_recomputed_too(monkeypatch):
    model, x = create_model("replication", width=0.05, seed=0).train(), images()
    with save_less(model):
        less = still_allocated(lambda: model(x)).bytes
    monkeypatch.setattr(recompute._Upsampled, "apply", lambda y, *_: y)
    with save_less(model):
        assert still_allocated(lambda: model(x)).bytes > less
