"""What explorers know of the networks they are given: their classes, their data, and what they were trained on."""

import shutil
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

from segnet_lab import widgets
from segnet_lab.data import load_dataset
from segnet_lab.inference import fast
from segnet_lab.models import create_model
from segnet_lab.models.from_runs import load_run
from segnet_lab.runs.recipe import Recipe
from segnet_lab.training.loop import train
from segnet_lab.widgets.picker import ImagePicker
from segnet_lab.widgets.trained_networks import Networks
from tests.helpers import Squares

CARD = """name: pets
title: Three kinds of pets
classes:
  - Floor: [0, 0, 0]
  - Cat: [128, 0, 0]
  - Dog: [0, 128, 0]
void: {index: 255, colour: [224, 224, 192]}
"""


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    """Six images of one's own, four to train on."""
    root = tmp_path_factory.mktemp("my pets")
    for folder in ("images", "labels"):
        (root / folder).mkdir()
    (root / "card.yaml").write_text(CARD)
    for n in range(6):
        label = np.repeat(np.repeat(np.arange(12).reshape(3, 4) % 3, 16, 0), 16, 1).astype(np.uint8)
        Image.fromarray(np.roll(label, 5 * n, 1)).save(root / "labels" / f"{n}.png")
        Image.fromarray(np.stack([np.roll(100 * label, 5 * n, 1)] * 3, -1)).save(root / "images" / f"{n}.png")
    (root / "train.txt").write_text("0\n1\n2\n3\n")
    (root / "val.txt").write_text("4\n5\n")
    return root


@pytest.fixture
def runs(pets, tmp_path, monkeypatch):
    """A set of runs named "mine" on these images."""
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path / "runs"))
    data = load_dataset("folder", root=pets, size=(24, 32))
    for name in ("segnet_basic", "bilinear_interpolation"):
        train(create_model(name, 3, width=0.1, seed=0), data, Recipe(epochs=1), tmp_path / "runs" / "mine" / name)
    return tmp_path / "runs" / "mine"


def said(explorer):
    return explorer.view.message


def test_runs_on_images_of_ones_own_need_no_data(runs):
    for given in ("mine", {"net": load_run(runs / "segnet_basic").model}):
        explorer = widgets.explore_predictions(given)
        assert said(explorer) == ""
        assert explorer.view.size == [24, 32]  # as it was trained
        assert explorer.view.pictures[1]["names"] == ["Floor", "Cat", "Dog", "void"]
        assert "of val, number 1 of 2 from the worst" in explorer.view.note
        assert said(widgets.explore_decoders(given)) == ""


def test_a_network_without_a_record_has_no_names_for_its_classes():
    three = {"mine": create_model("segnet_basic", 3, width=0.1)}
    for explore in (widgets.explore_predictions, widgets.explore_decoders, widgets.explore_own_image):
        assert said(explore(three)).startswith("mine has no record of its training data")
        assert "give data=..." in said(explore(three))
        assert "mine: the model has 3 classes, squares has 2" in said(explore(three, Squares(3)))


def test_classes_of_other_names_are_refused_though_there_are_as_many(runs, pets, tmp_path):
    shutil.copytree(pets, tmp_path / "others")
    (tmp_path / "others" / "card.yaml").write_text(CARD.replace("Dog", "Horse"))
    others = load_dataset("folder", "val", root=tmp_path / "others", size=(24, 32))
    for explore in (widgets.explore_predictions, widgets.explore_decoders, widgets.explore_own_image):
        assert "class 2 was 'Dog'; in folder others it is 'Horse'" in said(explore("mine", others))
    bayesian = create_model("bayesian_segnet_basic", 3, width=0.1)
    bayesian.trained_on = load_run(runs / "segnet_basic").model.trained_on
    assert "'Horse'" in said(widgets.explore_uncertainty(bayesian, others[0].image, others))


