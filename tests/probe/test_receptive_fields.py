"""Receptive fields by the paper's numbers, by hand, and by gradients; traces against the network itself."""

import pytest
import torch
import torch.nn.functional as F

from segnet_lab import create_model, list_models
from segnet_lab.models import decoders, network
from segnet_lab.models.decoders import FixedIndices
from segnet_lab.pooling import packed_bytes
from segnet_lab.probe import receptive_fields
from segnet_lab.probe.receptive_fields import measured_receptive_field, places, receptive_field

EVERY_NETWORK = pytest.mark.parametrize("name", list_models())


def small(name, **options):
    return create_model(name, **{"num_classes": 5, "width": 0.05, "seed": 0, **options}).eval()


def image(height, width):
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(height + width))


# ---------------------------------------------------------------------------------------------- receptive fields


def sizes(name, *where):
    return [receptive_field(small(name), place).size for place in where]


def test_encoder_of_segnet_basic_by_hand():
    # conv1 7; pool1 +1; conv2 +6*2, pool2 +2; conv3 +6*4, pool3 +4; conv4 +6*8 = 98, pool4 +8 = 106 (the paper's)
    assert sizes("segnet_basic", "conv1", "pool1", "conv2", "pool2", "conv3", "pool3", "conv4", "pool4") == [
        *(7, 8),
        *(20, 22),
        *(46, 50),
        *(98, 106),
    ]


def test_output_of_segnet_basic_by_hand():
    # 7 rows lie in 4 windows; 4 + 6 rows in 5 or 6; 11 or 12 in 6 or 7; 12 or 13 in 6 or 7; of pool4, 16 px apart
    field = receptive_field(small("segnet_basic"), "logits")
    assert field == (106 + 6 * 16, 106 + 5 * 16, 1) == (202, 186, 1)


def test_vgg16_by_hand():
    # pairs and triples of 3x3: 5, 6 | 14, 16 | 40, 44 | 92, 100 | 196, 212
    pools = [f"pool{n}" for n in range(1, 6)]
    assert sizes("segnet", *pools) == [6, 16, 44, 100, 212]
    assert sizes("fcn", "pool5", "neck") == [212, 212 + 6 * 32]  # fc6 is 7x7 at stride 32: 404, as FCN says


def test_large_fov_by_hand():
    # pool3 is 3x3 at stride 1 and stays at 1/4: 40 + 2*4 = 48; conv4 dilated: + 3*4*4 = 96, pool4 + 4 = 100;
    # conv5 + 3*4*8 = 196, pool5 3x3 + 2*8 = 212; fc6 3x3, dilated 12 times: + 24*8
    assert sizes("deeplab_large_fov", "pool3", "pool4", "pool5", "neck") == [48, 100, 212, 212 + 192]


def test_strides():
    model = small("segnet_basic")
    strides = {place: receptive_field(model, place).stride for place in places(model)}
    assert [strides[p] for p in ("conv1", "pool1", "pool4", "decoder4", "decoder2", "logits")] == [1, 2, 16, 8, 2, 1]


def test_without_pooling_it_only_grows_by_filters():
    assert places(small("no_pooling")) == ["conv1", "conv2", "conv3", "conv4", "logits"]
    assert receptive_field(small("no_pooling"), "logits") == (1 + 4 * 6, 25, 1)


@pytest.mark.parametrize(
    ("name", "where", "size"),
    [
        ("segnet_basic", "conv4", 98),
        ("segnet_basic", "pool4", 106),
        # 12 rows of conv4: behind its own pooling, a value lies where it came from, so conv4 counts, not pool4
        ("segnet_basic", "logits", 98 + 11 * 8),
        ("segnet", "pool5", 212),
    ],
)
def test_gradient_of_a_real_network_reaches_as_far(name, where, size):
    field = measured_receptive_field(create_model(name, width=0.25, seed=0), where)
    assert (field.height, field.width) == (size, size)


