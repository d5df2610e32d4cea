"""A network without its numbers."""

import pytest
import torch
from torch import nn

from segnet_lab import create_model, list_models
from segnet_lab.models.twin import meta_twin
from segnet_lab.probe.allocations import still_allocated


@pytest.mark.parametrize("name", list_models())
def test_gives_the_shape_of_what_the_network_gives(name):
    model = create_model(name, 5, width=0.05, seed=0).eval()
    y = meta_twin(model)(torch.empty(2, 3, 37, 45, device="meta"))
    assert (y.shape, y.dtype, y.is_meta) == ((2, 5, 37, 45), torch.float32, True)


def test_copies_no_weights_and_leaves_the_model_alone():
    model = create_model("segnet_basic", seed=0)
    before = [p.data_ptr() for p in model.parameters()]
    twin, allocated = still_allocated(lambda: meta_twin(model))
    assert all(t.is_meta for t in twin.state_dict().values())
    assert {p.data_ptr() for p in model.parameters()} == {*before}
    assert not any(p.is_meta for p in model.parameters())
    assert sum(p.numel() for p in twin.parameters()) == sum(p.numel() for p in model.parameters())
    assert allocated == 0


def test_keeps_what_is_fixed_what_is_shared_and_the_mode():
    layer = nn.Linear(2, 2)
    layer.bias.requires_grad_(False)
    twin = meta_twin(nn.Sequential(layer, layer, nn.BatchNorm1d(2)).eval())
    assert twin[0] is twin[1]
    assert twin[0].weight.requires_grad
    assert not twin[0].bias.requires_grad
    assert not twin.training
    assert twin[2].running_mean.is_meta
