"""What a training refuses before it begins, and what it warns of."""

import json
from dataclasses import replace

import pytest
import torch

from segnet_lab.runs.directory import RunDirectory
from segnet_lab.training.loop import train
from tests.helpers import Squares
from tests.training.small import RECIPE, Interrupt, network, run


@pytest.mark.parametrize("options", [{"recipe": {"epochs": 1}}, {"init": network}])
def test_what_is_no_recipe_or_no_name_of_a_run_is_said(tmp_path, options):
    with pytest.raises(ValueError, match=r"give a Recipe|give the name of a run"):
        run(tmp_path, **options)


def test_patience_needs_something_to_watch(tmp_path):
    with pytest.raises(ValueError, match="patience=2 needs a validation set"):
        train(network(), Squares(7), replace(RECIPE, patience=2), tmp_path, validation=None, show_progress=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("given", [torch.nn.DataParallel(torch.nn.Conv2d(3, 2, 1)), "segnet_basic"])
def test_what_cannot_be_saved_is_refused_before_the_first_epoch(tmp_path, given):
    with pytest.raises(ValueError, match=r"give that network, model\.module|give the network, create_model"):
        run(tmp_path, model=given)
    assert not list(tmp_path.iterdir())


def test_another_number_of_threads_or_another_precision_is_said(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(network(), Interrupt(7, 7 + 14 + 3), RECIPE, tmp_path, validation=None, show_progress=False)
    about = RunDirectory(tmp_path).about()
    about["environment"]["threads"] += 1
    (tmp_path / "run.json").write_text(json.dumps(about))
    with pytest.warns(UserWarning, match=r"was begun on \d+ threads and is resumed on \d+ threads"):
        train(network(), Squares(7), RECIPE, tmp_path, validation=None, show_progress=False)


def test_labels_from_which_little_can_be_learnt_are_named(tmp_path):
    class Ground(Squares):
        def __getitem__(self, i):
            sample = super().__getitem__(i)
            return sample._replace(label=torch.where(sample.label == 1, self.ignore_index, 0))

    with pytest.warns(UserWarning, match="squares train: class (square never occurs|ground is the only)"):
        train(network(), Ground(4), replace(RECIPE, epochs=1), tmp_path, validation=None, show_progress=False)


def test_a_validation_set_of_other_classes_is_refused_by_name(tmp_path):
    class Swapped(Squares):
        class_names = ("square", "ground")

    with pytest.raises(ValueError, match="squares has the classes ground, square; the validation set squares has squ"):
        train(network(), Squares(7), RECIPE, tmp_path, validation=Swapped(3, "val"), show_progress=False)
    assert not list(tmp_path.iterdir())


def test_refuses_another_number_of_classes(tmp_path):
    with pytest.raises(ValueError, match="the model has 3 classes, squares has 2: create the model with num_classes="):
        run(tmp_path, model=network(num_classes=3))


def test_a_network_that_knows_other_classes_is_not_trained_on_as_if_they_were_these(tmp_path):
    class Swapped(Squares):
        class_names = ("square", "ground")

    model, _ = run(tmp_path / "a")
    with pytest.raises(ValueError, match=r"class 0 was 'ground'; in squares it is 'square'.*a new network with init="):
        train(model, Swapped(7), RECIPE, tmp_path / "b", validation=None, show_progress=False)
    assert not (tmp_path / "b").exists()
