"""Images that changed since a network met them are never scored as if they were the same."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from segnet_lab import Recipe, create_model, load_dataset, results, train
from segnet_lab.cli import main
from segnet_lab.lessons.choices import check_choices, images_for

CARD = """title: Discs
classes: [{Ground: [9, 9, 9]}, {Disc: [255, 128, 0]}]
void: {index: 255, colour: [0, 0, 0]}
"""


def write(root, count=8):
    for name in ("images", "labels"):
        (root / name).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(str(root)))
    for i in range(count):
        label = (rng.random((16, 24)) < 0.4).astype(np.uint8)
        Image.fromarray(np.repeat(200 * label[..., None], 3, 2)).save(root / "images" / f"{i}.png")
        Image.fromarray(label).save(root / "labels" / f"{i}.png")
    (root / "card.yaml").write_text(CARD)
    lists(root, "012345", "67")


def lists(root, train, val):
    (root / "train.txt").write_text("\n".join(train))
    (root / "val.txt").write_text("\n".join(val))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A function: a run that was trained on a folder, with or without a validation set."""
    home = tmp_path_factory.mktemp("trained")
    write(home / "discs")

    def make(validation):
        run = home / "runs" / str(validation)
        if not run.exists():
            data = load_dataset("folder", root=home / "discs", size=(16, 24))
            recipe = Recipe(epochs=1, batch_size=3, precision="float32")
            model = create_model("segnet_basic", 2, width=0.05, seed=0)
            train(model, data, recipe, run, validation=validation, show_progress=False)
        return run

    return make


@pytest.fixture
def discs(trained):
    """The folder, as it was when the runs were trained; put back afterwards."""
    root = trained("val").parents[1] / "discs"
    yield root
    write(root)


def evaluate(run, *arguments, fails=False):
    result = CliRunner().invoke(main, ["evaluate", "--run", str(run), *map(str, arguments)])
    assert (result.exit_code != 0) == fails, result.output
    return result.output


def repaint(root):
    Image.fromarray(np.ones((16, 24), np.uint8)).save(root / "labels" / "6.png")


def exchange(root):
    (root / "card.yaml").write_text(CARD + "ids: {0: Disc, 1: Ground}\n")


