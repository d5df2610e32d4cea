"""Each way of decoding by hand, on a map that fits the page."""

from dataclasses import replace

import pytest
import torch

import segnet_lab as sl
from segnet_lab import create_model
from segnet_lab.models.decoders import (
    Bilinear,
    Decoder,
    FixedIndices,
    Memory,
    Ports,
    Replicate,
    Stage,
    Unpool,
    UnpoolAdd,
    UpConcat,
)
from tests.models.bicubic import BASIC, Bicubic


def test_filters_are_layers_that_everything_knows():
    class Other(Bicubic):
        def __init__(self, ports):
            super().__init__(ports, torch.nn.Sequential(torch.nn.Conv2d(3, 3, 3)))

    with pytest.raises(ValueError, match=r"Other\.convs holds a Conv2d: make it of ConvBN"):
        sl.register_model("other", replace(BASIC, decoder=Other))


def test_fixed_bilinear_is_not_learnt():
    fixed, learnt = create_model("fcn", width=0.05), create_model("fcn_learnt_deconv", width=0.05)
    assert not any(d.deconv.weight.requires_grad for d in fixed.decoders.values())
    assert all(d.deconv.weight.requires_grad for d in learnt.decoders.values())


def test_no_relu_in_the_basic_decoder_but_in_segnets():
    assert not any(conv.relu for d in create_model("segnet_basic").decoders.values() for conv in d.convs)
    assert all(conv.relu for d in create_model("segnet", width=0.1).decoders.values() for conv in d.convs)


def by_hand(decoder: Decoder, codes: torch.Tensor | None = None) -> list:
    """What a decoder's upsampling makes of the row 1 2 3, at a size of 2 x 5."""
    x = torch.tensor([[[[1.0, 2.0, 3.0]]]])
    return decoder.upsample(x, Memory((2, 5), codes)).squeeze().tolist()


def ports(**others) -> Ports:
    usual = {"below": 1, "entering": 1, "features": 1, "factor": 2, "widths": (), "classes": 1, "kernel": 7}
    return Ports(**{**usual, "relu": False, "bias": False, "small_scores": False, **others})


def test_unpooling_puts_values_where_the_codes_say():
    codes = torch.tensor([0b00_10_11_01], dtype=torch.uint8)  # top-right, bottom-right, and in the third bottom-left
    assert by_hand(Unpool(ports()), codes) == [[0, 1, 0, 0, 0], [0, 0, 0, 2, 3]]


def test_unpooling_without_codes_is_refused():
    with pytest.raises(ValueError, match="needs codes or a map that its encoder stage does not have"):
        by_hand(Unpool(ports()))


def test_fixed_indices_are_the_top_left_corner():
    assert by_hand(FixedIndices(ports())) == [[1, 0, 2, 0, 3], [0, 0, 0, 0, 0]]


def test_replication_fills_the_window():
    assert by_hand(Replicate(ports())) == [[1, 1, 2, 2, 3], [1, 1, 2, 2, 3]]


def test_bilinear_interpolation_of_five_columns_out_of_three():
    # column x lies at (x + 1/2) * 3 / 5 - 1/2 = -0.2, 0.4, 1.0, 1.6, 2.2, held at the frame
    expected = torch.tensor([[1.0, 1.4, 2.0, 2.6, 3.0]] * 2)
    torch.testing.assert_close(torch.tensor(by_hand(Bilinear(ports()))), expected)


def test_what_each_remembers_and_adds():
    entering, features = torch.ones(1, 1, 2, 5), torch.full((1, 1, 2, 5), 2.0)
    stage = Stage((2, 5), entering, features, torch.zeros(1, dtype=torch.uint8))
    kept = {kind: kind(ports()).remember(stage) for kind in (Unpool, UnpoolAdd, FixedIndices, UpConcat)}
    assert [memory.codes is not None for memory in kept.values()] == [True, True, False, False]
    assert kept[Unpool].map is None
    assert kept[UnpoolAdd].map is entering
    assert kept[FixedIndices].map is None
    assert kept[UpConcat].map is features
    added = UnpoolAdd(ports()).combine(torch.full((1, 1, 2, 5), 5.0), kept[UnpoolAdd])
    assert added.unique().tolist() == [6]
