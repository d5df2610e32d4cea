"""All runs in one table: nothing is left out, whatever state it is in."""

import json
import shutil

import pytest

import segnet_lab as sl
from segnet_lab.results.overview import as_text, runs_table
from segnet_lab.results.tables import class_table, scores_table


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three runs: one finished, one without its scores, one whose run.json is cut short."""
    folder = tmp_path_factory.mktemp("overview") / "mine"
    data = sl.load_dataset("roadscenes", images=4, size=(16, 24))
    model = sl.create_model("segnet_basic", width=0.1, seed=0)
    validation = data.with_split("val").part([2, 0], "two of them")
    sl.train(model, data, sl.Recipe(epochs=2, batch_size=2), folder / "a", validation=validation, show_progress=False)
    shutil.copytree(folder / "a", folder / "b")
    (folder / "b" / "scores.json").unlink()
    about = json.loads((folder / "b" / "run.json").read_text())
    about["recipe"]["epochs"] = 30
    (folder / "b" / "run.json").write_text(json.dumps(about))
    shutil.copytree(folder / "a", folder / "c")
    (folder / "c" / "run.json").write_text("{")
    (folder / "notes").mkdir()
    return folder


def test_a_row_per_run_with_what_its_scores_belong_to(folder):
    table = runs_table([folder]).set_index("run")
    assert list(table.index) == ["a", "b", "c"]
    assert list(table.state) == ["finished", "unfinished", "damaged"]
    assert list(table.epochs) == ["2/2", "2/30", ""]
    scores = json.loads((folder / "a" / "scores.json").read_text())
    a = table.loc["a"]
    assert a[["set", "data", "split", "part", "size", "convention"]].tolist() == [
        *("mine", "roadscenes", "val", "two of them", "16x24", "paper")
    ]
    assert (a.images, a.epoch) == (2, scores["epoch"])
    for name in ("G", "C", "mIoU", "BF"):
        assert a[name] == 100 * scores["val"][name]
    assert table.loc[["b", "c"], ["G", "C", "mIoU", "BF", "epoch", "images"]].isna().all(axis=None)


def test_scores_of_another_split(folder):
    table = runs_table([folder / "a"], split="train")
    assert table[["split", "images"]].values.tolist() == [["train", 4]]
    assert runs_table([folder / "a"], split="test").G.isna().all()
    for table in (lambda split: runs_table([folder / "a"], split), lambda split: scores_table("roadscenes", split)):
        with pytest.raises(ValueError, match=r"unknown split 'vol'\. Did you mean 'val'\? Known: train, val, test"):
            table("vol")
    with pytest.raises(ValueError, match=r"unknown split 'nope'\. Known: train, val, test"):
        class_table("roadscenes", "nope")
    with pytest.raises(ValueError, match=r"unknown score of a class 'mIoU'\. Did you mean 'IoU'"):
        class_table("roadscenes", score="mIoU")


def test_all_runs_one_s_own_first(folder, monkeypatch):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(folder.parent))
    assert list(runs_table().set.unique())[:2] == ["mine", "camvid_90x120"]
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(folder))  # runs that lie in runs/ itself
    assert list(runs_table().run)[:3] == ["a", "b", "c"]


def test_runs_here_are_listed_and_found_too(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path / "none"))
    shutil.copytree(folder, tmp_path / "runs" / "own")
    shutil.copytree(folder / "a", tmp_path / "here" / "a")
    monkeypatch.chdir(tmp_path)
    assert list(runs_table().set)[:5] == ["own", "own", "own", "here", "camvid_90x120"]
    for name, rows in [("own", 3), ("runs/own", 3), ("own/a", 1), ("here", 1), ("here/a", 1)]:
        assert len(runs_table([name])) == rows


@pytest.mark.parametrize("text", ['{"project": "foo"}', "[]", "null"])
def test_a_foreign_folder_is_called_damaged(folder, tmp_path, text):
    shutil.copytree(folder / "a", tmp_path / "mine" / "a")
    shutil.copytree(folder / "a", tmp_path / "mine" / "x")
    (tmp_path / "mine" / "x" / "run.json").write_text(text)
    assert runs_table([tmp_path / "mine"]).state.tolist() == ["finished", "damaged"]


def test_what_all_have_in_common_stands_above(folder):
    alone = as_text(runs_table([folder / "a"]))
    heading, columns, row = alone.splitlines()
    assert heading == (
        "mine: finished, 2/2 epochs, roadscenes val (two of them), 2 images at 16x24, BF by convention 'paper'"
    )
    assert columns.split() == ["run", "model", "epoch", "G", "C", "mIoU", "BF"]
    assert len(row.split()) == 7
    whole = as_text(runs_table([folder]))
    assert whole.startswith("mine\n")  # nothing is common to a damaged run and others
    assert "nan" not in whole.lower()
    assert "<NA>" not in whole
