"""The network inside a wrapper, and what is none."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from segnet_lab import start_from
from segnet_lab.models import EncoderDecoder
from segnet_lab.models.wrapped import unwrap, unwrap_to_train
from tests.models.made import fresh


def test_unwrap_finds_the_network():
    model = fresh()
    compiled = torch.compile(model, backend="eager")
    for wrapped in (model, compiled, torch.nn.DataParallel(model), torch.nn.DataParallel(compiled)):
        assert unwrap(wrapped) is model
    assert unwrap(compiled, required=True) is unwrap(model, required=True) is model
    plain = torch.nn.Conv2d(3, 2, 1)
    assert unwrap(torch.compile(plain, backend="eager")) is plain


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (torch.nn.Conv2d(3, 2, 1), "a network from create_model or load_run, got Conv2d"),
        (torch.nn.DataParallel(fresh()), "DataParallel .*give that network, model.module"),
        (torch.compile(torch.nn.Conv2d(3, 2, 1), backend="eager"), "got Conv2d"),
    ],
)
def test_what_cannot_be_saved_as_one_network_is_refused(model, message):
    with pytest.raises(ValueError, match=message):
        unwrap(model, required=True)
    with pytest.raises(ValueError, match=message):
        start_from(model, "roadscenes")


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("segnet", "'segnet' is a name: give the network, create_model('segnet')"),
        ("roadscenes", "give the network, create_model(network, weights='roadscenes')"),
        ("roadscenes/segnet_basic", "give the network, load_run('roadscenes/segnet_basic').model"),
        (Path("runs/m"), "'runs/m' is a name: give the network, load_run('runs/m').model"),
        ([fresh()], "from create_model or load_run, got list"),
        (SimpleNamespace(model=fresh()), "got SimpleNamespace: give its model"),
        (EncoderDecoder, "got type"),
        (None, "got NoneType"),
    ],
)
def test_what_is_no_network_says_which_may_be_meant(given, message, required):
    with pytest.raises(ValueError, match=re.escape(message)):
        unwrap(given, required)


def test_any_module_trains_but_none_that_is_wrapped_for_several_devices():
    plain = torch.nn.Conv2d(3, 2, 1)
    assert unwrap_to_train(plain) is unwrap_to_train(torch.compile(plain, backend="eager")) is plain
    for wrapped in (torch.nn.DataParallel(plain), torch.compile(torch.nn.DataParallel(plain), backend="eager")):
        with pytest.raises(ValueError, match=r"DataParallel hides the network inside it: .*model\.module"):
            unwrap_to_train(wrapped)
