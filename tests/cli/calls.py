"""Commands as a user types them, and what they work on."""

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from segnet_lab.cli import main

TRAIN = ["--size", "32", "48", "--width", "0.1", "--epochs", "1", "--batch-size", "4", "-D", "images", "6"]
NAMES = "abcdefghijk"  # eleven classes, as many as roadscenes has


def make_folder(root, names, count=8, size=(48, 64)):
    for part in ("images", "labels"):
        (root / part).mkdir(parents=True)
    classes = "\n".join(f"  - {name}: [{20 * i}, 7, 9]" for i, name in enumerate(names))
    (root / "card.yaml").write_text(
        f"name: own\ntitle: Own\nclasses:\n{classes}\nvoid: {{index: 255, colour: [0, 0, 0]}}\n"
    )
    rng = np.random.default_rng(0)
    for i in range(count):
        Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(root / "images" / f"{i}.png")
        Image.fromarray(rng.integers(0, len(names), size, np.uint8)).save(root / "labels" / f"{i}.png")
    (root / "train.txt").write_text("0\n1\n2\n3\n4\n5\n")
    (root / "val.txt").write_text("6\n7\n")


def train_on_folder(run, root, *more, **how):
    arguments = ["--data", "folder", "--root", str(root), "--size", "24", "32"]
    recipe = ["--width", "0.1", "--epochs", "1", "--batch-size", "3"]
    return segnet_lab("train", "segnet_basic", "--run", str(run), *arguments, *recipe, *more, **how)


def segnet_lab(*arguments, fails=False):
    result = CliRunner(env={"SEGNET_LAB_HEADLESS": "1"}).invoke(main, list(map(str, arguments)))
    assert (result.exit_code != 0) == fails, result.output
    assert fails or result.exception is None
    return result.output


def printed(said):
    """G, C, mIoU, BF of what `evaluate` prints."""
    return {name: float(value) for name, value in re.findall(r"^(G|C|mIoU|BF) +([\d.]+)$", said, re.MULTILINE)}


def in_percent(scores):
    return {name: pytest.approx(100 * scores[name], abs=0.006) for name in ("G", "C", "mIoU", "BF")}


def of_run(run, role):
    return in_percent(json.loads((run / "scores.json").read_text())[role])


def pictures(folder, **files):
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    for name, shape in files.items():
        Image.fromarray(rng.integers(0, 256, shape, np.uint8)).save(folder / f"{name}.png")


def labels(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*_label.png")}
