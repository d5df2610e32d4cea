"""Weights by name, in plain PyTorch, and starting from a run: tiny runs made here, and those of the kit."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

import segnet_lab as sl
from segnet_lab import create_model, list_models, list_weights, load_run, start_from
from segnet_lab._support.folders import shipped
from segnet_lab.models import NETWORKS, EncoderDecoder
from segnet_lab.models.from_runs import find_weights
from segnet_lab.models.guests import describe_network
from segnet_lab.models.network import Config
from segnet_lab.models.start import class_axes, init
from segnet_lab.models.wrapped import unwrap
from segnet_lab.runs import checkpoints
from segnet_lab.runs.directory import RunDirectory
from segnet_lab.runs.provenance import describe
from segnet_lab.runs.recipe import Recipe
from tests.helpers import Squares

SHIPPED = sorted(file.parent for file in shipped("results").glob("*/*/best.safetensors"))
EVERY_SHIPPED = pytest.mark.parametrize("run", SHIPPED, ids=lambda run: f"{run.parent.name}/{run.name}")


class Named(Squares):
    """Squares under other names of classes."""

    def __init__(self, class_names):
        super().__init__(2)
        self.class_names, self.num_classes = tuple(class_names), len(class_names)


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """One's own runs, empty; `runs("set/run", ...)` makes one as a training leaves it after an epoch."""
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path))
    (tmp_path / "desk" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "desk" / "deep")  # which holds no runs

    def make(name, network="segnet_basic", classes=("ground", "square"), weights=True, scores=None, **options):
        model = create_model(network, len(classes), **{"width": 0.05, "seed": 3, **options})
        with torch.no_grad():
            for tensor in model.state_dict().values():  # norms, too, are no longer as drawn
                tensor.add_(1)
        run = RunDirectory(tmp_path / name)
        run.path.mkdir(parents=True)
        data = Named(classes)
        record = describe_network(model, len(classes))
        about = describe(record, "weights as drawn", data, None, Recipe(), torch.float32)
        run.about_file.write_text(json.dumps({**about, "environment": {}}))
        if weights:
            run.save_best(model, {"epoch": 7, "G": 0.5})
        if scores:
            run.save_scores(scores)
        return run

    return make


def fresh(network="segnet_basic", classes=2, **options):
    return create_model(network, classes, **{"width": 0.05, "seed": 0, **options})


def same(model, run):
    tensors = checkpoints.read(run.best)[0]
    return all(torch.equal(tensor, tensors[name]) for name, tensor in model.state_dict().items())


# ------------------------------------------------------------------------------------------------ by name


@EVERY_SHIPPED
def test_shipped_weights_by_the_name_of_their_set(run):
    config = RunDirectory(run).about()["model"]
    model = create_model(config["name"], weights=run.parent.name)
    assert same(model, RunDirectory(run))
    assert asdict(model.config) == config
    assert not any(module.training for module in model.modules())
    assert model.trained_on == load_run(run).model.trained_on
    assert model.started_from["weights"] == run.parent.name


@EVERY_SHIPPED
def test_what_is_listed_can_be_typed(run):
    table = list_weights()
    config, scores = RunDirectory(run).about()["model"], RunDirectory(run).scores()["val"]
    (row,) = [row for _, row in table[table.weights == run.parent.name].loc[[config["name"]]].iterrows()]
    assert same(create_model(config["name"], weights=row.weights), RunDirectory(run))
    assert row.classes == config["num_classes"]
    assert row.width == config["width"]
    for score in ("G", "mIoU", "BF"):
        assert row[score] == pytest.approx(100 * scores[score], abs=0.005)
    assert row["scored on"].startswith(f"{row.data} val, {scores['on']['images']} images at {row['size']}")


