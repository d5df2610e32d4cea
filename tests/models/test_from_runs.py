"""Weights by name, in plain PyTorch, and starting from a run: tiny runs made here, and those of the kit."""

from dataclasses import asdict

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

import segnet_lab as sl
from segnet_lab import create_model, list_models, list_weights, load_run
from segnet_lab._support.folders import shipped
from segnet_lab.models import NETWORKS
from segnet_lab.models.from_runs import find_weights
from segnet_lab.models.network import Config
from segnet_lab.models.start import init
from segnet_lab.runs.directory import RunDirectory
from tests.models.made import fresh, same
from tests.training.small import network, run

SHIPPED = sorted(file.parent for file in shipped("results").glob("*/*/best.safetensors"))
EVERY_SHIPPED = pytest.mark.parametrize("run", SHIPPED, ids=lambda run: f"{run.parent.name}/{run.name}")


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
        with pytest.raises(ValueError, match=r"x.run\.json was not written by this kit"):
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


def test_find_weights_takes_a_run_of_any_network(runs):
    run = runs("mine/a", "fcn_basic")
    assert find_weights("mine/a", "segnet_basic").path == run.path


def test_load_run_says_what_is_missing(tmp_path):
    run(tmp_path / "here")
    with pytest.raises(FileNotFoundError, match=r"is no run directory: it has no run.json. Known: here"):
        load_run(tmp_path / "there")
    for weights in (tmp_path / "here").glob("*.safetensors"):
        weights.unlink()  # as in results/, where the images were not ours to train on and give away
    with pytest.raises(FileNotFoundError, match=r"has no weights.*Train it with the command in"):
        load_run(tmp_path / "here")


def test_weights_of_another_network_are_refused_by_name(tmp_path):
    from segnet_lab.models.from_runs import load_weights

    with pytest.raises(
        ValueError, match=r"classifier.conv.bias has shape \(2,\), the model \(5,\). Create the model with"
    ):
        load_weights(network(num_classes=5), network().state_dict(), "weights")
    with pytest.raises(ValueError, match="weights is of another network than fcn_basic"):
        load_weights(network("fcn_basic"), network().state_dict(), "weights")
