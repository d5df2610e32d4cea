"""Sizes of the networks: exact counts worked out by hand, and what each must remember."""

import pytest
import torch

from segnet_lab import create_model

ENCODER = 3 * 64 * 49 + 3 * 64 * 64 * 49  # 611,520: four 7x7 convolutions
ENCODER_NORM = 4 * 2 * 64
DECODER_NORM = 4 * 2 * 64
CLASSIFIER = 64 * 11 + 11

COUNTS = {
    "bilinear_interpolation": ENCODER + ENCODER_NORM + CLASSIFIER,
    "segnet_basic": ENCODER + ENCODER_NORM + 4 * 64 * 64 * 49 + DECODER_NORM + CLASSIFIER,
    "segnet_basic_encoder_addition": ENCODER + ENCODER_NORM + 4 * 64 * 64 * 49 + DECODER_NORM + CLASSIFIER,
    "segnet_basic_single_channel_decoder": ENCODER + ENCODER_NORM + 4 * 64 * 49 + DECODER_NORM + CLASSIFIER,
    "fcn_basic": ENCODER + ENCODER_NORM + 4 * (64 * 11 + 11) + 4 * 11 * 11 * 64,
    "fcn_basic_no_addition": ENCODER + ENCODER_NORM + 64 * 11 + 11 + 4 * 11 * 11 * 64,
    "fcn_basic_no_dim_reduction": ENCODER + ENCODER_NORM + 4 * 64 * 64 * 64 + CLASSIFIER,
    "fcn_basic_no_addition_no_dim_reduction": ENCODER + ENCODER_NORM + 4 * 64 * 64 * 64 + CLASSIFIER,
    "no_pooling": ENCODER + ENCODER_NORM + CLASSIFIER,
    "segnet": 29_449_355,
}
WITHOUT_BIAS = {  # as the paper's Table 1 counts
    "bilinear_interpolation": 612_736,
    "segnet_basic": 1_416_064,
    "segnet_basic_encoder_addition": 1_416_064,
    "segnet_basic_single_channel_decoder": 625_792,
    "fcn_basic": 645_824,
    "fcn_basic_no_addition": 643_712,
    "fcn_basic_no_dim_reduction": 1_661_312,
    "fcn_basic_no_addition_no_dim_reduction": 1_661_312,
    "segnet": 29_449_355 - 7_947,  # 13 + 13 convolutions, of which 4,224 biases in the encoder
}


def count(model, *, without=()):
    return sum(p.numel() for name, p in model.named_parameters() if not name.endswith(tuple(without) or "\0"))


@pytest.mark.parametrize("name", COUNTS)
def test_parameters(name):
    assert count(create_model(name)) == COUNTS[name]


@pytest.mark.parametrize("name", WITHOUT_BIAS)
def test_parameters_without_convolution_biases(name):
    assert count(create_model(name), without=["conv.bias"]) == WITHOUT_BIAS[name]


def test_vgg16_encoder_is_imagenets():
    # 14,714,688 weights and biases in 13 convolutions; batch normalisation adds two a channel
    encoder = create_model("segnet").stages
    assert sum(p.numel() for n, p in encoder.named_parameters() if ".conv." in n) == 14_714_688
    assert sum(1 for n, _ in encoder.named_parameters() if n.endswith("conv.weight")) == 13


def test_deeplab_predicts_at_45x60():
    model = create_model("deeplab_large_fov", width=0.05).eval()
    with torch.no_grad():
        deepest, _ = model.encode(torch.rand(1, 3, 360, 480))
    assert deepest.shape[-2:] == (45, 60)
