"""Sizes of the networks: exact counts worked out by hand, and what each must remember."""

import re

import numpy as np
import pytest
import torch

from segnet_lab import create_model
from segnet_lab.models import storage_multiplier

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


def test_segnet_decoder_channels():
    decoders = create_model("segnet").decoders
    channels = [[conv.conv.out_channels for conv in d.convs] for d in decoders.values()]
    assert channels == [[512, 512, 512], [512, 512, 256], [256, 256, 128], [128, 64], [64]]
    assert create_model("segnet").classifier.conv.kernel_size == (3, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": ["segnet"]}, "name is ['segnet']: give one of list_models()"),
        ({"name": torch.nn.Conv2d(3, 2, 1)}, "name is Conv2d(3, 2, "),
        ({"num_classes": "3"}, "num_classes='3': give a whole number"),
        ({"num_classes": 3.5}, "num_classes=3.5: give a whole number"),
        ({"num_classes": True}, "num_classes=True: give a whole number"),
        ({"num_classes": 0}, "num_classes=0: a classifier needs at least one class"),
        ({"width": "0.5"}, "width='0.5': give a share of the paper's channels above 0"),
        ({"width": float("inf")}, "width=inf: give a share"),
        ({"width": float("nan")}, "width=nan: give a share"),
        ({"dropout": "0.5"}, "dropout='0.5': give a probability"),
        ({"dropout": float("nan")}, "dropout=nan: give a probability"),
        ({"seed": "1"}, "seed='1': give a whole number"),
        ({"seed": 1.5}, "seed=1.5: give a whole number"),
        ({"seed": 2**64}, f"seed={2**64}: give a whole number from -2^63 to 2^64 - 1"),
        ({"input_transform": ["lrn"]}, "input_transform=['lrn']: give one of lrn, "),
        ({"input_transform": ""}, "unknown input transform ''"),
        ({"weights": 5}, "weights=5: give a set of runs, set/run or a run directory"),
        ({"weights": "roadscenes", "num_classes": "11"}, "num_classes='11': give a whole number"),
    ],
)
def test_arguments_of_another_kind_are_named(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        create_model(**{"name": "segnet_basic", **arguments})


def test_numbers_of_numpy_are_plain_in_the_config():
    config = create_model("segnet_basic", np.int64(3), width=np.float32(0.125), dropout=np.float64(0.5), seed=0).config
    assert [type(value) for value in (config.num_classes, config.width, config.dropout)] == [int, float, float]
    assert (config.num_classes, config.width, config.dropout) == (3, 0.125, 0.5)


def test_width_scales_all_but_the_classes():
    half = create_model("segnet_basic", width=0.5)
    assert count(half) == 3 * 32 * 49 + 7 * 32 * 32 * 49 + 8 * 2 * 32 + 32 * 11 + 11
    assert create_model("segnet_basic", num_classes=37).classifier.conv.out_channels == 37


@pytest.mark.parametrize(
    ("name", "recomputed"),
    [
        ("bilinear_interpolation", 0),
        ("segnet_basic", 64 * 2 / 32),  # printed 1
        ("segnet_basic_encoder_addition", 64 + 64 * 2 / 32),  # printed 64
        ("segnet_basic_single_channel_decoder", 4),  # printed 1
        ("fcn_basic", 11),
        ("fcn_basic_no_dim_reduction", 64),
        ("fcn_basic_no_addition_no_dim_reduction", 0),
        ("replication", 0),
        ("fixed_indices", 0),
    ],
)
def test_storage_multiplier(name, recomputed):
    assert storage_multiplier(create_model(name)) == recomputed


def test_what_segnet_remembers():
    # windows: 64*180*240 + 128*90*120 + 256*45*60 + 512*23*30 + 512*12*15 = 5,283,840
    kept = create_model("segnet").memory(360, 480)
    assert [(r.channels, r.height, r.width) for r in kept] == [
        (64, 180, 240),
        (128, 90, 120),
        (256, 45, 60),
        (512, 23, 30),
        (512, 12, 15),
    ]
    assert sum(r.bytes for r in kept) == 5_283_840 // 4
    assert sum(r.bytes_float32 for r in kept) == 5_283_840 * 4
    assert sum(r.bytes_int64 for r in kept) == 5_283_840 * 8


def test_what_unet_remembers():
    kept = create_model("unet").memory(360, 480)
    assert [(r.kind, r.channels, r.height, r.width) for r in kept] == [
        ("map", 64, 360, 480),
        ("map", 128, 180, 240),
        ("map", 256, 90, 120),
        ("map", 512, 45, 60),
    ]


def test_deeplab_predicts_at_45x60():
    model = create_model("deeplab_large_fov", width=0.05).eval()
    with torch.no_grad():
        deepest, _ = model.encode(torch.rand(1, 3, 360, 480))
    assert deepest.shape[-2:] == (45, 60)


def test_fixed_bilinear_is_not_learnt():
    fixed, learnt = create_model("fcn", width=0.05), create_model("fcn_learnt_deconv", width=0.05)
    assert not any(d.deconv.weight.requires_grad for d in fixed.decoders.values())
    assert all(d.deconv.weight.requires_grad for d in learnt.decoders.values())


def test_no_relu_in_the_basic_decoder_but_in_segnets():
    assert not any(conv.relu for d in create_model("segnet_basic").decoders.values() for conv in d.convs)
    assert all(conv.relu for d in create_model("segnet", width=0.1).decoders.values() for conv in d.convs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "segnet_basics"}, "unknown model 'segnet_basics'. Did you mean 'segnet_basic'"),
        ({"name": "segnet_basic", "num_classes": 0}, "num_classes=0: a classifier needs at least one class"),
        ({"name": "segnet_basic", "width": 0}, "width=0: give a share"),
        ({"name": "segnet_basic", "dropout": 1.5}, "dropout=1.5: give a probability"),
        ({"name": "segnet_basic", "input_transform": "lnr"}, "unknown input transform 'lnr'. Did you mean 'lrn'"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        create_model(**options)
