"""What a decoder class has to say of itself, and that nothing it leaves unsaid is guessed."""

import re
from dataclasses import replace

import cloudpickle
import pytest
import torch.nn.functional as F

import segnet_lab as sl
from segnet_lab.models.decoders import (
    Unpool,
)
from tests.models.bicubic import BASIC, Bicubic, class_without


@pytest.mark.parametrize("name", ["label", "remembers", "low_memory", "upsample", "rows_below"])
def test_a_decoder_that_does_not_say_all_of_itself_is_refused(name):
    with pytest.raises(ValueError, match=f"Half does not say its {name}: a decoder with an upsampling of its own says"):
        sl.register_model("half", replace(BASIC, decoder=class_without(name)))
    assert "half" not in sl.list_models()


def test_an_upsampling_of_its_own_inherits_nothing_about_it():
    with pytest.raises(ValueError, match="Half does not say its label, remembers, low_memory, rows_below"):
        class_without("label", "remembers", "low_memory", "rows_below", base=Unpool)(ports=None)


def test_what_is_recomputed_is_said_by_the_class_that_upsamples():
    own = class_without(base=Unpool)
    cheap = class_without(base=Unpool, recomputed=True)
    assert [cls.recomputed for cls in (Bicubic, Unpool, own, cheap)] == [False, True, False, True]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"forward": lambda self, x, memory: x}, "Half has a forward of its own, which low_memory=True"),
        ({"remember": lambda self, stage: None}, "Half has a remember of its own"),
        ({"label": ""}, "Half.label is '': say in a few words"),
        ({"remembers": "codes"}, "Half.remembers is 'codes': give a tuple of names out of ('codes', 'entering', "),
        ({"remembers": ("indices",)}, "Half.remembers is ('indices',): give a tuple"),
        ({"remembers": ("entering", "features")}, "Half remembers both maps of its stage"),
        ({"low_memory": True}, "Half.low_memory is True: give one of ('rows', 'whole map', 'refused')"),
        ({"rows_below": lambda self, low, high: (low // 2, high // 2)}, "says rows 2 to 2, and the gradient shows"),
        (
            {"upsample": lambda self, x, memory: F.interpolate(x, scale_factor=2)},
            "half gives (2, 48, 48) for 2 classes",
        ),
        ({"upsample": lambda self, x, memory: x.relu6(memory)}, "half does not run, tried on tensors without data"),
    ],
)
def test_what_a_decoder_says_has_to_be_possible_and_true(said, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        sl.register_model("half", replace(BASIC, decoder=class_without(**said)))
    assert "half" not in sl.list_models()


def test_a_class_of_a_notebook_travels_by_value():
    half = class_without()  # a class that no module holds
    again = cloudpickle.loads(cloudpickle.dumps(half))
    assert (again.label, again.low_memory) == (half.label, half.low_memory)
