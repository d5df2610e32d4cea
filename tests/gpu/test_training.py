"""Training on the device: every precision learns, a run is the same twice and resumed, its scores are the CPU's."""

from dataclasses import replace

import pytest
import torch

from segnet_lab import SegNetLabError, create_model, load_dataset, load_run
from segnet_lab.metrics import SegmentationScores
from segnet_lab.training.evaluation import evaluate
from segnet_lab.training.loop import train
from tests.helpers import Squares
from tests.training.small import RECIPE, network, weights

pytestmark = pytest.mark.gpu


def run(folder, device, recipe=RECIPE, **options):
    model = network(width=0.1)
    validation = Squares(3, split="val")
    return model, train(
        model, Squares(12), recipe, folder, validation=validation, device=device, show_progress=False, **options
    )


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_twenty_steps_bring_the_loss_down(tmp_path, device, precision):
    recipe = replace(RECIPE, epochs=5, precision=precision)  # 12 images, 3 a step: 5 x 4 steps
    model, history = run(tmp_path, device, recipe)
    assert history["iteration"].iloc[-1] == 20
    assert next(model.parameters()).device.type == device.type
    assert next(model.parameters()).dtype == torch.float32
    assert history["loss"].iloc[-1] < 0.75 * history["loss"].iloc[0]


def test_the_same_weights_twice(tmp_path, device, deterministic):
    first, _ = run(tmp_path / "a", device)
    second, _ = run(tmp_path / "b", device)
    assert torch.equal(weights(first), weights(second))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_interrupted_and_resumed_it_is_the_same_run(tmp_path, device, deterministic, precision):
    def stop(row):
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    recipe = replace(RECIPE, precision=precision)
    whole, history = run(tmp_path / "whole", device, recipe)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", device, recipe, on_epoch=stop)
    resumed, again = run(tmp_path / "broken", device, recipe)
    assert torch.equal(weights(whole), weights(resumed))
    assert history.drop(columns="seconds").equals(again.drop(columns="seconds"))


def test_scores_are_the_cpus(tmp_path, device):
    """In float32 to a thousandth: a pixel in two thousand may change sides where two classes are nearly even."""
    model, _ = run(tmp_path, device)
    here = evaluate(load_run(tmp_path).model.cpu(), Squares(3, split="val"), precision="float32")
    there = evaluate(model, Squares(3, split="val"), precision="float32")
    for score in ("G", "C", "mIoU", "BF"):
        assert there[score] == pytest.approx(here[score], abs=1e-3 if score != "BF" else 1e-2)


def test_scores_of_tensors_on_the_device(device):
    generator = torch.Generator().manual_seed(0)
    here, there = (SegmentationScores(4, ignore_index=4) for _ in range(2))
    there.to(device)
    for _ in range(3):
        prediction, label = (torch.randint(0, most, (2, 33, 41), generator=generator) for most in (4, 5))
        here.update(prediction, label)
        there.update(prediction.to(device), label.to(device))
    assert there.compute() == here.compute()


# --------------------------------------------------------------------------------------------------
# Out of memory


@pytest.fixture
def little_memory(device, monkeypatch):
    """Twice the 66 MB of a map of the training below; on a CPU, whose memory nobody limits, convolutions that fail."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        allowed = torch.cuda.memory_reserved(device) + 2 * 66e6
        torch.cuda.set_per_process_memory_fraction(allowed / torch.cuda.mem_get_info(device)[1], device)
        yield
        torch.cuda.set_per_process_memory_fraction(1.0, device)
        torch.cuda.empty_cache()
    else:

        def full(*_):
            raise torch.OutOfMemoryError("out of memory: tried to allocate 66 MB")

        monkeypatch.setattr(torch.nn.Conv2d, "forward", full)
        yield


def test_out_of_memory_says_what_to_do(tmp_path, device, little_memory):
    """Maps of the first stage: 6 x 64 x 180 x 240 float32, 66 MB."""
    data, model = load_dataset("roadscenes", images=6, size=(180, 240)), create_model("segnet_basic", seed=0)
    recipe = replace(RECIPE, batch_size=6, balancing="natural")
    with pytest.raises(SegNetLabError, match="batch_size") as raised:
        train(model, data, recipe, tmp_path, validation=None, device=device, show_progress=False)
    assert "checkpointing" in str(raised.value)