def test_a_set_a_run_of_it_a_single_run_and_a_path(runs, tmp_path, monkeypatch):
    one, other, single = runs("mine/a"), runs("mine/b", "fcn_basic"), runs("alone", width=0.1)
    for weights in ("mine", "mine/a", one.path, str(one.path)):
        assert same(create_model("segnet_basic", weights=weights), one)
    assert same(create_model("fcn_basic", weights="mine"), other)
    assert same(create_model("segnet_basic", weights="alone"), single)
    monkeypatch.chdir(tmp_path.parent)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SEGNET_LAB_RUNS", "nowhere")
    assert same(create_model("segnet_basic", weights=f"{tmp_path.name}/mine"), one)
    assert same(create_model("segnet_basic", weights="~/mine/a"), one)


def test_several_runs_of_a_network_are_named_one_by_one(runs):
    seeds = [runs(f"mine/segnet_basic-seed{seed}", seed=seed) for seed in (0, 1)]
    runs("mine/fcn_basic", "fcn_basic")
    with pytest.raises(
        ValueError,
        match="mine holds 2 runs of segnet_basic with weights: name one, "
        "mine/segnet_basic-seed0, mine/segnet_basic-seed1",
    ):
        create_model("segnet_basic", weights="mine")
    assert same(create_model("segnet_basic", weights="mine/segnet_basic-seed1"), seeds[1])
    mine = [name for name in list_weights().weights if name.startswith("mine")]
    assert mine == ["mine/segnet_basic-seed0", "mine/segnet_basic-seed1", "mine"]


def test_of_several_runs_the_one_with_weights_is_meant(runs):
    _, run = runs("mine/a", weights=False), runs("mine/b")
    assert same(create_model("segnet_basic", weights="mine"), run)


def test_ones_own_set_hides_the_kits_of_the_same_name(runs):
    own = runs("roadscenes/fcn_basic", "fcn_basic")
    assert same(create_model("fcn_basic", weights="roadscenes"), own)
    table = list_weights()
    for model, row in table.iterrows():
        assert create_model(model, weights=row.weights).trained_on.name == row.data
    assert table.loc["fcn_basic"].weights.tolist()[0] == "roadscenes"
    assert "results/roadscenes" in table.weights.tolist()


def test_of_two_runs_of_a_name_all_take_that_of_the_path_and_say_so(runs, tmp_path):
    here, kept = runs("desk/deep/y/src", "fcn_basic", seed=1), runs("y/src")
    assert same(load_run("y/src").model, here)
    assert same(create_model("fcn_basic", weights="y/src"), here)
    assert same(create_model("fcn_basic", weights="y"), here)
    assert create_model("fcn_basic", weights="y").started_from["run"] == str(here.path)
    model = fresh("fcn_basic")
    said = str(init(model, "y/src", ["ground", "square"]))
    assert same(model, here)
    assert model.started_from["run"] == load_run("y/src").model.started_from["run"] == str(here.path)
    assert said.startswith(f"y/src ({here.path}) (fcn_basic, epoch 7) -> fcn_basic")
    with pytest.raises(ValueError, match=rf"^y/src \({here.path}\) are weights of fcn_basic, not of segnet_basic"):
        create_model("segnet_basic", weights="y/src")
    with pytest.raises(ValueError, match=rf"^y \({here.path.parent}\) holds no run of segnet_basic"):
        create_model("segnet_basic", weights="y")
    assert same(create_model("segnet_basic", weights=kept.path), kept)


@pytest.mark.parametrize("again", [False, True])
def test_every_name_in_the_list_finds_that_run(runs, again):
    """In all places, with runs of one name in two of them, and with two runs of one network in a set."""
    names = ["y/src", "y/other", "alone", "roadscenes/segnet_basic", "two/a", "two/b", "mixed/a"]
    own = [runs(f"{place}{name}") for place in ("", "desk/deep/runs/", "desk/deep/")[again:] for name in names]
    runs("mixed/b", "fcn_basic")
    table = list_weights()
    assert len(table) == len(own) + 1 + len(SHIPPED)
    found = [find_weights(row.weights, network).path.resolve() for network, row in table.iterrows()]
    assert len(set(found)) == len(found)
    assert {run.path for run in own} | set(SHIPPED) < set(found)


