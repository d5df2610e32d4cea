"""Runs made here, for tests of weights; networks registered by a test, and forgotten after it."""

import json
from dataclasses import replace

import pytest
import torch

from segnet_lab import create_model, register_model
from segnet_lab.models import NETWORKS
from segnet_lab.models.guests import describe_network
from segnet_lab.runs.directory import RunDirectory
from segnet_lab.runs.provenance import describe
from segnet_lab.runs.recipe import Recipe
from tests.models.bicubic import BASIC, Bicubic
from tests.models.made import Named


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """One's own runs, empty; `runs("set/run", ...)` makes one as a training leaves it after an epoch."""
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path))
    (tmp_path / "desk" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "desk" / "deep")  # which holds no runs

    def make(name, network="segnet_basic", classes=("ground", "square"), weights=True, scores=None, **options):
        model = create_model(network, len(classes), **{"width": 0.05, "seed": 3, **options})
        with torch.no_grad():
            for tensor in model.state_dict().values():  # norms, too, are no longer as drawn
                tensor.add_(1)
        run = RunDirectory(tmp_path / name)
        run.path.mkdir(parents=True)
        data = Named(classes)
        record = describe_network(model, len(classes))
        about = describe(record, "weights as drawn", data, None, Recipe(), torch.float32)
        run.about_file.write_text(json.dumps({**about, "environment": {}}))
        if weights:
            run.save_best(model, {"epoch": 7, "G": 0.5})
        if scores:
            run.save_scores(scores)
        return run

    return make


@pytest.fixture(autouse=True)
def networks_of_the_kit_only():
    """What a test registers is forgotten after it."""
    known = dict(NETWORKS)
    yield
    NETWORKS.clear()
    NETWORKS.update(known)


@pytest.fixture
def bicubic():
    register_model("bicubic", replace(BASIC, decoder=Bicubic))
    return create_model("bicubic", num_classes=5, width=0.05, seed=0).eval()
