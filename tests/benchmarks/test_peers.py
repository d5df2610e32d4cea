"""The peers of the benchmark compute what the naive network computes, and what does not is not timed."""

import pytest
import torch

from benchmarks import peers
from benchmarks.naive import NaiveSegNet
from segnet_lab import create_model

NETWORKS = pytest.mark.parametrize("name", ["segnet_basic", "segnet"])


def network(name):
    """Fresh weights: about half of what enters a ReLU is negative, so there are windows without a positive value."""
    return create_model(name, peers.CLASSES, width=0.05, seed=0).eval()


def image(height=45, width=61):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))


@NETWORKS
def test_the_mask_unpools_as_indices_do(name):
    model, x = network(name).double(), image().double()
    with torch.inference_mode():
        torch.testing.assert_close(peers.MaskedSegNet(model)(x), NaiveSegNet(model)(x), rtol=1e-12, atol=1e-12)


@NETWORKS
@pytest.mark.parametrize("engine", [peers.by_hand, peers.onnx_runtime, peers.openvino])
@pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.*:FutureWarning")  # torch's own exporter
def test_an_engine_gives_the_naive_logits(name, engine):
    pytest.importorskip({peers.onnx_runtime: "onnxruntime", peers.openvino: "openvino"}.get(engine, "torch"))
    x = image(32, 45)
    with torch.inference_mode():
        expected = NaiveSegNet(network(name)).eval()(x)
        actual = engine(network(name), x, "float32")(x)
    torch.testing.assert_close(actual, expected, rtol=1e-3, atol=1e-4 * expected.abs().max().item())


def test_by_hand_in_bfloat16():
    x = image(32, 45)
    with torch.inference_mode():
        logits = peers.by_hand(network("segnet_basic"), x, "bfloat16")(x)
        expected = NaiveSegNet(network("segnet_basic")).eval()(x)
    assert logits.dtype == torch.bfloat16
    assert torch.corrcoef(torch.stack([logits.float().flatten(), expected.flatten()]))[0, 1] > 0.95


def test_what_computes_something_else_or_is_missing_is_named_and_not_timed(monkeypatch):
    def absent(model, image, precision):
        raise ModuleNotFoundError("No module named 'engine'")

    def upside_down(model, image, precision):
        return lambda image: NaiveSegNet(model).eval()(image).flip(2)

    forms = {"naive": (peers.naive, "float32"), "kit": (peers.kit, "float32"), "absent": (absent, "float32")}
    forms |= {"wrong": (upside_down, "float32"), "half": (peers.by_hand, "bfloat16"), "auto": (peers.kit, "auto")}
    monkeypatch.setattr(peers, "FORMS", forms)
    monkeypatch.setattr(peers, "bfloat16_units", lambda: False)
    calls, agreed, missing = peers.checked("segnet_basic", image(), width=0.05)
    assert list(calls) == ["naive", "kit"]
    assert agreed == {"naive": 100, "kit": 100}
    assert missing["absent"] == "No module named 'engine'"
    assert missing["wrong"].endswith("% of its labels are the naive network's: it computes another")
    assert missing["half"] == "this processor has no bfloat16 units"
    assert missing["auto"] == "on this processor it is optimize float32"
    monkeypatch.setattr(peers, "bfloat16_units", lambda: True)
    assert "half" in peers.checked("segnet_basic", image(), width=0.05)[0]


def test_rows_name_what_is_missing(monkeypatch):
    forms = {"naive": (peers.naive, "float32"), "half": (peers.by_hand, "bfloat16")}
    monkeypatch.setattr(peers, "FORMS", forms)
    monkeypatch.setattr(peers, "bfloat16_units", lambda: False)
    monkeypatch.setattr(peers, "SIZE", (16, 16))
    monkeypatch.setattr(peers, "BATCH", {"segnet_basic": 1})
    timed, missing = peers.peers(quick=True)
    assert (timed["name"], timed["ratio"], timed["agreement_%"]) == ("naive", 1.0, 100)
    assert missing["not_measured"] == "this processor has no bfloat16 units"
