"""Training: the same result every time, interrupted or not; nothing lost when something breaks."""

import errno
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from segnet_lab import create_model, load_dataset, load_run
from segnet_lab.runs.checkpoints import DamagedCheckpoint
from segnet_lab.runs.directory import RunDirectory
from segnet_lab.runs.recipe import Recipe
from segnet_lab.training import loop
from segnet_lab.training.batch_norm import refresh_batch_norm
from segnet_lab.training.batches import batches
from segnet_lab.training.evaluation import evaluate
from segnet_lab.training.loop import TrainingDiverged, train
from segnet_lab.training.losses import cross_entropy, median_frequency_weights
from tests.helpers import Squares

RECIPE = Recipe(epochs=4, batch_size=3, learning_rate=0.05, precision="float32")


def network(name="segnet_basic", **options):
    return create_model(name, **{"num_classes": 2, "width": 0.05, "seed": 0, **options})


def run(folder, recipe=RECIPE, model=None, **options):
    model = network() if model is None else model
    history = train(
        model, Squares(7), recipe, folder, validation=Squares(3, split="val"), show_progress=False, **options
    )
    return model, history


def weights(model):
    return torch.cat([t.flatten().double() for t in model.state_dict().values()])


class Interrupt(Squares):
    """Ctrl-C after so many images."""

    def __init__(self, images, after):
        super().__init__(images)
        self.left = after

    def __getitem__(self, i):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().__getitem__(i)


def test_learns_what_can_be_learnt(tmp_path):
    # a bright square on a dark ground: anything above the share of the ground, 3 of 4 pixels, is learnt
    model, history = run(tmp_path, replace(RECIPE, epochs=10), network(width=0.2))
    assert history["loss"].iloc[-1] < 0.5 * history["loss"].iloc[0]
    assert history["G"].max() > 0.85
    assert not model.training
    assert load_run(tmp_path).scores["val"]["G"] == pytest.approx(history["G"].max())


def test_same_seed_same_weights(tmp_path):
    first, _ = run(tmp_path / "a")
    second, _ = run(tmp_path / "b")
    other, _ = run(tmp_path / "c", replace(RECIPE, seed=1))
    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(other))


# a training reads 7 images to count classes, then 7 an epoch, 7 to refresh batch norm; validation has its own
@pytest.mark.parametrize(("after", "epochs_done"), [(7 + 2, 0), (7 + 7 + 3, 0), (7 + 14 + 5, 1), (7 + 28 + 10, 2)])
def test_interrupted_ends_in_the_same_weights(tmp_path, after, epochs_done):
    whole, history = run(tmp_path / "whole")
    broken, val = tmp_path / "broken", Squares(3, split="val")
    with pytest.raises(KeyboardInterrupt):
        train(network(), Interrupt(7, after), RECIPE, broken, validation=val, show_progress=False)
    state = RunDirectory(broken).load_state()
    assert (state[1]["epoch"] if state else 0) == epochs_done
    # weights come from the directory, so that another start makes no difference once an epoch is done
    again, resumed = run(broken, model=network(seed=99 if epochs_done else 0))
    assert torch.equal(weights(whole), weights(again))
    pd.testing.assert_frame_equal(history.drop(columns="seconds"), resumed.drop(columns="seconds"))
    expected, _ = RunDirectory(tmp_path / "whole").load_state()
    actual, _ = RunDirectory(broken).load_state()
    for name, tensor in expected.items():  # momentum too
        assert torch.equal(tensor, actual[name]), name


def test_a_finished_run_is_not_trained_again(tmp_path):
    model, history = run(tmp_path)
    stamp = RunDirectory(tmp_path).last.stat().st_mtime_ns
    again, same = run(tmp_path, model=network(seed=5))
    assert RunDirectory(tmp_path).last.stat().st_mtime_ns == stamp
    assert torch.equal(weights(model), weights(again))
    pd.testing.assert_frame_equal(history, same)


def test_the_epoch_with_the_highest_validation_accuracy_is_kept(tmp_path):
    model, history = run(tmp_path)
    best = int(history["epoch"][history["G"].idxmax()])
    assert load_run(tmp_path).scores["epoch"] == best
    assert evaluate(model, Squares(3), precision="float32")["G"] == pytest.approx(history["G"].max())


