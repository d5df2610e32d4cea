"""Layers by the names of their tensors."""

import pytest

from segnet_lab import create_model, list_models
from segnet_lab.models.layer_names import _layer, count_layers
from segnet_lab.models.layers import ConvBN


@pytest.mark.parametrize("name", list_models())
def test_a_convolution_and_its_norm_are_one_layer(name):
    model = create_model(name, 2, width=0.02)
    convs = {path for path, module in model.named_modules() if isinstance(module, ConvBN)}
    layers = {_layer(tensor) for tensor in model.state_dict()}
    assert convs <= layers
    assert not any(layer.endswith((".conv", ".norm")) for layer in layers)


def test_layers_are_counted_part_by_part():
    names = ["stages.0.convs.0", "stages.1.convs.0", "decoders.1.convs.0"]
    assert count_layers(names) == "2 layers of stages, 1 of decoders"
    assert count_layers(names[2:]) == "1 layer of decoders"
    assert count_layers([]) == "nothing"
