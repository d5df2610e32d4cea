"""Table 1 in the time that there is: as many epochs as fit, a slower rate where it has to be, archives of one size."""

import tarfile

import pytest
from safetensors.torch import load

from segnet_lab import load_dataset
from segnet_lab.training.loop import TrainingDiverged
from tools import train_in_time
from tools.train_in_time import Trainings, epochs_that_fit, keep


@pytest.fixture
def trainings(tmp_path):
    data, validation = (load_dataset("roadscenes", split, images=4, size=(24, 32)) for split in ("train", "val"))
    return Trainings(data, validation, "cpu", 0.05, tmp_path)


def test_epochs_that_fit():
    assert epochs_that_fit(30, 2, 5) == 12  # (30 - 5) / 2
    assert epochs_that_fit(1, 2, 5) == 1


def test_a_network_in_its_share(trainings, monkeypatch):
    """What its archive holds can be read, and its weights are half as long."""
    monkeypatch.setattr(train_in_time, "epochs_that_fit", lambda *_: 2)
    row = trainings.one("segnet_basic", share=600, scoring=0)
    assert (row["model"], row["epochs"], row["planned"], row["rate"]) == ("segnet_basic", 2, 2, 0.1)
    assert {"train", "val"} <= row.keys()
    with tarfile.open(trainings.out / "table1_1.tar") as archive:
        files = {name: archive.extractfile(name).read() for name in archive.getnames()}
    names = ("run.json", "log.csv", "scores.json", "weights.safetensors")
    assert set(files) == {f"segnet_basic/{name}" for name in names}
    weights = load(files["segnet_basic/weights.safetensors"])
    assert {str(t.dtype) for t in weights.values()} == {"torch.float16", "torch.int64"}


def test_it_ends_when_its_time_is_over(trainings):
    recipe = train_in_time.a_recipe(5, 0.1)
    row = trainings.one_at("segnet_basic", recipe, end=0)  # long ago
    assert (row["epochs"], row["planned"]) == (1, 5)
    assert "val" not in row  # scores would take time, too


def test_a_loss_that_is_no_number_gets_a_slower_rate(trainings, monkeypatch):
    rates = []

    def pace(self, name, rate):
        rates.append(rate)
        if rate == 0.1:
            raise TrainingDiverged("the loss became nan")
        return 1.0

    monkeypatch.setattr(Trainings, "pace", pace)
    monkeypatch.setattr(Trainings, "one_at", lambda self, name, recipe, end: {"rate": recipe.learning_rate})
    assert trainings.one("fcn_basic", 10, 0)["rate"] == 0.03
    assert rates == [0.1, 0.03]


def test_archives_stay_below_their_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(train_in_time, "LIMIT", 50_000)
    for number in range(3):
        run = tmp_path / f"run{number}"
        run.mkdir()
        (run / "weights.safetensors").write_bytes(bytes(15_000))
        keep(run, tmp_path)
    archives = sorted(tmp_path.glob("*.tar"))
    assert len(archives) == 2
    assert all(archive.stat().st_size <= 50_000 for archive in archives)
    with tarfile.open(archives[1]) as last:
        assert last.getnames() == ["run2/weights.safetensors"]