def test_a_foreign_folder_beside_the_runs(runs, tmp_path):
    run = runs("mine/a")
    (tmp_path / "mine" / "x").mkdir()
    (tmp_path / "mine" / "x" / "run.json").write_text('{"project": "foo"}')
    (tmp_path / "mine" / "x" / "best.safetensors").touch()
    assert list_weights().weights.iloc[0] == "mine"
    with pytest.warns(UserWarning, match=r"^left out: .*x.run\.json"):
        assert same(create_model("segnet_basic", weights="mine"), run)
    for take in (load_run, lambda name: create_model("segnet_basic", weights=name), lambda name: init(fresh(), name)):
        with pytest.raises(ValueError, match=r"x.run\.json is of other making"):
            take("mine/x")


def test_the_list_leaves_out_what_has_no_weights_and_what_is_damaged(runs):
    kits = len(SHIPPED)
    runs("mine/a", weights=False)
    runs("mine/b").about_file.write_text("{")
    runs("mine/c").about_file.write_text('{"model": {"name": "a network of another version"}}')
    assert len(list_weights()) == kits
    runs("mine/d", scores=None)
    row = list_weights().iloc[0]
    assert (row.weights, row["scored on"], row["size"]) == ("mine", "", "")
    assert row[["G", "mIoU", "BF"]].isna().all()


def test_the_empty_list_has_its_columns(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path))
    monkeypatch.setattr("segnet_lab.runs.places.shipped", lambda name: tmp_path)
    monkeypatch.chdir(tmp_path)
    assert list_weights().empty
    assert list_weights().columns[0] == "weights"


@pytest.mark.parametrize(
    ("name", "weights", "error", "message"),
    [
        ("segnet_basic", "roadscene", ValueError, r"unknown weights 'roadscene'. Did you mean 'roadscenes'\? Known: "),
        ("segnet_basic", "roadscenes/segnet", ValueError, "unknown weights 'roadscenes/segnet'.*give a run directory"),
        ("segnet", "roadscenes", ValueError, "roadscenes holds no run of segnet. With weights: roadscenes/bilinear"),
        ("no_pooling", "roadscenes", FileNotFoundError, "roadscenes has no weights of no_pooling, only what it scored"),
        ("segnet_basic", "camvid_90x120", FileNotFoundError, "no weights of segnet_basic.*With weights: none"),
        ("no_pooling", "roadscenes/no_pooling", FileNotFoundError, "no_pooling has no weights: either"),
        ("fcn_basic", "roadscenes/segnet_basic", ValueError, "are weights of segnet_basic, not of fcn_basic.*start_fr"),
        ("segnetbasic", "roadscenes", ValueError, r"unknown model 'segnetbasic'. Did you mean 'segnet_basic'"),
    ],
)
def test_weights_that_are_not_there(name, weights, error, message):
    with pytest.raises(error, match=message):
        create_model(name, weights=weights)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"num_classes": 12}, r"has num_classes=11, not 12: leave it out. .* start_from\(model, 'roadscenes'\)"),
        ({"width": 1.0}, "has width=0.5, not 1.0"),
        ({"dropout": 0.5}, "has dropout=0.0, not 0.5"),
        ({"input_transform": "none"}, r"has input_transform='lrn', not 'none'.*train\(..., init='roadscenes'\)"),
        ({"seed": 0}, "seed=0: nothing is drawn where weights are given"),
    ],
)
def test_what_contradicts_the_weights_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        create_model("segnet_basic", weights="roadscenes", **given)


def test_what_agrees_with_the_weights_may_be_given():
    model = create_model("segnet_basic", 11, width=0.5, dropout=0.0, input_transform="lrn", weights="roadscenes")
    assert model.config == create_model("segnet_basic", weights="roadscenes").config


@pytest.mark.parametrize("name", list_models())
def test_without_weights_the_defaults_are_the_papers(name):
    with torch.device("meta"):
        config = create_model(name).config
    row = NETWORKS[name]
    assert config == Config(name, 11, 1.0, row.dropout, row.input_transform)


# ------------------------------------------------------------------------------------------------ plain PyTorch


