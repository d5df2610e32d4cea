"""What TensorBoard is told is the log of the run."""

import builtins

import pandas as pd
import pytest

import segnet_lab as sl
from segnet_lab.training.tensorboard import writer

pytest.importorskip("tensorboard", reason="pip install 'segnet-lab[tensorboard]'")


def events(run_dir):
    """Name -> {epoch: value}, of all event files together."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(run_dir / "tensorboard")).Reload()
    return {name: {e.step: e.value for e in accumulator.Scalars(name)} for name in accumulator.Tags()["scalars"]}


def train(run_dir, epochs, on_epoch=None, **options):
    data = sl.load_dataset("roadscenes", images=2, size=(16, 24))
    model = sl.create_model("segnet_basic", width=0.1, seed=0)
    recipe = sl.Recipe(epochs=epochs, batch_size=2, evaluate_every=2, **options)
    return sl.train(model, data, recipe, run_dir, on_epoch=on_epoch, show_progress=False)


def test_loss_scores_and_seconds_of_every_epoch(tmp_path):
    history = train(tmp_path, 3, writer(tmp_path))
    told = events(tmp_path)
    assert told.keys() == {"loss", "seconds", "G", "C", "mIoU", "BF"}
    assert list(told["loss"]) == [1, 2, 3]
    assert list(told["G"]) == [2, 3]  # the others were not evaluated: nan is no point of a curve
    for name, values in told.items():
        expected = history.set_index("epoch")[name].dropna()
        pd.testing.assert_series_equal(pd.Series(values), expected, check_names=False, check_dtype=False, rtol=1e-5)


def test_epochs_trained_before_without_it_are_told_first_and_none_twice(tmp_path):
    train(tmp_path, 2)
    train(tmp_path, 4, writer(tmp_path))
    train(tmp_path, 6, writer(tmp_path))
    assert list(events(tmp_path)["loss"]) == [1, 2, 3, 4, 5, 6]


def test_without_it_one_line_says_how_to_get_it(tmp_path, monkeypatch):
    real = builtins.__import__

    def missing(name, *args, **kwargs):
        if name.startswith("torch.utils.tensorboard"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match=r"pip install 'segnet-lab\[tensorboard\]'"):
        writer(tmp_path)
