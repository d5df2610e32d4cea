"""What a network does to a map is told by the map, whoever computed it."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from segnet_lab.models import create_model
from segnet_lab.pooling import max_pool_2x2, max_unpool_2x2
from segnet_lab.probe.recording import MAXIMA, UNPOOLING, Convolution, Dropout, Pooling, Upsampling, record


class Between(nn.Module):
    """Two convolutions, and something between them."""

    def __init__(self, between):
        super().__init__()
        self.first, self.between, self.second = nn.Conv2d(3, 4, 3, padding=1), between, nn.Conv2d(4, 2, 1)

    def forward(self, x):
        return self.second(self.between(self.first(x)))


def found(between, size=(9, 13)):
    """The layers between the two convolutions."""
    layers = record(Between(between).eval(), torch.rand(1, 3, *size)).layers
    first, *others, last = layers
    assert isinstance(first, Convolution)
    assert isinstance(last, Convolution)
    return others


def by_hand(x):
    """The maximum of each whole window, by slicing."""
    h, w = (n // 2 * 2 for n in x.shape[-2:])
    x = x[..., :h, :w]
    return torch.stack([x[..., r::2, c::2] for r in (0, 1) for c in (0, 1)]).amax(0)


@pytest.mark.parametrize(
    ("pool", "kind", "called", "rounds_up"),
    [
        (nn.MaxPool2d(2), MAXIMA, "max_pool2d", False),
        (nn.MaxPool2d(2, ceil_mode=True), MAXIMA, "max_pool2d", True),
        (lambda x: F.max_pool2d(x, 2, return_indices=True)[0], MAXIMA, "max_pool2d_with_indices", False),
        (lambda x: max_pool_2x2(x)[0], MAXIMA, "", True),
        (lambda x: max_pool_2x2(x)[0].relu(), MAXIMA, "", True),
        (by_hand, MAXIMA, "", False),
        (nn.MaxPool2d(3, 2, 1), "max_pool2d", "max_pool2d", None),
        (nn.AvgPool2d(2), "avg_pool2d", "avg_pool2d", None),
        (lambda x: x[..., ::2, ::2], "an operation of its own", "", None),
        (nn.Conv2d(4, 4, 3, stride=2, padding=1), "strided convolution", "conv2d", None),
    ],
)
def test_poolings(pool, kind, called, rounds_up):
    layer = next(layer for layer in found(pool) if isinstance(layer, Pooling))
    assert (layer.kind, layer.called, layer.rounds_up) == (kind, called, rounds_up)


def test_an_even_size_does_not_tell_how_is_rounded():
    (layer,) = found(nn.MaxPool2d(2), size=(8, 12))
    assert (layer.kind, layer.rounds_up, layer.size) == (MAXIMA, None, (4, 6))


def there_and_back(x):
    values, indices = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
    return F.max_unpool2d(values, indices, 2, output_size=x.shape[-2:])


def there_and_back_by_codes(x):
    values, codes = max_pool_2x2(x)
    return max_unpool_2x2(values, codes, tuple(x.shape[-2:]))


@pytest.mark.parametrize("both", [there_and_back, there_and_back_by_codes])
def test_nothing_need_be_between_pooling_and_unpooling(both):
    pool, up = found(both)
    assert (pool.kind, pool.size) == (MAXIMA, (5, 7))
    assert (up.kind, up.indices_of, up.size) == (UNPOOLING, 1, (9, 13))


@pytest.mark.parametrize(
    ("grow", "kind"),
    [
        (nn.Upsample(scale_factor=2), "nearest interpolation"),
        (nn.Upsample(scale_factor=2, mode="bilinear"), "bilinear interpolation"),
        (nn.UpsamplingBilinear2d(scale_factor=2), "bilinear interpolation"),
        (nn.ConvTranspose2d(4, 4, 2, stride=2), "deconvolution"),
        (lambda x: x.repeat_interleave(2, 2).repeat_interleave(2, 3), "replication"),
        (lambda x: F.pad(x, (0, x.shape[3], 0, x.shape[2])), "an operation of its own"),
    ],
)
def test_upsamplings(grow, kind):
    layers = found(grow)
    assert isinstance(layers[0], Upsampling)
    assert (layers[0].kind, layers[0].indices_of, layers[0].size) == (kind, None, (18, 26))


def test_indices_belong_to_the_pooling_whose_maxima_they_are():
    class Swapped(nn.Module):
        """Two poolings of equally large maps, so that the second map can take the indices of the first."""

        def __init__(self, own):
            super().__init__()
            self.own = own
            self.one, self.two = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
            self.last = nn.Conv2d(3, 2, 1)

        def forward(self, x):
            x, first = F.max_pool2d(self.one(x), 2, return_indices=True)
            y, second = F.max_pool2d(self.two(F.interpolate(x, scale_factor=2.0)), 2, return_indices=True)
            return self.last(F.max_unpool2d(y, second if self.own else first, 2))

    for own, source in ((True, 2), (False, 1)):
        layers = record(Swapped(own).eval(), torch.rand(1, 3, 16, 24)).layers
        assert [layer.indices_of for layer in layers if isinstance(layer, Upsampling)] == [None, source]


def test_what_follows_a_convolution():
    block = nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout2d(0.2), nn.Dropout(0.0))
    conv, dropout, _ = record(Between(block).eval(), torch.rand(1, 3, 8, 8)).layers
    assert conv.then == ["batch_norm", "relu"]
    assert (conv.norm.gathered, conv.norm.learnt) == (False, False)
    assert (conv.module, conv.kernel, conv.inputs, conv.outputs, conv.bias) == ("first", (3, 3), 3, 4, True)
    assert dropout == Dropout("between.2", 0.2)
    clamped, _ = record(Between(lambda x: torch.where(x > 0, x, 0)).eval(), torch.rand(1, 3, 8, 8)).layers
    assert clamped.then == ["relu"]  # by whatever name


def test_the_first_convolution_tells_what_entered():
    model = create_model("segnet_basic", width=0.1).eval()
    image = torch.rand(1, 3, 16, 16)
    assert torch.equal(record(model, image).entering, model.normalise(image))


@pytest.mark.parametrize("given", [lambda x: {"out": x}, lambda x: x[0]])
def test_what_is_no_batch_of_maps_is_refused(given):
    class Other(Between):
        def forward(self, x):
            return given(super().forward(x))

    with pytest.raises(ValueError, match=r"Other gives .* for images \(1, 3, 8, 8\): give a module whose forward"):
        record(Other(nn.Identity()), torch.rand(1, 3, 8, 8))
