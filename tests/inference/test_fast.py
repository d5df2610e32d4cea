"""The optimized forms are the plain network: to float64 rounding, for every network and any size."""

import subprocess
import sys

import pytest
import torch

import segnet_lab as sl
from segnet_lab import create_model, list_models
from segnet_lab.inference import by_rows
from segnet_lab.inference.fast import OptimizedNetwork, _exact_layers, optimize

EVERY_NETWORK = pytest.mark.parametrize("name", list_models())
LOW_MEMORY = pytest.mark.parametrize("low_memory", [False, True])


def network(name, **options):
    """A small network whose batch norms do something."""
    model = create_model(name, **{"num_classes": 5, "width": 0.05, "seed": 0, **options})
    generator = torch.Generator().manual_seed(1)
    for norm in model.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.running_mean.normal_(std=0.1, generator=generator)
            norm.running_var.uniform_(0.5, 2, generator=generator)
            norm.weight.data.uniform_(0.5, 1.5, generator=generator)
            norm.bias.data.normal_(std=0.2, generator=generator)
    return model.eval()


def image(height, width, batch=1):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(height + width))


@pytest.fixture
def narrow_bands(monkeypatch):
    """As few rows at a time as can be, so that small images are many bands."""
    monkeypatch.setattr(by_rows, "_step", lambda width, channels, at_least=0: 8)


@EVERY_NETWORK
@LOW_MEMORY
@pytest.mark.parametrize("size", [(97, 51), (1, 1), (2, 33), (41, 5)])
def test_equals_the_network_in_float64(name, low_memory, size, narrow_bands):
    model, x = network(name).double(), image(*size, batch=2).double()
    expected = model(x)
    fast = optimize(model, low_memory=low_memory)
    actual = fast(x)
    assert actual.dtype == torch.float64
    assert (actual - expected).abs().max() <= 2e-14 * expected.abs().max()  # summed in another order
    assert torch.equal(fast.labels(x), actual.argmax(1))


def test_input_transforms_that_look_at_rows_or_at_the_whole_image(narrow_bands):
    for transform in ("lrn", "lcn", "none", "imagenet"):
        model, x = network("segnet_basic", input_transform=transform).double(), image(61, 40).double()
        torch.testing.assert_close(optimize(model, low_memory=True)(x), model(x), rtol=1e-12, atol=1e-12)


@EVERY_NETWORK
@LOW_MEMORY
@pytest.mark.parametrize("precision", ["auto", "float32", "bfloat16", "float16"])
def test_precisions_are_close_and_give_float32(name, low_memory, precision, monkeypatch):
    monkeypatch.setattr("segnet_lab._support.devices._fast_bfloat16", lambda device: True)
    model, x = network(name), image(37, 60)
    logits = optimize(model, precision, low_memory=low_memory)(x)
    assert logits.dtype == torch.float32
    assert torch.corrcoef(torch.stack([logits.flatten(), model(x).flatten()]))[0, 1] > 0.95


def test_the_encoder_of_segnet_basic_and_three_stages_of_segnet_stay_float32(monkeypatch):
    # Multiplications a pixel, 7x7 filters: 4704 + 50176 (1/4 + 1/16 + 1/64) in the encoder of SegNet-Basic = 21 k,
    # 50176 (1 + 1/4 + 1/16 + 1/64) + 704 in its decoder and classifier: the encoder is less than a third of all.
    # Half of SegNet's 13 + 13 convolutions lie in its encoder; its fourth stage would pass a third.
    def exact_stages(name):
        with torch.device("meta"):
            model = create_model(name)
        exact = _exact_layers(model)
        assert model.classifier in exact
        return [all(layer in exact for layer in stage.convs) for stage in model.stages]

    assert exact_stages("segnet_basic") == [True] * 4
    assert exact_stages("segnet") == [True, True, True, False, False]
    monkeypatch.setattr("segnet_lab._support.devices._fast_bfloat16", lambda device: True)
    mixed = optimize(create_model("segnet", width=0.25).eval())
    assert {p.dtype for p in mixed.network.stages[0].parameters()} == {torch.float32}
    assert {p.dtype for p in mixed.network.decoders.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in mixed.network.classifier.parameters()} == {torch.float32}


def test_float16_is_for_all_layers(monkeypatch):
    monkeypatch.setattr("segnet_lab._support.devices._fast_bfloat16", lambda device: False)
    monkeypatch.setattr("segnet_lab._support.devices._fast_float16", lambda device: True)
    for model in (network("segnet_basic"), network("segnet_basic").half()):
        fast = optimize(model)
        assert {p.dtype for p in fast.parameters()} == {fast.dtype} == {torch.float16}
        assert fast(image(37, 60)).dtype == torch.float32


