"""What goes from epoch to epoch: what selects, what stops early, what a run resumes from."""

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from segnet_lab import load_run
from segnet_lab.runs.directory import RunDirectory
from segnet_lab.runs.recipe import Recipe
from segnet_lab.training import loop
from segnet_lab.training.state import TrainingState
from tests.training.small import RECIPE, run


def scripted(monkeypatch, values):
    """Let validation say these G, epoch after epoch, then 0.5 for ever."""
    values, real = iter(values), loop.evaluate

    def say(model, data, **options):
        scores = real(model, data, **options)
        return {**scores, "G": next(values, 0.5)} if data.split == "val" else scores

    monkeypatch.setattr(loop, "evaluate", say)


NAN = float("nan")


def test_epochs_without_an_evaluation_do_not_try_anybodys_patience():
    log = [{"epoch": 1, "G": 0.5}, {"epoch": 2}, {"epoch": 3, "G": 0.4}, {"epoch": 4}]
    state = SimpleNamespace(recipe=Recipe(patience=2), best={"epoch": 1, "G": 0.5}, log=log)
    assert not TrainingState.out_of_patience.fget(state)
    log.append({"epoch": 5, "G": 0.4})
    assert TrainingState.out_of_patience.fget(state)


@pytest.mark.parametrize(
    ("said", "selected"),
    [
        ([NAN, NAN, NAN, NAN], 4),
        ([NAN, 0.3, 0.2, NAN], 2),
        ([0.3, NAN, 0.4, 0.1], 3),
        ([NAN, NAN, 0.0, NAN], 3),
        ([0.3, 0.3, 0.2, 0.3], 1),
    ],
)
def test_a_nan_score_selects_nothing(tmp_path, monkeypatch, said, selected):
    scripted(monkeypatch, said)
    run(tmp_path)
    assert load_run(tmp_path).scores["epoch"] == selected
    assert RunDirectory(tmp_path).selected()["epoch"] == selected


def test_selected_weights_and_their_epoch_never_part(tmp_path, monkeypatch):
    """Stopped between best and last, and on an accelerator the second time may validate lower than the first."""
    scripted(monkeypatch, [0.1, 0.9])
    real = RunDirectory.save_state

    def stops_after_the_best_of_epoch_2(self, tensors, note):
        if note["epoch"] == 2:
            raise KeyboardInterrupt
        real(self, tensors, note)

    monkeypatch.setattr(RunDirectory, "save_state", stops_after_the_best_of_epoch_2)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    monkeypatch.undo()
    scripted(monkeypatch, [0.8, 0.2, 0.2])
    run(tmp_path)
    assert load_run(tmp_path).scores["epoch"] == 2
    assert RunDirectory(tmp_path).selected() == {"epoch": 2, "G": 0.9}


def test_the_log_has_the_last_epoch_wherever_it_was_stopped(tmp_path, monkeypatch):
    def stopped(self, log):
        if len(log) == 4:
            raise KeyboardInterrupt
        real(self, log)

    real = RunDirectory.save_log
    monkeypatch.setattr(RunDirectory, "save_log", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    monkeypatch.undo()
    assert len(pd.read_csv(tmp_path / "log.csv")) == 3
    _, history = run(tmp_path)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "log.csv"), history)
    assert history["epoch"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("said", "epochs", "selected"),
    [([0.1, 0.5, 0.4, 0.5, 0.6], 4, 2), ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 6, 6), ([NAN, NAN, 0.1, NAN, 0.1], 5, 3)],
)
def test_patience_stops_after_so_many_evaluations_without_a_higher_score(tmp_path, monkeypatch, said, epochs, selected):
    scripted(monkeypatch, said)
    _, history = run(tmp_path, replace(RECIPE, epochs=6, patience=2))
    assert len(history) == epochs
    assert load_run(tmp_path).scores["epoch"] == selected
