"""The images of a run: found again as they were, refused where they are others, and what a reader must know of them."""

import json

import pytest

from segnet_lab import Recipe, create_model, load_dataset, results, train
from segnet_lab.runs.directory import RunDirectory


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


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on four of six scenes, validated on the other two."""
    scenes = load_dataset("roadscenes", images=6, size=(16, 16))
    run = tmp_path_factory.mktemp("runs") / "x"
    model = create_model("segnet_basic", 11, width=0.05, seed=0)
    options = {"validation": scenes.part([4, 5]), "show_progress": False}
    train(model, scenes.part([0, 1, 2, 3]), Recipe(epochs=1), run, **options)
    return run


def changed(trained, folder, **data):
    """The record of a run with other entries about its data, without its weights."""
    about = RunDirectory(trained).about()
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({**about, "data": {**about["data"], **data}}))
    return folder


def test_images_that_have_changed_are_refused_unless_they_are_asked_for(trained, tmp_path):
    about = RunDirectory(trained).about()["data"]
    other = changed(trained, tmp_path / "x", options={**about["options"], "seed": 7})
    with pytest.raises(results.OtherImages, match=r"the train images of run .* no longer those on record: 4 then, 4"):
        results.data_of(other, "train")
    with pytest.raises(results.OtherImages, match="nobody knows whether it has seen those of 'test'"):
        results.data_of(other, "test")
    assert len(results.data_of(other, "train", strict=False)) == 4
    assert len(results.images_of(other, "roadscenes", "train")) == 4  # named: as they are now
    assert len(results.data_of(other, "val")) == 2  # these are as they were


def test_a_part_of_images_that_are_gone_is_refused(trained, tmp_path):
    about = RunDirectory(trained).about()["data"]
    fewer = changed(trained, tmp_path / "x", options={**about["options"], "images": 2})
    with pytest.raises(results.OtherImages, match=r"4 then, .*of other names or with other labels"):
        results.data_of(fewer, "train")


def test_a_run_of_an_older_version_notes_the_split_alone(runs):
    run = runs("a", "segnet", options={"images": 5, "size": [16, 16]})
    about = json.loads((run / "run.json").read_text())
    assert about["data"]["validation"] == "val"
    assert results.data_of(run).split == "val"
    about["data"]["validation"] = "test"
    (run / "run.json").write_text(json.dumps(about))
    assert results.data_of(run).split == "test"  # what selected its epoch
    about["data"] |= {"validation": None, "options": {"images": 5, "size": [16, 16], "part": [0, 3]}}
    (run / "run.json").write_text(json.dumps(about))
    assert [len(results.data_of(run, split)) for split in ("train", "val")] == [2, 5]


def test_another_data_set_comes_at_the_size_of_the_run(trained):
    rooms = results.images_of(trained, "rooms", images=1)
    assert (rooms.name, rooms[0].label.shape) == ("rooms", (16, 16))
    assert results.images_of(trained, "rooms", images=1, size=(24, 32))[0].label.shape == (24, 32)


@pytest.mark.parametrize("dataset", [None, ""])
def test_without_a_name_the_runs_own_images_come(trained, dataset):
    assert results.images_of(trained, dataset).fingerprint() == results.data_of(trained).fingerprint()


def test_what_a_reader_must_know_beside_a_score(trained):
    scenes = load_dataset("roadscenes", images=6, size=(16, 16))
    assert results.beside_training(trained, scenes.part([4, 5])) == []  # what validated it
    assert results.beside_training(trained, scenes.part([0, 1, 2, 3])) == []  # what it was trained on, and says so
    assert results.beside_training(trained, scenes.part([3, 4])) == ["it was trained on 1 of these 2 images"]
    assert results.beside_training(trained, load_dataset("rooms", images=1, size=(16, 16))) == [
        "the network was trained on roadscenes train, 4 images at 16x16"
    ]
