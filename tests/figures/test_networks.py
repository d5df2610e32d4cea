"""Drawings of networks: their layers in order, and where the lines of what is remembered begin and end."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from segnet_lab import create_model, list_models
from segnet_lab.figures.networks import _source, layers, network


def small(name):
    with torch.device("meta"):
        return create_model(name, num_classes=5, width=0.05)


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def legend(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


@pytest.mark.parametrize("name", list_models())
def test_every_network_is_drawn_with_its_decoders_label_and_its_bytes(name):
    model = small(name)
    figure = network(model, 36, 48)
    for decoder in model.decoders.values():
        assert decoder.label in legend(figure)
    for kept in model.memory(36, 48):
        assert any(text.startswith(f"{kept.channels} × {kept.height}×{kept.width}: ") for text in texts(figure))
    plt.close(figure)


def test_layers_of_fcn_basic_by_hand():
    with torch.device("meta"):
        model = create_model("fcn_basic", num_classes=5, width=0.0625)  # 4 channels
    assert [tuple(layer) for layer in layers(model, 9, 12)] == [
        ("convolution", 1, 4, 9, 12), ("pooling", 1, 4, 5, 6),
        ("convolution", 2, 4, 5, 6), ("pooling", 2, 4, 3, 3),
        ("convolution", 3, 4, 3, 3), ("pooling", 3, 4, 2, 2),
        ("convolution", 4, 4, 2, 2), ("pooling", 4, 4, 1, 1),
        ("classifier", 0, 5, 1, 1),
        ("upsampling", -4, 5, 2, 2), ("upsampling", -3, 5, 3, 3),
        ("upsampling", -2, 5, 5, 6), ("upsampling", -1, 5, 9, 12),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "sources"),
    [
        ("segnet_basic", {("codes", 2): ("pooling", 2)}),
        ("segnet_basic_encoder_addition", {("codes", 2): ("pooling", 2), ("map", 2): ("pooling", 1)}),
        ("fcn_basic", {("map", 2): ("pooling", 1)}),
        ("unet", {("map", 2): ("convolution", 2), ("map", 1): ("convolution", 1)}),
    ],
)
def test_a_line_begins_at_the_layer_whose_output_is_kept(name, sources):
    model = small(name)
    slabs = list(layers(model, 36, 48))
    begins = {(kept.kind, kept.stage): _source(model, slabs, kept) for kept in model.memory(36, 48)}
    for kept, wanted in sources.items():
        found, behind = slabs[begins[kept] : begins[kept] + 2]
        assert (found.kind, found.stage) == wanted
        assert (behind.kind, behind.stage) != wanted, "the last one of its kind"


def test_image_and_prediction_stand_at_the_ends():
    figure = network(
        small("segnet_basic"), 36, 48, image=torch.rand(3, 36, 48), prediction=np.zeros((36, 48, 3), np.uint8)
    )
    assert {"image", "prediction"} <= {*texts(figure)}
    assert len(figure.axes[0].images) == 2


def test_what_remembers_nothing_says_so():
    figure = network(small("no_pooling"), 36, 48)
    assert "remembers nothing of a 36×48 image" in texts(figure)[-1]
    assert "max pooling" not in legend(figure)
