"""Recipes: the paper's by default, and nothing that is not meant is taken."""

import json
from dataclasses import asdict
from math import inf, nan

import numpy as np
import pytest

from segnet_lab.runs.recipe import Recipe, parse_schedule


def test_the_default_is_the_papers():
    # Section 3.2: SGD at a fixed rate of 0.1, momentum 0.9, mini-batches of 12, median frequency balancing
    recipe = Recipe()
    assert (recipe.optimizer, recipe.learning_rate, recipe.momentum, recipe.batch_size) == ("sgd", 0.1, 0.9, 12)
    assert (recipe.schedule, recipe.balancing) == ("constant", "median_frequency")
    assert (recipe.augmentations, recipe.patience) == ((), 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 2.5}, r"epochs=2\.5: give a whole number"),
        ({"epochs": "3"}, "epochs='3': give a whole number"),
        ({"epochs": True}, "epochs=True: give a whole number"),
        ({"batch_size": None}, "batch_size=None: give a whole number"),
        ({"learning_rate": "0.1"}, r"learning_rate='0\.1': give a number"),
        ({"learning_rate": nan}, "learning_rate=nan: give a number >= 0"),
        ({"weight_decay": inf}, "weight_decay=inf: give a number >= 0"),
        ({"patience": -1}, "patience=-1: give a number >= 0"),
        ({"checkpointing": 1}, "checkpointing=1: give True or False"),
        ({"compile": "inductor"}, "compile='inductor': give True or False"),
        ({"optimizer": "sdg"}, "unknown optimizer 'sdg'. Did you mean 'sgd'"),
        ({"augmentation": "flip,colours"}, "unknown augmentation 'colours'. Did you mean 'colour'"),
        ({"schedule": "StepLr(step_size=3)"}, "'constant', or one of StepLR"),
        ({"schedule": "StepLR(30)"}, "with its options as in torch"),
        ({"schedule": "StepLR(step_size=open('x'))"}, "with its options as in torch"),
        ({"schedule": "StepLR(**{'step_size': 3})"}, "with its options as in torch"),
        ({"schedule": "LambdaLR(lr_lambda=1)"}, "one of StepLR"),
        ({"balancing": "median"}, "unknown balancing 'median'.*or one weight per class"),
        ({"balancing": []}, "one weight per class: finite numbers >= 0, not all 0"),
        ({"balancing": [1, -1]}, "finite numbers >= 0"),
        ({"balancing": [1, nan]}, "finite numbers >= 0"),
        ({"balancing": [0, 0]}, "not all 0"),
        ({"balancing": "1,two"}, "one weight per class"),
        ({"balancing": 3}, "one weight per class"),
    ],
)
def test_refuses_what_is_not_meant(settings, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**settings)


def test_numbers_of_numpy_are_numbers():
    recipe = Recipe(epochs=np.int64(3), learning_rate=np.float32(0.5), weight_decay=0)
    assert [type(v) for v in (recipe.epochs, recipe.learning_rate, recipe.weight_decay)] == [int, float, float]


@pytest.mark.parametrize("given", [[1, 2.5, 4], (1.0, 2.5, 4.0), "1,2.5,4", "1, 2.5, 4", np.array([1, 2.5, 4])])
def test_own_weights_in_any_form_are_one_recipe(given):
    assert Recipe(balancing=given) == Recipe(balancing=(1.0, 2.5, 4.0))


def test_a_recipe_comes_back_from_json():
    recipe = Recipe(balancing=[1, 2], schedule="StepLR(step_size=3, gamma=0.5)", augmentation="flip,scale", patience=3)
    assert Recipe.from_dict(json.loads(json.dumps(asdict(recipe)))) == recipe


def test_a_recipe_of_an_older_version_has_the_papers_values_where_it_says_nothing():
    old = {name: getattr(Recipe(), name) for name in ("epochs", "learning_rate", "momentum", "balancing", "seed")}
    assert Recipe.from_dict(old) == Recipe()


@pytest.mark.parametrize(
    ("schedule", "grows"),
    [
        ("constant", True),
        ("StepLR(step_size=3)", True),
        ("ReduceLROnPlateau", True),
        ("PolynomialLR", False),
        ("CosineAnnealingLR(eta_min=0.001)", False),
        ("CosineAnnealingLR(T_max=30)", True),
    ],
)
def test_a_rate_that_depends_on_the_number_of_epochs_fixes_it(schedule, grows):
    assert Recipe(schedule=schedule).can_grow is grows


def test_schedules_are_read_not_executed():
    assert parse_schedule("MultiStepLR(milestones=[3, 5], gamma=0.2)") == (
        "MultiStepLR",
        {"milestones": [3, 5], "gamma": 0.2},
    )
    assert parse_schedule("ReduceLROnPlateau") == ("ReduceLROnPlateau", {})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs=0: give at least 1"),
        ({"learning_rate": -1}, "learning_rate=-1: give a number >= 0"),
        ({"balancing": "median_freq"}, "unknown balancing 'median_freq'. Did you mean 'median_frequency'"),
        ({"precision": "half"}, "unknown precision 'half'"),
    ],
)
def test_refuses_a_recipe(settings, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**settings)


def test_a_recipe_from_another_version_is_refused_by_name():
    with pytest.raises(ValueError, match=r"unknown recipe setting 'learningrate'\. Did you mean 'learning_rate'"):
        Recipe.from_dict({"learningrate": 1})
