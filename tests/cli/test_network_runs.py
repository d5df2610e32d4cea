"""Networks trained, scored, used and listed by commands."""

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segnet_lab as sl
from segnet_lab import results
from segnet_lab.inference.prediction_files import made_of
from segnet_lab.runs import checkpoints
from tests.cli.calls import (
    NAMES,
    TRAIN,
    in_percent,
    labels,
    make_folder,
    of_run,
    pictures,
    printed,
    segnet_lab,
    train_on_folder,
)


def test_train_leaves_a_run(run_dir):
    about = json.loads((run_dir / "run.json").read_text())
    assert about["model"]["width"] == 0.1
    assert about["recipe"]["epochs"] == 1
    assert about["data"]["options"]["size"] == [32, 48]
    assert {"torch", "python", "threads"} <= set(about["environment"])
    assert (run_dir / "best.safetensors").exists()


def test_train_says_what_its_scores_belong_to(tmp_path):
    said = segnet_lab("train", "segnet_basic", "--run", tmp_path / "x", *TRAIN)
    assert "weights of epoch 1 selected" in said
    assert "roadscenes train, 6 images at 32x48" in said
    assert "roadscenes val, 6 images at 32x48" in said
    again = segnet_lab("train", "segnet_basic", "--run", tmp_path / "x", *TRAIN)  # is finished
    assert again.splitlines()[-5:] == said.splitlines()[-5:]


def test_train_without_a_validation_split(tmp_path):
    said = segnet_lab("train", "segnet_basic", "--run", tmp_path, *TRAIN, "--validation", "none")
    assert "roadscenes train" in said
    assert "roadscenes val" not in said
    about = json.loads((tmp_path / "run.json").read_text())
    assert about["data"]["validation"] is None
    assert "unknown split of roadscenes 'vale'" in segnet_lab(
        "train", "segnet_basic", "--run", tmp_path / "x", *TRAIN, "--validation", "vale", fails=True
    )


def test_settings_reach_the_recipe(tmp_path):
    weights = ",".join(str(1 + i) for i in range(11))
    segnet_lab(
        *("train", "segnet_basic", "--run", tmp_path, *TRAIN, "--balancing", weights, "--optimizer", "adam"),
        *("--schedule", "StepLR(step_size=1)", "--augmentation", "flip", "--device", "cpu", "--checkpointing"),
    )
    recipe = json.loads((tmp_path / "run.json").read_text())["recipe"]
    assert recipe["balancing"] == [1 + i for i in range(11)]
    assert (recipe["optimizer"], recipe["schedule"]) == ("adam", "StepLR(step_size=1)")
    assert (recipe["augmentation"], recipe["checkpointing"]) == ("flip", True)


def test_what_a_training_starts_from_is_handed_on(monkeypatch, run_dir, tmp_path):
    given = {}

    def train(model, data, recipe, run, **options):
        given.update(options)
        raise sl.SegNetLabError("far enough")

    monkeypatch.setattr("segnet_lab.training.loop.train", train)
    for init in (str(run_dir), "imagenet", "vgg16_bn", "roadscenes/segnet_basic", "~/vgg16.pth"):
        segnet_lab("train", "segnet_basic", "--run", tmp_path / "x", *TRAIN, "--init", init, fails=True)
        assert given["init"] == init
    assert given["on_epoch"] is None


def test_a_training_starts_from_a_run_with_other_classes(run_dir, own, tmp_path):
    said = train_on_folder(tmp_path / "x", own / "data", "--init", run_dir)
    assert "8 layers" in said
    assert "as drawn: 1 layer of classifier" in said
    said = segnet_lab("train", "segnet", "--run", tmp_path / "y", *TRAIN, "--init", "imagenet", fails=True)
    assert said.strip().endswith("ImageNet weights come at the paper's: --width 1")
    said = segnet_lab("train", "segnet", "--run", tmp_path / "y", *TRAIN, "--init", "nosuch", fails=True)
    assert "unknown start 'nosuch'" in said


def test_weights_at_hand(run_dir, monkeypatch):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(run_dir.parents[0]))
    lines = [line.split() for line in segnet_lab("weights").splitlines()]
    assert lines[0][:2] == ["model", "weights"]
    assert lines[1][:5] == ["segnet_basic", "x", "roadscenes", "11", "32x48"]
    assert ["segnet_basic", "roadscenes"] in [line[:2] for line in lines]


