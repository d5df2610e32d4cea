"""A way of decoding from outside of the package: one class, one row, and everything works on it."""

import re
import warnings
from dataclasses import replace

import cloudpickle
import pytest
import torch
import torch.nn.functional as F
from matplotlib import pyplot as plt

import segnet_lab as sl
from segnet_lab.figures import networks
from segnet_lab.models import NETWORKS
from segnet_lab.models.decoders import Decoder, Unpool
from segnet_lab.models.variants import Block, Filter
from segnet_lab.probe import measured_receptive_field, receptive_field, receptive_fields, trace
from segnet_lab.probe.alive import alive

BASIC = NETWORKS["segnet_basic"]


class Bicubic(Decoder):
    """Bicubic interpolation; the filters behind it are SegNet-Basic's."""

    label = "bicubic interpolation"
    remembers = ()
    low_memory = "whole map"

    def upsample(self, x, memory):
        return F.interpolate(x, size=memory.size, mode="bicubic")

    def rows_below(self, low, high):
        # row y lies at (y + 1/2) / factor - 1/2; two rows before it and two behind
        first, last = ((2 * row + 1 - self.factor) // (2 * self.factor) for row in (low, high))
        return first - 1, last + 2


@pytest.fixture(autouse=True)
def networks_of_the_kit_only():
    """What a test registers is forgotten after it."""
    known = dict(NETWORKS)
    yield
    NETWORKS.clear()
    NETWORKS.update(known)


@pytest.fixture
def bicubic():
    sl.register_model("bicubic", replace(BASIC, decoder=Bicubic))
    return sl.create_model("bicubic", num_classes=5, width=0.05, seed=0).eval()


def image(height, width, batch=1):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


# ---------------------------------------------------------------------------------------------- everything works


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


# ---------------------------------------------------------------------------------------------- what is refused


def class_without(*names, base=Decoder, **others):
    said = {name: vars(Bicubic)[name] for name in ("label", "remembers", "low_memory", "upsample", "rows_below")}
    return type("Half", (base,), {name: said[name] for name in said if name not in names} | others)


@pytest.mark.parametrize("name", ["label", "remembers", "low_memory", "upsample", "rows_below"])
def test_a_decoder_that_does_not_say_all_of_itself_is_refused(name):
    with pytest.raises(ValueError, match=f"Half does not say its {name}: a decoder with an upsampling of its own says"):
        sl.register_model("half", replace(BASIC, decoder=class_without(name)))
    assert "half" not in sl.list_models()


def test_an_upsampling_of_its_own_inherits_nothing_about_it():
    with pytest.raises(ValueError, match="Half does not say its label, remembers, low_memory, rows_below"):
        class_without("label", "remembers", "low_memory", "rows_below", base=Unpool)(ports=None)


def test_what_is_recomputed_is_said_by_the_class_that_upsamples():
    own = class_without(base=Unpool)
    cheap = class_without(base=Unpool, recomputed=True)
    assert [cls.recomputed for cls in (Bicubic, Unpool, own, cheap)] == [False, True, False, True]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"forward": lambda self, x, memory: x}, "Half has a forward of its own, which low_memory=True"),
        ({"remember": lambda self, stage: None}, "Half has a remember of its own"),
        ({"label": ""}, "Half.label is '': say in a few words"),
        ({"remembers": "codes"}, "Half.remembers is 'codes': give a tuple of names out of ('codes', 'entering', "),
        ({"remembers": ("indices",)}, "Half.remembers is ('indices',): give a tuple"),
        ({"remembers": ("entering", "features")}, "Half remembers both maps of its stage"),
        ({"low_memory": True}, "Half.low_memory is True: give one of ('rows', 'whole map', 'refused')"),
        ({"rows_below": lambda self, low, high: (low // 2, high // 2)}, "says rows 2 to 2, and the gradient shows"),
        (
            {"upsample": lambda self, x, memory: F.interpolate(x, scale_factor=2)},
            "half gives (2, 48, 48) for 2 classes",
        ),
        ({"upsample": lambda self, x, memory: x.relu6(memory)}, "half does not run, tried on tensors without data"),
    ],
)
def test_what_a_decoder_says_has_to_be_possible_and_true(said, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        sl.register_model("half", replace(BASIC, decoder=class_without(**said)))
    assert "half" not in sl.list_models()


def test_filters_are_layers_that_everything_knows():
    class Other(Bicubic):
        def __init__(self, ports):
            super().__init__(ports, torch.nn.Sequential(torch.nn.Conv2d(3, 3, 3)))

    with pytest.raises(ValueError, match=r"Other\.convs holds a Conv2d: make it of ConvBN"):
        sl.register_model("other", replace(BASIC, decoder=Other))


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        (3, BASIC, "name is 3: give letters, digits and underscores"),
        ("../run", BASIC, "name is '../run': give letters"),
        ("segnet", BASIC, "segnet is a network of the kit: register yours by another name"),
        ("mine", Bicubic, "row is <class 'tests.models.test_own_decoder.Bicubic'>: give a Network"),
        ("mine", replace(BASIC, decoder=torch.nn.Conv2d), "mine does not run"),
        ("mine", replace(BASIC, decoder=lambda ports: torch.nn.ReLU()), "decoder 4 is a ReLU: derive it from"),
        ("mine", replace(BASIC, decoder=None), "decoder_widths has stage 4, and decoder is None"),
        ("mine", replace(BASIC, encoder=()), "give encoder at least one stage"),
        ("mine", replace(BASIC, encoder=(Block(()),)), "each stage at least one convolution"),
        ("mine", replace(BASIC, decoder_widths={1: (64,), 2: (64,)}), "has stages [1, 2]: give some of 1 to 4"),
        ("mine", replace(BASIC, decoder_widths={5: (64,)}), "has stages [5]: give some of 1 to 4"),
        ("mine", replace(BASIC, decoder_widths={4: (64,)}), "gives (2, 5, 6) for 2 classes and an image of 37x45"),
        ("mine", replace(BASIC, special_decoders={7: Bicubic}), "special_decoders has stages [7]"),
        ("mine", replace(BASIC, dropout_at=("pool9",)), "unknown place in dropout_at 'pool9'. Did you mean 'pool4'"),
        ("mine", replace(BASIC, input_transform="lnr"), "unknown input transform 'lnr'"),
        ("mine", replace(BASIC, kernel=4), "mine: a map of size (6, 7) pools to (3, 4)"),
        ("mine", replace(BASIC, encoder=4 * (Block((4,), pool=None),)), "codes or a map that its encoder"),
    ],
)  # fmt: skip
def test_nonsense_is_refused(name, row, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        sl.register_model(name, row)
    assert "mine" not in sl.list_models()


def test_a_second_one_of_a_name_is_refused_unless_it_takes_its_place(bicubic):
    with pytest.raises(ValueError, match="bicubic is registered already: take another name, or overwrite=True"):
        sl.register_model("bicubic", BASIC)
    sl.register_model("bicubic", replace(BASIC, decoder=Unpool), overwrite=True)
    assert type(sl.create_model("bicubic", width=0.05).decoders["1"]) is Unpool
    with pytest.raises(ValueError, match="segnet_basic is a network of the kit"):
        sl.register_model("segnet_basic", BASIC, overwrite=True)


def test_registering_draws_nothing():
    state = torch.random.get_rng_state()
    sl.register_model("bicubic", replace(BASIC, decoder=Bicubic))
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_neck_and_dropout_behind_it():
    row = replace(BASIC, decoder=Bicubic, neck=(Filter(8, 3),), dropout=0.5, dropout_at=("fc6", "decoder1"))
    sl.register_model("with_neck", row)
    model = sl.create_model("with_neck", width=0.1)
    assert [type(layer).__name__ for layer in model.neck] == ["ConvBN", "Dropout"]
    assert list(model.dropout) == ["decoder1"]


def test_a_class_of_a_notebook_travels_by_value():
    half = class_without()  # a class that no module holds
    again = cloudpickle.loads(cloudpickle.dumps(half))
    assert (again.label, again.low_memory) == (half.label, half.low_memory)
