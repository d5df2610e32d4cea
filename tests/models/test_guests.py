"""A plain torch network of somebody's own trains, resumes, is scored, listed and loaded as one of the kit's."""

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from segnet_lab import create_model, evaluate, list_weights, load_run, results, start_from, train
from segnet_lab.models.guests import check_logits, describe_network, network_name
from segnet_lab.results.overview import as_text, runs_table
from segnet_lab.runs import checkpoints
from segnet_lab.runs.directory import RunDirectory
from segnet_lab.runs.recipe import Recipe
from segnet_lab.training.batch_norm import refresh_batch_norm
from tests.helpers import Squares

RECIPE = Recipe(epochs=2, batch_size=3, learning_rate=0.02, precision="float32", balancing="natural")


class TinyUNet(nn.Module):
    """One step down, one up, a skip; with a weight that two layers share, a dropout, and a momentum of its own."""

    def __init__(self, classes=2, norm=True):
        super().__init__()
        self.down = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8, momentum=0.3) if norm else nn.Identity()
        self.inner, self.again = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.again.weight = self.inner.weight
        self.dropout = nn.Dropout(0.2)
        self.scores = nn.Conv2d(16, classes, 1)

    def forward(self, image):
        x = self.norm(self.down(image)).relu()
        y = self.again(self.inner(nn.functional.max_pool2d(x, 2)).relu()).relu()
        y = self.dropout(nn.functional.interpolate(y, x.shape[-2:]))
        return self.scores(torch.cat([x, y], 1))


class Half(nn.Conv2d):
    """Scores of every other pixel."""

    def forward(self, image):
        return super().forward(image)[..., ::2, ::2]


class Named(nn.Conv2d):
    """Scores in a dictionary, as torchvision's networks give them."""

    def forward(self, image):
        return {"out": super().forward(image)}


def guest(seed=0, **options):
    torch.manual_seed(seed)
    return TinyUNet(**options)


def trained(folder, model=None, recipe=RECIPE, **options):
    model = guest() if model is None else model
    options = {"validation": Squares(3, split="val"), "show_progress": False, **options}
    return model, train(model, Squares(7), recipe, folder, **options)


def same(first, second):
    pairs = zip(first.state_dict().items(), second.state_dict().items(), strict=True)
    return all(a == b and torch.equal(s, t) for (a, s), (b, t) in pairs)


@pytest.mark.parametrize("norm", [True, False])
def test_it_learns_and_its_record_says_what_it_is(tmp_path, norm):
    model, history = trained(tmp_path, guest(norm=norm))
    assert history["loss"].iloc[1] < history["loss"].iloc[0]
    assert history["G"].notna().all()
    about = RunDirectory(tmp_path).about()
    parameters = sum(p.numel() for p in model.parameters())  # the shared weight once
    assert about["model"].pop("class").endswith("TinyUNet")
    assert about["model"] == {"name": "TinyUNet", "num_classes": 2, "parameters": parameters}
    assert about["start"] == "weights as given"
    assert model.trained_on.class_names == ("ground", "square")
    assert not any(module.training for module in model.modules())


def test_interrupted_it_ends_in_the_same_weights(tmp_path):
    class Stop(Exception):
        pass

    def stop(row):
        raise Stop

    whole, _ = trained(tmp_path / "whole")
    with pytest.raises(Stop):
        trained(tmp_path / "broken", on_epoch=stop)
    again, _ = trained(tmp_path / "broken", guest(seed=5))
    assert same(whole, again)
    first, second = (RunDirectory(tmp_path / name).load_state()[0] for name in ("whole", "broken"))
    assert checkpoints.checksum(first) == checkpoints.checksum(second)


def test_another_network_is_another_run(tmp_path):
    trained(tmp_path)
    with pytest.raises(ValueError, match="its model has parameters="):
        trained(tmp_path, guest(norm=False))
    with pytest.raises(ValueError, match="its model has name='TinyUNet', this one 'segnet_basic'"):
        trained(tmp_path, create_model("segnet_basic", 2, width=0.05))
    about = json.loads((tmp_path / "run.json").read_text())
    about["model"]["class"] = "mine.before_it_was_moved.TinyUNet"
    (tmp_path / "run.json").write_text(json.dumps(about))
    trained(tmp_path)


def test_its_weights_come_back_into_a_network_like_it(tmp_path):
    model, _ = trained(tmp_path)
    again, recipe, scores = load_run(tmp_path, model=guest(seed=5))
    assert same(again, model)
    assert recipe == RECIPE
    assert not again.training
    assert again.trained_on == model.trained_on
    assert evaluate(again, Squares(3, split="val"), precision="float32")["G"] == scores["val"]["G"]
    longer, _ = trained(tmp_path, again, replace(RECIPE, epochs=3))  # goes on, as from the weights it had
    assert same(longer, trained(tmp_path / "whole", recipe=replace(RECIPE, epochs=3))[0])
    with pytest.raises(ValueError, match=r"of another network than TinyUNet: norm\.bias is more than the model has"):
        load_run(tmp_path, model=guest(norm=False))
    with pytest.raises(ValueError, match=r"scores\.bias has shape \(2,\), the model \(5,\)"):
        load_run(tmp_path, model=guest(classes=5))