def test_leaves_the_model_alone_and_does_not_follow_it():
    model, x = network("segnet_basic"), image(33, 40)
    before, expected = {k: v.clone() for k, v in model.state_dict().items()}, model(x)
    fast = optimize(model, "float32")
    logits = fast(x)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert torch.equal(model(x), expected)
    assert all(p.requires_grad for p in model.parameters())
    with torch.no_grad():
        model.classifier.conv.bias += 1
    assert torch.equal(fast(x), logits)


def test_rows_of_a_batch_are_each_image_by_itself(narrow_bands):
    fast, x = optimize(network("segnet_basic").double(), low_memory=True), image(40, 33, batch=3).double()
    assert torch.equal(fast(x), torch.cat([fast(one) for one in x.split(1)]))


def test_low_memory_does_not_load_numba():
    code = (
        "import sys, torch, segnet_lab as sl\n"
        "from segnet_lab.inference.fast import optimize\n"
        "torch.set_num_threads(1)\n"
        "fast = optimize(sl.create_model('segnet_basic', width=0.25).eval(), low_memory=True)\n"
        "fast.labels(torch.rand(1, 3, 200, 1200))\n"
        "assert 'numba' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_low_memory_never_holds_a_whole_map():
    """No tensor made on the way is as large as a quarter of a 64-channel map at full size."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Largest(TorchDispatchMode):
        elements = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor) and out._base is None:
                self.elements = max(self.elements, out.numel())
            return out

    model, x = network("segnet_basic", width=1.0), image(180, 240)
    for low_memory in (False, True):
        fast = optimize(model, "float32", low_memory=low_memory)
        with Largest() as largest:
            fast(x)
        whole = 64 * 180 * 240
        assert (largest.elements < whole / 4) == low_memory


def test_compiles():
    fast, x = optimize(network("segnet_basic"), "float32"), image(33, 40)
    compiled = torch.compile(fast, backend="aot_eager")
    torch.testing.assert_close(compiled(x), fast(x), rtol=1e-4, atol=1e-5)
    torch.compiler.reset()


def test_refuses_what_it_cannot_do_right():
    with pytest.raises(ValueError, match=r"training mode.*model\.eval\(\)"):
        optimize(network("segnet_basic").train())
    with pytest.raises(ValueError, match="optimized already"):
        optimize(optimize(network("segnet_basic")))
    with pytest.raises(ValueError, match=r"load_run\('runs/m'\)\.model"):
        optimize("runs/m")
    with pytest.raises(ValueError, match="from create_model or load_run, got Linear"):
        optimize(torch.nn.Linear(1, 1))
    eighth = network("segnet_basic")
    eighth.stages[0].convs[0].conv.weight.data = torch.zeros(3, 3, 7, 7, dtype=torch.float8_e5m2)
    with pytest.raises(ValueError, match=r"stages\.0\.convs\.0\.conv\.weight is torch\.float8"):
        optimize(eighth)
    with pytest.raises(ValueError, match="unknown precision 'int8'"):
        optimize(network("segnet_basic"), "int8")
    model = network("segnet_basic")
    model.stages[1].register_forward_hook(lambda *args: None)
    with pytest.raises(ValueError, match=r"stages\.1 has hooks"):
        optimize(model)
    with pytest.raises(ValueError, match="does not train"):
        optimize(network("segnet_basic")).train()
    with pytest.raises(ValueError, match=r"expected float images \(B, 3, H, W\)"):
        optimize(network("segnet_basic"))(torch.zeros(3, 8, 8))


def test_evaluation_mode_is_all_it_knows():
    fast = optimize(network("segnet_basic"))
    assert isinstance(fast.eval(), OptimizedNetwork)
    assert fast.num_classes == 5
    assert not any(p.requires_grad for p in fast.parameters())


def test_predict_and_evaluate_take_the_fast_form_and_never_a_stale_one():
    model, x = network("segnet_basic").train(), image(33, 40)
    first = sl.predict(model, x[0], precision="float32")
    assert model.training
    model.eval()
    assert torch.equal(first, optimize(model, "float32").labels(x)[0])
    with torch.no_grad():
        model.classifier.conv.bias.data[3] += 1000  # .data: torch does not count this change
    assert (sl.predict(model, x[0]) == 3).all()
    assert (sl.predict(optimize(model, low_memory=True), x[0]) == 3).all()


def test_predict_lets_hooks_see_the_plain_network():
    model, seen = network("segnet_basic"), []
    model.stages[0].register_forward_hook(lambda module, inputs, output: seen.append(output[0].shape))
    sl.predict(model, image(33, 40)[0])
    assert seen == [(1, 3, 17, 20)]