CHANGES = {
    "divided anew": lambda root: lists(root, "234567", "01"),
    "more of them": lambda root: lists(root, "01234", "567"),
    "another label": repaint,
    "another card": exchange,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_validation_images_are_refused_unless_they_are_named(trained, discs, change):
    run = trained("val")
    assert "folder discs val, 2 images" in evaluate(run)
    change(discs)
    with pytest.raises(results.OtherImages, match=r"the val images of run .* \(folder discs\) are no longer those on"):
        results.data_of(run)
    said = evaluate(run, fails=True)
    assert "Error: the val images of run" in said
    assert "--data on the command line" in said
    assert "Traceback" not in said
    with pytest.raises(results.OtherImages):
        images_for(run)
    said = evaluate(run, "--data", "folder")
    assert "folder discs val" in said
    assert "(these are not the images and labels that the run has on record)" in said
    assert len(results.data_of(run, strict=False)) == len(images_for(run, "folder"))


def test_the_order_of_a_list_changes_batches_not_scores(trained, discs):
    run = trained("val")
    here = evaluate(run)
    lists(discs, "543210", "76")
    assert printed(evaluate(run)) == pytest.approx(printed(here), abs=0.011)
    assert "(" not in evaluate(run)
    data = load_dataset("folder", root=discs, size=(16, 24))
    recipe = Recipe(epochs=2, batch_size=3, precision="float32")
    with pytest.raises(ValueError, match="its data has the same images in another order, on which the batches depend"):
        train(create_model("segnet_basic", 2, width=0.05, seed=0), data, recipe, run, show_progress=False)


def printed(said):
    return [float(line.split()[1]) for line in said.splitlines() if line.split()[0] in ("G", "C", "mIoU", "BF")]


def test_a_split_that_it_was_validated_on_by_its_own_name(discs, tmp_path):
    (discs / "test.txt").write_text("6\n7\n")
    try:
        data = load_dataset("folder", root=discs, size=(16, 24))
        model = create_model("segnet_basic", 2, width=0.05, seed=0)
        recipe = Recipe(epochs=1, batch_size=3, precision="float32")
        train(model, data, recipe, tmp_path / "run", validation="test", show_progress=False)
        assert "folder discs test, 2 images" in evaluate(tmp_path / "run", "--split", "test")
        repaint(discs)
        for split in ("val", "test"):
            assert "no longer those on record" in evaluate(tmp_path / "run", "--split", split, fails=True)
    finally:
        (discs / "test.txt").unlink()


def test_the_training_set_as_it_is_now(trained, discs):
    run = trained("val")
    assert "(" not in evaluate(run, "--split", "train")
    lists(discs, "01234567", "67")
    evaluate(run, "--split", "train", fails=True)
    said = evaluate(run, "--split", "train", "--data", "folder")
    assert "folder discs train, 8 images" in said
    assert "(these are not the images and labels that the run has on record)" in said


def test_lessons_take_the_way_out_that_a_refusal_names(trained, discs):
    run = trained("val")
    values = {
        "runs": str(run.parent),
        "models": [run.name],
        "model": "",
        "split": "val",
        "root": "",
        "dataset": "folder",
    }
    repaint(discs)
    check_choices(values, ["runs", "models", "dataset"])
    with pytest.raises(results.OtherImages):
        check_choices({**values, "dataset": "", "root": str(discs)}, ["runs", "models", "root"])
    (run.parent / "another").symlink_to(trained(None))
    try:
        lists(discs, "01", "234567")
        with pytest.raises(results.OtherImages, match="another"):
            check_choices({**values, "models": ["another"], "dataset": "", "root": str(discs)}, ["models", "root"])
    finally:
        (run.parent / "another").unlink()


def test_images_that_it_was_trained_on_are_counted(trained, discs, capsys):
    run = trained("val")
    assert "(" not in evaluate(run)
    lists(discs, "012345", "567")
    assert "(it was trained on 1 of these 3 images)" in evaluate(run, "--data", "folder")
    images_for(run, "folder")
    assert "folder discs val: it was trained on 1 of these 3 images" in capsys.readouterr().out
    lists(discs, "01234", "567")
    assert "nobody knows whether it has seen these images)" in evaluate(run, "--data", "folder")


def test_a_split_that_was_made_after_training_may_have_been_trained_on(trained, discs):
    run = trained(None)
    assert "folder discs val, 2 images" in evaluate(run)  # it trained on the others, which are there as they were
    lists(discs, "01", "234567")
    with pytest.raises(results.OtherImages, match=r"the training images of run .* nobody knows whether it has seen"):
        results.data_of(run, "val")
    evaluate(run, fails=True)
    assert "nobody knows" in evaluate(run, "--data", "folder")


@pytest.mark.parametrize("now", ["01234567", "01"])
def test_the_training_images_are_those_on_record_or_refused(trained, discs, now):
    run = trained("val")
    assert len(results.data_of(run, "train")) == 6
    lists(discs, now, "67")
    with pytest.raises(results.OtherImages, match=f"the train images of run .*6 then, {len(now)} now"):
        results.data_of(run, "train")


def test_a_part_of_a_set_that_shrank_is_refused(trained, discs, tmp_path):
    data = load_dataset("folder", root=discs, size=(16, 24)).part([1, 5])
    recipe = Recipe(epochs=1, batch_size=2, precision="float32")
    model = create_model("segnet_basic", 2, width=0.05, seed=0)
    train(model, data, recipe, tmp_path / "run", validation=None, show_progress=False)
    lists(discs, "0123", "67")
    with pytest.raises(results.OtherImages, match="2 then, image 5 of folder 'train', which has 4"):
        results.data_of(tmp_path / "run", "train")


def test_moved_images_are_the_same_and_another_folder_is_not(trained, discs, tmp_path):
    run = trained("val")
    here = evaluate(run)
    moved = discs.rename(discs.with_name("elsewhere"))
    try:
        said = evaluate(run, "--root", moved)
        assert said.splitlines()[1:] == here.splitlines()[1:]  # the same scores, and nothing to say
        assert "folder elsewhere val" in said
    finally:
        moved.rename(discs)
    write(tmp_path / "others")
    evaluate(run, "--root", tmp_path / "others", fails=True)
    said = evaluate(run, "--root", tmp_path / "others", "--data", "folder")
    assert "folder others val" in said
    assert "(the network was trained on Discs (folder discs) train, 6 images at 16x24)" in said


def test_options_ask_for_other_images_openly(tmp_path):
    data = load_dataset("roadscenes", images=6, size=(16, 16)).folds(3)[0]
    recipe = Recipe(epochs=1, batch_size=3, precision="float32")
    model = create_model("segnet_basic", 11, width=0.05, seed=0)
    train(model, data.train, recipe, tmp_path / "run", validation=data.val, show_progress=False)
    assert "roadscenes train (fold 1 of 3), 2 images" in evaluate(tmp_path / "run")
    said = evaluate(tmp_path / "run", "-D", "seed", "5")
    assert "roadscenes (seed 5) train (2 of 6), 2 images" in said
    assert "(the network was trained on roadscenes train, 4 images at 16x16)" in said
    assert "(" not in evaluate(tmp_path / "run", "-D", "seed", "0").partition("\n")[2]


def test_validating_on_images_that_are_trained_on_is_said(discs, tmp_path):
    lists(discs, "012345", "4567")
    data = load_dataset("folder", root=discs, size=(16, 24))
    model = create_model("segnet_basic", 2, width=0.05, seed=0)
    recipe = Recipe(epochs=1, batch_size=3, precision="float32")
    with pytest.warns(UserWarning, match=r"2 of the 4 validation images \(folder discs val\) are trained on, too"):
        train(model, data, recipe, tmp_path / "run", show_progress=False)


def test_runs_of_before_fingerprints_are_taken_as_they_are(trained, discs):
    run = trained("val")
    file = run / "run.json"
    whole = file.read_text()
    about = json.loads(whole)
    for part in (about["data"], about["data"]["validation"]):
        del part["fingerprint"], part["called"]
    try:
        file.write_text(json.dumps(about))
        lists(discs, "012345", "0")
        assert len(results.data_of(run)) == 1
    finally:
        file.write_text(whole)