def test_networks_of_different_classes_are_not_compared(runs):
    mine = load_run(runs / "segnet_basic").model
    two = create_model("fcn_basic", 2, width=0.1)
    assert "net has 3 classes, two has 2" in said(widgets.explore_predictions({"net": mine, "two": two}))
    data = load_dataset("roadscenes", images=2, size=(24, 32))
    eleven = create_model("fcn_basic", 11, width=0.1)
    train(eleven, data, Recipe(epochs=1), runs.parent / "roads", validation=None)
    assert "net has 3 classes, roads has 11" in said(widgets.explore_own_image({"net": mine, "roads": eleven}))
    renamed = load_run(runs / "bilinear_interpolation").model
    record = renamed.trained_on
    renamed.trained_on = type(record)(**{**vars(record), "class_names": ("Floor", "Bird", "Dog"), "name": "birds"})
    assert "class 1 of net (folder) is 'Cat', of other (birds) it is 'Bird'" in said(
        widgets.explore_decoders({"net": mine, "other": renamed})
    )


def test_an_own_image_is_labelled_by_what_the_networks_learnt(runs, pets):
    explorer = widgets.explore_own_image("mine")
    title = load_dataset("folder", root=pets).title
    assert explorer.view.note == f"an image of the data set, seen at 24×32. Trained on {title}: elsewhere they guess."
    assert ("24×32, as in training", 24) in explorer.controls["size"].options
    unknown = create_model("segnet_basic", 3, width=0.1)
    both = widgets.explore_own_image({"net": load_run(runs / "segnet_basic").model, "drawn": unknown})
    assert f"Trained on net: {title}: elsewhere they guess. It is not known what drawn learnt from." in both.view.note


def test_images_that_have_moved_are_said_and_are_not_needed_for_a_picture(runs, pets, tmp_path):
    shutil.copytree(pets, tmp_path / "moved")
    hidden = pets.rename(pets.parent / "gone")
    try:
        assert "the images of bilinear_interpolation are not at hand" in said(widgets.explore_predictions("mine"))
        data = load_dataset("folder", "val", root=tmp_path / "moved", size=(24, 32))
        assert said(widgets.explore_predictions("mine", data)) == ""
        explorer = widgets.explore_own_image("mine")
        assert explorer.view.note.startswith("no picture yet: choose one, seen at 24×32.")
        (picker,) = (child for child in explorer.children[0].children if isinstance(child, ImagePicker))
        picker.name, picker.picture = "4.png", (tmp_path / "moved" / "images" / "4.png").read_bytes()
        assert explorer.view.note.startswith("4.png, seen at 24×32.")
        assert explorer.view.pictures[1]["names"] == ["Floor", "Cat", "Dog", "void"]
    finally:
        hidden.rename(pets)


def test_each_network_is_optimized_once(runs, monkeypatch):
    made, optimize = Counter(), fast.optimize

    def counted(model, *args, **kwargs):
        made[model.config.name] += 1
        return optimize(model, *args, **kwargs)

    monkeypatch.setattr(fast, "optimize", counted)
    explorer = widgets.explore_predictions("mine")
    explorer.set(rank=2)
    explorer.set(score="BF")
    assert made == {"segnet_basic": 1, "bilinear_interpolation": 1}


def test_any_module_will_do(pets):
    class ByColour(torch.nn.Module):
        def forward(self, image):
            grey = 2.55 * image.mean(1, keepdim=True)
            return -(grey - torch.arange(3.0).reshape(1, 3, 1, 1)).abs()

    data = load_dataset("folder", "val", root=pets, size=(24, 32))
    networks = Networks({"by colour": ByColour()}, data)
    np.testing.assert_array_equal(networks.judged("by colour", 0).label, data[0].label)
    assert (
        "It is not known what by colour learnt from."
        in widgets.explore_own_image({"by colour": ByColour()}, data).view.note
    )


def test_a_large_image_is_shown_as_the_network_sees_it(runs):
    model = load_run(runs / "segnet_basic").model
    large = torch.rand(3, 96, 128)
    for explore in (widgets.explore_sparse_maps, widgets.explore_receptive_field):
        assert explore(model, large).view.size == [24, 32]
        assert explore(create_model("segnet_basic", 3, width=0.1), large).view.size == [96, 128]
