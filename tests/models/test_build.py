"""From a row to a network: layers and channels, counted by hand."""

from dataclasses import replace

import segnet_lab as sl
from segnet_lab import create_model
from segnet_lab.models.variants import Filter
from tests.models.bicubic import BASIC, Bicubic


def test_width_scales_all_but_the_classes():
    half = create_model("segnet_basic", width=0.5)
    assert sum(p.numel() for p in half.parameters()) == 3 * 32 * 49 + 7 * 32 * 32 * 49 + 8 * 2 * 32 + 32 * 11 + 11
    assert create_model("segnet_basic", num_classes=37).classifier.conv.out_channels == 37


def test_segnet_decoder_channels():
    decoders = create_model("segnet").decoders
    channels = [[conv.conv.out_channels for conv in d.convs] for d in decoders.values()]
    assert channels == [[512, 512, 512], [512, 512, 256], [256, 256, 128], [128, 64], [64]]
    assert create_model("segnet").classifier.conv.kernel_size == (3, 3)


def test_a_neck_and_dropout_behind_it():
    row = replace(BASIC, decoder=Bicubic, neck=(Filter(8, 3),), dropout=0.5, dropout_at=("fc6", "decoder1"))
    sl.register_model("with_neck", row)
    model = sl.create_model("with_neck", width=0.1)
    assert [type(layer).__name__ for layer in model.neck] == ["ConvBN", "Dropout"]
    assert list(model.dropout) == ["decoder1"]
