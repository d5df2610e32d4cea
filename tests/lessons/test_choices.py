"""What lessons look at: runs that are there, their own images, and other data only where the classes agree."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import segnet_lab as sl
from segnet_lab import results
from segnet_lab.lessons import notebooks
from segnet_lab.lessons.choices import (
    choose_run,
    choose_runs,
    first_images,
    images_for,
    picture_for,
    scored_in_words,
    scores_of,
)

CARD = """\
name: shapes
title: Shapes
classes:
  - Ground: [96, 96, 96]
  - Box: [255, 128, 0]
  - Bar: [0, 128, 255]
void: {index: 255, colour: [0, 0, 0]}
"""


def write_images(root, count=4, size=(24, 32)):
    """Images of `count` boxes and bars, the first half for training."""
    (root / "images").mkdir(parents=True)
    (root / "labels").mkdir()
    (root / "card.yaml").write_text(CARD)
    h, w = size
    for i in range(count):
        label = np.zeros(size, np.uint8)
        label[h // 4 : h // 2, i : i + w // 4] = 1
        label[h // 2 :, w // 2 + i : w // 2 + i + w // 8] = 2
        image = np.random.default_rng(i).integers(0, 60, (h, w, 3)) + 80 * label[..., None]
        Image.fromarray(image.astype(np.uint8)).save(root / "images" / f"shape_{i}.png")
        Image.fromarray(label).save(root / "labels" / f"shape_{i}.png")
    half = count // 2
    (root / "train.txt").write_text("".join(f"shape_{i}\n" for i in range(half)))
    (root / "val.txt").write_text("".join(f"shape_{i}\n" for i in range(half, count)))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Own images, and a set of runs on them: two of one network, and one that decodes without codes."""
    place = tmp_path_factory.mktemp("own")
    write_images(place / "shapes")
    data = sl.load_dataset("folder", root=place / "shapes")
    for name, network, seed in [("one", "segnet_basic", 0), ("two", "segnet_basic", 1), ("flat", "fcn_basic", 0)]:
        model = sl.create_model(network, 3, width=0.125, seed=seed)
        recipe = sl.Recipe(epochs=1, batch_size=2, seed=seed)
        sl.train(model, data, recipe, place / "runs" / "mine" / name, show_progress=False)
    return place


@pytest.fixture
def own(place, monkeypatch):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(place / "runs"))
    return place


def test_without_a_name_the_usual_run_comes_or_the_first_that_will_do(own):
    assert choose_run("mine").name == "one"  # of the usual network, the first by name
    assert choose_run("mine", usual=["two"]).name == "two"
    assert choose_run("mine", usual=["unet"]).name == "one"  # the set's first, in the paper's order of networks
    assert choose_run("mine", usual=["fcn_basic"]).name == "flat"
    assert choose_run("mine", usual=["fcn_basic"], needs="codes").name == "one"
    assert list(choose_runs("mine", usual=["flat", "segnet_basic"])) == ["flat", "one", "two"]
    assert list(choose_runs("mine", ["two", "flat"])) == ["two", "flat"]  # named: in the order of the names
    assert list(choose_runs("mine", most=1)) == ["one"]


@pytest.mark.parametrize(
    ("name", "needs", "message"),
    [
        ("segnet_basic", "weights", r"unknown run of mine 'segnet_basic'\. Known: one, two, flat"),
        ("flat", "codes", r"flat of 'mine': no decoding by pooling codes"),
        ("one", "dropout", r"one of 'mine': no dropout, so all samples would be equal: train a bayesian"),
        ("", "dropout", r"one, two, flat of 'mine': no dropout"),
    ],
)
def test_a_run_that_will_not_do_is_refused_by_name(own, name, needs, message):
    with pytest.raises(ValueError, match=message):
        choose_run("mine", name, needs=needs)


def test_runs_of_which_only_the_scores_are_here_are_no_networks():
    with pytest.raises(ValueError, match=r"segnet_basic of 'table1_median': no weights here"):
        choose_run("table1_median", "segnet_basic")
    with pytest.raises(ValueError, match=r"segnet, .* of 'table3': no weights here"):
        choose_run("table3", needs="dropout", usual=["segnet"])


def test_a_runs_own_images_need_no_word(own, capsys):
    run = choose_run("mine")
    data = images_for(run)
    assert (data.title, data.split, len(data), data.class_names) == ("Shapes", "val", 2, ("Ground", "Box", "Bar"))
    assert images_for(run, "folder", "train").split == "train"  # by its own name
    assert images_for(run, size=(12, 16))[0].label.shape == (12, 16)
    assert capsys.readouterr().out == ""


