"""Networks and images to explore, and somebody who looks."""

import pytest

from segnet_lab.models import create_model
from tests.helpers import Squares


@pytest.fixture(autouse=True)
def somebody_looks(monkeypatch):
    for name in ("CI", "SEGNET_LAB_HEADLESS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def networks():
    return {name: create_model(name, 2, width=0.1, seed=0) for name in ("segnet_basic", "bilinear_interpolation")}


@pytest.fixture(scope="module")
def squares():
    data = Squares(5)
    data.raw = lambda i: ((255 * data[i].image).byte().permute(1, 2, 0).numpy(), data[i].label.numpy())
    return data
