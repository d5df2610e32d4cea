"""Tiles are cut so that nobody sees them: the whole image is covered once, and each pixel sees what it would have."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segnet_lab import create_model, list_models
from segnet_lab.inference import tiles
from segnet_lab.inference.tiles import ASSUMED, Reach, by_tiles, reach


def network(name, **options):
    """A small float64 network whose batch norms do something."""
    model = create_model(name, **{"num_classes": 3, "width": 0.05, "seed": 0, **options})
    generator = torch.Generator().manual_seed(1)
    for norm in model.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.weight.data.uniform_(0.5, 1.5, generator=generator)
            norm.bias.data.normal_(std=0.2, generator=generator)
    return model.eval().double().requires_grad_(False)


def image(height, width):
    return torch.rand(3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@given(st.integers(1, 5000), st.integers(0, 20), st.integers(1, 32), st.integers(1, 2000))
def test_cuts_cover_everything_once_with_a_margin(length, margins, stride, side):
    far = Reach(margins * stride, stride)
    cuts = list(tiles._cuts(length, far, side))
    assert [i for cut in cuts for i in range(*cut.kept.indices(length))] == list(range(length))
    for seen, kept, inside in cuts:
        assert seen.start == 0 or kept.start - seen.start == far.margin
        assert seen.stop == length or seen.stop - kept.stop == far.margin
        assert seen.start % stride == 0  # pooling windows begin where those of the whole image do
        assert (seen.start + inside.start, seen.start + inside.stop) == (kept.start, kept.stop)


@pytest.mark.parametrize("name", list_models())
def test_every_network_by_tiles_is_the_network(name, monkeypatch):
    monkeypatch.setattr(tiles, "LEAST", 64)
    model, far = network(name), reach(create_model(name, width=0.05))
    x = image(19, 2 * far.margin + 128)  # columns that every stride divides
    whole = model(x[None])[0]
    assert len(list(tiles._cuts(x.shape[2], far, side=1))) > 2
    tiled = by_tiles(model, x, far, side=1)
    assert (tiled - whole).abs().max() <= 1e-12 * whole.abs().max()


def test_a_margin_narrower_than_the_field_would_show(monkeypatch):
    # So that the test above can fail. no_pooling sees 12 pixels to each side.
    monkeypatch.setattr(tiles, "LEAST", 64)
    model, x = network("no_pooling"), image(19, 150)
    assert (by_tiles(model, x, Reach(4, 1), side=1) - model(x[None])[0]).abs().max() > 1e-3


def test_tiles_in_both_directions_of_labels_and_of_logits(monkeypatch):
    monkeypatch.setattr(tiles, "LEAST", 32)
    model, x = network("no_pooling"), image(70, 101)
    whole = model(x[None])[0]
    torch.testing.assert_close(by_tiles(model, x, reach(model), side=64), whole)
    assert torch.equal(by_tiles(lambda x: model(x).argmax(1), x, reach(model), side=64), whole.argmax(0))


def test_a_module_of_ones_own_gets_a_stated_margin():
    assert reach(torch.nn.Conv2d(3, 2, 1)) == ASSUMED


def test_rows_that_are_long_but_few():
    model, x = network("no_pooling"), image(3, 4000)
    torch.testing.assert_close(by_tiles(model, x, reach(model), side=1440), model(x[None])[0])