def test_without_validation_the_last_epoch_is_kept(tmp_path):
    train(network(), Squares(7), RECIPE, tmp_path, validation=None, show_progress=False)
    assert load_run(tmp_path).scores["epoch"] == RECIPE.epochs
    assert "val" not in load_run(tmp_path).scores


def test_the_default_recipe_is_this_loop_bit_for_bit(tmp_path):
    """Section 3.2 in a dozen lines of torch. Runs of every version of this kit went through this loop."""
    run(tmp_path)
    data, twin = Squares(7), network().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    weight = median_frequency_weights(data)
    for epoch in range(1, 5):
        torch.manual_seed(epoch)
        twin.train()
        for images, labels in batches(data, 3, torch.device("cpu"), torch.randperm(7)):
            optimizer.zero_grad()
            cross_entropy(twin(images), labels, weight, data.ignore_index).backward()
            optimizer.step()
    expected = dict(twin.named_parameters())
    last, _ = RunDirectory(tmp_path).load_state()
    assert all(torch.equal(last[f"model.{name}"], p) for name, p in expected.items())


def test_evaluates_as_often_as_the_recipe_says_and_at_the_end(tmp_path):
    _, history = run(tmp_path, replace(RECIPE, epochs=5, evaluate_every=2))
    assert history["epoch"][history["G"].notna()].tolist() == [2, 4, 5]


def test_loss_that_is_no_number_stops_and_keeps_the_last_good_weights(tmp_path):
    class Poisoned(Squares):
        poisoned = False

        def __getitem__(self, i):
            sample = super().__getitem__(i)
            return sample._replace(image=sample.image * torch.nan) if self.poisoned else sample

    data = Poisoned(7)
    train(network(), data, replace(RECIPE, epochs=2), tmp_path / "good", validation=None, show_progress=False)
    data.poisoned = True
    # the same run, longer: epoch 3 meets the poison
    (tmp_path / "good" / "scores.json").unlink()
    about = RunDirectory(tmp_path / "good").about()
    about["recipe"]["epochs"] = 4
    RunDirectory(tmp_path / "good").about_file.write_text(json.dumps(about))
    with pytest.raises(TrainingDiverged, match=r"the loss became nan in epoch 3; the weights of epoch 2 are kept in"):
        train(network(), data, RECIPE, tmp_path / "good", validation=None, show_progress=False)
    tensors, note = RunDirectory(tmp_path / "good").load_state()
    assert note["epoch"] == 2
    assert all(t.isfinite().all() for t in tensors.values())


def test_refuses_the_directory_of_another_run(tmp_path):
    run(tmp_path)
    with pytest.raises(ValueError, match=r"holds another run: its model has name='segnet_basic', this one 'fcn_basic'"):
        run(tmp_path, model=network("fcn_basic"))
    with pytest.raises(ValueError, match=r"its recipe has learning_rate=0.05, this one 0.01"):
        run(tmp_path, replace(RECIPE, learning_rate=0.01))


@pytest.mark.parametrize("text", ['{"mine": 1}', "[]", '{"model": 1, "data": 2, "recipe": 3}', "cut sh"])
def test_somebody_elses_run_json_is_not_written_over(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ValueError, match=r"run\.json is (of other making|damaged)"):
        run(tmp_path)
    assert (tmp_path / "run.json").read_text() == text


@pytest.mark.parametrize("text", ["{}", "[]", "3", '"epoch"'])
def test_scores_that_are_none_are_damaged(tmp_path, text):
    run(tmp_path)
    (tmp_path / "scores.json").write_text(text)
    with pytest.raises(ValueError, match=r"scores\.json is damaged .*delete it"):
        load_run(tmp_path)


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


def test_a_network_that_knows_other_classes_is_not_trained_on_as_if_they_were_these(tmp_path):
    class Swapped(Squares):
        class_names = ("square", "ground")

    model, _ = run(tmp_path / "a")
    with pytest.raises(ValueError, match=r"class 0 was 'ground'; in squares it is 'square'.*a new network with init="):
        train(model, Swapped(7), RECIPE, tmp_path / "b", validation=None, show_progress=False)
    assert not (tmp_path / "b").exists()


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


