"""Convolution by frequencies: what the direct way computes, at any size, and nearer to float64."""

from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from segnet_lab import create_model, optimize
from segnet_lab.inference.fft_conv import FFTConv, pays


def convolution(inputs, outputs, kernel=7, dtype=torch.float64, bias=True, **options):
    torch.manual_seed(0)
    padding = options.pop("padding", kernel // 2)
    return nn.Conv2d(inputs, outputs, kernel, padding=padding, bias=bias, dtype=dtype, **options).requires_grad_(False)


@given(
    st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 40), st.integers(1, 40)),
    st.integers(1, 5),
    st.sampled_from([1, 3, 5, 7, 9]),
    st.booleans(),
    st.sampled_from([1, 6, 64]),
)
@settings(deadline=None, max_examples=60)
def test_equals_the_direct_way(shape, outputs, kernel, bias, at_a_time):
    x = torch.rand(shape, dtype=torch.float64) - 0.5
    conv = convolution(shape[1], outputs, kernel, bias=bias)
    with patch("segnet_lab.inference.fft_conv.AT_A_TIME", at_a_time):  # one row of tiles, some, all
        torch.testing.assert_close(FFTConv(conv)(x), conv(x), rtol=0, atol=1e-13)


def test_one_by_hand():
    # a filter with a single 1, one place to the right of the middle: every pixel takes its right neighbour
    conv = convolution(1, 1, bias=False)
    conv.weight.zero_()[0, 0, 3, 4] = 1
    x = torch.arange(12.0, dtype=torch.float64).view(1, 1, 3, 4)
    expected = torch.tensor([[1, 2, 3, 0], [5, 6, 7, 0], [9, 10, 11, 0]], dtype=torch.float64)
    torch.testing.assert_close(FFTConv(conv)(x)[0, 0], expected, rtol=0, atol=1e-14)


def test_of_either_layout_and_after_cropping():
    conv = convolution(4, 3)
    x = torch.rand(2, 4, 23, 31, dtype=torch.float64)
    again = FFTConv(conv)
    torch.testing.assert_close(again(x.contiguous(memory_format=torch.channels_last)), again(x))
    torch.testing.assert_close(again(x[:, :, 2:-1, 5:]), conv(x[:, :, 2:-1, 5:]))


def test_no_image():
    assert FFTConv(convolution(4, 3))(torch.zeros(0, 4, 20, 20, dtype=torch.float64)).shape == (0, 3, 20, 20)


def test_rounds_less_than_the_direct_way():
    conv = convolution(64, 64, dtype=torch.float32)
    x = torch.randn(1, 64, 50, 60)
    exact = F.conv2d(x.double(), conv.weight.double(), conv.bias.double(), padding=3)
    assert (FFTConv(conv)(x) - exact).abs().mean() < (conv(x) - exact).abs().mean()


@pytest.mark.parametrize(
    "conv",
    [
        convolution(64, 64, kernel=5),
        convolution(32, 64),
        convolution(64, 11),
        convolution(64, 64, padding=0),
        convolution(64, 64, groups=64),
        convolution(64, 64, dilation=2, padding=6),
        convolution(64, 64, stride=2),
        convolution(64, 64, dtype=torch.bfloat16),
    ],
    ids=lambda conv: str(conv)[7:-1],
)
def test_does_not_pay_for_other_convolutions(conv):
    assert not pays(conv)


@pytest.mark.parametrize(
    "options", [{"kernel": 17}, {"kernel": 4}, {"padding": 0}, {"groups": 2}, {"dilation": 2}, {"stride": 2}], ids=str
)
def test_refuses_what_it_cannot_compute(options):
    with pytest.raises(ValueError, match="is no square odd filter below 16 that keeps the size"):
        FFTConv(convolution(4, 4, **options))


def test_pays_for_segnet_basic_and_optimize_takes_it():
    model = create_model("segnet_basic", seed=0).double().eval()
    assert [pays(layer) for layer in model.modules() if isinstance(layer, nn.Conv2d)] == [False, *[True] * 7, False]
    fast = optimize(model)
    assert sum(isinstance(layer, FFTConv) for layer in fast.modules()) == 7
    x = torch.rand(1, 3, 45, 61, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(fast(x), model(x), rtol=1e-10, atol=1e-10)
    lean = optimize(model, low_memory=True)  # works on a few rows at a time
    assert not any(isinstance(layer, FFTConv) for layer in lean.modules())
