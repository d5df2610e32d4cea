"""Runs as tables. Runs are written by hand here: a table shows what lies in the files, and nothing else."""

import json

import pandas as pd
import pytest

from segnet_lab import results

SCORES = {"G": 0.5, "C": 0.4, "mIoU": 0.3, "BF": 0.2, "class_accuracy": [0.1, 0.7], "class_IoU": [0.0, 0.6]}


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A function that writes a run of the set "some"."""
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def write(name, model, scores=None, data="roadscenes", options=None):
        folder = tmp_path / "some" / name
        folder.mkdir(parents=True)
        about = {
            "model": {"name": model, "width": 0.5},
            "data": {
                "name": data, "split": "train", "images": 300, "validation": "val", "options": options or {},
                "class_names": ["Sky", "Road"],
            },
            "recipe": {"balancing": "natural", "epochs": 9},
        }  # fmt: skip
        (folder / "run.json").write_text(json.dumps(about))
        (folder / "log.csv").write_text("epoch,seconds\n1,30\n2,60\n")
        if scores:
            (folder / "scores.json").write_text(json.dumps(scores))
        return folder

    return write


def test_runs_come_in_the_papers_order_and_unfinished_ones_have_no_scores(runs):
    runs("b", "segnet", {"epoch": 3, "val": SCORES})
    runs("a", "segnet")
    runs("z", "segnet_basic", {"epoch": 7, "val": SCORES}, options={"size": [96, 128]})
    assert list(results.list_runs("some")) == ["z", "a", "b"]
    table = results.scores_table("some")
    assert table.index.tolist() == ["z", "b"]
    assert table.loc["z"].to_dict() == {
        "model": "segnet_basic", "data": "roadscenes", "split": "val", "images": 60, "size": "96x128",
        "convention": "paper", "width": 0.5, "balancing": "natural", "epochs": 9, "epoch": 7, "minutes": 1.5,
        "G": 50.0, "C": 40.0, "mIoU": 30.0, "BF": 20.0,
    }  # fmt: skip
    assert results.scores_table("some", "train").empty


def test_scores_of_every_class_in_percent(runs):
    runs("a", "segnet", {"epoch": 3, "val": SCORES})
    assert results.class_table("some").loc["a"].to_dict() == {"Sky": 10, "Road": 70}
    assert results.class_table("some", score="IoU").loc["a"].to_dict() == {"Sky": 0, "Road": 60}


FOREIGN = ['{"project": "foo"}', "[]", "{", '{"model": {}, "data": {}, "recipe": {}}', '{"model": {"name": "segnet"}}']


@pytest.mark.parametrize("text", FOREIGN)
def test_of_good_runs_and_a_foreign_folder_the_good_ones_are_listed(runs, tmp_path, text):
    runs("a", "segnet", {"epoch": 3, "val": SCORES})
    runs("b", "segnet_basic", {"epoch": 3, "val": SCORES})
    (tmp_path / "some" / "x").mkdir()
    (tmp_path / "some" / "x" / "run.json").write_text(text)
    for listed in (results.list_runs, results.scores_table, results.class_table):
        with pytest.warns(UserWarning, match=r"^left out: .*x.run\.json"):
            names = list(listed("some").T if hasattr(listed("some"), "T") else listed("some"))
        assert names == ["b", "a"]


@pytest.mark.parametrize("text", FOREIGN)
def test_a_set_of_nothing_but_foreign_folders_is_refused(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some" / "x").mkdir(parents=True)
    (tmp_path / "some" / "x" / "run.json").write_text(text)
    for listed in (results.list_runs, results.scores_table):
        with pytest.raises(ValueError, match=r"some holds no run that can be read: .*x.run\.json"):
            listed("some")


def test_ones_own_runs_come_before_those_of_the_kit_and_a_path_will_do(runs, tmp_path, monkeypatch):
    runs("a", "segnet")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert results.find_runs("some") == tmp_path / "some"
    assert results.find_runs(str(tmp_path / "some")) == tmp_path / "some"
    with pytest.raises(ValueError, match=r"unknown set of runs 'sume'\. Did you mean 'some'\?"):
        results.find_runs("sume")


def test_the_data_a_run_was_trained_on(runs):
    run = runs("a", "segnet", options={"images": 5, "size": [32, 48], "seed": 3, "clutter": 0.0, "lighting": "day"})
    data = results.data_of(run)
    assert (data.name, data.split, len(data), data[0].label.shape) == ("roadscenes", "val", 5, (32, 48))
    assert data.options == {"images": 5, "size": [32, 48], "seed": 3, "clutter": 0.0, "lighting": "day"}
    with pytest.raises(FileNotFoundError, match=r"no run\.json"):
        results.data_of(run.parent / "b")
    assert results.data_of("some/a").options == data.options  # by its name


def test_a_run_finds_its_part_its_validation_set_and_its_folder_again(tmp_path):
    from segnet_lab import Recipe, create_model, load_dataset, train

    whole = load_dataset("roadscenes", images=6, size=(16, 16))
    judge = load_dataset("roadscenes", "test", images=3, size=(16, 16), seed=4)
    train(
        create_model("segnet_basic", 11, width=0.05, seed=0), whole.part([5, 1]), Recipe(epochs=1), tmp_path / "run",
        validation=judge, show_progress=False,
    )  # fmt: skip
    assert results.data_of(tmp_path / "run", "train").fingerprint() == whole.part([5, 1]).fingerprint()
    assert results.data_of(tmp_path / "run", "val").fingerprint() == judge.fingerprint()
    assert results.data_of(tmp_path / "run", "test").fingerprint() == whole.with_split("test").fingerprint()
    assert results.data_of(tmp_path / "run", "val", size=(16, 24)).size == (16, 24)
    table = results.scores_table(str(tmp_path), "test")
    assert table.loc["run", ["split", "images", "size", "convention"]].tolist() == ["test", 3, "16x16", "paper"]


def test_data_that_moved_are_asked_for(runs, tmp_path):
    run = runs("a", "segnet", data="folder", options={"root": str(tmp_path / "gone"), "size": [8, 8]})
    with pytest.raises(FileNotFoundError, match=r"the val images of run .*a \(folder\) are not where they were.*root="):
        results.data_of(run)


def test_a_split_that_never_was_is_not_called_moved(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("SEGNET_LAB_DATA", str(tmp_path / "none"))
    (tmp_path / "here").mkdir()
    run = runs("a", "segnet", data="folder", options={"root": str(tmp_path / "here"), "size": [8, 8]})
    with pytest.raises(FileNotFoundError, match=r"the test images of run .*\(folder\): no card at") as error:
        results.data_of(run, "test")
    assert "where they were" not in str(error.value)


def test_a_fold_keeps_its_name(tmp_path):
    from segnet_lab import Recipe, create_model, load_dataset, train

    fold = load_dataset("roadscenes", images=6, size=(16, 16)).folds(3)[1]
    model = create_model("segnet_basic", 11, width=0.05, seed=0)
    train(model, fold.train, Recipe(epochs=1), tmp_path / "run", validation=fold.val, show_progress=False)
    assert results.data_of(tmp_path / "run").part_name == "fold 2 of 3"
    assert results.data_of(tmp_path / "run", "train").part_name == "all but fold 2 of 3"
    assert results.data_of(tmp_path / "run", "test").part_name is None


def test_runs_of_ones_own_networks_come_last(runs):
    runs("mine", "my_net")
    runs("theirs", "segnet")
    assert list(results.list_runs("some")) == ["theirs", "mine"]


def test_rows_that_one_side_lacks_are_nan():
    ours = pd.DataFrame({"BF": [30.0]}, index=["mine"])
    both = results.beside_paper(ours, pd.DataFrame({"BF": [35.78]}, index=["segnet_basic"]))
    assert both.index.tolist() == ["segnet_basic", "mine"]
    assert both["ours", "BF"].isna().tolist() == [True, False]
    assert both["paper", "BF"].isna().tolist() == [False, True]