def scenes(split="train", images=6, **options):
    return load_dataset("roadscenes", split, images=images, size=(32, 32), **options)


def train_scenes(folder, data=None, epochs=1, validation=None, **options):
    data = scenes() if data is None else data
    recipe = Recipe(epochs=epochs, batch_size=3, precision="float32", balancing="natural")
    model = create_model("segnet_basic", 11, width=0.05, seed=0)
    return model, train(model, data, recipe, folder, validation=validation, show_progress=False, **options)


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


def test_the_validation_set_of_another_set_scores_under_its_own_name(tmp_path):
    scores = {}
    for split in ("test", "train"):  # a split called "train" of another set must not pass for the training set
        train_scenes(tmp_path / split, validation=scenes(split, images=3, seed=5))
        scores[split] = load_run(tmp_path / split).scores
    assert list(scores["test"])[1:] == ["train", "test"]
    assert list(scores["train"])[1:] == ["train", "val"]
    assert scores["train"]["val"]["on"]["images"] == 3


def test_scores_say_what_they_belong_to(tmp_path):
    train_scenes(tmp_path, validation="val")
    about, scores = json.loads((tmp_path / "run.json").read_text()), json.loads((tmp_path / "scores.json").read_text())
    on = scores["val"]["on"]
    assert (on["data"], on["split"], on["images"], on["size"]) == ("roadscenes", "val", 6, [32, 32])
    assert (on["convention"], on["tolerance"]) == ("paper", 0.0075)
    assert on["fingerprint"] == scenes("val").fingerprint() == about["data"]["validation"]["fingerprint"]
    assert about["computed_in"] == "float32"
    assert about["start"] == "weights as drawn"
    assert about["environment"]["threads"] == torch.get_num_threads()
    model = load_run(tmp_path).model
    assert (model.trained_on.name, model.trained_on.size) == ("roadscenes", (32, 32))
    assert model.trained_on.class_names == scenes().class_names


# ------------------------------------------------------------------------------------------------ longer


@pytest.mark.parametrize("settings", [{}, {"evaluate_every": 2}, {"optimizer": "adam", "learning_rate": 0.001}])
def test_more_epochs_go_on_as_if_they_had_been_asked_for_at_first(tmp_path, settings):
    recipe = replace(RECIPE, **settings)
    whole, history = run(tmp_path / "whole", recipe)
    run(tmp_path / "longer", replace(recipe, epochs=2))
    again, longer = run(tmp_path / "longer", recipe)
    assert torch.equal(weights(whole), weights(again))
    pd.testing.assert_frame_equal(history.drop(columns="seconds"), longer.drop(columns="seconds"))
    assert load_run(tmp_path / "longer").scores == load_run(tmp_path / "whole").scores
    assert RunDirectory(tmp_path / "longer").about()["recipe"]["epochs"] == 4


def test_fewer_epochs_than_are_done_or_a_rate_that_spans_them_all_are_refused(tmp_path):
    run(tmp_path / "a")
    with pytest.raises(ValueError, match="a has done 4 epochs already: give epochs=4 or more, or another run_dir"):
        run(tmp_path / "a", replace(RECIPE, epochs=3))
    falling = replace(RECIPE, epochs=2, schedule="PolynomialLR(power=0.9)")
    run(tmp_path / "b", falling)
    with pytest.raises(ValueError, match="its recipe has epochs=2, this one 4"):
        run(tmp_path / "b", replace(falling, epochs=4))


class Stop(Exception):
    pass


def stop_after(epochs):
    def on_epoch(row):
        if row["epoch"] == epochs:
            raise Stop

    return on_epoch


