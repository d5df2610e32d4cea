"""Starting a network from the weights of a run, also one of other classes or another network."""

import json
from dataclasses import asdict

import pytest
import torch

import segnet_lab as sl
from segnet_lab import create_model, list_models, start_from
from segnet_lab.models import EncoderDecoder
from segnet_lab.models.network import Config
from segnet_lab.models.start import class_axes, init
from segnet_lab.runs import checkpoints
from segnet_lab.runs.directory import RunDirectory
from segnet_lab.runs.recipe import Recipe
from tests.models.made import Named, fresh, same


def taken_from(run, model, before):
    """Names of the tensors that are the run's, and of those that are as before."""
    tensors = checkpoints.read(run.best)[0]
    now = model.state_dict()
    runs = {name for name in now if name in tensors and torch.equal(now[name], tensors[name])}
    return runs, {name for name in now if torch.equal(now[name], before[name])}


def copy_of(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("name", list_models())
def test_every_network_starts_from_its_own_run(name, runs):
    run, model = runs("mine/a", name, width=0.02), fresh(name, width=0.02)
    report = start_from(model, "mine", ["ground", "square"])
    assert same(model, run)
    assert report.loaded == tuple(model.state_dict())
    assert not report.as_drawn
    assert not report.unused
    assert report.classes == ("ground", "square")


@pytest.mark.parametrize("name", ["segnet_basic", "fcn_basic", "bilinear_interpolation", "unet"])
def test_other_classes_are_drawn_anew(name, runs):
    run, model = runs("mine/a", name), fresh(name, 3)
    before, scores = copy_of(model), set(class_axes(model.config))
    report = start_from(model, run.path, ["cat", "dog", "cow"])
    ours, drawn = taken_from(run, model, before)
    assert ours == set(report.loaded) == set(before) - scores
    assert drawn == scores
    assert set(report.as_drawn.values()) == {"the run has none of its classes"}
    assert not report.classes


@pytest.mark.parametrize("name", ["segnet_basic", "fcn_basic", "fcn_learnt_deconv"])
def test_scores_of_classes_of_the_same_name_are_taken_over(name, runs):
    """c, new, a: rows 2 and 0 of the run's a, b, c, and between them what was drawn."""
    run, model = runs("mine/a", name, ("a", "b", "c")), fresh(name, 3)
    before, tensors = copy_of(model), checkpoints.read(run.best)[0]
    report = start_from(model, run.path, ["c", "new", "a"])
    assert report.classes == ("c", "a")
    assert set(report.partly) == set(class_axes(model.config))
    for tensor, axes in class_axes(model.config).items():
        now, was, then = model.state_dict()[tensor], before[tensor], tensors[tensor]
        if axes == (0,):
            assert torch.equal(now, torch.stack([then[2], was[1], then[0]]))
        else:  # a deconvolution from scores to scores
            assert axes == (0, 1)
            for i, source in enumerate((2, None, 0)):
                for j, other in enumerate((2, None, 0)):
                    new = None in (source, other)
                    assert torch.equal(now[i, j], was[i, j] if new else then[source, other])


def test_the_same_classes_in_another_order_get_their_own_scores(runs):
    run, model = runs("mine/a", classes=("a", "b")), fresh()
    report = start_from(model, run.path, ["b", "a"])
    tensors = checkpoints.read(run.best)[0]
    assert torch.equal(model.classifier.conv.weight, tensors["classifier.conv.weight"].flip(0))
    assert torch.equal(model.classifier.conv.bias, tensors["classifier.conv.bias"].flip(0))
    assert not report.partly


def test_without_names_scores_stay_as_drawn_even_of_as_many_classes(runs):
    run, model = runs("mine/a"), fresh()
    before = copy_of(model)
    report = start_from(model, run.path)
    assert report.as_drawn == {"classifier": "class_names were not given"}
    assert taken_from(run, model, before)[1] == {"classifier.conv.weight", "classifier.conv.bias"}


@pytest.mark.parametrize(
    ("source", "target", "parts"),
    [
        ("segnet_basic", "fcn_basic", {"stages"}),
        ("fcn_basic", "segnet_basic", {"stages"}),
        ("segnet_basic", "segnet_basic_encoder_addition", {"stages", "decoders", "classifier"}),
        ("segnet", "deconvnet", {"stages", "decoders"}),
        ("segnet", "unet", {"stages", "decoders"}),  # convolutions whose input is not what was concatenated
        ("fcn", "segnet", {"stages"}),
    ],
)
def test_from_one_network_to_another(source, target, parts, runs):
    run, model = runs("mine/a", source), fresh(target)
    before = copy_of(model)
    report = start_from(model, "mine/a", ["ground", "square"])
    ours, drawn = taken_from(run, model, before)
    assert set(report.loaded) <= ours
    assert set(before) - set(report.loaded) <= drawn
    assert {name.partition(".")[0] for name in report.loaded} == parts
    assert all(name in report.loaded for name in before if name.startswith("stages"))


def test_a_convolution_and_its_norm_go_together(runs):
    """SegNet-Basic's first norm has the shape of SegNet's, but its filters are 7x7: neither is taken."""
    run, model = runs("mine/a", input_transform="none"), fresh("segnet")
    assert run.about()["model"]["width"] == model.config.width
    before = copy_of(model)
    with pytest.raises(ValueError, match=r"nothing of mine/a \(segnet_basic, width 0.05\) fits segnet of width 0.05"):
        start_from(model, "mine/a", ["ground", "square"])
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    ("options", "names", "message"),
    [
        ({"width": 0.1}, None, r"nothing of mine \(segnet_basic, width 0.05\) fits segnet_basic of width 0.1"),
        (
            {"input_transform": "none"},
            None,
            r"normalised by 'lrn'.*input_transform='lrn'\)",
        ),
        ({}, ["one"], "1 class_names for a network of 2 classes"),
        ({"network": "unet", "input_transform": "lrn"}, None, "mine holds no run of unet. With weights: mine/a"),
    ],
)
def test_a_start_that_makes_no_sense_leaves_the_model(options, names, message, runs):
    runs("mine/a")
    model = fresh(**options)
    before = copy_of(model)
    with pytest.raises(ValueError, match=message):
        start_from(model, "mine", names)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert model.started_from is None


