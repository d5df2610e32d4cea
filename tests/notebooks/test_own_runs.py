"""From twelve images of one's own to the lessons, and from two runs of one's own to a comparison: by commands alone."""

import shutil

import nbformat
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw

from segnet_lab.cli import main

CARD = """\
name: shapes
title: Shapes on paper
classes:
  - Paper: [230, 230, 210]
  - Square: [200, 60, 40]
  - Disc: [40, 90, 200]
void: {index: 255, colour: [0, 0, 0]}
"""
COLOURS = ((230, 230, 210), (200, 60, 40), (40, 90, 200))


def draw(root, count=12, size=(48, 64)):
    """Pictures of a square and a disc, one left and one right of the middle, with noise; labels are numbers."""
    (root / "images").mkdir(parents=True)
    (root / "labels").mkdir()
    (root / "card.yaml").write_text(CARD)
    dice = np.random.default_rng(0)
    for i in range(count):
        label = Image.new("L", size[::-1])
        pen = ImageDraw.Draw(label)
        for cls, left in zip(dice.permutation([1, 2]), (2, 34), strict=True):
            x, y, side = left + dice.integers(8), dice.integers(4, 22), dice.integers(14, 20)
            box = tuple(map(int, (x, y, x + side, y + side)))
            pen.rectangle(box, fill=1) if cls == 1 else pen.ellipse(box, fill=2)
        label = np.array(label)
        image = np.array(COLOURS)[label] + dice.normal(0, 12, (*size, 3))
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(root / "images" / f"shape_{i:02d}.png")
        Image.fromarray(label).save(root / "labels" / f"shape_{i:02d}.png")


class Terminal:
    """Types commands and counts them."""

    def __init__(self):
        self.count = 0

    def __call__(self, line, **paths):
        self.count += 1
        words = [str(paths.get(word, word)) for word in line.split()]
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, f"{line}: {result.output[-3000:]}"
        return result.output


def printed(path):
    texts = []
    for cell in nbformat.read(path, 4).cells:
        for output in cell.get("outputs", []):
            texts.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
    return "".join(texts)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """An empty desk, with twelve images on it, and where runs go."""
    desk = tmp_path_factory.mktemp("desk")
    draw(desk / "my_images")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGNET_LAB_RUNS", str(desk / "runs"))
        patch.setenv("OMP_NUM_THREADS", "1")  # of the kernels
        yield desk


RECIPE = "--epochs 8 --batch-size 3 --evaluate-every 4 --width 0.25 --learning-rate 0.05 --precision float32"


@pytest.mark.slow
def test_from_twelve_images_to_lesson_20_in_eight_commands(desk):
    run = Terminal()
    images, first, photo = desk / "my_images", desk / "runs" / "mine" / "first", desk / "photo.png"
    shutil.copy(images / "images" / "shape_03.png", photo)

    assert "Square" in run("data check folder --root ROOT", ROOT=images)  # the share of every class
    run("data split folder --root ROOT", ROOT=images)
    run(f"train segnet_basic --run RUN --data folder --root ROOT {RECIPE}", RUN=first, ROOT=images)
    said = run("evaluate --run RUN", RUN=first)
    assert "folder my_images val, 2 images" in said
    g = float(said.split("G ")[1].split()[0])
    assert g > 60  # of 83 percent paper all would be called paper, were it not for the class weights
    run("predict PHOTO --run RUN --out OUT", PHOTO=photo, RUN=first, OUT=desk / "out")
    assert np.array(Image.open(desk / "out" / "photo_label.png")).shape == (48, 64)
    for lesson in ("03", "06", "20"):
        run(f"notebooks {lesson} -p runs mine -o OUT", OUT=desk / f"{lesson}.ipynb")
    assert run.count == 8

    balance, maps, pictures = (printed(desk / f"{lesson}.ipynb") for lesson in ("03", "06", "20"))
    assert "Disc" in balance
    assert "C = 1/3" in balance
    assert "first of mine, trained with balancing=median_frequency\nfolder my_images val, 2 images" in balance
    assert "ours: folder my_images val, 2 images" in maps
    assert f"segnet_basic  {g:.1f}" in maps  # what `evaluate` said
    assert f"mean   {g:.1f}" in pictures  # two images of one size: the mean over images is that over pixels
    assert "first: trained on Shapes on paper" in pictures
    assert "Shapes on paper: only the scenes made here" in pictures
    for said in (maps, pictures):
        assert "roadscenes" not in said


@pytest.mark.slow
def test_two_runs_of_ones_own_are_compared_by_their_names(desk):
    run = Terminal()
    for seed, name in enumerate(("first", "second")):  # the first may be there already: then it is not trained again
        paths = {"RUN": desk / "runs" / "mine" / name, "ROOT": desk / "my_images"}
        if not (desk / "my_images" / "val.txt").exists():
            run("data split folder --root ROOT", **paths)
        run(f"train segnet_basic --run RUN --data folder --root ROOT {RECIPE} --seed {seed}", **paths)
    run("notebooks 10 -p runs mine -p models second,first -o OUT", OUT=desk / "10.ipynb")
    said = printed(desk / "10.ipynb")
    assert "there: second, first\nmissing: none" in said
    assert "BF: second - first" in said
    assert "scored: folder my_images val, 2 images" in said
    assert "a run is missing" not in said


@pytest.mark.slow
def test_images_that_were_moved_are_found_by_root(desk):
    run = Terminal()
    paths = {"RUN": desk / "runs" / "moved" / "only", "ROOT": desk / "before"}
    draw(desk / "before", count=6)
    run("data split folder --root ROOT", **paths)
    run("train segnet_basic --run RUN --data folder --root ROOT --epochs 1 --batch-size 3 --width 0.125", **paths)
    (desk / "before").rename(desk / "after")
    with pytest.raises(AssertionError, match=r"not where they were(.|\n)*-p root in a lesson"):
        run("notebooks 00 -p runs moved -p image 0 -o OUT", OUT=desk / "00.ipynb")
    assert not (desk / "00.ipynb").exists()  # refused before a kernel started
    run("notebooks 00 -p runs moved -p root ROOT -o OUT", ROOT=desk / "after", OUT=desk / "00.ipynb")
    assert "classes: 0 Paper, 1 Square, 2 Disc" in printed(desk / "00.ipynb")
