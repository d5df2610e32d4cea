"""Whatever labels images can be asked for logits and for labels."""

import pytest
import torch
from torch import nn

from segnet_lab.inference.dense_crf import DenseCRF, WithDenseCRF
from segnet_lab.inference.fast import fast_form, optimize
from segnet_lab.inference.labeller import Labeller
from segnet_lab.models import create_model


@pytest.mark.parametrize(
    "form",
    [
        lambda model: optimize(model),
        lambda model: optimize(model, low_memory=True),
        lambda model: WithDenseCRF(model, DenseCRF().scaled(0.1)),
        lambda model: fast_form(model).__enter__(),
        lambda model: fast_form(nn.Conv2d(3, 11, 1)).__enter__(),
    ],
)
def test_labels_are_the_greatest_logits(form):
    labeller = form(create_model("segnet_basic", width=0.1, seed=0).eval())
    image = torch.rand(1, 3, 17, 22, generator=torch.Generator().manual_seed(0))
    assert isinstance(labeller, Labeller)
    assert labeller(image).shape == (1, 11, 17, 22)
    assert torch.equal(labeller.labels(image), labeller(image).argmax(1))


def test_labels_with_a_crf_are_not_the_networks():
    network = create_model("segnet_basic", width=0.1, seed=0).eval()
    crf = WithDenseCRF(network, DenseCRF(appearance_colour_std=50, smoothness_position_std=3))
    image = torch.rand(1, 3, 17, 22, generator=torch.Generator().manual_seed(0))
    assert torch.equal(crf.labels(image), crf(image).argmax(1))
    assert not torch.equal(crf.labels(image), network(image).argmax(1))


def test_a_plain_module_is_none():
    assert not isinstance(nn.Conv2d(3, 11, 1), Labeller)