def test_three_lines_of_plain_pytorch():
    run = shipped("results") / "roadscenes" / "segnet_basic"
    model = sl.create_model("segnet_basic", num_classes=11, width=0.5)
    model.load_state_dict(load_file(run / "best.safetensors"))
    assert same(model, RunDirectory(run))


def test_segnet_basic_from_nothing_but_torch_and_the_file():
    """The tensors' names and what they mean, written down: SegNet-Basic as anyone would write it."""
    t = load_file(shipped("results") / "roadscenes" / "segnet_basic" / "best.safetensors")

    def conv_bn(x, layer):
        x = F.conv2d(x, t[f"{layer}.conv.weight"], padding=3)
        norm = [t[f"{layer}.norm.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(x, *norm)

    image = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    model = create_model("segnet_basic", weights="roadscenes")
    with torch.no_grad():
        x, indices = model.normalise(image), []
        for stage in range(4):
            x, places = F.max_pool2d(conv_bn(x, f"stages.{stage}.convs.0").relu(), 2, return_indices=True)
            indices.append(places)
        for decoder in (4, 3, 2, 1):
            x = conv_bn(F.max_unpool2d(x, indices.pop(), 2), f"decoders.{decoder}.convs.0")
        logits = F.conv2d(x, t["classifier.conv.weight"], t["classifier.conv.bias"])
        torch.testing.assert_close(model(image), logits, rtol=1e-4, atol=1e-4)


def test_a_plain_copy_by_torch_save_comes_back(tmp_path):
    model = create_model("fcn_basic", weights="roadscenes")
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    twin = fresh("fcn_basic", 11, width=0.5)
    twin.load_state_dict(torch.load(tmp_path / "weights.pth", weights_only=True))
    assert all(torch.equal(a, b) for a, b in zip(twin.state_dict().values(), model.state_dict().values(), strict=True))


# ------------------------------------------------------------------------------------------------ starting from a run


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


# ------------------------------------------------------------------------------------------------ one entry, wrappers


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


def test_unwrap_finds_the_network():
    model = fresh()
    compiled = torch.compile(model, backend="eager")
    for wrapped in (model, compiled, torch.nn.DataParallel(model), torch.nn.DataParallel(compiled)):
        assert unwrap(wrapped) is model
    assert unwrap(compiled, required=True) is unwrap(model, required=True) is model
    plain = torch.nn.Conv2d(3, 2, 1)
    assert unwrap(torch.compile(plain, backend="eager")) is plain


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (torch.nn.Conv2d(3, 2, 1), "a network from create_model or load_run, not Conv2d"),
        (torch.nn.DataParallel(fresh()), "DataParallel .*give the network in it, model.module"),
        (torch.compile(torch.nn.Conv2d(3, 2, 1), backend="eager"), "not Conv2d"),
    ],
)
def test_what_cannot_be_saved_as_one_network_is_refused(model, message):
    with pytest.raises(ValueError, match=message):
        unwrap(model, required=True)
    with pytest.raises(ValueError, match=message):
        start_from(model, "roadscenes")


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("segnet", "'segnet' is a name: give the network, create_model('segnet')"),
        ("roadscenes", "give the network, create_model(network, weights='roadscenes')"),
        ("roadscenes/segnet_basic", "give the network, load_run('roadscenes/segnet_basic').model"),
        (Path("runs/m"), "'runs/m' is a name: give the network, load_run('runs/m').model"),
        ([fresh()], "from create_model or load_run, not list"),
        (SimpleNamespace(model=fresh()), "not SimpleNamespace: give its model"),
        (EncoderDecoder, "not type"),
        (None, "not NoneType"),
    ],
)
def test_what_is_no_network_says_which_may_be_meant(given, message, required):
    with pytest.raises(ValueError, match=re.escape(message)):
        unwrap(given, required)


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


def test_find_weights_takes_a_run_of_any_network(runs):
    run = runs("mine/a", "fcn_basic")
    assert find_weights("mine/a", "segnet_basic").path == run.path
