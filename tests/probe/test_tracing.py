"""Every map of a forward pass, against the network itself."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from segnet_lab import create_model, list_models, predict, probe
from segnet_lab.models import NETWORKS
from segnet_lab.pooling import max_pool_2x2, max_unpool_2x2, pack
from segnet_lab.probe.receptive_fields import measured_receptive_field, places, receptive_field
from segnet_lab.probe.tracing import code_histogram, trace, window_path

EVERY_NETWORK = pytest.mark.parametrize("name", list_models())


def small(name, **options):
    return create_model(name, **{"num_classes": 5, "width": 0.05, "seed": 0, **options}).eval()


def image(height, width):
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(height + width))


@EVERY_NETWORK
@pytest.mark.parametrize("size", [(45, 61), (1, 1)])
def test_trace_is_what_the_network_computes(name, size):
    model, picture = small(name), image(*size)
    t = trace(model, picture)
    with torch.no_grad():
        assert torch.equal(t.logits, model(picture[None]))
        assert torch.equal(t.encoders[0].entering, model.normalise(picture[None]))
        last = t.decoders[-1].dense if t.decoders else t.encoders[-1].pooled
        assert torch.equal(t.logits, model.classifier(model.neck(last) if not t.decoders else last))
    assert torch.equal(t.label, predict(model, picture, precision="float32"))
    assert torch.equal(t.image[0], picture)
    assert [e.stage for e in t.encoders] == list(range(1, len(model.stages) + 1))
    assert [d.stage for d in t.decoders] == [int(number) for number in model.decoders]


@EVERY_NETWORK
def test_one_map_leads_to_the_next(name):
    model = small(name)
    t = trace(model, image(45, 61))
    for before, after in zip(t.encoders, t.encoders[1:], strict=False):
        assert torch.equal(after.entering, before.pooled)
    for before, after in zip(t.decoders, t.decoders[1:], strict=False):
        assert torch.equal(after.below, before.dense)
    for d in t.decoders:
        size = t.encoders[d.stage - 1].entering.shape[-2:]
        assert d.upsampled.shape[-2:] == d.dense.shape[-2:] == size


@EVERY_NETWORK
def test_encoder_stage_pools_its_features(name):
    for block, e in zip(NETWORKS[name].encoder, trace(small(name), image(45, 61)).encoders, strict=True):
        assert e.features.min() >= 0
        if block.pool == "2x2":
            pooled, codes = max_pool_2x2(e.features)
            assert torch.equal(pooled, e.pooled)
            assert torch.equal(codes, e.codes)
            assert torch.equal(pack(e.corners), e.codes)
        else:
            assert e.codes is e.corners is None
            expected = F.max_pool2d(e.features, 3, 1, 1) if block.pool else e.features
            assert torch.equal(e.pooled, expected)


@pytest.mark.parametrize("name", [n for n, row in NETWORKS.items() if "codes" in getattr(row.decoder, "remembers", ())])
def test_sparse_map_holds_the_values_from_below_at_the_encoders_corners(name):
    t = trace(small(name), image(45, 61))
    for d in t.decoders:
        e = t.encoders[d.stage - 1]
        assert torch.equal(d.upsampled, max_unpool_2x2(d.below, e.codes, e.entering.shape[-2:]))
        assert d.upsampled.count_nonzero() <= d.below.numel()


def test_upsampled_maps_of_the_other_decoders():
    fcn, interpolated, unet = (trace(small(n), image(32, 48)) for n in ("fcn_basic", "bilinear_interpolation", "unet"))
    added = fcn.decoders[0].dense - fcn.decoders[0].upsampled
    assert added.abs().max() > 0, "FCN adds the encoder's map after upsampling"
    assert torch.equal(fcn.decoders[-1].dense, fcn.decoders[-1].upsampled), "but has none at the image"
    assert all(torch.equal(d.upsampled, d.dense) for d in interpolated.decoders)
    d = unet.decoders[0]
    features = unet.encoders[d.stage - 1].features
    assert torch.equal(d.upsampled[:, -features.shape[1] :], features), "U-Net puts the encoder's map beside it"


def test_trace_by_name():
    t = trace(small("segnet_basic"), image(32, 48))
    assert t.at("conv2") is t.encoders[1].features
    assert t.at("pool4") is t.encoders[3].pooled
    assert t.at("decoder4") is t.decoders[0].dense
    assert t.at("logits") is t.logits
    with pytest.raises(ValueError, match=r"unknown place 'decoder5'. Did you mean 'decoder4'"):
        t.at("decoder5")


@EVERY_NETWORK
def test_every_place_has_a_map(name):
    model = small(name)
    t = trace(model, image(64, 96))
    for where in places(model):
        stride = receptive_field(model, where).stride
        assert t.at(where).shape[-2:] == (64 // stride, 96 // stride)


def test_a_name_in_a_networks_place_says_what_to_give():
    for look in (places, lambda model: receptive_field(model, "pool1"), lambda model: trace(model, image(8, 8))):
        with pytest.raises(ValueError, match=r"'segnet' is a name: give the network, create_model\('segnet'\)"):
            look("segnet")
    with pytest.raises(ValueError, match="'runs/m' is a name"):
        measured_receptive_field("runs/m", "pool1")


def test_trace_leaves_no_hooks_and_puts_the_mode_back():
    model = small("segnet_basic").train()
    trace(model, image(8, 8))
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())


# ---------------------------------------------------------------------------------------------- codes and windows


def test_histogram_by_hand():
    corners = torch.tensor([[[[0, 1, 2], [3, 3, 0]]], [[[0, 0, 0], [2, 1, 3]]]], dtype=torch.uint8)
    # 5 zeros, 2 ones, 2 twos, 3 threes of 12
    shares = code_histogram(pack(corners), corners.shape)
    torch.testing.assert_close(shares, torch.tensor([5, 2, 2, 3]).double() / 12)


def test_histogram_of_nothing():
    assert code_histogram(torch.zeros(0, dtype=torch.uint8), (0, 3, 2, 2)).isnan().all()


def test_a_silent_channel_counts_as_top_left():
    values, codes = max_pool_2x2(torch.full((1, 2, 6, 6), -1.0).relu())
    assert code_histogram(codes, values.shape).tolist() == [1, 0, 0, 0]


def test_window_path_by_hand():
    # (21, 34): row odd, column even: bottom-left of window (10, 17): even, odd: top-right of (5, 8): bottom-left of
    # (2, 4): top-left of (1, 2)
    t = trace(small("segnet_basic"), image(45, 60))
    path = window_path(t, 21, 34)
    assert [(s.window_row, s.window_column) for s in path] == [(10, 17), (5, 8), (2, 4), (1, 2)]
    assert [s.corner for s in path] == [2, 1, 2, 0]
    assert [s.corner_name for s in path] == ["bottom-left", "top-right", "bottom-left", "top-left"]


@given(st.integers(1, 50), st.integers(1, 50), st.data())
@settings(deadline=None, max_examples=20)
def test_what_was_kept_is_the_maximum(height, width, data):
    t = trace(small("segnet_basic"), image(height, width))
    row, column = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    for s, e in zip(window_path(t, row, column), t.encoders, strict=True):
        here = e.features[0, :, s.row, s.column]
        assert torch.equal(e.pooled[0, s.kept, s.window_row, s.window_column], here[s.kept])
        assert (e.pooled[0, :, s.window_row, s.window_column] >= here).all()


def test_window_path_where_a_stage_keeps_the_size():
    path = window_path(trace(small("deeplab_large_fov"), image(32, 32)), 31, 5)
    assert [(s.row, s.column, s.corner) for s in path] == [
        (31, 5, 3),
        (15, 2, 2),
        (7, 1, None),
        (7, 1, 3),
        (3, 0, None),
    ]
    assert [s.corner_name for s in path][2] is path[2].kept is None


@pytest.mark.parametrize(("row", "column", "message"), [(45, 0, "row 45 .* rows 0 to 44"), (0, -1, "column -1 lies")])
def test_refuses_a_pixel_outside(row, column, message):
    t = trace(small("segnet_basic"), image(45, 60))
    with pytest.raises(ValueError, match=message):
        window_path(t, row, column)


def test_is_what_the_package_offers():
    import segnet_lab

    assert segnet_lab.probe is probe