def test_curves_for_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    segnet_lab("train", "segnet_basic", "--run", tmp_path / "x", *TRAIN, "--tensorboard")
    assert list((tmp_path / "x" / "tensorboard").glob("events.*"))


def test_a_fold_trains_on_the_others_and_is_scored_under_its_own_name(own, tmp_path):
    parts = []
    for i in (1, 2, 3):
        run = tmp_path / str(i)
        said = train_on_folder(run, own / "data", "--fold", f"{i}/3")
        about = json.loads((run / "run.json").read_text())["data"]
        train, val = about["options"]["part"], about["validation"]["options"]["part"]
        assert sorted(train + val) == [0, 1, 2, 3, 4, 5]
        assert f"fold {i} of 3" in said
        assert printed(segnet_lab("evaluate", "--run", run)) == of_run(run, "val")
        parts += val
    assert sorted(parts) == [0, 1, 2, 3, 4, 5]


def test_own_images_of_several_sizes_say_the_way_in_options(tmp_path):
    make_folder(tmp_path / "data", "abc")
    Image.new("RGB", (20, 20)).save(tmp_path / "data" / "images" / "0.png")
    Image.new("L", (20, 20)).save(tmp_path / "data" / "labels" / "0.png")
    arguments = ["train", "segnet_basic", "--run", tmp_path / "x", "--data", "folder", "--root", tmp_path / "data"]
    said = segnet_lab(*arguments, "--width", "0.1", "--epochs", "1", fails=True)
    assert "--size H W, or --batch-size 1" in said
    segnet_lab(*arguments, "--width", "0.1", "--epochs", "1", "--size", "24", "32")  # the first try blocks nothing


def test_evaluate_scores_the_runs_own_data(own):
    run = own / "runs" / "mine"
    said = segnet_lab("evaluate", "--run", run)
    assert said.startswith("folder data val, 2 images at 24x32; BF by convention 'paper'")
    assert printed(said) == of_run(run, "val")
    assert printed(segnet_lab("evaluate", "--run", run, "--split", "train")) == of_run(run, "train")


def test_the_runs_own_data_set_by_its_name_keeps_its_root_and_size(own):
    run = own / "runs" / "mine"
    assert printed(segnet_lab("evaluate", "--run", run, "--data", "folder")) == of_run(run, "val")
    elsewhere = segnet_lab("evaluate", "--run", run, "--data", "folder", "--root", own / "data", "--size", "12", "16")
    assert "at 12x16" in elsewhere
    assert printed(elsewhere) != of_run(run, "val")


def test_data_that_moved_are_asked_for_and_found_by_root(own, tmp_path):
    data = tmp_path / "here"
    make_folder(data, "abc")
    train_on_folder(tmp_path / "run", data)
    data.rename(tmp_path / "there")
    said = segnet_lab("evaluate", "--run", tmp_path / "run", fails=True)
    assert "--root" in said
    assert str(data) in said
    moved = segnet_lab("evaluate", "--run", tmp_path / "run", "--root", tmp_path / "there")
    assert printed(moved) == of_run(tmp_path / "run", "val")


def test_another_data_set_is_scored_only_if_its_classes_are_the_networks(own, run_dir, tmp_path):
    said = segnet_lab("evaluate", "--run", own / "runs" / "mine", "--data", "roadscenes", fails=True)
    assert "class 0 was 'a'; in roadscenes it is 'Sky'" in said  # eleven here, eleven there
    assert "G " not in said
    make_folder(tmp_path / "few", "abc")
    said = segnet_lab("evaluate", "--run", run_dir, "--data", "folder", "--root", tmp_path / "few", fails=True)
    assert "11 classes, folder few has 3" in said
    assert "num_classes=" not in said
    names = sl.load_dataset("roadscenes").class_names
    make_folder(tmp_path / "streets", names)
    said = segnet_lab("evaluate", "--run", run_dir, "--data", "folder", "--root", tmp_path / "streets")
    assert said.startswith("folder streets val, 2 images at 32x48;")  # the run's size
    assert "trained on roadscenes train, 6 images at 32x48" in said
    data = sl.load_dataset("folder", "val", root=tmp_path / "streets", size=(32, 48))
    assert printed(said) == in_percent(sl.evaluate(sl.load_run(run_dir).model, data))