def test_without_its_code_a_run_says_what_to_give(tmp_path):
    trained(tmp_path)
    ours = create_model("segnet_basic", 2, width=0.05)
    for take in (load_run, lambda run: start_from(ours, run)):
        with pytest.raises(ValueError, match=r"is a run of TinyUNet, .* load_run\('.*', model=TinyUNet\(\.\.\.\)\)"):
            take(tmp_path)
    with pytest.raises(ValueError, match="is a run of TinyUNet"):
        create_model("segnet_basic", weights=tmp_path)


def test_a_run_of_the_kit_is_loaded_into_a_given_network(tmp_path):
    model, _ = trained(tmp_path, create_model("segnet_basic", 2, width=0.05))
    assert same(load_run(tmp_path, model=create_model("segnet_basic", 2, width=0.05, seed=7)).model, model)


def test_tables_list_it_beside_the_kits(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path))
    trained(tmp_path / "mine" / "unet")
    trained(tmp_path / "mine" / "basic", create_model("segnet_basic", 2, width=0.05))
    assert list(results.list_runs("mine")) == ["basic", "unet"]  # the kit's own first
    table = runs_table("mine")
    assert table.set_index("run").model.to_dict() == {"basic": "segnet_basic", "unet": "TinyUNet"}
    assert "TinyUNet" in as_text(table)
    scores = results.scores_table("mine")
    assert scores.loc["unet", "G"] == 100 * load_run("mine/unet", model=guest()).scores["val"]["G"]
    assert scores.width.isna().tolist() == [False, True]
    assert "TinyUNet" not in list_weights().index  # `create_model` could not make it


def test_compiled_it_is_saved_under_its_plain_names(tmp_path):
    plain, _ = trained(tmp_path / "plain")
    model = guest()
    trained(tmp_path / "compiled", torch.compile(model, backend="eager"))
    assert same(model, plain)
    assert not model.training
    compiled = torch.compile(guest(seed=5), backend="eager")
    assert load_run(tmp_path / "compiled", model=compiled).model is compiled
    assert evaluate(compiled, Squares(3)) == evaluate(plain, Squares(3))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Conv2d(3, 5, 1), r"Conv2d gives \(1, 5, 32, 32\) for images \(1, 3, 32, 32\).*one channel per class"),
        (Half(3, 2, 1), r"Half gives \(1, 2, 16, 16\).*not logits \(1, 2, 32, 32\): resize them"),
        (Named(3, 2, 1), "Named gives dict .*a module whose forward returns the logits alone"),
        (nn.Flatten(), "Flatten has no weights that require gradients"),
        (nn.Sequential(nn.Conv2d(3, 2, 1), nn.LazyBatchNorm2d(affine=False)), "Sequential has weights that get their"),
        (nn.LazyConv2d(2, 1), "LazyConv2d has weights that get their shape from the first image .* call it once"),
    ],
)
def test_what_gives_no_logits_is_refused_before_anything_is_written(tmp_path, model, message):
    with pytest.raises(ValueError, match=message):
        trained(tmp_path, model)
    assert not list(tmp_path.iterdir())


def test_what_only_the_kits_networks_can_do_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"checkpointing=True .* TinyUNet does not have: leave it out"):
        trained(tmp_path, recipe=replace(RECIPE, checkpointing=True))
    with pytest.raises(ValueError, match=r"init='roadscenes' .* TinyUNet is not one of them: load its weights first"):
        trained(tmp_path, init="roadscenes")
    assert not list(tmp_path.iterdir())


def test_the_trial_and_the_refreshing_of_statistics_leave_it_as_it_was():
    model = guest().train()
    model.norm.eval()  # frozen
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    refresh_batch_norm(model, Squares(3), batch_size=2, precision="float32")
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    refresh_batch_norm(model.eval(), Squares(3), batch_size=2, precision="float32")
    assert not torch.equal(before["norm.running_mean"], model.norm.running_mean)
    assert model.norm.momentum == 0.3


def test_names_and_records():
    assert (network_name(guest()), network_name(create_model("fcn_basic", width=0.1))) == ("TinyUNet", "fcn_basic")
    kits = create_model("segnet_basic", 4, width=0.1)
    assert describe_network(kits, 4) == {
        "name": "segnet_basic", "num_classes": 4, "width": 0.1, "dropout": 0.0, "input_transform": "lrn",
    }  # fmt: skip
    check_logits(torch.zeros(2, 4, 5, 6), torch.zeros(2, 3, 5, 6), 4, kits)
