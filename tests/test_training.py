"""Training: the same result every time, interrupted or not; nothing lost when something breaks."""

import errno
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from segnet_lab import create_model, load_run
from segnet_lab.checkpoints import DamagedCheckpoint
from segnet_lab.evaluation import batches, evaluate, refresh_batch_norm
from segnet_lab.recipe import Recipe
from segnet_lab.runs import RunDirectory
from segnet_lab.training import TrainingDiverged, train
from tests.helpers import Squares

RECIPE = Recipe(epochs=4, batch_size=3, learning_rate=0.05, precision="float32")


def network(name="segnet_basic", **options):
    return create_model(name, **{"num_classes": 2, "width": 0.05, "seed": 0, **options})


def run(folder, recipe=RECIPE, model=None, **options):
    model = model or network()
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
    assert not list((tmp_path / "run").glob(".*.draft"))
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
    from segnet_lab.runs import load_weights

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
        "from segnet_lab import kernels\n"
        "data = sl.load_dataset('roadscenes', images=2, size=(192, 256))\n"
        f"recipe = sl.Recipe(epochs=1, batch_size=2, checkpointing={checkpointing})\n"
        f"sl.train(sl.create_model('segnet_basic', width=0.25), data, recipe, {str(tmp_path / 'run')!r})\n"
        f"assert ('numba' in sys.modules) == (kernels.available() and not {checkpointing})\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.accelerator.is_available(), reason="no accelerator on this machine")
def test_on_the_accelerator(tmp_path):
    model, history = run(tmp_path)
    assert next(model.parameters()).device.type == torch.accelerator.current_accelerator().type
    assert history["loss"].notna().all()