def test_options_of_the_data_set_can_be_changed(run_dir):
    said = segnet_lab("evaluate", "--run", run_dir, "-D", "images", "3", "-D", "seed", "4", "--size", "16", "24")
    assert said.startswith("roadscenes (seed 4) val, 3 images at 16x24")
    data = sl.load_dataset("roadscenes", "val", images=3, seed=4, size=(16, 24))
    assert printed(said) == in_percent(sl.evaluate(sl.load_run(run_dir).model, data))


def test_evaluate_writes_all_scores_and_what_they_belong_to(run_dir, tmp_path):
    said = segnet_lab("evaluate", "--run", run_dir, "--json", tmp_path / "s.json")
    scores = json.loads((tmp_path / "s.json").read_text())
    assert printed(said) == in_percent(scores)
    assert len(scores["class_IoU"]) == 11
    assert scores["on"]["data"] == "roadscenes"
    assert scores["run"] == str(run_dir)


def test_a_run_by_its_name(run_dir, monkeypatch):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(run_dir.parent))
    assert segnet_lab("evaluate", "--run", "x") == segnet_lab("evaluate", "--run", run_dir)
    monkeypatch.chdir(run_dir.parent.parent)
    assert segnet_lab("evaluate", "--run", f"{run_dir.parent.name}/x") == segnet_lab("evaluate", "--run", run_dir)
    for shipped in ("roadscenes/segnet_basic", "results/roadscenes/segnet_basic"):
        said = segnet_lab("evaluate", "--run", shipped, "-D", "images", "1")
        assert said.startswith("roadscenes val, 1 image at 96x128")


def test_predict_writes_three_pictures_of_any_image(run_dir, tmp_path):
    pictures(tmp_path, colour=(20, 31, 3), grey=(20, 31), alpha=(20, 31, 4), one=(1, 1, 3))
    deep = np.random.default_rng(0).integers(0, 65536, (20, 31)).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    names = ["colour", "grey", "alpha", "one", "deep"]
    said = segnet_lab(
        "predict", *[tmp_path / f"{name}.png" for name in names], "--run", run_dir, "--out", tmp_path / "out"
    )
    first, *lines = said.splitlines()
    assert "segnet_basic, trained on roadscenes train, 6 images at 32x48" in first
    assert "(32x48)" in first
    assert len(lines) == 5
    label = np.array(Image.open(tmp_path / "out" / "grey_label.png"))
    assert label.shape == (20, 31)
    assert label.max() <= 10
    assert np.array(Image.open(tmp_path / "out" / "one_overlay.png")).shape == (1, 1, 3)


@pytest.mark.parametrize(
    ("size", "given"), [((), "run"), (("own",), "own"), (("16", "24"), (16, 24)), (("9x7",), (9, 7))]
)
def test_predict_looks_at_the_size_that_is_said(run_dir, tmp_path, size, given):
    pictures(tmp_path, a=(64, 96, 3))
    option = ("--size", *size) if size else ()
    segnet_lab("predict", "--run", run_dir, "--out", tmp_path / "out", *option, tmp_path / "a.png")
    label = np.array(Image.open(tmp_path / "out" / "a_label.png"))
    expected = sl.predict(sl.load_run(run_dir).model, tmp_path / "a.png", size=given)
    assert (label == expected.numpy()).all()
    assert "run, own, or H W" in segnet_lab(
        "predict", "--run", run_dir, "--out", tmp_path, "--size", "big", tmp_path / "a.png", fails=True
    )


def test_pictures_of_equal_names_and_whole_folders(run_dir, tmp_path):
    pictures(tmp_path / "mon", frame=(9, 9, 3))
    pictures(tmp_path / "tue", frame=(9, 9, 3))
    Image.new("RGB", (9, 9)).save(tmp_path / "mon" / "frame.jpg")
    given = [tmp_path / "mon" / "frame.png", tmp_path / "tue" / "frame.png", tmp_path / "mon" / "frame.jpg"]
    segnet_lab("predict", "--run", run_dir, "--out", tmp_path / "out", *given)
    assert labels(tmp_path / "out") == {f"{n}_label.png" for n in ("mon-frame.png", "mon-frame.jpg", "tue-frame")}
    segnet_lab("predict", "--run", run_dir, "--out", tmp_path / "all", tmp_path / "mon", tmp_path / "tue")
    assert labels(tmp_path / "all") == {f"{n}_label.png" for n in ("mon/frame.png", "mon/frame.jpg", "tue/frame")}


