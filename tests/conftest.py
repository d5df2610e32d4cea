"""Shared by all tests."""

from pathlib import Path

import matplotlib
import pytest
import torch

from segnet_lab.data import load_dataset
from segnet_lab.runs import places

collect_ignore = ["browser"]  # a pytest call of its own: Playwright's loop stays in the process

matplotlib.use("agg")
torch.set_num_threads(1)  # two workers on two cores; more threads would wait for each other


@pytest.fixture(autouse=True)
def no_runs_of_the_developers(monkeypatch):
    """Names of runs do not mean what lies in the checkout's runs/."""
    real, theirs = places.places, Path(__file__).parents[1] / "runs"
    monkeypatch.setattr(places, "places", lambda: [place for place in real() if place.absolute() != theirs])


@pytest.fixture(scope="session")
def camvid():
    """Real CamVid: `camvid("train")`. Skips where it does not lie in one of the usual places."""

    def load(split, **options):
        try:
            return load_dataset("camvid", split=split, **options)
        except FileNotFoundError as error:
            pytest.skip(f"real CamVid is not here: {error}")

    return load