def test_images_that_were_moved_are_found_by_root(own, tmp_path):
    shutil.copytree(own / "runs", tmp_path / "runs")
    shutil.copytree(own / "shapes", tmp_path / "here")
    about = (tmp_path / "runs" / "mine" / "one" / "run.json").read_text()
    assert str(own / "shapes") in about
    (tmp_path / "runs" / "mine" / "one" / "run.json").write_text(about.replace(str(own / "shapes"), "/nowhere"))
    run = tmp_path / "runs" / "mine" / "one"
    with pytest.raises(FileNotFoundError, match=r"root="):
        images_for(run)
    assert len(images_for(run, root=str(tmp_path / "here"))) == 2
    assert len(images_for(run, "folder", "train", str(tmp_path / "here"))) == 2


def test_another_data_set_is_said_and_must_have_the_same_classes(own, capsys):
    streets = results.list_runs("camvid_90x120")["segnet_basic"]
    data = images_for(streets, "roadscenes")
    assert (data.name, data.size) == ("roadscenes", (90, 120))  # at the size of the run
    assert "segnet_basic was trained on camvid; what it is shown here is" in capsys.readouterr().out
    for other in ("roadscenes", "rooms"):
        with pytest.raises(ValueError, match=r"3 classes"):
            images_for(choose_run("mine"), other)
    with pytest.raises(ValueError, match=r"11 classes, rooms has 37"):
        images_for(streets, "rooms")
    with pytest.raises(ValueError, match=r"unknown data set 'roadscene'"):
        images_for(streets, "roadscene")


def test_scores_belong_to_something(own):
    table = scores_of("mine")
    assert list(table.index) == ["one", "two", "flat"]
    assert list(scores_of("mine", ["flat", "one"]).index) == ["flat", "one"]
    line = "folder shapes val, 2 images of their own sizes; BF by convention 'paper' within 0.75 % of the diagonal"
    assert scored_in_words("mine") == scored_in_words("mine", ["two"]) == line
    assert scored_in_words("mine", split="test") == "no scores of 'test'"
    with pytest.raises(ValueError, match=r"unknown run of mine 'three'"):
        scores_of("mine", ["three"])
    with pytest.raises(ValueError, match=r"one, two, flat of 'mine' has no scores of split 'test'"):
        scores_of("mine", split="test")


def test_scores_of_different_things_are_told_apart(own, tmp_path, monkeypatch):
    shutil.copytree(own / "runs" / "mine", tmp_path / "mixed")
    (tmp_path / "mixed" / "flat").rename(tmp_path / "mixed" / "gone")
    shutil.copytree(results.list_runs("camvid_90x120")["segnet_basic"], tmp_path / "mixed" / "streets")
    lines = scored_in_words(str(tmp_path / "mixed"), ["one", "two", "streets"]).splitlines()
    assert lines[0].startswith("one, two: folder shapes val, 2 images")
    assert lines[1].startswith("streets: camvid val, 101 images at 90x120")


def test_no_more_images_than_there_are():
    data = sl.load_dataset("roadscenes", images=3, size=(24, 32))
    assert first_images(data, 3) is data
    assert first_images(data, 9) is data
    assert first_images(data, 2).part_name == "2 of 3"


def test_a_picture_of_ones_own_comes_at_the_size_of_training(own, tmp_path):
    Image.new("RGB", (640, 480)).save(tmp_path / "photo.jpg")
    streets = sl.load_run(results.list_runs("roadscenes")["segnet_basic"]).model  # trained at 96x128
    assert picture_for(streets, str(tmp_path / "photo.jpg")).shape == (3, 96, 128)


# ------------------------------------------------------------------------------------ before a kernel starts


@pytest.mark.parametrize(
    ("lesson", "given"),
    [
        ("06", {"runs": "mine", "model": "two"}),
        ("06", {"runs": "camvid_90x120", "model": "segnet_basic-seed1"}),
        ("20", {"runs": "mine", "models": "one,flat", "split": "train"}),
        ("10", {"runs": "mine", "models": "one,two"}),
        ("10", {"runs": "table1_median"}),  # scores alone will do
        ("31", {"runs": "mine", "model": "one", "other": "flat"}),
        ("30", {"runs": "roadscenes", "model": "bayesian_segnet_basic", "plain": "segnet_basic"}),
        ("00", {"image": "59"}),
        ("00", {"runs": "mine", "image": 1}),
        ("03", {"runs": "mine", "model": ""}),
        ("05", {"model": "unet", "size": "", "dataset": "rooms"}),
        ("20", {"score": "C"}),
    ],
)
def test_lessons_take(own, lesson, given):
    notebooks.check_values(lesson, given)


