"""The README's commands, as they stand there, in their order, on a small CamVid and a folder of images.

The CamVid here holds scenes of our own in the authors' layout: the commands are the same, and minutes shorter.
"""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import segnet_lab
from segnet_lab.cli import main
from segnet_lab.data import load_card, load_dataset

ROOT = Path(__file__).parents[1]
LEFT_OUT = (
    "make ",
    "conda ",
    "pip ",
    "segnet-lab demo",
)  # installations; test_demo.py has the demo, which takes minutes
CARD = """title: Shapes
classes:
  - Ground: [96, 96, 96]
  - Disc: [255, 128, 0]
  - Bar: [0, 128, 255]
void: {index: 255, colour: [0, 0, 0]}
"""


def commands() -> list[str]:
    """Every line of the README's bash blocks, without its comment."""
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line.removeprefix(".venv/bin/") for line in lines if line and not line.startswith(LEFT_OUT)]


def small_camvid(root: Path) -> None:
    """Two images a split in the layout that the authors gave CamVid."""
    for split, images in (("train", 2), ("val", 2), ("test", 2)):
        scenes = load_dataset("roadscenes", split, images=images, size=(90, 120), seed=2)  # two with all eleven classes
        lines = []
        for i in range(images):
            image, label = scenes.raw(i)
            for folder, pixels in ((split, image), (f"{split}annot", label)):
                (root / folder).mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(root / folder / f"{i:03d}.png")
            lines.append(f"/SegNet/CamVid/{split}/{i:03d}.png /SegNet/CamVid/{split}annot/{i:03d}.png")
        (root / f"{split}.txt").write_text("\n".join(lines) + "\n")


def own_images(root: Path) -> None:
    """Twelve pictures of a disc and a bar."""
    for name in ("images", "labels"):
        (root / name).mkdir(parents=True)
    (root / "card.yaml").write_text(CARD)
    rows, columns = np.indices((48, 64))
    for i in range(12):
        label = np.zeros((48, 64), np.uint8)
        label[(rows - 14 - i) ** 2 + (columns - 20) ** 2 < 100] = 1
        label[:, 44 + i : 50 + i] = 2
        image = np.array([[60, 60, 60], [220, 120, 20], [20, 120, 220]], np.uint8)[label]
        noise = np.random.default_rng(i).integers(-20, 20, image.shape)
        Image.fromarray((image + noise).clip(0, 255).astype(np.uint8)).save(root / "images" / f"shape_{i:02d}.png")
        Image.fromarray(label).save(root / "labels" / f"shape_{i:02d}.png")


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """A folder in which every command of the README has been run once; command -> what it printed."""
    place = tmp_path_factory.mktemp("readme")
    small_camvid(place / "data" / "camvid")
    own_images(place / "my_images")
    (place / "photos").mkdir()
    for name in ("street.jpg", "photos/corner.jpg"):
        Image.fromarray(load_dataset("roadscenes", "test", images=1).raw(0)[0]).resize((256, 192)).save(place / name)
    said = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("SEGNET_LAB_DATA", str(place / "data"))
        patch.setenv("SEGNET_LAB_RUNS", str(place / "runs"))
        patch.setenv("SEGNET_LAB_HEADLESS", "1")
        for command in commands():
            program, *arguments = shlex.split(command)
            assert program == "segnet-lab", f"the README names another program: {command}"
            result = CliRunner().invoke(main, arguments)
            assert result.exit_code == 0, f"{command}\n{result.output}\n{result.exception!r}"
            said[command] = result.output
    return place, said


def output_of(said: dict, start: str) -> str:
    return next(output for command, output in said.items() if command.startswith(start))


def test_the_readme_has_commands():
    assert len(commands()) >= 12
    assert {"train", "evaluate", "predict", "notebooks", "sweep", "data", "runs", "lessons", "playground"} <= {
        command.split()[1] for command in commands()
    }


def confusion(labels: Path, truths: Path, classes: int) -> np.ndarray:
    """Counted pixel by pixel from files, with nothing of the kit."""
    counts = np.zeros((classes, classes), int)
    for file in sorted(truths.glob("*.png")):
        truth, label = (np.asarray(Image.open(path)) for path in (file, labels / f"{file.stem}_label.png"))
        known = truth < classes
        np.add.at(counts, (truth[known], label[known]), 1)
    return counts


