"""What each network must remember, counted by hand."""

import pytest

from segnet_lab import create_model
from segnet_lab.models import storage_multiplier


@pytest.mark.parametrize(
    ("name", "recomputed"),
    [
        ("bilinear_interpolation", 0),
        ("segnet_basic", 64 * 2 / 32),  # printed 1
        ("segnet_basic_encoder_addition", 64 + 64 * 2 / 32),  # printed 64
        ("segnet_basic_single_channel_decoder", 4),  # printed 1
        ("fcn_basic", 11),
        ("fcn_basic_no_dim_reduction", 64),
        ("fcn_basic_no_addition_no_dim_reduction", 0),
        ("replication", 0),
        ("fixed_indices", 0),
    ],
)
def test_storage_multiplier(name, recomputed):
    assert storage_multiplier(create_model(name)) == recomputed


def test_what_segnet_remembers():
    # windows: 64*180*240 + 128*90*120 + 256*45*60 + 512*23*30 + 512*12*15 = 5,283,840
    kept = create_model("segnet").memory(360, 480)
    assert [(r.channels, r.height, r.width) for r in kept] == [
        (64, 180, 240),
        (128, 90, 120),
        (256, 45, 60),
        (512, 23, 30),
        (512, 12, 15),
    ]
    assert sum(r.bytes for r in kept) == 5_283_840 // 4
    assert sum(r.bytes_float32 for r in kept) == 5_283_840 * 4
    assert sum(r.bytes_int64 for r in kept) == 5_283_840 * 8


def test_what_unet_remembers():
    kept = create_model("unet").memory(360, 480)
    assert [(r.kind, r.channels, r.height, r.width) for r in kept] == [
        ("map", 64, 360, 480),
        ("map", 128, 180, 240),
        ("map", 256, 90, 120),
        ("map", 512, 45, 60),
    ]