def test_predict_goes_on_past_files_that_are_no_pictures(run_dir, tmp_path):
    pictures(tmp_path, good=(9, 9, 3), cut=(40, 40, 3))
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:60])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (tmp_path / "text.pdf").write_bytes(b"%PDF-1.4")
    bad = ["cut.png", "empty.png", "phone.heic", "text.pdf", "missing.png"]
    said = segnet_lab(
        "predict",
        *[tmp_path / name for name in bad],
        tmp_path / "good.png",
        "--run",
        run_dir,
        "--out",
        tmp_path / "o",
        fails=True,
    )
    assert labels(tmp_path / "o") == {"good_label.png"}
    assert f"5 of 6 could not be labelled: {', '.join(str(tmp_path / name) for name in bad)}" in said
    assert said.count("failed: ") == 5
    assert "out of the set" not in said  # there is no set here


def test_predict_never_replaces_what_it_did_not_make(run_dir, tmp_path):
    pictures(tmp_path, a=(9, 9, 3), b=(9, 9, 3))
    command = ["predict", tmp_path / "a.png", tmp_path / "b.png", "--run", run_dir, "--out", tmp_path]
    (tmp_path / "b_label.png").write_bytes(b"my own ground truth")
    said = segnet_lab(*command, fails=True)
    assert str(tmp_path / "b_label.png") in said
    assert "--overwrite" in said
    assert not (tmp_path / "a_label.png").exists()  # refused before the first
    assert (tmp_path / "b_label.png").read_bytes() == b"my own ground truth"
    segnet_lab(*command, "--overwrite")
    segnet_lab(*command)  # its own may be made again
    segnet_lab("predict", tmp_path, "--run", run_dir, "--out", tmp_path)
    assert labels(tmp_path) == {"a_label.png", "b_label.png"}
    said = segnet_lab(*command, "--size", "own", fails=True)
    assert "a_label.png and 5 more are there already" in said


def change(run):
    """Other weights."""
    weights = sl.load_run(run).model.state_dict()
    weights["classifier.conv.bias"] += 1
    checkpoints.write(run / "best.safetensors", weights, checkpoints.read(run / "best.safetensors")[1])


def test_predict_tells_runs_apart_that_have_one_name(run_dir, tmp_path, monkeypatch):
    pictures(tmp_path, a=(9, 9, 3))
    one, other = (shutil.copytree(run_dir, tmp_path / place / "runs" / "m") for place in ("A1", "B1"))
    change(other)
    command = ["predict", tmp_path / "a.png", "--out", tmp_path / "out", "--run"]
    segnet_lab(*command, one)
    before = (tmp_path / "out" / "a_label.png").read_bytes()
    assert "a_label.png and 2 more are there already" in segnet_lab(*command, other, fails=True)
    assert (tmp_path / "out" / "a_label.png").read_bytes() == before
    assert str(tmp_path).encode() not in before  # which picture and run, but not where they lie
    (tmp_path / "link").symlink_to(one.parent, target_is_directory=True)
    segnet_lab(*command, tmp_path / "link" / ".." / "runs" / "m")
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(one.parent))
    segnet_lab(*command, "m")  # the same by its name
    moved = one.rename(one.with_name("n"))
    segnet_lab(*command, moved)  # the same weights
    change(moved)
    segnet_lab(*command, moved)  # the same place: trained further
    said = made_of(tmp_path / "out" / "a_label.png")
    assert said["weights"] == checkpoints.checksum(sl.load_run(moved).model.state_dict())[:16]
    assert said["run"] == "runs/n"
    segnet_lab(*command, other, "--overwrite")


def test_the_network_is_made_ready_once_for_all_pictures(run_dir, tmp_path, monkeypatch):
    from segnet_lab.inference import fast

    pictures(tmp_path, a=(9, 9, 3), b=(9, 9, 3), c=(9, 9, 3))
    made, real = [], fast.optimize
    monkeypatch.setattr(fast, "optimize", lambda *args, **options: made.append(args) or real(*args, **options))
    segnet_lab("predict", tmp_path, "--run", run_dir, "--out", tmp_path / "out")
    assert len(made) == 1