@pytest.mark.parametrize(("every", "least"), [(1, 3), (2, 4)])
def test_a_number_of_epochs_that_was_a_slip_can_be_taken_back(tmp_path, every, least):
    recipe = replace(RECIPE, epochs=least, evaluate_every=every)
    whole, _ = run(tmp_path / "whole", recipe)
    run(tmp_path / "slip", replace(recipe, epochs=2))
    with pytest.raises(Stop):
        run(tmp_path / "slip", replace(recipe, epochs=5000), on_epoch=stop_after(3))
    with pytest.raises(ValueError, match=f"has done 3 epochs already: give epochs={least} or more"):
        run(tmp_path / "slip", replace(recipe, epochs=2))
    again, _ = run(tmp_path / "slip", recipe)
    assert torch.equal(weights(whole), weights(again))
    assert load_run(tmp_path / "slip").scores == load_run(tmp_path / "whole").scores


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.suffix != ".safetensors"}


def test_a_longer_run_that_finishes_no_further_epoch_stays_what_it_was(tmp_path):
    run(tmp_path, replace(RECIPE, epochs=2))
    before = contents(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train(
            network(), Interrupt(7, after=3), RECIPE, tmp_path, validation=Squares(3, split="val"), show_progress=False
        )
    assert contents(tmp_path) == before
    assert RunDirectory(tmp_path).finished()


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


@pytest.mark.parametrize("wrong", [KeyboardInterrupt, OSError])
def test_a_longer_run_that_stops_while_it_validates_stays_what_it_was(tmp_path, monkeypatch, wrong):
    recipe = replace(RECIPE, epochs=3, evaluate_every=2)
    run(tmp_path, recipe)
    before = contents(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "evaluate", lambda *_, **__: (_ for _ in ()).throw(wrong))
        with pytest.raises(wrong):
            run(tmp_path, replace(recipe, epochs=6))
    assert contents(tmp_path) == before
    run(tmp_path, recipe)
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


@pytest.mark.parametrize("options", [{"recipe": {"epochs": 1}}, {"init": network}])
def test_what_is_no_recipe_or_no_name_of_a_run_is_said(tmp_path, options):
    with pytest.raises(ValueError, match=r"give a Recipe|give the name of a run"):
        run(tmp_path, **options)


def test_stopped_while_being_made_longer_it_is_not_finished(tmp_path, monkeypatch):
    run(tmp_path, replace(RECIPE, epochs=2))
    monkeypatch.setattr("segnet_lab.runs.directory.write_json", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    monkeypatch.undo()
    assert not RunDirectory(tmp_path).finished()
    _, history = run(tmp_path)
    assert len(history) == 4


# ------------------------------------------------------------------------------------------------ what selects


def scripted(monkeypatch, values):
    """Let validation say these G, epoch after epoch, then 0.5 for ever."""
    values, real = iter(values), loop.evaluate

    def say(model, data, **options):
        scores = real(model, data, **options)
        return {**scores, "G": next(values, 0.5)} if data.split == "val" else scores

    monkeypatch.setattr(loop, "evaluate", say)


NAN = float("nan")


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


def test_a_validation_set_of_void_is_said_and_no_nan_stands_in_a_file(tmp_path):
    class Void(Squares):
        def __getitem__(self, i):
            sample = super().__getitem__(i)
            return sample._replace(label=torch.full_like(sample.label, self.ignore_index))

    with pytest.warns(UserWarning, match=r"squares \(val\) has no labelled pixel.*the last epoch, 4, were kept"):
        train(network(), Squares(7), RECIPE, tmp_path, validation=Void(3, "val"), show_progress=False)
    for file in ("scores.json", "run.json"):
        json.loads((tmp_path / file).read_text(), parse_constant=pytest.fail)
    assert b"NaN" not in (tmp_path / "last.safetensors").read_bytes()[:20_000]
    scores = load_run(tmp_path).scores
    assert scores["epoch"] == 4
    assert scores["val"]["G"] != scores["val"]["G"]  # nan again


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


def test_patience_needs_something_to_watch(tmp_path):
    with pytest.raises(ValueError, match="patience=2 needs a validation set"):
        train(network(), Squares(7), replace(RECIPE, patience=2), tmp_path, validation=None, show_progress=False)
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------------------ other recipes


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam", "learning_rate": 0.002},
        {"optimizer": "adamw", "learning_rate": 0.002},
        {"optimizer": "rmsprop", "learning_rate": 0.002},
        {"schedule": "StepLR(step_size=2, gamma=0.1)"},
        {"schedule": "CosineAnnealingLR"},
        {"schedule": "ReduceLROnPlateau(patience=0, factor=0.5, threshold=0.5)"},
        {"augmentation": "flip,scale,colour"},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())),
)
def test_every_recipe_resumes_to_the_same_weights(tmp_path, settings):
    recipe = replace(RECIPE, **settings)
    whole, history = run(tmp_path / "whole", recipe)
    plain, _ = run(tmp_path / "plain")
    assert not torch.equal(weights(whole), weights(plain)), "the setting does nothing"
    with pytest.raises(KeyboardInterrupt):
        train(
            network(), Interrupt(7, 7 + 2 * 14 + 3), recipe, tmp_path / "broken",
            validation=Squares(3, split="val"), show_progress=False,
        )  # fmt: skip
    assert RunDirectory(tmp_path / "broken").log_rows() == 2
    again, resumed = run(tmp_path / "broken", recipe, network(seed=9))
    assert torch.equal(weights(whole), weights(again))
    pd.testing.assert_frame_equal(history.drop(columns="seconds"), resumed.drop(columns="seconds"))