def test_codes_see_more_than_gradients():
    """Output pixel (115, 115) of SegNet-Basic: rows and columns 19 to 220, 202 of them, by changing the image."""
    model = create_model("segnet_basic", width=0.25, input_transform="none", seed=0).eval()
    picture = image(240, 240)
    gradient = measured_receptive_field(model, "logits", picture, row=115, column=115)
    assert (gradient.height, gradient.width) == (98 + 12 * 8, 98 + 12 * 8), "13 rows of conv4"

    def change(box):
        """Largest change of the pixel's logits when this part of the image becomes much brighter."""
        changed = picture.clone()
        changed[box] += 100
        with torch.no_grad():
            before, after = (model(x[None])[0, :, 115, 115] for x in (picture, changed))
        return ((after - before) / before.abs().max()).abs().max()

    every = slice(None)
    for beyond, edge in ((slice(0, 19), 19), (slice(221, None), 220)):
        for axes in ((every,), (every, every)):  # rows, columns
            assert change((*axes, beyond)) < 1e-5
            assert change((*axes, edge)) > 1e-3


def linear(monkeypatch, model):
    """Let everything through: averages for maxima, copies for unpooling, positive weights. No path can cancel."""

    def average(x):
        pooled = F.avg_pool2d(x, 2)
        return pooled, torch.zeros(packed_bytes(pooled.numel()), dtype=torch.uint8)

    def copies(x, codes, size):
        return F.interpolate(x, scale_factor=2.0)

    monkeypatch.setattr(network, "relu_max_pool_2x2", average)
    monkeypatch.setattr(network, "max_pool_stride_1", lambda x: F.avg_pool2d(x, 3, 1, 1))
    if not isinstance(next(iter(model.decoders.values()), None), FixedIndices):  # which does know its places
        monkeypatch.setattr(decoders, "max_unpool_2x2", copies)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(0.5, 1.0)
    return model


@EVERY_NETWORK
def test_arithmetic_is_what_gradients_measure(name, monkeypatch):
    model = linear(monkeypatch, small(name, width=0.001, num_classes=1))  # one channel
    height = 32 * (receptive_field(model, "logits").size // 32 + 3)
    for where in places(model)[-3:]:
        field = receptive_field(model, where)
        sizes = set()
        for offset in (0, 1, 3, 7, 12, 21):
            row = height // field.stride // 2 + offset // field.stride
            measured = measured_receptive_field(model, where, image(height, 32), row=row, column=0)
            rows = measured.gradient.sum(1).nonzero().flatten()
            assert (int(rows[0]), int(rows[-1])) == receptive_fields._rows_seen(
                receptive_fields._until(model, where), row
            ), (where, row)
            sizes.add(measured.height)
        assert field.smallest <= min(sizes) <= max(sizes) <= field.size


def test_measuring_with_an_image_and_a_pixel():
    model = create_model("segnet_basic", width=0.25, seed=0).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    corner = measured_receptive_field(model, "pool1", image(40, 50), row=0, column=24)
    # rows 0 and 1 of conv1, 3 more below, nothing above the frame; columns 48 and 49, 3 more on the left
    assert (corner.row, corner.column, corner.height, corner.width) == (0, 24, 5, 5)
    assert corner.gradient.shape == (40, 50)
    assert corner.gradient[:5, 45:].count_nonzero() == corner.gradient.count_nonzero() > 0
    assert model.training
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_refuses_unknown_places_and_pixels():
    model = small("segnet_basic")
    with pytest.raises(ValueError, match=r"unknown place in segnet_basic 'pool5'. Did you mean 'pool4'\? Known: conv1"):
        receptive_field(model, "pool5")
    with pytest.raises(ValueError, match="row 3 lies outside of pool4: it has rows 0 to 2"):
        measured_receptive_field(model, "pool4", image(45, 60), row=3)
