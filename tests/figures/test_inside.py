"""Scenes from inside a network, against the library's own pooling and against arithmetic."""

import numpy as np
import pytest
import torch

from segnet_lab.figures import inside
from segnet_lab.inference.mc_dropout import predict_with_uncertainty, sample_labels
from segnet_lab.models import create_model
from segnet_lab.pooling import max_pool_2x2, unpack
from segnet_lab.probe.tracing import trace

IMAGE = torch.rand(3, 45, 60, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def traced():
    return trace(create_model("segnet_basic", width=0.25, seed=0), IMAGE)


def test_one_stage_shows_the_very_maps(traced):
    scene = inside.sparse_maps(traced, stage=2, channel=5)
    image, features, codes, sparse, dense = scene.pictures
    x = traced.encoders[1].features[:, 5:6]
    values, packed = max_pool_2x2(x)
    corners = unpack(packed, values.shape)[0, 0].numpy()
    zero = values[0, 0].numpy() == 0
    assert np.array_equal(codes.pixels, np.where(zero, 4, corners))
    assert [p.pixels.shape[:2] for p in scene.pictures] == [(45, 60), (23, 30), (12, 15), (23, 30), (23, 30)]
    assert [p.scale for p in scene.pictures] == [1, 2, 4, 2, 2]
    empty = sparse.pixels == inside.numbers("", [[1.0]], empty=np.array([[True]])).pixels[0, 0]
    assert np.array_equal(empty, traced.decoders[2].upsampled[0, 5].numpy() == 0)
    assert features.title == "encoder 2: features"
    assert not (dense.pixels == sparse.pixels).all()
    assert image.rgb.shape == (45, 60, 3)


def test_a_place_is_outlined_in_every_map_and_followed_in_words(traced):
    # pixel (21, 34): window (10, 17) of stage 1, (5, 8) of stage 2, (2, 4) of stage 3, (1, 2) of stage 4
    windows = {1: (10, 17), 2: (5, 8), 3: (2, 4), 4: (1, 2)}
    for stage, (row, column) in windows.items():
        scene = inside.sparse_maps(traced, stage, channel=3, place=(21, 34))
        image, features, codes, sparse, dense = scene.pictures
        assert codes.marks == ((row, column, 1, 1),)
        assert features.marks == sparse.marks == dense.marks == ((2 * row, 2 * column, 2, 2),)
        side = 2**stage
        assert image.marks == ((row * side, column * side, side, side),)
    for stage, (row, column) in windows.items():
        code = int(traced.encoders[stage - 1].corners[0, 3, row, column])
        assert f"stage {stage}: " in scene.note
        assert scene.note.split(f"stage {stage}: ")[1].split("   ")[0].split(" ")[-1] == "↖↗↙↘"[code]
    all_codes = inside.sparse_maps(traced, channel=3, view="codes of all stages", place=(21, 34))
    assert [p.marks for p in all_codes.pictures[1:]] == [((*windows[s], 1, 1),) for s in (1, 2, 3, 4)]


def test_without_a_place_the_note_counts_codes(traced):
    note = inside.sparse_maps(traced, channel=2).note
    alive = traced.encoders[0].pooled[0, 2] != 0
    share = (traced.encoders[0].corners[0, 2][alive] == 0).double().mean()
    assert f"stage 1: ↖ {share:.0%} ↗" in note


@pytest.mark.parametrize("name", ["bilinear_interpolation", "fcn_basic", "unet", "deeplab_large_fov", "fixed_indices"])
@pytest.mark.parametrize("view", inside.SPARSE_MAP_VIEWS)
def test_every_way_of_decoding_can_be_looked_into(name, view):
    found = trace(create_model(name, width=0.1, seed=0), IMAGE)
    stage = found.decoders[-1].stage
    scene = inside.sparse_maps(found, stage, channel=999, view=view, place=(44, 59))
    assert len(scene.pictures) == (5 if view == "one stage" else 1 + len(found.decoders))
    for picture in scene.pictures:  # the geometry covers the image, with less than a cell to spare
        height, width = (n * picture.scale for n in picture.pixels.shape[:2])
        assert 45 <= height < 45 + picture.scale
        assert 60 <= width < 60 + picture.scale


def test_wrong_stages_views_and_places_are_refused(traced):
    with pytest.raises(ValueError, match="no decoder belongs to stage 7: there are 1, 2, 3, 4"):
        inside.sparse_maps(traced, stage=7)
    with pytest.raises(ValueError, match=r"unknown view 'codes'.*Known: one stage, codes of all stages"):
        inside.sparse_maps(traced, view="codes")
    with pytest.raises(ValueError, match="row 45 lies outside of the image: it has rows 0 to 44"):
        inside.sparse_maps(traced, place=(45, 0))


def test_the_box_of_a_receptive_field():
    # pool2 of 7x7 convolutions sees 22 pixels around the middle of its 4x4 cell: cell (8, 10) begins at (32, 40)
    model = create_model("segnet_basic", width=0.5, seed=0, input_transform="none")
    image, gradient = inside.what_a_pixel_sees(model, torch.rand(3, 64, 80), "pool2", place=(35, 43)).pictures
    assert image.marks[1] == (32, 40, 4, 4)
    assert image.marks[0] == (32 + 2 - 11, 40 + 2 - 11, 22, 22)
    seen = np.argwhere(gradient.pixels != gradient.names.index("empty"))
    assert (seen.min(0) >= (23, 31)).all()
    assert (seen.max(0) < (23 + 22, 31 + 22)).all()


def test_the_square_that_holds_half_of_a_gradient():
    gradient = np.zeros((9, 9))
    gradient[4, 4], gradient[4, 6], gradient[0, 0] = 4, 3, 2  # 4 of 9 in the middle, 7 of 9 within two pixels
    assert inside._side_of_half(gradient, [4, 4]) == 5


def test_samples_say_how_far_they_agree():
    from segnet_lab.data import load_dataset

    data = load_dataset("roadscenes", "val")
    model = create_model("bayesian_segnet_basic", width=0.1, seed=0)
    drawn = sample_labels(model, IMAGE, 3)
    scene = inside.samples(IMAGE, drawn, predict_with_uncertainty(model, IMAGE, 3), "entropy", data)
    assert [p.title for p in scene.pictures] == ["image", "mean of 3", "entropy", "sample 1", "sample 2", "sample 3"]
    agree = ((drawn[0] == drawn[1]) & (drawn[1] == drawn[2])).double().mean()
    assert scene.note == f"All 3 samples agree on {agree:.1%} of the pixels."