def test_a_schedule_steps_once_an_epoch(tmp_path):
    run(tmp_path, replace(RECIPE, schedule="StepLR(step_size=2, gamma=0.1)"))
    _, note = RunDirectory(tmp_path).load_state()
    assert note["schedule"]["lr"] == pytest.approx(0.05 * 0.1**2)
    with pytest.raises(ValueError, match=r"schedule='StepLR\(gamma=0.1\)': .*step_size"):
        run(tmp_path / "x", replace(RECIPE, schedule="StepLR(gamma=0.1)"))
    assert not (tmp_path / "x").exists()


def test_own_weights_weigh_as_those_of_a_formula_do(tmp_path):
    own = tuple(median_frequency_weights(Squares(7)).tolist())
    by_name, _ = run(tmp_path / "a")
    by_number, _ = run(tmp_path / "b", replace(RECIPE, balancing=own))
    assert torch.equal(weights(by_name), weights(by_number))
    with pytest.raises(ValueError, match="balancing has 3 weights, squares has 2 classes"):
        run(tmp_path / "c", replace(RECIPE, balancing=(1, 2, 3)))


def test_images_of_several_sizes_one_at_a_time(tmp_path):
    data, val = (Squares(4, split) for split in ("train", "val"))
    cut = {0: (32, 32), 1: (20, 28), 2: (32, 32), 3: (9, 31)}

    class Cut(Squares):
        def __getitem__(self, i):
            (h, w), sample = cut[i], super().__getitem__(i)
            return sample._replace(image=sample.image[:, :h, :w], label=sample.label[:h, :w])

    data, val = Cut(4), Cut(4, "val")
    one = replace(RECIPE, epochs=1, batch_size=1)
    model = network()
    for validation in (val, None):
        train(model, data, one, tmp_path / str(validation is None), validation=validation, show_progress=False)
    with pytest.raises(ValueError, match=r"cannot be one batch: pass size=.*or batch_size=1"):
        train(network(), data, replace(one, batch_size=4), tmp_path / "x", validation=None, show_progress=False)
    # counted by hand, image by image
    right = sum((model(data[i].image[None]).argmax(1)[0] == data[i].label).sum() for i in range(4))
    pixels = sum(h * w for h, w in cut.values())
    assert evaluate(model, data, precision="float32")["G"] == pytest.approx(int(right) / pixels)


def test_a_batch_of_one_pixel_says_what_to_do(tmp_path):
    class Tiny(Squares):
        def __getitem__(self, i):
            sample = super().__getitem__(i)
            return sample._replace(image=sample.image[:, :16, :16], label=sample.label[:16, :16])

    with pytest.raises(ValueError, match="1 image of 16x16 shrinks to one: take larger images, or a batch_size"):
        train(network("segnet"), Tiny(4), RECIPE, tmp_path, validation=None, show_progress=False)  # 3 and 1


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


# ------------------------------------------------------------------------------------------------ wrapped networks