@pytest.mark.parametrize(
    ("lesson", "given", "message"),
    [
        ("06", {"runs": "nine"}, r"unknown set of runs 'nine'\. Did you mean 'mine'\? Known: .*roadscenes"),
        ("12", {"pictures": "nine"}, r"unknown set of runs 'nine'"),
        (
            "06",
            {"runs": "mine", "model": "segnet_basic"},
            r"unknown run of mine 'segnet_basic'\. Known: one, two, flat",
        ),
        ("06", {"model": "one"}, r"unknown run of roadscenes 'one'\. .*Known: .*segnet_basic"),
        ("20", {"runs": "mine", "models": "one,three"}, r"unknown run of mine 'three'"),
        ("31", {"runs": "mine", "other": "segnet"}, r"unknown run of mine 'segnet'"),
        ("30", {"plain": "segnet_basics"}, r"unknown run of roadscenes 'segnet_basics'\. Did you mean 'segnet_basic'"),
        ("05", {"model": "mine"}, r"unknown model 'mine'"),
        ("14", {"others": "unet,vnet"}, r"unknown others 'vnet'\. Did you mean 'unet'"),
        ("05", {"dataset": "camvit"}, r"unknown dataset 'camvit'\. Did you mean 'camvid'"),
        ("00", {"dataset": "road"}, r"unknown dataset 'road'"),
        ("00", {"image": 60}, r"image 60: roadscenes val has images 0 to 59"),
        ("00", {"image": -1}, r"image -1: roadscenes val has images 0 to 59"),
        ("06", {"runs": "mine", "image": 2}, r"image 2: folder val has images 0 to 1"),
        ("30", {"picture": 60}, r"picture 60: roadscenes val has images 0 to 59"),
        ("01", {"dataset": "rooms", "image": 60}, r"image 60: rooms val has images 0 to 59"),
        ("05", {"size": "96"}, r"size=\[96\]: give \(H, W\) in pixels"),
        ("05", {"size": "0,128"}, r"size=\[0, 128\]: give \(H, W\)"),
        ("05", {"precision": "half"}, r"unknown precision 'half'"),
        ("20", {"split": "vall"}, r"'vall'"),
        ("20", {"score": "iou"}, r"unknown score 'iou'"),
        ("06", {"picture": "no/such.jpg"}, r"picture no/such\.jpg is no file"),
        ("05", {"dataset": "folder", "root": "no/such"}, r"root no/such is no folder"),
        ("06", {"runs": "mine", "root": "no/such"}, r"root no/such is no folder"),
        ("06", {"root": "."}, r"'root'"),  # roadscenes lie nowhere
    ],
)
def test_lessons_refuse_before_a_kernel_starts(own, lesson, given, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        notebooks.check_values(lesson, given)


def test_every_lesson_that_opens_runs_or_a_data_set_takes_root():
    for lesson in notebooks.list_notebooks():
        known = notebooks.parameters(lesson)
        assert "root" in known or not {"dataset", "runs"} & set(known), lesson


def test_no_lesson_shows_one_data_set_beside_another_by_default():
    for lesson in notebooks.list_notebooks():
        known = notebooks.parameters(lesson)
        if {"dataset", "runs"} <= set(known):  # 12: labels alone, that no network looks at
            assert known["dataset"].default == "" or lesson.startswith("12"), lesson


def test_a_network_of_ones_own_is_no_lessons_choice(own, tmp_path, monkeypatch):
    shutil.copytree(own / "runs" / "mine", tmp_path / "mine")
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path))
    for name in ("one", "two"):
        file = tmp_path / "mine" / name / "run.json"
        guest = {"name": "MyNet", "num_classes": 3, "parameters": 7, "class": "mine.MyNet"}
        file.write_text(json.dumps(json.loads(file.read_text()) | {"model": guest}))
    assert choose_run("mine").name == "flat"  # what the lesson can make again
    with pytest.raises(ValueError, match="one of 'mine': a network of your own, which only your code can make"):
        choose_run("mine", "one")
    assert list(scores_of("mine").index) == ["flat", "one", "two"]  # its scores are as good as others'
