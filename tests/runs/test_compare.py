"""Two runs that differ are told apart, in words."""

import re
from copy import deepcopy
from dataclasses import asdict, replace

import pytest

from segnet_lab import evaluate, load_run
from segnet_lab._support.folders import shipped
from segnet_lab.runs.compare import first_difference
from segnet_lab.runs.directory import RunDirectory
from segnet_lab.runs.recipe import Recipe
from segnet_lab.training.loop import train
from tests.helpers import Squares
from tests.training.small import RECIPE, network, run, scenes, train_scenes


def test_refuses_the_directory_of_another_run(tmp_path):
    run(tmp_path)
    with pytest.raises(ValueError, match=r"holds another run: its model has name='segnet_basic', this one 'fcn_basic'"):
        run(tmp_path, model=network("fcn_basic"))
    with pytest.raises(ValueError, match=r"its recipe has learning_rate=0.05, this one 0.01"):
        run(tmp_path, replace(RECIPE, learning_rate=0.01))


@pytest.mark.parametrize(
    ("data", "validation", "message"),
    [
        (Squares(6), Squares(3, split="val"), "its data has images=7, this one 6"),
        (Squares(7), Squares(4, split="val"), "its validation has images=3, this one 4"),
        (Squares(7), Squares(3, split="test"), "its validation has split='val', this one 'test'"),
        (Squares(7), None, "its validation is on squares val, this one's none"),
    ],
)
def test_refuses_other_images_by_name(tmp_path, data, validation, message):
    run(tmp_path)
    with pytest.raises(ValueError, match=f"holds another run: {message}"):
        train(network(), data, RECIPE, tmp_path, validation=validation, show_progress=False)


def test_folds_never_share_a_directory_and_score_under_their_own_names(tmp_path):
    first, second = scenes().folds(2)
    model, _ = train_scenes(tmp_path, first.train, validation=first.val)
    scores = load_run(tmp_path).scores
    assert {"train", "val"} <= scores.keys()
    for role, part in (("train", first.train), ("val", first.val)):
        assert scores[role]["G"] == evaluate(model, part, precision="float32")["G"]
        assert scores[role]["on"]["part"] == part.part_name
    with pytest.raises(ValueError, match="its data is another part of roadscenes 'train': other images of the same"):
        train_scenes(tmp_path, second.train, validation=second.val)
    with pytest.raises(ValueError, match="its validation is another part"):
        train_scenes(tmp_path, first.train, validation=second.val)


SET = {
    "name": "roadscenes", "split": "train", "images": 6, "options": {"size": [32, 48], "seed": 0}, "ignore_index": 11,
    "class_names": ["Sky", "Road"], "palette": [[0, 0, 0], [9, 9, 9]], "fingerprint": "abc", "in_order": "abc",
}  # fmt: skip
RECORD = {
    "model": {"name": "UNet", "num_classes": 2, "parameters": 7, "class": "mine.UNet"},
    "start": "weights as given",
    "data": {**SET, "validation": {**SET, "split": "val", "fingerprint": "def"}},
    "recipe": asdict(Recipe()),
}


def changed(path, value):
    """The record with another value in one place, such as "data.options.seed"."""
    record = deepcopy(RECORD)
    *parts, last = path.split(".")
    place = record
    for part in parts:
        place = place[part]
    place[last] = value
    return record


def test_the_same_is_the_same():
    assert first_difference(RECORD, RECORD) is None
    assert first_difference(RECORD, changed("recipe.balancing", "median_frequency")) is None


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("model.parameters", 8, "its model has parameters=7, this one 8"),
        ("start", "weights as drawn", "it started from weights as given, this one from weights as drawn"),
        ("start", {"run": "a/b"}, "it started from weights as given, this one from the weights of a/b"),
        ("data.options.seed", 1, "its data has seed=0, this one 1"),
        ("data.class_names", ["Sky", "Car"], r"its data has class_names=\['Sky', 'Road'\]"),
        ("data.fingerprint", "xyz", r"its data holds other images or other labels, of the same number \(6\)"),
        ("data.in_order", "xyz", "its data has the same images in another order"),
        ("data.options.part", [1, 2], "its data is another part of roadscenes 'train'"),
        ("data.validation", None, "its validation is on roadscenes val, this one's none"),
        ("data.validation.fingerprint", "xyz", "its validation holds other images or other labels"),
        ("recipe.momentum", 0.5, "its recipe has momentum=0.9, this one 0.5"),
    ],
)
def test_what_tells_two_runs_apart(path, value, said):
    assert re.match(said, first_difference(RECORD, changed(path, value)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model.class", "elsewhere.UNet"),  # its code was moved
        ("data.options.root", "/elsewhere"),  # its images were moved
        ("data.validation.in_order", "xyz"),  # scores do not depend on the order
        ("recipe.epochs", 99),  # the same, longer
    ],
)
def test_what_makes_no_other_run(path, value):
    assert first_difference(RECORD, changed(path, value)) is None


def test_older_records_are_compared_in_what_they_say():
    old = changed("data.validation", "val")
    for name in ("fingerprint", "in_order"):
        del old["data"][name]
    del old["start"], old["recipe"]["patience"]
    assert first_difference(old, RECORD) is None
    assert first_difference(old, changed("recipe.patience", 3)) == "its recipe has patience=0, this one 3"
    assert first_difference(old, changed("data.validation", None)) == "its validation is 'val', this one's None"


@pytest.mark.parametrize("folder", sorted(shipped("results").glob("*/*/run.json")), ids=lambda f: f.parent.name)
def test_every_run_that_came_with_the_kit_is_itself(folder):
    about = RunDirectory(folder.parent).about()
    data = {**about["data"], "validation": about["data"].get("validation")}
    assert first_difference(about, {"start": "?", **about, "data": data}) is None