def test_a_compiled_network_is_saved_under_its_plain_names(tmp_path):
    one = replace(RECIPE, epochs=1)
    plain, _ = run(tmp_path / "plain", one)
    compiled, _ = run(tmp_path / "compiled", one, torch.compile(network(), backend="eager"))
    again = load_run(tmp_path / "compiled").model
    torch.testing.assert_close(weights(again), weights(plain), rtol=1e-3, atol=1e-4)  # sums in another order
    assert not compiled.training
    assert evaluate(compiled, Squares(3)) == evaluate(again, Squares(3))


@pytest.mark.parametrize("given", [torch.nn.DataParallel(torch.nn.Conv2d(3, 2, 1)), "segnet_basic"])
def test_what_cannot_be_saved_is_refused_before_the_first_epoch(tmp_path, given):
    with pytest.raises(ValueError, match=r"give the network in it, model\.module|give the network, create_model"):
        run(tmp_path, model=given)
    assert not list(tmp_path.iterdir())


def test_any_module_can_be_scored():
    class Copies(torch.nn.Module):
        """Says class 1 where the image is bright: no weights, no attributes of ours."""

        def forward(self, image):
            return torch.stack([0.5 - image.mean(1), image.mean(1) - 0.25], 1)

    data = Squares(3)
    right = [(Copies()(data[i].image[None]).argmax(1)[0] == data[i].label).float().mean().item() for i in range(3)]
    assert evaluate(Copies(), data)["G"] == pytest.approx(sum(right) / 3)
    with pytest.raises(ValueError, match=r"Conv2d gives \(1, 3, 32, 32\) .*not logits \(1, 2, 32, 32\)"):
        evaluate(torch.nn.Conv2d(3, 3, 1), data)


# ------------------------------------------------------------------------------------------------ what is said


def test_on_epoch_sees_every_row_once_it_is_saved(tmp_path):
    seen = []

    def look(row):
        assert RunDirectory(tmp_path).log_rows() == row["epoch"]
        seen.append(row)

    _, history = run(tmp_path, on_epoch=look)
    pd.testing.assert_frame_equal(pd.DataFrame(seen)[history.columns], history)


def test_epochs_are_printed_with_their_scores(tmp_path, capsys, monkeypatch):
    for headless in ("1", "0"):
        monkeypatch.delenv("CI", raising=False)
        monkeypatch.setenv("SEGNET_LAB_HEADLESS", headless)
        train(network(), Squares(7), RECIPE, tmp_path / headless, validation=Squares(3, split="val"))
        lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch ")]
        assert len(lines) == 4
        assert all(f"  {name} 0." in lines[-1] for name in ("loss", "G", "mIoU"))


def test_ctrl_c_says_how_to_go_on(tmp_path, capsys):
    for after, said in ((7 + 2 * 14 + 3, "2 of 4 epochs are kept"), (7 + 3, "Stopped before the first epoch")):
        with pytest.raises(KeyboardInterrupt):
            train(network(), Interrupt(7, after), RECIPE, tmp_path / str(after), validation=None)
        assert said in capsys.readouterr().err


