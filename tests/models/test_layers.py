"""Building blocks: what each does, by hand or by torch's own."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from segnet_lab.models.layers import ConvBN, Deconvolution, bilinear_kernel, conv_layers, score_layer


def test_convolution_then_norm_then_relu():
    torch.manual_seed(0)
    layer, x = ConvBN(3, 4, 5, bias=True).train(), torch.rand(2, 3, 9, 11)
    y = F.conv2d(x, layer.conv.weight, layer.conv.bias, padding=2)
    mean, spread = y.mean((0, 2, 3), keepdim=True), y.var((0, 2, 3), correction=0, keepdim=True)
    torch.testing.assert_close(layer(x), ((y - mean) / (spread + 1e-5).sqrt()).clamp(min=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dilation", [1, 2, 12])
@pytest.mark.parametrize("kernel", [1, 3, 7])
def test_any_kernel_and_dilation_keep_the_size(kernel, dilation):
    assert ConvBN(2, 5, kernel, dilation=dilation)(torch.rand(2, 2, 9, 11)).shape == (2, 5, 9, 11)


def test_weights_are_drawn_as_he_et_al_for_the_fan_in():
    torch.manual_seed(0)
    layer = ConvBN(64, 64, 7, bias=True)
    assert layer.conv.weight.std().item() == pytest.approx((2 / (49 * 64)) ** 0.5, rel=0.01)
    assert not layer.conv.bias.any()


def test_without_relu_without_norm_without_bias():
    layer, x = ConvBN(2, 2, 3, relu=False, norm=False), torch.rand(1, 2, 5, 5)
    assert layer.conv.bias is None
    assert torch.equal(layer(x), F.conv2d(x, layer.conv.weight, padding=1))


def test_groups_filter_each_channel_by_itself():
    layer = ConvBN(3, 3, 3, relu=False, norm=False, groups=3)
    x = torch.rand(1, 3, 6, 6)
    x[:, 1] = 0
    y = layer(x)
    assert not y[:, 1].any()
    assert y[:, 0].any()


@pytest.mark.parametrize("small", [False, True])
def test_a_classifier_is_a_convolution_with_a_bias(small):
    torch.manual_seed(0)
    layer = score_layer(512, 11, small=small)
    assert isinstance(layer.norm, nn.Identity)
    assert not layer.relu
    assert layer.conv.bias.shape == (11,)
    assert layer.conv.weight.std().item() == pytest.approx(0.01 if small else (2 / 512) ** 0.5, rel=0.05)


def test_layers_of_a_neck_without_its_dropout():
    first, last = ConvBN(3, 4, 3), ConvBN(4, 5, 3)
    assert conv_layers(nn.Sequential(first, nn.Dropout(), last)) == [first, last]


def test_fresh_deconvolution_is_bilinear_interpolation():
    x = torch.randn(2, 3, 7, 9)
    for factor, kernel in [(2, 4), (2, 8), (8, 16)]:
        up = Deconvolution(3, factor, kernel)(x, (7 * factor, 9 * factor))
        expected = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
        inside = (..., slice(factor, -factor), slice(factor, -factor))  # torch repeats the border, zeros lie there here
        torch.testing.assert_close(up[inside], expected[inside])


def test_deconvolution_crops_to_a_size_that_was_rounded_up():
    x = torch.randn(1, 2, 4, 5)
    layer = Deconvolution(2, 2, 4)
    assert torch.equal(layer(x, (7, 9)), layer(x, (8, 10))[..., :7, :9])


def test_bilinear_kernel_by_hand():
    # stride 2, kernel 4: samples at -1.5, -0.5, 0.5, 1.5 of a tent that is 0 at 2: 0.25, 0.75, 0.75, 0.25
    tent = torch.tensor([0.25, 0.75, 0.75, 0.25])
    assert torch.equal(bilinear_kernel(2, 4), torch.outer(tent, tent))
    assert bilinear_kernel(2, 8).sum() == 4  # each pixel feeds four


def test_deconvolution_refuses_a_kernel_that_cannot_interpolate():
    with pytest.raises(ValueError, match="a kernel of 3 cannot interpolate by 2: give an even size of at least 4"):
        Deconvolution(1, 2, 3)


def test_fixed_filters_are_not_learnt():
    assert not Deconvolution(1, 2, 4, learnt=False).weight.requires_grad
    assert Deconvolution(1, 2, 4).weight.requires_grad
