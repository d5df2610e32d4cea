"""A way of decoding from outside of the package: one class, one row, and everything works on it."""

import warnings
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from matplotlib import pyplot as plt

import segnet_lab as sl
from segnet_lab.figures import networks
from segnet_lab.models import NETWORKS
from segnet_lab.probe import measured_receptive_field, receptive_field, receptive_fields, trace
from segnet_lab.probe.alive import alive
from tests.models.bicubic import BASIC, Bicubic, image


def test_it_is_known_by_its_name(bicubic):
    assert sl.list_models()[-1] == "bicubic"
    assert bicubic.config.name == "bicubic"
    assert bicubic(image(37, 45)).shape == (1, 5, 37, 45)


def test_costs(bicubic):
    # SegNet-Basic without its codes: the same filters, so the same weights and multiplications
    basic = sl.create_model("segnet_basic", num_classes=5, width=0.05)
    ours, theirs = (sl.costs(model, 36, 48, measure=False) for model in (bicubic, basic))
    assert (ours.parameters, ours.multiply_adds) == (theirs.parameters, theirs.multiply_adds)
    assert ours.remembered_mb == 0 < theirs.remembered_mb
    assert alive(bicubic, 36, 48)["maps"].equals(alive(basic, 36, 48)["maps"])


@pytest.mark.slow
def test_memory_is_measured_in_a_process_that_does_not_know_it(bicubic):
    cost = sl.costs(bicubic, 192, 256, repeats=1)  # maps of less than the pass to warm up takes would not show
    assert cost.training_memory_mb > cost.inference_memory_mb > 0


def test_receptive_field_is_what_the_gradient_shows():
    """Every row of a window of 16, to the row; guessed from windows, as for unpooling, the field would be 202."""
    sl.register_model("bicubic", replace(BASIC, decoder=Bicubic))
    model = sl.create_model("bicubic", width=0.1, input_transform="none", seed=0)
    steps, picture = receptive_fields._until(model, "logits"), image(352, 32)[0]
    sizes = set()
    for row in range(160, 176):
        gradient = measured_receptive_field(model, "logits", picture, row=row, column=16).gradient
        rows = gradient.sum(1).nonzero().flatten().tolist()
        assert (rows[0], rows[-1]) == receptive_fields._rows_seen(steps, row)
        sizes.add(rows[-1] - rows[0] + 1)
    field = receptive_field(model, "logits")
    assert (field.smallest, field.size) == (min(sizes), max(sizes)) == (282, 298)


def test_drawing(bicubic):
    figure = networks.network(bicubic, 36, 48)
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["convolution", "max pooling", "bicubic interpolation", "classifier"]
    assert "remembers nothing of a 36×48 image" in "".join(text.get_text() for text in figure.axes[0].texts)
    plt.close(figure)


def test_memory(bicubic):
    assert bicubic.memory(36, 48) == []


def test_trace(bicubic):
    found = trace(bicubic, image(37, 45)[0])
    below, upsampled = found.decoders[-1].below, found.decoders[-1].upsampled
    assert below.shape[2:] == (19, 23)
    assert torch.equal(upsampled, F.interpolate(below, size=(37, 45), mode="bicubic"))
    assert torch.equal(found.logits, bicubic(image(37, 45)))


@pytest.mark.parametrize("low_memory", [False, True])
def test_optimized(bicubic, low_memory):
    model, x = bicubic.double(), image(97, 51).double()
    expected = model(x)
    assert (sl.optimize(model, low_memory=low_memory)(x) - expected).abs().max() <= 2e-14 * expected.abs().max()


def test_low_memory_is_refused_where_it_says_so():
    class Refusing(Bicubic):
        low_memory = "refused"

    sl.register_model("refusing", replace(BASIC, decoder=Refusing))
    with pytest.raises(ValueError, match="decoder 4, a Refusing, does not work on a few rows at a time"):
        sl.optimize(sl.create_model("refusing", width=0.05).eval(), low_memory=True)


def test_training_and_its_run(bicubic, tmp_path):
    data = sl.load_dataset("roadscenes", "train", size=(24, 32)).part(range(2))
    model = sl.create_model("bicubic", data.num_classes, width=0.05, seed=0)
    sl.train(model, data, sl.Recipe(epochs=1, batch_size=2), run_dir=tmp_path / "run")
    again = sl.load_run(tmp_path / "run").model
    picture = data[0].image[None]
    torch.testing.assert_close(again(picture), model.eval()(picture))
    assert again.trained_on.class_names == data.class_names
    del NETWORKS["bicubic"]
    with pytest.raises(ValueError, match=r"unknown model 'bicubic'.*register it first: segnet_lab\.register_model"):
        sl.load_run(tmp_path / "run")


def test_export(bicubic, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    x = image(37, 45)
    program = torch.export.export(bicubic, (x,))
    with torch.no_grad():
        torch.testing.assert_close(program.module()(x), bicubic(x))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        torch.onnx.export(program, (), tmp_path / "bicubic.onnx", dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "bicubic.onnx", providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    torch.testing.assert_close(torch.from_numpy(logits), bicubic(x).detach(), rtol=1e-4, atol=1e-4)


def test_weights_of_its_own_compute_in_the_type_of_their_layer(monkeypatch):
    """Layers in an upsampling are cast as the filters are, whatever their class."""

    class Sharpened(Bicubic):
        label, remembers, low_memory = "bicubic interpolation, sharpened", (), "whole map"

        def __init__(self, ports):
            super().__init__(ports)
            self.sharpen = torch.nn.Conv2d(ports.below, ports.below, 1)

        def upsample(self, x, memory):
            return super().upsample(self.sharpen(x), memory)

        def rows_below(self, low, high):
            return super().rows_below(low, high)

    monkeypatch.setattr("segnet_lab._support.devices._fast_bfloat16", lambda device: True)
    sl.register_model("sharpened", replace(BASIC, decoder=Sharpened))
    model, x = sl.create_model("sharpened", 5, width=0.05, seed=0).eval(), image(33, 40)
    fast = sl.optimize(model, "bfloat16")
    assert fast.network.decoders["4"].sharpen.weight.dtype == torch.bfloat16
    assert torch.corrcoef(torch.stack([fast(x).flatten(), model(x).flatten()]))[0, 1] > 0.95