def test_the_report_reads_as_sentences(runs):
    runs("mine/a", classes=("a", "b"))
    assert str(start_from(fresh("fcn_basic"), "mine/a")).splitlines() == [
        "mine/a (segnet_basic, epoch 7) -> fcn_basic: 24 tensors of 4 layers",  # a filter and five of the norm each
        "  4 layers of stages",
        "as drawn: 1 layer of neck, 7 of decoders (the run has no such layer)",
        "not used: 1 layer of classifier, 4 of decoders",
    ]
    assert str(start_from(fresh(), "mine", ["b", "new"])).splitlines()[2:] == [
        "scores of b; of other classes as drawn",
        "as drawn: nothing more",
        "not used: nothing",
    ]


def test_the_model_says_what_it_started_from(runs):
    run, model = runs("mine/a"), fresh()
    model.trained_on = "something else"
    start_from(model, "mine", ["square", "cow"])
    assert model.started_from == {
        "run": str(run.path),
        "network": "segnet_basic",
        "epoch": 7,
        "sha256": checkpoints.checksum(checkpoints.read(run.best)[0])[:16],
        "loaded": 48,
        "partly": ["classifier.conv.weight", "classifier.conv.bias"],
        "classes": ["square"],
        "as_drawn": [],
    }
    assert json.loads(json.dumps(model.started_from)) == model.started_from
    assert model.trained_on is None
    by_name = create_model("segnet_basic", weights="mine").started_from
    assert by_name == {
        "weights": "mine",
        **{key: model.started_from[key] for key in ("run", "network", "sha256")},
    }


def test_weights_of_an_unfinished_run_are_those_of_its_last_epoch(runs):
    run, model = runs("mine/a"), fresh()
    tensors = checkpoints.read(run.best)[0]
    run.save_state({f"model.{name}": tensor for name, tensor in tensors.items()}, {"epoch": 4})
    run.best.unlink()
    with pytest.warns(UserWarning, match="taking the weights of epoch 4"):
        report = start_from(model, run.path, ["ground", "square"])
    assert report.epoch == 4
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in model.state_dict().items())


def test_training_goes_on_from_a_run(runs, tmp_path):
    run = runs("mine/a")
    recipe = Recipe(epochs=1, batch_size=2, learning_rate=1e-9, balancing="natural", precision="float32")
    model = fresh()
    data, fine = Named(["square", "ground"]), tmp_path / "fine"
    sl.train(model, data, recipe, fine, validation=None, init="mine", show_progress=False)
    about = RunDirectory(fine).about()
    assert about["start"]["run"] == str(run.path)
    assert about["start"]["classes"] == ["square", "ground"]
    then = checkpoints.read(run.best)[0]["classifier.conv.bias"]
    torch.testing.assert_close(model.classifier.conv.bias, then.flip(0), rtol=1e-4, atol=1e-4)


def test_init_knows_runs_files_and_public_names(runs, tmp_path, monkeypatch):
    run = runs("mine/a")
    for source in ("mine", "mine/a", run.path):
        assert init(fresh(), source, ["ground", "square"]).source_network == "segnet_basic"
    asked = []
    monkeypatch.setattr("segnet_lab.models.imagenet.load_imagenet", lambda model, source: asked.append(source))
    file = tmp_path / "vgg.pth"
    file.touch()
    for source in ("imagenet", "vgg16", "vgg16_bn", file):
        init(fresh(), source)
    assert asked == ["vgg16_bn", "vgg16", "vgg16_bn", file]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("imagenett", "unknown start 'imagenett'. Did you mean 'imagenet'.*vgg16, mine, .*or a file"),
        ("runs/nothing.pth", "unknown start 'runs/nothing.pth'.* Known: imagenet, vgg16_bn, vgg16, mine"),
        ("best", "best.safetensors is a file of a run: give the run, .*mine/a"),
    ],
)
def test_init_lists_what_one_can_start_from(source, message, runs):
    run = runs("mine/a")
    with pytest.raises(ValueError, match=message):
        init(fresh(), run.best if source == "best" else source)


def test_a_compiled_network_starts_too(runs):
    run, model = runs("mine/a"), fresh()
    start_from(torch.compile(model, backend="eager"), run.path, ["ground", "square"])
    assert isinstance(model, EncoderDecoder)
    assert same(model, run)


@pytest.mark.parametrize("name", list_models())
def test_class_axes_are_those_of_as_many_as_there_are_classes(name):
    """11 classes at a width that gives no layer 11 or 12 channels: every axis of that length counts classes."""
    config = Config(name, 11, 0.5, 0.0, "none")
    with torch.device("meta"):
        own = create_model(**asdict(config)).state_dict()
    expected = {n: tuple(i for i, size in enumerate(t.shape) if size == 11) for n, t in own.items()}
    assert class_axes(config) == {n: axes for n, axes in expected.items() if axes}