def test_another_number_of_threads_or_another_precision_is_said(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(network(), Interrupt(7, 7 + 14 + 3), RECIPE, tmp_path, validation=None, show_progress=False)
    about = RunDirectory(tmp_path).about()
    about["environment"]["threads"] += 1
    (tmp_path / "run.json").write_text(json.dumps(about))
    with pytest.warns(UserWarning, match=r"was begun on \d+ threads and goes on on \d+ threads"):
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


def truncate(file):
    file.write_bytes(file.read_bytes()[:-100])


def flip_a_bit(file):
    content = bytearray(file.read_bytes())
    content[-50] ^= 1
    file.write_bytes(content)


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


def test_load_run_says_what_is_missing(tmp_path):
    run(tmp_path / "here")
    with pytest.raises(FileNotFoundError, match=r"is no run directory: it has no run.json. Known: here"):
        load_run(tmp_path / "there")
    for weights in (tmp_path / "here").glob("*.safetensors"):
        weights.unlink()  # as in results/, where the images were not ours to train on and give away
    with pytest.raises(FileNotFoundError, match=r"has no weights.*Train it with the command in"):
        load_run(tmp_path / "here")


def test_weights_of_another_network_are_refused_by_name(tmp_path):
    from segnet_lab.models.from_runs import load_weights

    with pytest.raises(
        ValueError, match=r"classifier.conv.bias has shape \(2,\), the model \(5,\). Create the model with"
    ):
        load_weights(network(num_classes=5), network().state_dict(), "weights")
    with pytest.raises(ValueError, match="weights is of another network than fcn_basic"):
        load_weights(network("fcn_basic"), network().state_dict(), "weights")


def test_batch_norm_statistics_do_not_depend_on_the_order_of_the_batches():
    data = Squares(8)
    backwards = Squares(8)
    backwards.order = backwards.order[::-1]
    model, twin = network().double(), network().double()

    def double(data):
        return [sample._replace(image=sample.image.double()) for sample in (data[i] for i in range(8))]

    refresh_batch_norm(model, double(data), batch_size=2, precision="float32")
    refresh_batch_norm(twin, double(backwards), batch_size=2, precision="float32")
    torch.testing.assert_close(weights(model), weights(twin), rtol=1e-12, atol=1e-12)


def test_batch_norm_statistics_of_the_first_layer_by_hand():
    data = Squares(5)
    model = network()
    refresh_batch_norm(model, data, batch_size=2, precision="float32")
    norm = model.stages[0].convs[0].norm
    with torch.no_grad():
        maps = model.stages[0].convs[0].conv(model.normalise(torch.stack([data[i].image for i in range(5)])))
        mean = maps.mean((0, 2, 3))
        # variances of the batches {0 1}, {2 3}, {4}, each weighed by its images
        variance = sum(len(b) * b.var((0, 2, 3)) for b in maps.split(2)) / 5
    torch.testing.assert_close(norm.running_mean, mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.running_var, variance, rtol=1e-4, atol=1e-5)


def test_refresh_leaves_weights_mode_and_dropout_alone():
    model = network("bayesian_segnet_basic").train()
    before = {n: p.clone() for n, p in model.named_parameters()}
    refresh_batch_norm(model, Squares(4), batch_size=2, precision="float32")
    assert model.training
    assert all(m.training for m in model.modules())
    assert all(torch.equal(before[n], p) for n, p in model.named_parameters())


def test_every_image_once_an_epoch():
    order = torch.randperm(7)
    seen = [len(images) for images, _ in batches(Squares(7), 3, torch.device("cpu"), order)]
    assert seen == [3, 3, 1]


def test_the_log_is_a_row_an_epoch(tmp_path):
    _, history = run(tmp_path)
    log = pd.read_csv(tmp_path / "log.csv")
    pd.testing.assert_frame_equal(log, history)
    assert log["iteration"].tolist() == [3, 6, 9, 12]


def test_training_leaves_torchs_generator_alone(tmp_path):
    state = torch.random.get_rng_state()
    run(tmp_path)
    assert torch.equal(state, torch.random.get_rng_state())


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


@pytest.mark.parametrize("checkpointing", [True, False])
def test_checkpointing_leaves_numba_alone(tmp_path, checkpointing):
    """Loading it takes 130 MB. Without checkpointing, maps of this size go through it."""
    code = (
        "import sys, segnet_lab as sl\n"
        "from segnet_lab._support import compiled\n"
        "data = sl.load_dataset('roadscenes', images=2, size=(192, 256))\n"
        f"recipe = sl.Recipe(epochs=1, batch_size=2, checkpointing={checkpointing})\n"
        f"sl.train(sl.create_model('segnet_basic', width=0.25), data, recipe, {str(tmp_path / 'run')!r})\n"
        f"assert ('numba' in sys.modules) == (compiled.available() and not {checkpointing})\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.accelerator.is_available(), reason="no accelerator on this machine")
def test_on_the_accelerator(tmp_path):
    model, history = run(tmp_path)
    assert next(model.parameters()).device.type == torch.accelerator.current_accelerator().type
    assert history["loss"].notna().all()
