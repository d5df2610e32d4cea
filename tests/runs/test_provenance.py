"""No score without its data set, no trained network without its classes."""

from dataclasses import replace

import pytest

from segnet_lab import create_model, evaluate, load_dataset, optimize
from segnet_lab.metrics import Convention
from segnet_lab.runs.directory import RunDirectory
from segnet_lab.runs.provenance import TrainedOn, check_classes, describe_data, in_words, scored_on
from tests.helpers import Squares


def scenes(**options):
    return load_dataset("roadscenes", "val", images=4, size=(24, 32), **options)


def trained_on(data, **changes):
    model = create_model("segnet_basic", data.num_classes, width=0.05, seed=0).eval()
    model.trained_on = replace(TrainedOn.of(data), **changes)
    return model


def test_a_score_says_what_it_is_of():
    on = evaluate(trained_on(scenes()), scenes().part([0, 2]), boundary=True)["on"]
    assert (on["data"], on["split"], on["images"], on["size"], on["part"]) == (
        "roadscenes", "val", 2, [24, 32], "2 of 4",
    )  # fmt: skip
    assert (on["convention"], on["tolerance"]) == ("paper", 0.0075)
    assert on["fingerprint"] == scenes().part([0, 2]).fingerprint()
    assert in_words(on) == (
        "roadscenes val (2 of 4), 2 images at 24x32; BF by convention 'paper' within 0.75 % of the diagonal"
    )


def test_conventions_and_sizes_in_words():
    on = scored_on(Squares(1), "csurka", 2)
    assert in_words(on) == "squares train, 1 image of their own sizes; BF by convention 'csurka' within 2 pixels"
    assert scored_on(Squares(1), Convention("distance", "inner", "target", "kept"))["convention"] == "csurka"
    assert "Convention(" in scored_on(Squares(1), Convention(strict=True))["convention"]


@pytest.mark.parametrize("wrap", [lambda m: m, optimize])
def test_classes_agree_by_name_not_by_number(wrap):
    data = scenes()
    names = list(data.class_names)
    names[3], names[4] = names[4], names[3]
    for model in (trained_on(data, called="mine", class_names=tuple(names)),):
        with pytest.raises(
            ValueError, match="trained on mine, where class 3 was 'Pavement'; in roadscenes it is 'Road'"
        ):
            evaluate(wrap(model), data)
    assert evaluate(wrap(trained_on(data)), data)["G"] >= 0


def test_classes_agree_by_number_too():
    with pytest.raises(ValueError, match="the model has 5 classes, roadscenes has 11"):
        evaluate(create_model("segnet_basic", 5, width=0.05), scenes())
    check_classes(create_model("segnet_basic", 11, width=0.05), scenes())  # never trained: names are not known


def test_a_description_loads_the_same_images_again():
    data = scenes(seed=3).part([3, 1])
    about = describe_data(data)
    again = load_dataset(about["name"], about["split"], **about["options"])
    assert again.fingerprint() == about["fingerprint"]
    assert TrainedOn.of_run(about) == TrainedOn.of(data)


@pytest.mark.parametrize("lost", ["images", "class_names", "options"])
def test_a_record_that_lacks_something_is_said(lost):
    about = {name: value for name, value in describe_data(scenes()).items() if name != lost}
    with pytest.raises(ValueError, match=f"does not say {lost} of the data"):
        TrainedOn.of_run(about)


def test_what_a_network_was_trained_on_in_words():
    assert str(TrainedOn.of(scenes())) == "roadscenes val, 4 images at 24x32"
    assert str(TrainedOn.of(scenes(seed=5))) == "roadscenes (seed 5) val, 4 images at 24x32"
    assert str(TrainedOn.of(Squares(2))) == "squares train, 2 images of their own sizes"


def test_runs_of_every_version_say_what_was_scored():
    from segnet_lab._support.folders import shipped

    for folder in sorted(shipped("results").glob("*/*/scores.json")):
        run = RunDirectory(folder.parent)
        for role, entry in run.scores().items():
            if isinstance(entry, dict):
                on = entry["on"]
                assert on["images"], (folder, role)
                assert on["data"] == run.about()["data"]["name"]
                assert in_words(on)
        assert TrainedOn.of_run(run.about()["data"]).size == tuple(run.about()["data"]["options"]["size"])