def scores(counts: np.ndarray) -> dict[str, float]:
    occurs = counts.sum(1) > 0  # a class that the truth lacks has no accuracy, and no IoU that could be right
    right, true, said = counts.diagonal()[occurs], counts.sum(1)[occurs], counts.sum(0)[occurs]
    return {
        "G": 100 * right.sum() / counts.sum(),
        "C": 100 * np.mean(right / true),
        "mIoU": 100 * np.mean(right / (true + said - right)),
    }


@pytest.mark.parametrize(
    ("run", "data", "images", "truths", "classes"),
    [("mine", "camvid val, 2 images at 90x120", "data/camvid/val", "data/camvid/valannot", None),
     ("own/segnet_basic", "folder my_images val, ", "my_images/images", "my_images/labels", 3)],
)  # fmt: skip
def test_printed_scores_are_those_of_an_independent_count(there, run, data, images, truths, classes, monkeypatch):
    place, _ = there
    monkeypatch.chdir(place)
    monkeypatch.setenv("SEGNET_LAB_DATA", str(place / "data"))
    said = CliRunner().invoke(main, ["evaluate", "--run", f"runs/{run}"]).output
    assert data in said
    assert "BF by convention 'paper'" in said
    printed = {name: float(value) for name, value in re.findall(r"^(G|C|mIoU)\s+([\d.]+)", said, re.MULTILINE)}
    classes = classes or load_card("camvid").num_classes
    out = place / "counted" / run
    files = sorted((place / images).glob("*.png"))
    if run.startswith("own"):
        names = (place / "my_images" / "val.txt").read_text().split()
        files = [file for file in files if file.stem in names or file.name in names]
        (out / "truth").mkdir(parents=True)
        for file in files:
            (out / "truth" / file.name).write_bytes((place / truths / file.name).read_bytes())
        truths = out / "truth"
    made = CliRunner().invoke(
        main, ["predict", *map(str, files), "--run", f"runs/{run}", "--out", str(out), "--size", "own"]
    )
    assert made.exit_code == 0, made.output
    expected = scores(confusion(out, place / truths, classes))
    assert printed == pytest.approx(expected, abs=0.006)


def test_a_longer_training_goes_on(there):
    place, said = there
    assert len((place / "runs" / "mine" / "log.csv").read_text().splitlines()) == 1 + 15
    assert "epoch 12/12" in output_of(said, "segnet-lab train segnet_basic --run runs/mine")


def test_files_and_folders_are_predicted_at_their_own_size(there):
    place, _ = there
    labels = sorted((place / "out").rglob("*_label.png"))
    assert [label.stem for label in labels] == ["corner_label", "street_label"]
    assert all(np.asarray(Image.open(label)).shape == (192, 256) for label in labels)


def test_the_table_of_runs_has_both(there):
    _, said = there
    table = output_of(said, "segnet-lab runs")
    assert "mine" in table
    assert "tuned" in table


def test_fine_tuning_is_on_record(there):
    place, _ = there
    start = json.loads((place / "runs" / "tuned" / "run.json").read_text())["start"]
    assert "mine" in start["run"]
    assert start["loaded"] > 0


def test_the_guests_lines_of_the_readme_run(tmp_path, monkeypatch, capsys):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    (lines,) = (block for block in blocks if "conformance(net)" in block)
    monkeypatch.chdir(tmp_path)
    convolve, back = torch.nn.Conv2d(3, 8, 7, padding=3), torch.nn.Conv2d(8, 11, 1)
    data = load_dataset("roadscenes", "train", images=2, size=(48, 64))
    names = {"sl": segnet_lab, "net": torch.nn.Sequential(convolve, torch.nn.ReLU(), back), "data": data}
    exec(lines.replace("epochs=12", "epochs=1"), names)
    assert "deviations from the paper's SegNet-Basic" in capsys.readouterr().out
    assert names["guest"] is names["net"]
    assert 0 <= names["scores"]["G"] <= 1
