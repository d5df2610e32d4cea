"""Where a training's first weights come from, and what its run says of them."""

from dataclasses import replace

import pytest
import torch

from segnet_lab import create_model, load_run
from segnet_lab.runs.directory import RunDirectory
from segnet_lab.runs.recipe import Recipe
from segnet_lab.training.loop import TrainingDiverged, train
from tests.training.small import RECIPE, network, run, scenes, weights


def test_another_start_is_another_run(tmp_path):
    model, _ = run(tmp_path / "a", replace(RECIPE, epochs=1))
    assert model.started_from == {"run": str(tmp_path / "a"), "network": "segnet_basic", "epoch": 1}
    run(tmp_path / "b", replace(RECIPE, epochs=1, learning_rate=0.02))
    run(tmp_path / "from_a", init=tmp_path / "a")
    for start, said in ((tmp_path / "b", r"the weights of \S+/b"), (None, "weights as drawn")):
        with pytest.raises(ValueError, match=rf"it started from the weights of \S+/a, this one from {said}"):
            run(tmp_path / "from_a", init=start)
    with pytest.raises(ValueError, match=r"it started from weights as drawn, this one from the weights of \S+/b"):
        run(tmp_path / "a", replace(RECIPE, epochs=1), init=tmp_path / "b")
    with pytest.raises(ValueError, match="it started from weights as drawn, this one from ImageNet's weights, vgg16"):
        run(tmp_path / "a", replace(RECIPE, epochs=1), init="vgg16")
    before = weights(load_run(tmp_path / "from_a").model)
    for file in (tmp_path / "a").iterdir():
        file.unlink()
    again, _ = run(tmp_path / "from_a", init=tmp_path / "a")  # what it started from may be gone
    assert torch.equal(weights(again), before)


def test_the_same_start_by_another_name_is_the_same(tmp_path, monkeypatch):
    short = replace(RECIPE, epochs=1)
    for place, seed in (("A", 0), ("B", 1)):
        run(tmp_path / place / "runs" / "src", short, model=network(seed=seed))
    run(tmp_path / "A" / "runs" / "tuned", short, init=tmp_path / "A" / "runs" / "src")
    (tmp_path / "link").symlink_to(tmp_path / "A", target_is_directory=True)
    monkeypatch.chdir(tmp_path / "B")
    for name in ("../A/runs/src", tmp_path / "link" / "runs" / "src"):
        run(tmp_path / "A" / "runs" / "tuned", short, init=name)
    run(tmp_path / "A" / "runs" / "tuned", short, init=tmp_path / "A" / "runs")  # a set, in which that run was meant
    for name in ("runs/src", tmp_path / "B" / "runs" / "src"):
        with pytest.raises(ValueError, match="it started from"):
            run(tmp_path / "A" / "runs" / "tuned", short, init=name)


def test_a_network_goes_on_in_its_own_run_and_starts_another_from_there(tmp_path):
    short = replace(RECIPE, epochs=2)
    model, _ = run(tmp_path / "a", short)
    run(tmp_path / "b", short, model=model)
    assert RunDirectory(tmp_path / "b").about()["start"]["run"] == str(tmp_path / "a")
    whole, _ = run(tmp_path / "whole")
    again, _ = run(tmp_path / "a", RECIPE, model=load_run(tmp_path / "a").model)
    assert torch.equal(weights(again), weights(whole))
    assert RunDirectory(tmp_path / "a").about()["start"] == "weights as drawn"


def test_a_first_start_that_failed_blocks_nothing(tmp_path):
    with pytest.raises(TrainingDiverged):
        run(tmp_path, replace(RECIPE, learning_rate=1e30))
    assert not RunDirectory(tmp_path).has_weights()
    run(tmp_path)  # another rate, the same place
    assert RunDirectory(tmp_path).about()["recipe"]["learning_rate"] == RECIPE.learning_rate


def test_a_run_starts_from_another_of_other_classes_and_says_so(tmp_path):
    old, _ = run(tmp_path / "old")
    model = create_model("segnet_basic", 11, width=0.05, seed=1)
    data, recipe = scenes(), Recipe(epochs=1, batch_size=3, balancing="natural", precision="float32")

    def start(folder, model, init):
        train(model, data, recipe, folder, validation=None, init=init, show_progress=False)
        return RunDirectory(folder).about()["start"]

    said = start(tmp_path / "new", model, tmp_path / "old")
    assert said["run"] == str(tmp_path / "old")
    assert said["epoch"] == load_run(tmp_path / "old").scores["epoch"]
    assert any("classifier" in layer for layer in said["as_drawn"])
    # the same start by hand
    twin = create_model("segnet_basic", 11, width=0.05, seed=1)
    state = {k: v for k, v in old.state_dict().items() if twin.state_dict()[k].shape == v.shape}
    twin.load_state_dict(state, strict=False)
    assert start(tmp_path / "by_hand", twin, None) == "weights as drawn"
    assert torch.equal(weights(model), weights(twin))
    assert start(tmp_path / "loaded", load_run(tmp_path / "new").model, None)["run"] == str(tmp_path / "new")
    with pytest.raises(ValueError, match="nowhere"):
        start(tmp_path / "x", create_model("segnet_basic", 11, width=0.05), tmp_path / "nowhere")
    assert not (tmp_path / "x").exists()
