"""Every network on the device: the CPU's logits and gradients, deterministic, and whole under torch.compile."""

import pytest
import torch

from segnet_lab import create_model, list_models, optimize
from segnet_lab.training.losses import cross_entropy

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")]  # torch's own

EVERY_NETWORK = pytest.mark.parametrize("name", list_models())
CLASSES, SIZE = 5, (37, 51)


def network(name):
    return create_model(name, CLASSES, width=0.05, seed=0)


def batch(device="cpu"):
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(2, 3, *SIZE, generator=generator)
    return images.to(device), torch.randint(0, CLASSES, (2, *SIZE), generator=generator).to(device)


def gradients(model, device, call=None):
    """All of them, in float64 on the CPU, after a batch of the paper's loss."""
    images, labels = batch(device)
    torch.manual_seed(0)  # dropout, of the Bayesian networks
    cross_entropy((model if call is None else call)(images), labels).backward()
    return torch.cat([p.grad.flatten().double().cpu() for p in model.parameters() if p.requires_grad])


def without_dropout(model):
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model.train()


def assert_close(actual, expected):
    """To a thousandth of the largest value; but for 1 % of them, below a corner that rounding moved."""
    off = (actual.cpu() - expected).abs() > 1e-3 * expected.abs().max()
    assert off.double().mean() < 0.01


@EVERY_NETWORK
def test_logits_of_the_cpu(device, name):
    model, images = network(name).eval(), batch()[0]
    with torch.inference_mode():
        expected = model(images)
        model.to(device)
        images = images.to(device)
        assert_close(model(images), expected)
        for low_memory in (False, True):
            assert_close(optimize(model, "float32", low_memory=low_memory)(images), expected)


@EVERY_NETWORK
def test_gradients_of_the_cpu(device, name):
    expected = gradients(without_dropout(network(name)), "cpu")
    actual = gradients(without_dropout(network(name)).to(device), device)
    assert (actual - expected).norm() < 0.02 * expected.norm()


@EVERY_NETWORK
def test_deterministic_algorithms_give_the_same_gradients_twice(device, deterministic, name):
    first, second = (gradients(network(name).to(device).train(), device) for _ in range(2))
    assert torch.equal(first, second)


@EVERY_NETWORK
def test_one_graph_under_compile(device, compiler, name):
    """With gradients, by the backend that traces everything and generates no code."""
    expected = gradients(without_dropout(network(name)).to(device), device)
    model = without_dropout(network(name)).to(device)
    actual = gradients(model, device, compiler(model, backend="aot_eager", fullgraph=True))
    assert (actual - expected).norm() < 0.02 * expected.norm()


def test_compiled_code_gives_the_same(device, compiler):
    model = without_dropout(network("segnet_basic")).to(device)
    expected = gradients(without_dropout(network("segnet_basic")).to(device), device)
    compiled = compiler(model, fullgraph=True)
    actual = gradients(model, device, compiled)
    assert (actual - expected).norm() < 0.02 * expected.norm()
    model.eval()
    with torch.inference_mode():
        images = batch(device)[0]
        assert_close(compiled(images), model(images).cpu())
