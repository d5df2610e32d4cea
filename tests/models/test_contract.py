"""What every network in `list_models()` keeps to. A new row in variants.py is tested by being there."""

import warnings
from contextlib import nullcontext

import matplotlib.pyplot as plt
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from segnet_lab import create_model, list_models, optimize
from segnet_lab.figures.networks import network as draw
from segnet_lab.models import NETWORKS
from segnet_lab.models.checked_rows import check_rows_below
from segnet_lab.models.decoders import FixedIndices, Unpool
from segnet_lab.models.layers import ConvBN
from segnet_lab.models.recompute import save_less
from segnet_lab.probe.allocations import still_allocated

EVERY_NETWORK = pytest.mark.parametrize("name", list_models())
UNPOOLING = [
    name
    for name, row in NETWORKS.items()
    if isinstance(row.decoder, type) and issubclass(row.decoder, (Unpool, FixedIndices))
]
ONE_PER_DECODER = {NETWORKS[name].decoder: name for name in reversed(UNPOOLING)}.values()  # the smallest of each
SMALL = 0.05  # of the paper's width: SegNet-Basic with 3 maps, SegNet with 3 to 26


def network(name, **options):
    return create_model(name, **{"num_classes": 5, "width": SMALL, "seed": 0, **options})


def image(height, width, batch=1):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(height + width))


@EVERY_NETWORK
@pytest.mark.parametrize("size", [(45, 60), (37, 51), (1, 1), (2, 33), (16, 5)])
def test_any_size_comes_back_exactly(name, size):
    # (1, 1) and (2, 33) are smaller than the deepest stride, 32
    assert network(name).eval()(image(*size)).shape == (1, 5, *size)


@EVERY_NETWORK
def test_gradients_reach_every_parameter(name):
    model = network(name).train()
    model(image(48, 64, batch=2)).square().mean().backward()
    learnt = {n: p for n, p in model.named_parameters() if p.requires_grad}
    assert learnt
    for parameter_name, parameter in learnt.items():
        assert parameter.grad is not None, parameter_name
        # a bias before batch normalisation is taken out again; ReLU may silence one of three small maps
        if not parameter_name.endswith("conv.bias"):
            assert parameter.grad.abs().sum() > 0, parameter_name


@EVERY_NETWORK
def test_weights_come_back_from_their_state_dict(name):
    model, twin = network(name).eval(), network(name, seed=1).eval()
    x = image(33, 40)
    twin.load_state_dict(model.state_dict())
    assert torch.equal(model(x), twin(x))


@EVERY_NETWORK
def test_same_seed_same_network_and_same_output(name):
    state = torch.random.get_rng_state()
    first, second = network(name).eval(), network(name).eval()
    assert torch.equal(state, torch.random.get_rng_state()), "a seeded network leaves torch's generator alone"
    x = image(33, 40)
    assert torch.equal(first(x), second(x))
    assert torch.equal(first(x), first(x))


@EVERY_NETWORK
def test_bfloat16_is_close(name):
    model, x = network(name).eval(), image(33, 40)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = model(x).float()
    high = model(x)
    # bfloat16 keeps 8 bits and moves ties of pooling: the bulk of the logits has to agree, not each of them
    assert torch.corrcoef(torch.stack([low.flatten(), high.flatten()]))[0, 1] > 0.97


@EVERY_NETWORK
def test_channels_last_is_the_same_network(name):
    model, x = network(name).double().eval(), image(33, 40).double()
    expected = model(x)
    actual = model.to(memory_format=torch.channels_last)(x.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-9)


@EVERY_NETWORK
def test_compiled_equals_eager(name):
    model, x = network(name).eval(), image(33, 40)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), model(x), rtol=1e-4, atol=1e-5)
    torch.compiler.reset()


@EVERY_NETWORK
def test_checkpointing_changes_memory_not_gradients(name):
    x = image(32, 40, batch=2).double()
    gradients = []
    for checkpointing in (False, True):
        model = network(name, dropout=0.0).double().train()
        model.checkpointing = checkpointing
        model(x).square().mean().backward()
        gradients.append([p.grad for p in model.parameters() if p.requires_grad])
    for plain, again in zip(*gradients, strict=True):
        torch.testing.assert_close(again, plain, rtol=1e-9, atol=1e-12)


@EVERY_NETWORK
def test_training_keeps_no_int64(name):
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        network(name).train()(image(48, 64, batch=2)).sum().backward()
    assert saved
    assert {str(t.dtype) for t in saved if t.numel() > 1} <= {"torch.float32", "torch.uint8", "torch.bool"}


class Made(TorchDispatchMode):
    """Types of all tensors of more than one element that are made meanwhile."""

    def __init__(self):
        super().__init__()
        self.dtypes = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        self.dtypes |= {t.dtype for t in tree_leaves(out) if isinstance(t, torch.Tensor) and t.numel() > 1}
        return out


