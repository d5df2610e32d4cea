"""The network's input layers: hand values, slow oracles, and the ways a network is run."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segnet_lab.models.inputs import INPUT_TRANSFORMS, LCN, LRN, ImageNet

SIZES = [(1, 1), (1, 7), (5, 3), (12, 17)]


def image(h, w, batch=2, seed=0):
    return torch.rand(batch, 3, h, w, generator=torch.Generator().manual_seed(seed))


def test_lrn_by_hand():
    # grey 128: 128 / (1 + 2e-5 * 3 * 16384) ** 0.75 = 128 / 1.98304 ** 0.75 = 128 / 1.67109 = 76.60
    # white 255: 255 / (1 + 2e-5 * 3 * 65025) ** 0.75 = 255 / 4.9015 ** 0.75 = 255 / 3.29417 = 77.41
    # pure red 255: 255 / (1 + 2e-5 * 65025) ** 0.75 = 255 / 2.3005 ** 0.75 = 136.5, the largest there is
    pixels = torch.tensor([[128, 128, 128], [255, 255, 255], [255, 0, 0]]).T.reshape(1, 3, 1, 3) / 255
    y = LRN()(pixels)[0, :, 0]
    assert y[:, 0].tolist() == pytest.approx([76.597] * 3, rel=1e-4)
    assert y[:, 1].tolist() == pytest.approx([77.409] * 3, rel=1e-4)
    assert y[:, 2].tolist() == pytest.approx([136.51, 0, 0], rel=1e-4)


@pytest.mark.parametrize("size", SIZES)
def test_lrn_is_torchs_own_on_raw_values(size):
    x = image(*size).double()
    torch.testing.assert_close(LRN()(x), torch.nn.LocalResponseNorm(5, 1e-4, 0.75, 1)(255 * x), rtol=1e-12, atol=0)


def slow_lcn(x, window=9, deviation=2.25, floor=1e-3):
    """Jarrett et al., equations of section 2, pixel by pixel; the window is cut at the frame and sums to 1."""
    _, h, w = x.shape
    r = window // 2

    def mean_around(z, i, j):
        total = weights = 0.0
        for a in range(max(i - r, 0), min(i + r, h - 1) + 1):
            for b in range(max(j - r, 0), min(j + r, w - 1) + 1):
                g = np.exp(-((a - i) ** 2 + (b - j) ** 2) / (2 * deviation**2))
                total, weights = total + g * z[:, a, b].mean(), weights + g
        return total / weights

    v = np.stack([[x[:, i, j] - mean_around(x, i, j) for j in range(w)] for i in range(h)]).transpose(2, 0, 1)
    spread = np.array([[max(mean_around(v**2, i, j), floor**2) ** 0.5 for j in range(w)] for i in range(h)])
    return v / np.maximum(spread, spread.mean())


@pytest.mark.parametrize("size", SIZES)
def test_lcn_is_the_slow_definition(size):
    x = image(*size).double()
    expected = torch.stack([torch.from_numpy(slow_lcn(one.numpy())) for one in x])
    torch.testing.assert_close(LCN()(x), expected, rtol=1e-9, atol=1e-12)


@given(gain=st.floats(0.5, 1.0), lift=st.floats(0, 0.5), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_lcn_forgets_brightness_and_contrast(gain, lift, seed):
    x = image(9, 11, seed=seed).double()
    torch.testing.assert_close(LCN()(gain * x + lift), LCN()(x), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_lcn_of_a_flat_image_is_zero_not_noise(level):
    y = LCN()(torch.full((1, 3, 20, 20), level))
    assert y.abs().max() < 1e-3  # rounding, a thousandth of the typical spread of 1


def test_imagenet_by_hand():
    # white: (1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225
    y = ImageNet()(torch.ones(1, 3, 1, 1)).flatten()
    assert y.tolist() == pytest.approx([2.24891, 2.42857, 2.64], rel=1e-5)


def test_none_changes_nothing():
    x = image(3, 4)
    assert INPUT_TRANSFORMS["none"]()(x) is x


@pytest.mark.parametrize("name", INPUT_TRANSFORMS)
class TestEveryTransform:
    def test_has_no_parameters_and_nothing_to_save(self, name):
        layer = INPUT_TRANSFORMS[name]()
        assert not list(layer.parameters())
        assert not layer.state_dict()

    @pytest.mark.parametrize("size", SIZES)
    def test_keeps_shape_and_is_finite(self, name, size):
        x = image(*size)
        y = INPUT_TRANSFORMS[name]()(x)
        assert y.shape == x.shape
        assert y.isfinite().all()

    def test_autocast_loses_nothing(self, name):
        layer, x = INPUT_TRANSFORMS[name](), image(12, 9)
        with torch.autocast("cpu", torch.bfloat16):
            y = layer(x)
        assert y.dtype == torch.float32
        assert torch.equal(y, layer(x))

    def test_a_bfloat16_network_gets_bfloat16(self, name):
        layer, x = INPUT_TRANSFORMS[name](), image(12, 9).bfloat16()
        assert torch.equal(layer(x), layer(x.float()).bfloat16())

    def test_gradients_are_finite_even_on_a_flat_image(self, name):
        x = torch.full((1, 3, 6, 6), 0.5, requires_grad=True)
        INPUT_TRANSFORMS[name]()(x).sum().backward()
        assert x.grad.isfinite().all()

    def test_exports_with_any_size(self, name):
        layer = INPUT_TRANSFORMS[name]()
        sizes = {2: torch.export.Dim("h", min=4), 3: torch.export.Dim("w", min=4)}
        program = torch.export.export(layer, (image(16, 20),), dynamic_shapes=(sizes,))
        x = image(9, 31)
        torch.testing.assert_close(program.module()(x), layer(x))

    def test_compiles_in_one_piece(self, name):
        layer, x = INPUT_TRANSFORMS[name](), image(12, 15)
        torch.testing.assert_close(torch.compile(layer, backend="aot_eager", fullgraph=True)(x), layer(x))


@pytest.mark.parametrize("name", ["lrn", "lcn", "imagenet"])
def test_wrong_input_is_named(name):
    with pytest.raises(ValueError, match=r"\(B, 3, H, W\).*\(3, 4, 4\).*image\[None\]"):
        INPUT_TRANSFORMS[name]()(torch.zeros(3, 4, 4))
    with pytest.raises(ValueError, match="uint8"):
        INPUT_TRANSFORMS[name]()(torch.zeros(1, 3, 4, 4, dtype=torch.uint8))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_onnx_gives_the_same_numbers(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")

    class All(torch.nn.Module):
        def forward(self, x):
            return LRN()(x), LCN()(x), ImageNet()(x)

    x = image(13, 18)
    torch.onnx.export(All(), (x,), tmp_path / "all.onnx", dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "all.onnx", providers=["CPUExecutionProvider"])
    for got, expected in zip(session.run(None, {session.get_inputs()[0].name: x.numpy()}), All()(x), strict=True):
        np.testing.assert_allclose(got, expected.numpy(), rtol=1e-4, atol=1e-4)
