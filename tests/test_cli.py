"""The command line, as a user types it."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from segnet_lab.cli import main

TRAIN = ["--size", "32", "48", "--width", "0.1", "--epochs", "1", "--batch-size", "4", "-D", "images", "6"]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "x"
    segnet_lab("train", "segnet_basic", "--run", str(folder), *TRAIN)
    return folder


def segnet_lab(*arguments, fails=False):
    result = CliRunner().invoke(main, list(arguments))
    assert (result.exit_code != 0) == fails, result.output
    assert fails or result.exception is None
    return result.output


def test_help_names_every_command():
    said = segnet_lab("--help")
    commands = "demo notebooks sweep train evaluate predict data bench playground classroom"
    assert all(f"  {command} " in said for command in commands.split())


def test_bench_hands_its_arguments_on_and_says_where_benchmarks_are(monkeypatch, tmp_path):
    called = []
    monkeypatch.setattr("segnet_lab.cli.subprocess.call", lambda command: called.append(command) or 0)
    segnet_lab("bench", "--quick")
    assert called[0][1].is_file()
    assert called[0][2:] == ["--quick"]
    monkeypatch.setattr("segnet_lab.cli.__file__", str(tmp_path / "site-packages" / "segnet_lab" / "cli.py"))
    assert "benchmarks come with the source" in segnet_lab("bench", fails=True)


def test_train_without_a_validation_split(tmp_path):
    said = segnet_lab("train", "segnet_basic", "--run", str(tmp_path), *TRAIN, "--validation", "none")
    assert "NaN" in said  # nothing to score an epoch by
    about = json.loads((tmp_path / "run.json").read_text())
    assert about["data"]["validation"] is None
    assert "unknown split of roadscenes 'vale'" in segnet_lab(
        "train", "segnet_basic", "--run", str(tmp_path / "x"), *TRAIN, "--validation", "vale", fails=True
    )


def test_train_leaves_a_run(run_dir):
    about = json.loads((run_dir / "run.json").read_text())
    assert about["model"]["width"] == 0.1
    assert about["recipe"]["epochs"] == 1
    assert about["data"]["options"]["size"] == [32, 48]
    assert {"torch", "python", "threads"} <= set(about["environment"])
    assert (run_dir / "best.safetensors").exists()


def test_every_recipe_setting_is_an_option():
    from dataclasses import fields

    from segnet_lab.recipe import Recipe

    said = segnet_lab("train", "--help")
    for field in fields(Recipe):
        assert "--" + field.name.replace("_", "-") in said


def test_evaluate_prints_percentages(run_dir):
    said = segnet_lab("evaluate", "--run", str(run_dir), "--size", "32", "48", "-D", "images", "3").split()
    assert said[0::2] == ["G", "C", "mIoU", "BF"]
    assert all(0 <= float(value) <= 100 for value in said[1::2])


def test_predict_writes_three_pictures_of_any_image(run_dir, tmp_path):
    rng = np.random.default_rng(0)
    pictures = {
        "colour.png": Image.fromarray(rng.integers(0, 256, (20, 31, 3), np.uint8)),
        "grey.png": Image.fromarray(rng.integers(0, 256, (20, 31), np.uint8)),
        "alpha.png": Image.fromarray(rng.integers(0, 256, (20, 31, 4), np.uint8)),
        "deep.png": Image.fromarray(rng.integers(0, 65536, (20, 31)).astype(np.uint16)),
        "one.png": Image.fromarray(np.zeros((1, 1, 3), np.uint8)),
    }
    for name, picture in pictures.items():
        picture.save(tmp_path / name)
    said = segnet_lab(
        "predict", *[str(tmp_path / n) for n in pictures], "--run", str(run_dir), "--out", str(tmp_path / "out")
    )
    assert len(said.split()) == 3 * len(pictures)
    label = np.array(Image.open(tmp_path / "out" / "grey_label.png"))
    assert label.shape == (20, 31)
    assert label.max() <= 10
    assert np.array(Image.open(tmp_path / "out" / "one_overlay.png")).shape == (1, 1, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "segnet_basics", "--run", "r"], "unknown model 'segnet_basics'. Did you mean 'segnet_basic'"),
        (["train", "segnet_basic", "--run", "r", "--data", "road"], "unknown data set 'road'"),
        (["train", "segnet_basic", "--run", "r", "--balancing", "none"], "unknown balancing 'none'"),
        (["evaluate", "--run", "nowhere"], "nowhere is no run directory"),
        (["notebooks", "05_trian"], "unknown notebook '05_trian'. Did you mean '05_train'"),
        (["notebooks", "05_train", "-p", "epoch", "3"], "Did you mean 'epochs'"),
        (["notebooks", "05_train", "-p", "model", "segnot"], "unknown model 'segnot'"),
        (["data", "check", "camvide"], "unknown data set 'camvide'"),
    ],
)
def test_errors_are_one_line_and_show_the_way_out(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = segnet_lab(*arguments, fails=True)
    assert message in said
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir()), "a refused command leaves nothing behind"


def test_a_picture_that_is_cut_short(run_dir, tmp_path):
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:60])
    said = segnet_lab("predict", str(tmp_path / "cut.png"), "--run", str(run_dir), "--out", str(tmp_path), fails=True)
    assert "cut.png" in said


def test_data_list():
    said = segnet_lab("data", "list")
    assert "roadscenes" in said
    assert "11 classes" in said


def test_playground_is_one_file(tmp_path):
    said = segnet_lab("playground", "--out", str(tmp_path / "p.html"))
    assert (tmp_path / "p.html").stat().st_size > 10_000
    assert str(tmp_path / "p.html") in said
