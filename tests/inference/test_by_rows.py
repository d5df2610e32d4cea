"""Rows streamed through decoders of every kind: what each says of itself is what its rows depend on."""

import pytest
import torch
import torch.nn.functional as F

from segnet_lab import create_model, optimize
from segnet_lab.inference import by_rows
from segnet_lab.models import decoders


@pytest.fixture
def narrow_bands(monkeypatch):
    """As few rows at a time as can be, so that small images are many bands."""
    monkeypatch.setattr(by_rows, "_step", lambda width, channels, at_least=0: 8)


class Refusing(decoders.Unpool):
    """Its rows are shifted, so that none is complete before its neighbour."""

    label, remembers, low_memory = "unpooling, shifted", ("codes",), "refused"

    def upsample(self, x, memory):
        return super().upsample(x, memory).roll(1, dims=2)

    def rows_below(self, low, high):
        return (low - 1) // 2, (high - 1) // 2


class Blurred(decoders.Decoder):
    """Looks at a row more on each side; the encoder's features are added to what it makes of them."""

    label, remembers, low_memory = "blurred replication", ("features",), "rows"

    def upsample(self, x, memory):
        x = F.avg_pool2d(x, 3, stride=1, padding=1)
        return F.interpolate(x, scale_factor=2.0)[..., : memory.size[0], : memory.size[1]] + memory.map

    def rows_below(self, low, high):
        return low // 2 - 1, high // 2 + 1


class BlurredCodes(Blurred):
    """Would need codes of rows that are not there yet."""

    remembers = ("codes",)


def with_decoders(cls):
    """SegNet-Basic with other decoders."""
    ports = {"below": 3, "entering": 3, "features": 3, "factor": 2, "widths": (3,), "classes": 5, "kernel": 7}
    model = create_model("segnet_basic", num_classes=5, width=0.05, seed=0)
    for number in model.decoders:
        model.decoders[number] = cls(decoders.Ports(**ports, relu=False, bias=False, small_scores=False))
    return model.double().eval()


def image(height, width):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0)).double()


@pytest.mark.parametrize("size", [(97, 51), (1, 1), (2, 33), (41, 5)])
def test_a_decoder_that_looks_at_neighbours_gets_them_with_its_map(size, narrow_bands):
    model, x = with_decoders(Blurred), image(*size)
    expected = model(x)
    assert (optimize(model, low_memory=True)(x) - expected).abs().max() <= 2e-14 * expected.abs().max()


def test_a_decoder_that_sees_too_few_rows_would_be_found_out(narrow_bands, monkeypatch):
    monkeypatch.setattr(Blurred, "rows_below", lambda self, low, high: (low // 2, high // 2))
    model, x = with_decoders(Blurred), image(97, 51)
    assert not torch.allclose(optimize(model, low_memory=True)(x), model(x))


def test_what_does_not_work_on_rows_is_refused_by_rows_only():
    model, x = with_decoders(Refusing), image(33, 40)
    torch.testing.assert_close(optimize(model)(x), model(x), rtol=1e-9, atol=1e-9)
    with pytest.raises(ValueError, match="decoder 4, a Refusing, does not work on a few rows at a time"):
        optimize(model, low_memory=True)
    with pytest.raises(ValueError, match="decoder 4, a BlurredCodes, looks at neighbouring rows"):
        optimize(with_decoders(BlurredCodes), low_memory=True)


@pytest.mark.parametrize(
    ("decoder", "rows"),
    [
        (decoders.Unpool, 0),
        (decoders.FixedIndices, 0),
        (decoders.UpConcat, 0),
        (decoders.Deconvolve, 2),  # 8x8: row i spreads over 2i - 3 .. 2i + 4, so rows 0 and 1 hear of rows -2 .. 2
        (Blurred, 1),
    ],
)
def test_neighbours_of_a_row_by_hand(decoder, rows):
    assert by_rows._neighbours(with_decoders(decoder).decoders["2"]) == rows


def test_layers_hand_on_every_row_once_and_in_order():
    seen = []

    def work(window, first):
        seen.append((first, window.shape[2]))
        return window[:, :, 1:-1]

    bands = torch.arange(23.0).view(1, 1, 23, 1).split(5, dim=2)
    made = list(by_rows._run([by_rows.Layer(work, halo=1, step=8)], list(bands)))
    assert torch.cat(made, dim=2).flatten().tolist() == list(range(23))
    assert seen == [(0, 10), (8, 10), (16, 9)]  # 8, 8 and 7 rows with a neighbour on each side
