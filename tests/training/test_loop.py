"""Training: the same result every time, interrupted or not; nothing lost when something breaks."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial

import pandas as pd
import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from segnet_lab import load_run
from segnet_lab._support.errors import SegNetLabError
from segnet_lab.runs.directory import RunDirectory
from segnet_lab.runs.recipe import Recipe
from segnet_lab.training import loop
from segnet_lab.training.batches import batches
from segnet_lab.training.evaluation import evaluate
from segnet_lab.training.loop import TrainingDiverged, train
from segnet_lab.training.losses import cross_entropy, median_frequency_weights
from segnet_lab.training.samples import OnDevice
from tests.helpers import Squares
from tests.training.small import (
    RECIPE,
    Interrupt,
    as_accelerator,
    contents,
    network,
    run,
    scenes,
    train_scenes,
    weights,
)


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


def test_a_loss_that_is_no_number_changes_no_weight():
    model = torch.nn.Conv2d(3, 2, 1)
    before = weights(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss = loop.step(
        model, optimizer, lambda logits, _: logits.sum() * torch.nan, torch.rand(1, 3, 2, 2), None, torch.float32
    )
    assert loss.isnan()
    assert torch.equal(weights(model), before)


class Poisoned(Squares):
    """Without a number in its images, once it is poisoned."""

    poisoned = False

    def __getitem__(self, i):
        sample = super().__getitem__(i)
        return sample._replace(image=sample.image * torch.nan) if self.poisoned else sample


@pytest.mark.parametrize("accelerator", [False, True])
def test_loss_that_is_no_number_stops_and_keeps_the_last_good_weights(tmp_path, monkeypatch, accelerator):
    if accelerator:
        as_accelerator(monkeypatch)
    data = Poisoned(7)
    train(network(), data, replace(RECIPE, epochs=2), tmp_path / "good", validation=None, show_progress=False)
    data.poisoned = True
    # the same run, longer: epoch 3 meets the poison
    (tmp_path / "good" / "scores.json").unlink()
    about = RunDirectory(tmp_path / "good").about()
    about["recipe"]["epochs"] = 4
    RunDirectory(tmp_path / "good").about_file.write_text(json.dumps(about))
    model = network()
    with pytest.raises(TrainingDiverged, match=r"the loss became nan in epoch 3; the weights of epoch 2 are kept in"):
        train(model, data, RECIPE, tmp_path / "good", validation=None, show_progress=False)
    tensors, note = RunDirectory(tmp_path / "good").load_state()
    assert note["epoch"] == 2
    assert all(t.isfinite().all() for t in tensors.values())
    assert all(torch.equal(t, tensors[f"model.{name}"]) for name, t in model.state_dict().items())


def test_a_loss_that_is_no_number_in_the_first_epoch(tmp_path):
    data = Poisoned(7)
    data.poisoned = True
    with pytest.raises(TrainingDiverged, match=r"the loss became nan in epoch 1; none is kept\. A learning rate below"):
        train(network(), data, RECIPE, tmp_path, validation=None, show_progress=False)


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


def test_a_longer_run_that_finishes_no_further_epoch_stays_what_it_was(tmp_path):
    run(tmp_path, replace(RECIPE, epochs=2))
    before = contents(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train(
            network(), Interrupt(7, after=3), RECIPE, tmp_path, validation=Squares(3, split="val"), show_progress=False
        )
    assert contents(tmp_path) == before
    assert RunDirectory(tmp_path).finished()


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


# ------------------------------------------------------------------------------------------------ wrapped networks


def test_a_compiled_network_is_saved_under_its_plain_names(tmp_path):
    one = replace(RECIPE, epochs=1)
    plain, _ = run(tmp_path / "plain", one)
    compiled, _ = run(tmp_path / "compiled", one, torch.compile(network(), backend="eager"))
    again = load_run(tmp_path / "compiled").model
    torch.testing.assert_close(weights(again), weights(plain), rtol=1e-3, atol=1e-4)  # sums in another order
    assert not compiled.training
    assert evaluate(compiled, Squares(3)) == evaluate(again, Squares(3))


def test_a_recipe_that_compiles_resumes_and_leaves_a_plain_run(tmp_path, monkeypatch):
    called, real = [], torch.compile
    monkeypatch.setattr(torch, "compile", lambda model: called.append(model) or real(model, backend="eager"))
    recipe = replace(RECIPE, compile=True)
    whole, history = run(tmp_path / "whole", recipe)
    assert called == [whole]
    assert RunDirectory(tmp_path / "whole").about()["recipe"]["compile"] is True
    assert weights(load_run(tmp_path / "whole").model).equal(weights(whole))  # under plain names
    assert not whole.training
    stopped = replace(recipe, epochs=2)
    run(tmp_path / "broken", stopped)
    again, resumed = run(tmp_path / "broken", recipe, network(seed=9))
    assert torch.equal(weights(whole), weights(again))
    pd.testing.assert_frame_equal(history.drop(columns="seconds"), resumed.drop(columns="seconds"))
    with pytest.raises(ValueError, match="its recipe has compile=True, this one False"):
        run(tmp_path / "whole")
    run(tmp_path / "mine", replace(recipe, epochs=1), real(network(), backend="eager"))
    assert len(called) == 3  # one that is compiled already is taken as it is


def test_a_compiler_that_fails_says_what_to_do(tmp_path, monkeypatch):
    def broken(*_):
        raise OSError("no compiler found")

    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda model: real(model, backend=broken))
    with pytest.raises(
        SegNetLabError, match=r"fails here \(.*no compiler found\): mend that, or train without compile="
    ):
        run(tmp_path, replace(RECIPE, compile=True))


# ------------------------------------------------------------------------------------------------ what is said


def test_on_epoch_sees_every_row_once_it_is_saved(tmp_path):
    seen = []

    def look(row):
        assert RunDirectory(tmp_path).log_rows() == row["epoch"]
        seen.append(row)

    _, history = run(tmp_path, on_epoch=look)
    pd.testing.assert_frame_equal(pd.DataFrame(seen)[history.columns], history)


def test_training_leaves_torchs_generator_alone(tmp_path):
    state = torch.random.get_rng_state()
    run(tmp_path)
    assert torch.equal(state, torch.random.get_rng_state())


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


# ------------------------------------------------------------------------------------------------ never waiting


class Reads(TorchFunctionMode):
    """Counts what makes a number of Python out of a float tensor: each time, an accelerator would be waited for."""

    names = ("item", "tolist", "cpu", "numpy", "__float__", "__bool__", "__format__", "__repr__")

    def __init__(self):
        super().__init__()
        self.count = 0
        self.beneath = ReadsBeneath(self)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if getattr(func, "__name__", "") in self.names and args[0].is_floating_point():
            self.count += 1
        return func(*args, **(kwargs or {}))


class ReadsBeneath(TorchDispatchMode):
    """The same, where torch itself reads one: `scaler.step` with an optimizer that is not fused, for example."""

    def __init__(self, reads):
        super().__init__()
        self.reads = reads

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.reads.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.fixture
def reads(monkeypatch):
    """What is read between the first minibatch of an epoch and the last step."""
    reads, real = Reads(), loop.batches

    def watched(*args, **options):
        with reads, reads.beneath:
            yield from real(*args, **options)

    monkeypatch.setattr(loop, "batches", watched)
    return reads


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"precision": "float16"},
        {"precision": "float16", "optimizer": "adam", "learning_rate": 0.001},
        {"augmentation": "flip,scale,colour"},
        {"checkpointing": True},
    ],
    ids=str,
)
def test_an_accelerator_is_waited_for_once_an_epoch(tmp_path, monkeypatch, reads, settings):
    asked, real = [], loop.numbers
    monkeypatch.setattr(loop, "numbers", lambda losses, state: asked.append(len(losses)) or real(losses, state))
    recipe = replace(RECIPE, epochs=2, **settings)
    _, expected = run(tmp_path / "cpu", recipe)
    assert reads.count >= 2 * 3  # three steps an epoch: what is counted does happen
    assert asked == [1, 1, 1, 3] * 2
    reads.count, asked[:] = 0, []
    as_accelerator(monkeypatch)
    _, history = run(tmp_path / "accelerator", recipe)
    assert reads.count == 0
    assert asked == [3, 3]
    pd.testing.assert_frame_equal(history.drop(columns="seconds"), expected.drop(columns="seconds"))


def test_a_step_reads_no_number_of_its_tensors(monkeypatch):
    """On the meta device there are none."""
    monkeypatch.setattr(loop, "autocast", lambda *_: torch.enable_grad())
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3, padding=1), torch.nn.BatchNorm2d(2)).to("meta")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    images, labels = torch.empty(2, 3, 8, 8, device="meta"), torch.zeros(2, 8, 8, dtype=torch.int64, device="meta")
    loss = loop.step(model, optimizer, cross_entropy, images, labels, torch.float32)
    assert (loss.shape, loss.device.type) == ((), "meta")


@pytest.mark.parametrize(("augmentation", "there"), [("none", True), ("flip,colour", True), ("flip,scale", False)])
def test_scenes_are_trained_on_where_they_lie(tmp_path, monkeypatch, augmentation, there):
    """On an accelerator as bytes: the same images, so the same weights."""
    recipe = Recipe(epochs=2, batch_size=3, precision="float32", augmentation=augmentation)

    def trained(folder):
        model = network(num_classes=11)
        train(model, scenes(), recipe, folder, validation="val", show_progress=False)
        return model

    expected = trained(tmp_path / "cpu")
    as_accelerator(monkeypatch)
    stored, real = [], loop.on_device
    monkeypatch.setattr(loop, "on_device", lambda *args: stored.append(real(*args)) or stored[-1])
    model = trained(tmp_path / "accelerator")
    assert [isinstance(samples, OnDevice) for samples in stored] == [True] * there
    assert torch.equal(weights(model), weights(expected))
    assert load_run(tmp_path / "accelerator").scores == load_run(tmp_path / "cpu").scores


# ------------------------------------------------------------------------------------------------ float16


HALF = replace(RECIPE, precision="float16")


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
def test_float16_resumes_to_the_same_weights_and_the_same_scale(tmp_path, optimizer):
    recipe = replace(HALF, optimizer=optimizer, learning_rate=0.002)
    whole, history = run(tmp_path / "whole", recipe)
    with pytest.raises(KeyboardInterrupt):
        train(
            network(), Interrupt(7, 7 + 2 * 14 + 3), recipe, tmp_path / "broken",
            validation=Squares(3, split="val"), show_progress=False,
        )  # fmt: skip
    again, resumed = run(tmp_path / "broken", recipe, network(seed=9))
    assert torch.equal(weights(whole), weights(again))
    pd.testing.assert_frame_equal(history.drop(columns="seconds"), resumed.drop(columns="seconds"))
    (tensors, note), (others, other) = (RunDirectory(tmp_path / name).load_state() for name in ("whole", "broken"))
    assert note["scaler"] == other["scaler"]
    assert note["scaler"]["_growth_tracker"] == 4 * 3  # steps since it grew, of all epochs
    assert all(torch.equal(tensors[name], others[name]) for name in tensors)


def test_steps_that_are_skipped_are_no_divergence(tmp_path, monkeypatch):
    """2^120 times the loss overflows in float16, and so does 2^108: no step is taken, and the loss is a number."""
    monkeypatch.setattr(torch.amp, "GradScaler", partial(torch.amp.GradScaler, init_scale=2.0**120))
    model, history = run(tmp_path, HALF)
    start = dict(network().named_parameters())
    assert all(torch.equal(p, start[name]) for name, p in model.named_parameters())
    assert history["loss"].notna().all()
    tensors, note = RunDirectory(tmp_path).load_state()
    assert note["scaler"]["scale"] == 2.0 ** (120 - 12)
    assert not any(t.any() for name, t in tensors.items() if name.startswith("momentum."))


def test_in_float16_loss_and_statistics_are_float32(tmp_path, monkeypatch):
    seen, real = set(), loop.cross_entropy

    def noted(logits, *args, **options):
        loss = real(logits, *args, **options)
        seen.add((logits.dtype, loss.dtype))
        return loss

    monkeypatch.setattr(loop, "cross_entropy", noted)
    model, _ = run(tmp_path, replace(HALF, epochs=1))
    assert seen == {(torch.float16, torch.float32)}
    assert {t.dtype for t in model.state_dict().values()} == {torch.float32, torch.int64}  # steps are counted
    tensors, _ = RunDirectory(tmp_path).load_state()
    assert {t.dtype for t in tensors.values()} == {torch.float32, torch.int64}


def test_a_run_says_what_auto_took(tmp_path, monkeypatch):
    monkeypatch.setattr("segnet_lab._support.devices._fast_bfloat16", lambda device: False)
    monkeypatch.setattr("segnet_lab._support.devices._fast_float16", lambda device: True)
    run(tmp_path, replace(RECIPE, precision="auto", epochs=1))
    about = RunDirectory(tmp_path).about()
    assert (about["recipe"]["precision"], about["computed_in"]) == ("auto", "float16")
    assert "scaler" in RunDirectory(tmp_path).load_state()[1]


# ------------------------------------------------------------------------------------------------ memory


@pytest.mark.parametrize(
    ("where", "images"), [("train", "3 images"), ("statistics", "3 images"), ("evaluate", "1 image")]
)
def test_a_full_memory_says_what_to_do(tmp_path, where, images):
    class Greedy(torch.nn.Conv2d):
        full = False

        def forward(self, image):
            in_statistics = not self.training and self.norm.training
            now = "train" if self.training else "statistics" if in_statistics else "evaluate"
            if self.full and now == where:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return self.norm(super().forward(image))

    model = Greedy(3, 2, 1)
    model.norm, model.full = torch.nn.BatchNorm2d(2), True
    with pytest.raises(SegNetLabError, match=rf"cpu is too small .* {images} of 32x32 at once: .*smaller"):
        train(model, Squares(3), RECIPE, tmp_path, validation=None, show_progress=False)
