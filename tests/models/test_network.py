"""The loop of encoding and decoding: what it passes on, remembers, drops and lets go."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from segnet_lab import create_model
from segnet_lab.models.layers import ConvBN
from segnet_lab.models.network import EncoderStage, max_pool_stride_1


def image(batch=1, height=45, width=61):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


def last_without_relu():
    torch.manual_seed(0)
    return [ConvBN(3, 4, 3), ConvBN(4, 4, 3, relu=False)]


def test_a_stage_pools_before_its_last_relu_with_the_same_result():
    stage, x = EncoderStage(last_without_relu(), "2x2").eval(), image()
    pooled, features, codes = stage(x)
    assert features.min() < 0
    assert torch.equal(pooled, F.max_pool2d(features.relu(), 2, ceil_mode=True))
    assert pooled.shape == (1, 4, 23, 31)
    assert codes.shape == ((4 * 23 * 31 + 3) // 4,)


@pytest.mark.parametrize(
    ("pool", "expected"), [(None, torch.relu), ("stride 1", lambda x: max_pool_stride_1(x.relu()))]
)
def test_other_stages_keep_the_size_and_have_no_codes(pool, expected):
    x, features, codes = EncoderStage(last_without_relu(), pool).eval()(image())
    assert codes is None
    assert torch.equal(x, expected(features))
    assert x.shape == (1, 4, 45, 61)


def test_pooling_of_stride_1_stores_no_indices_and_has_torchs_gradient():
    x, saved = image().requires_grad_(), []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t.dtype) or t, lambda t: t):
        y = max_pool_stride_1(x)
    assert torch.int64 not in saved
    weight = torch.rand(y.shape)
    (got,) = torch.autograd.grad((y * weight).sum(), x)
    (expected,) = torch.autograd.grad((F.max_pool2d(x, 3, 1, 1) * weight).sum(), x)
    assert torch.equal(got, expected)


def test_forward_is_encode_then_decode():
    model, x = create_model("unet", width=0.05, seed=0).eval(), image()
    with torch.no_grad():
        deepest, memory = model.encode(x)
        assert sorted(memory) == ["1", "2", "3", "4"]
        assert [memory[n].size for n in "1234"] == [(45, 61), (23, 31), (12, 16), (6, 8)]
        assert torch.equal(model.decode(deepest, memory), model(x))
    assert not memory, "the memory of a stage goes when it was used"


@pytest.mark.parametrize("place", ["pool3", "pool4", "decoder4", "decoder3"])
def test_dropout_stands_where_the_row_says(place):
    model, seen = create_model("bayesian_segnet_basic", width=0.1, seed=0).train(), []
    assert set(model.dropout) == {"pool3", "pool4", "decoder4", "decoder3"}
    model.dropout[place].register_forward_hook(lambda _, inputs, output: seen.append((inputs[0], output)))
    model(image(2))
    ((before, after),) = seen
    kept = after != 0
    torch.testing.assert_close(after[kept], 2 * before[kept])
    assert before.shape[-2:] == {"pool3": (6, 8), "pool4": (3, 4), "decoder4": (6, 8), "decoder3": (12, 16)}[place]


def test_checkpointing_recomputes_in_training_only():
    model, passes = create_model("segnet_basic", width=0.05, seed=0), []
    model.checkpointing = True
    model.stages[0].register_forward_pre_hook(lambda *_: passes.append(1))
    model.eval()(image()).sum().backward()
    assert len(passes) == 1
    model.train()(image(2)).sum().backward()
    assert len(passes) == 1 + 2


def test_memory_changes_nothing():
    model = create_model("segnet_basic", width=0.05, seed=0).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert model.memory(8, 8)
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_names_of_weights_are_those_of_saved_runs():
    names = set(create_model("fcn_basic", width=0.05).state_dict())
    assert {"stages.0.convs.0.conv.weight", "decoders.4.deconv.weight", "decoders.4.reduce.conv.bias"} <= names
    assert isinstance(create_model("segnet_basic", width=0.05).stages, nn.ModuleList)


@pytest.mark.parametrize(
    "wrong",
    [torch.zeros(3, 8, 8), torch.zeros(1, 1, 8, 8), torch.zeros(1, 3, 8, 8).byte(), torch.zeros(1, 3, 0, 8)],
    ids=["no batch", "grey", "bytes", "no rows"],
)
def test_refuses_what_is_no_batch_of_images(wrong):
    with pytest.raises(ValueError, match=r"expected float images \(B, 3, H, W\) of 0..1, got torch\.\w+ of shape"):
        create_model("segnet_basic", width=0.05)(wrong)