@pytest.mark.parametrize("name", UNPOOLING)
def test_pooling_indices_are_never_made(name):
    x = image(48, 64, batch=2)
    model = network(name)
    fast, lean = optimize(model.eval(), "float32"), optimize(model, "float32", low_memory=True)
    with Made() as made:
        model.train()(x).sum().backward()
        fast(x), lean(x)
    assert torch.float32 in made.dtypes
    assert torch.int64 not in made.dtypes


@EVERY_NETWORK
@pytest.mark.parametrize("batch", [1, 2])
def test_saving_less_changes_memory_not_gradients(name, batch):
    """The same gradients to the last bit as with all maps stored, in fewer bytes; the layout of a batch of 1 counts."""
    x = image(60, 80, batch).contiguous(memory_format=torch.channels_last)

    def trained(mode):
        model = network(name, dropout=0.0).train().to(memory_format=torch.channels_last)
        with mode(model):
            stored = still_allocated(lambda: model(x).square().mean())
        stored.made.backward()
        return stored.bytes, [p.grad for p in model.parameters() if p.requires_grad]

    less, gradients = trained(save_less)
    more, expected = trained(nullcontext)
    assert all(torch.equal(g, e) for g, e in zip(gradients, expected, strict=True))
    # In bilinear interpolation, FCN-Basic and its kin no ReLU and no unpooling stands before a convolution.
    nothing_to_recompute = name.startswith(("bilinear", "fcn_basic", "no_pooling"))
    assert less == more if nothing_to_recompute else less < 0.88 * more


@EVERY_NETWORK
def test_memory_is_what_encode_keeps(name):
    """Computed without data == the bytes of the tensors that a real encoding left."""
    model = network(name).eval()
    with torch.no_grad():
        _, kept = model.encode(image(45, 61))
    really = sum(t.nbytes for memory in kept.values() for t in (memory.codes, memory.map) if t is not None)
    assert sum(r.bytes for r in model.memory(45, 61)) == really


@EVERY_NETWORK
def test_decoders_say_all_of_themselves_and_the_truth(name):
    """What it remembers is counted, what it sees is the gradient's, its rows are the network's; its label is drawn."""
    model = network(name).double().eval()
    for number, decoder in model.decoders.items():
        maps = {*decoder.remembers} & ({"entering", "features"} if number != "1" else {"features"})
        kinds = [r.kind for r in model.memory(45, 61) if r.stage == int(number)]
        assert kinds == ["codes"] * ("codes" in decoder.remembers) + ["map"] * len(maps)
    check_rows_below(network(name))
    x = image(45, 61).double()
    if any(decoder.low_memory == "refused" for decoder in model.decoders.values()):
        with pytest.raises(ValueError, match="does not work on a few rows at a time"):
            optimize(model, low_memory=True)
    else:
        torch.testing.assert_close(optimize(model, low_memory=True)(x), model(x), rtol=1e-9, atol=1e-9)
    drawing = draw(model, 45, 61)
    labels = [text.get_text() for text in drawing.axes[0].get_legend().get_texts()]
    assert {decoder.label for decoder in model.decoders.values()} <= {*labels}
    plt.close(drawing)


@EVERY_NETWORK
def test_batch_norm_follows_every_convolution_but_the_classifiers(name):
    model = network(name)
    plain = [m for m in model.modules() if isinstance(m, ConvBN) and isinstance(m.norm, torch.nn.Identity)]
    assert all(m.conv.out_channels == 5 for m in plain), "only what gives class scores is without normalisation"
    assert len([m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]) >= 4


@EVERY_NETWORK
def test_exports_with_a_free_batch(name, tmp_path):
    """By torch.export, and from there to ONNX; 37x45 and odd channels leave the last byte of codes not quite full."""
    model, batch = network(name).eval(), torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(model, (image(37, 45, batch=3),), dynamic_shapes={"image": {0: batch}})
    runs = {"torch.export": program.module()}
    if name in ONE_PER_DECODER:
        runs["onnxruntime"] = in_onnxruntime(program, tmp_path / "network.onnx")
    for images in (1, 3, 5):
        x = image(37, 45, batch=images)
        with torch.no_grad():
            for exporter, run in runs.items():
                torch.testing.assert_close(run(x), model(x), rtol=1e-4, atol=1e-4, msg=f"{exporter}, {images} images")


def in_onnxruntime(program, file):
    ort = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        torch.onnx.export(program, (), file, dynamo=True, verbose=False)
    session = ort.InferenceSession(file, providers=["CPUExecutionProvider"])
    (asked,) = session.get_inputs()
    return lambda x: torch.from_numpy(session.run(None, {asked.name: x.numpy()})[0])
