"""Runs as tables. Runs are written by hand here: a table shows what lies in the files, and nothing else."""

import json
import math

import pandas as pd
import pytest

from segnet_lab import results

SCORES = {"G": 0.5, "C": 0.4, "mIoU": 0.3, "BF": 0.2, "class_accuracy": [0.1, 0.7], "class_IoU": [0.0, 0.6]}


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


def test_runs_of_ones_own_networks_come_last(runs):
    runs("mine", "my_net")
    runs("theirs", "segnet")
    assert list(results.list_runs("some")) == ["theirs", "mine"]


def test_a_network_of_ones_own_has_no_width(runs):
    run = runs("mine", "MyNet", {"epoch": 3, "val": SCORES})
    about = json.loads((run / "run.json").read_text())
    about["model"] = {"name": "MyNet", "num_classes": 2, "parameters": 7, "class": "mine.MyNet"}
    (run / "run.json").write_text(json.dumps(about))
    row = results.scores_table("some").loc["mine"]
    assert (row["model"], row["G"]) == ("MyNet", 50.0)
    assert math.isnan(row["width"])


def test_rows_that_one_side_lacks_are_nan():
    ours = pd.DataFrame({"BF": [30.0]}, index=["mine"])
    both = results.beside_paper(ours, pd.DataFrame({"BF": [35.78]}, index=["segnet_basic"]))
    assert both.index.tolist() == ["segnet_basic", "mine"]
    assert both["ours", "BF"].isna().tolist() == [True, False]
    assert both["paper", "BF"].isna().tolist() == [False, True]