def test_predictions_are_label_maps_that_a_data_set_reads(own, tmp_path):
    make_folder(tmp_path / "data", NAMES)
    model = sl.load_run(own / "runs" / "mine").model
    images = [tmp_path / "data" / "images" / name for name in ("6.png", "7.png")]
    segnet_lab("predict", *images, "--run", own / "runs" / "mine", "--out", tmp_path / "out")
    for kind in ("label", "colour"):  # numbers or the card's colours
        for image in images:
            image.parents[1].joinpath("labels", image.name).unlink()
            Path(tmp_path / "out" / f"{image.stem}_{kind}.png").rename(image.parents[1] / "labels" / image.name)
        data = sl.load_dataset("folder", "val", root=tmp_path / "data")
        for image, (_, label) in zip(images, data, strict=True):
            assert (label == sl.predict(model, image)).all()


def test_runs_of_a_set_alone_and_all(own, run_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(own / "runs"))
    said = segnet_lab("runs", own / "runs", "--csv", tmp_path / "t.csv")
    assert said.startswith("runs: finished, 1/1 epochs, folder data val, 2 images at 24x32, BF by convention 'paper'")
    (row,) = csv.DictReader((tmp_path / "t.csv").read_text().splitlines())
    assert (row["run"], row["data"], row["split"], row["size"]) == ("mine", "folder data", "val", "24x32")
    assert {name: float(row[name]) for name in ("G", "C", "mIoU", "BF")} == of_run(own / "runs" / "mine", "val")
    both = segnet_lab("runs", "mine", run_dir)
    assert "24x32" in both
    assert "32x48" in both
    everything = segnet_lab("runs")
    assert "mine" in everything
    assert "table1_median: finished, 20/20 epochs, camvid val, 101 images at 90x120" in everything
    assert "folder data train, 6 images" in segnet_lab("runs", "mine", "--split", "train")


def test_commands_mean_the_same_run_by_its_name(run_dir, own, tmp_path, monkeypatch):
    """`x` here was trained on roadscenes; `x` among the saved runs, in another place, on a folder."""
    shutil.copytree(run_dir, tmp_path / "here" / "y" / "x")
    shutil.copytree(own / "runs" / "mine", tmp_path / "kept" / "y" / "x")
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path / "kept"))
    monkeypatch.chdir(tmp_path / "here")
    Image.new("RGB", (9, 9)).save("a.png")
    assert segnet_lab("evaluate", "--run", "y/x").startswith("roadscenes val")
    said = segnet_lab("predict", "a.png", "--run", "y/x", "--out", "out")
    assert said.startswith("y/x: segnet_basic, trained on roadscenes")
    for name in ("y", "y/x"):
        said = segnet_lab("runs", name)
        assert said.startswith("y: finished, 1/1 epochs, roadscenes val, 6 images")
        assert len(said.splitlines()) == 3
    headings = [text.partition(": ")[0] for text in segnet_lab("runs").split("\n\n")]
    assert headings[:2] == ["kept/y", "y"]
    assert "24x32" in segnet_lab("runs", headings[0])
    said = segnet_lab("train", "segnet_basic", "--run", "new", *TRAIN, "--init", "y/x")
    assert said.startswith(f"y/x ({tmp_path / 'here' / 'y' / 'x'}) (segnet_basic, epoch 1)")
    assert results.data_of("y/x").name == sl.load_run("y/x").model.trained_on.name == "roadscenes"
    assert len(results.list_runs("y")) == 1
    said = segnet_lab("weights")
    assert re.search(r"segnet_basic +y +roadscenes", said)
    assert re.search(r"segnet_basic +kept/y +folder", said)


def test_what_is_not_there_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path / "kept"))
    monkeypatch.chdir(tmp_path)
    for command in (["runs", "own"], ["notebooks", "20", "-p", "runs", "own"], ["evaluate", "--run", "own/a"]):
        said = segnet_lab(*command, fails=True)
        assert f"looked in {tmp_path}, {tmp_path / 'runs'}, {tmp_path / 'kept'}, " in said
        assert "roadscenes" in said
    said = segnet_lab("evaluate", "--run", "roadscenes", fails=True)
    assert re.search(r"roadscenes is a set of runs: name one of them, \S*roadscenes/bay", said)
