"""Run directories: nothing of another's is written over, and what is damaged or gone is said."""

import errno
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from segnet_lab import load_run
from segnet_lab.runs.checkpoints import DamagedCheckpoint
from segnet_lab.runs.directory import RunDirectory
from tests.training.small import RECIPE, contents, flip_a_bit, network, run, truncate, weights


@pytest.mark.parametrize("text", ['{"mine": 1}', "[]", '{"model": 1, "data": 2, "recipe": 3}', "cut sh"])
def test_somebody_elses_run_json_is_not_written_over(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ValueError, match=r"run\.json (was not written by this kit|is damaged)"):
        run(tmp_path)
    assert (tmp_path / "run.json").read_text() == text


@pytest.mark.parametrize("text", ["{}", "[]", "3", '"epoch"'])
def test_scores_that_are_none_are_damaged(tmp_path, text):
    run(tmp_path)
    (tmp_path / "scores.json").write_text(text)
    with pytest.raises(ValueError, match=r"scores\.json is damaged .*delete it"):
        load_run(tmp_path)


def test_weights_without_a_run_json_are_nobodys(tmp_path):
    run(tmp_path)
    (tmp_path / "run.json").unlink()
    with pytest.raises(ValueError, match=r"holds weights but no run\.json"):
        run(tmp_path)


def test_the_record_of_a_run_that_was_given_away_without_weights_stays(tmp_path):
    run(tmp_path)
    for file in tmp_path.glob("*.safetensors"):
        file.unlink()  # as in results/
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(ValueError, match=r"holds another run: its recipe has learning_rate=0\.05, this one 0\.01"):
        run(tmp_path, replace(RECIPE, learning_rate=0.01))
    with pytest.raises(FileNotFoundError, match="has no weights"):
        run(tmp_path)
    assert (tmp_path / "run.json").read_bytes() == before
    (tmp_path / "run.json").unlink()
    with pytest.raises(ValueError, match=r"holds scores but no run\.json"):
        run(tmp_path)


def test_fewer_epochs_than_are_done_or_a_rate_that_spans_them_all_are_refused(tmp_path):
    run(tmp_path / "a")
    with pytest.raises(ValueError, match="a has done 4 epochs already: give epochs=4 or more, or another run_dir"):
        run(tmp_path / "a", replace(RECIPE, epochs=3))
    falling = replace(RECIPE, epochs=2, schedule="PolynomialLR(power=0.9)")
    run(tmp_path / "b", falling)
    with pytest.raises(ValueError, match="its recipe has epochs=2, this one 4"):
        run(tmp_path / "b", replace(falling, epochs=4))


@pytest.mark.parametrize("kept", ["best.safetensors", ""])
@pytest.mark.parametrize("finished", [True, False])
def test_what_was_given_away_without_its_last_weights_is_never_begun_anew(tmp_path, kept, finished):
    run(tmp_path)
    for file in tmp_path.glob("*.safetensors"):
        if file.name != kept:
            file.unlink()
    if not finished:
        (tmp_path / "scores.json").unlink()
    before = contents(tmp_path)
    hint = rf"; init={re.escape(str(tmp_path))} starts from the weights that were selected" if kept else ""
    with pytest.raises(ValueError, match=rf"cannot go on: last\.safetensors.*another run_dir{hint}"):
        run(tmp_path, replace(RECIPE, epochs=5 if finished else 4))
    assert contents(tmp_path) == before


@pytest.mark.parametrize("gone", [("last",), ("last", "previous")])
@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(file.read_bytes()[:99])])
def test_a_finished_run_does_not_touch_what_it_would_go_on_from(tmp_path, gone, damage):
    _, history = run(tmp_path)
    for name in gone:
        damage(tmp_path / f"{name}.safetensors")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    _, again = run(tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    pd.testing.assert_frame_equal(again, history)


def test_selected_weights_alone_are_not_begun_anew(tmp_path):
    run(tmp_path / "a")
    (tmp_path / "given").mkdir()
    for name in ("run.json", "best.safetensors"):
        (tmp_path / "given" / name).write_bytes((tmp_path / "a" / name).read_bytes())
    note = RunDirectory(tmp_path / "given").selected()
    assert note["epoch"] > 1
    with pytest.raises(ValueError, match="cannot go on"):
        run(tmp_path / "given")
    assert RunDirectory(tmp_path / "given").selected() == note


def test_stopped_while_being_made_longer_it_is_not_finished(tmp_path, monkeypatch):
    run(tmp_path, replace(RECIPE, epochs=2))
    monkeypatch.setattr("segnet_lab.runs.directory.write_json", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    monkeypatch.undo()
    assert not RunDirectory(tmp_path).finished()
    _, history = run(tmp_path)
    assert len(history) == 4


@pytest.mark.parametrize("damage", [truncate, flip_a_bit])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, damage):
    whole, _ = run(tmp_path / "whole")
    run(tmp_path / "run")
    files = RunDirectory(tmp_path / "run")
    files.scores_file.unlink()  # as if stopped after the last epoch, before scoring
    damage(files.last)
    with pytest.warns(UserWarning, match=r"last.safetensors is damaged.*going on from previous.safetensors, epoch 3"):
        again, _ = run(tmp_path / "run", model=network(seed=3))
    assert torch.equal(weights(whole), weights(again))


def test_damaged_selected_weights_fall_back_to_the_last(tmp_path):
    run(tmp_path)
    truncate(RunDirectory(tmp_path).best)
    with pytest.warns(UserWarning, match=r"best.safetensors is missing or damaged.*taking the weights of epoch 4"):
        _, recipe, scores = load_run(tmp_path)
    assert recipe == RECIPE
    assert scores["val"]["G"] > 0


def test_nothing_left_to_fall_back_to(tmp_path):
    run(tmp_path, replace(RECIPE, epochs=1))
    files = RunDirectory(tmp_path)
    truncate(files.best)
    truncate(files.last)
    with pytest.raises(DamagedCheckpoint, match="there is no other to fall back to"):
        load_run(tmp_path)


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch):
    whole, _ = run(tmp_path / "whole")
    writes = 0

    def full(path, data):
        nonlocal writes
        writes += 1
        if writes == 4:  # best and next of epoch 1, best or next of epoch 2, ...
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, data)

    real = Path.write_bytes
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="the disk is full: could not write"):
            run(tmp_path / "run")
    assert not list((tmp_path / "run").glob(".draft*"))
    again, _ = run(tmp_path / "run")
    assert torch.equal(weights(whole), weights(again))


def test_the_log_is_a_row_an_epoch(tmp_path):
    _, history = run(tmp_path)
    log = pd.read_csv(tmp_path / "log.csv")
    pd.testing.assert_frame_equal(log, history)
    assert log["iteration"].tolist() == [3, 6, 9, 12]
