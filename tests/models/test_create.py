"""Networks by name: arguments that cannot be meant, and names of one's own."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

import segnet_lab as sl
from segnet_lab import create_model
from segnet_lab.models.decoders import (
    Unpool,
)
from tests.models.bicubic import BASIC, Bicubic


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


def test_a_second_one_of_a_name_is_refused_unless_it_takes_its_place(bicubic):
    with pytest.raises(ValueError, match="bicubic is registered already: take another name, or overwrite=True"):
        sl.register_model("bicubic", BASIC)
    sl.register_model("bicubic", replace(BASIC, decoder=Unpool), overwrite=True)
    assert type(sl.create_model("bicubic", width=0.05).decoders["1"]) is Unpool
    with pytest.raises(ValueError, match="segnet_basic is a network of the kit"):
        sl.register_model("segnet_basic", BASIC, overwrite=True)


def test_registering_draws_nothing():
    state = torch.random.get_rng_state()
    sl.register_model("bicubic", replace(BASIC, decoder=Bicubic))
    assert torch.equal(state, torch.random.get_rng_state())
