"""Whoever froze a batch norm or left dropout on finds it so afterwards, whatever looked at the network meanwhile."""

import pytest
import torch

import segnet_lab as sl
from segnet_lab import probe
from segnet_lab._support.modes import evaluating
from segnet_lab.inference import mc_dropout
from segnet_lab.inference.predict import predict_logits

IMAGE = torch.rand(3, 16, 24, generator=torch.Generator().manual_seed(0))


def frozen_batch_norm(model):
    model.train()
    model.stages[0].eval()


def dropout_left_on(model):
    model.eval()
    model.dropout.train()


def one_layer_trains(model):
    model.eval()
    model.stages[1].convs[0].norm.train()


LOOKS = {
    "predict": sl.predict,
    "predict_logits": predict_logits,
    "evaluate": lambda model, _: sl.evaluate(model, sl.load_dataset("roadscenes", "val", images=1, size=(16, 24))),
    "trace": probe.trace,
    "measured_receptive_field": lambda model, image: probe.measured_receptive_field(model, "pool1", image),
    "predict_with_uncertainty": lambda model, image: mc_dropout.predict_with_uncertainty(model, image, samples=1),
}


@pytest.mark.parametrize("mix", [frozen_batch_norm, dropout_left_on, one_layer_trains, lambda model: model.train()])
@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_every_module_keeps_its_mode(mix, look):
    model = sl.create_model("bayesian_segnet_basic", width=0.1, seed=0)
    mix(model)
    before = {name: module.training for name, module in model.named_modules()}
    look(model, IMAGE)
    assert {name: module.training for name, module in model.named_modules()} == before


def test_modes_come_back_after_an_error_too():
    model = torch.nn.Sequential(torch.nn.BatchNorm2d(3).eval(), torch.nn.Dropout())
    with pytest.raises(ZeroDivisionError, match="False, False, False"), evaluating(model):
        raise ZeroDivisionError(*[module.training for module in model.modules()])
    assert [module.training for module in model.modules()] == [True, False, True]
