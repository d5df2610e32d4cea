"""Two bits a window, four windows a byte."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segnet_lab.pooling_codes import pack, packed_bytes, pooled_size, unpack


def test_by_hand():
    # Two channels of 2x2 windows: window by window along row, column, channel.
    corners = torch.tensor([[[[0, 1], [2, 3]], [[3, 2], [1, 0]]]], dtype=torch.uint8)
    codes = pack(corners)
    assert codes.tolist() == [0 + 4 * 3 + 16 * 1 + 64 * 2, 2 + 4 * 1 + 16 * 3 + 64 * 0]
    assert torch.equal(unpack(codes, corners.shape), corners)


def test_the_last_byte_is_filled_with_zeros():
    assert pack(torch.full((1, 1, 1, 5), 3, dtype=torch.uint8)).tolist() == [255, 3]
    assert pack(torch.zeros((0, 1, 2, 2), dtype=torch.uint8)).tolist() == []


@given(st.integers(1, 3), st.integers(1, 6), st.integers(1, 7), st.integers(1, 7), st.integers(0, 2**31))
@settings(deadline=None, max_examples=50)
def test_unpack_undoes_pack(b, c, h, w, seed):
    corners = torch.randint(0, 4, (b, c, h, w), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    codes = pack(corners)
    assert codes.numel() == packed_bytes(b * c * h * w)
    assert torch.equal(unpack(codes, corners.shape), corners)


@pytest.mark.parametrize(("windows", "bytes_"), [(0, 0), (1, 1), (4, 1), (5, 2), (64 * 180 * 240, 691_200)])
def test_packed_bytes_rounds_up(windows, bytes_):
    assert packed_bytes(windows) == bytes_


@pytest.mark.parametrize(("size", "pooled"), [((45, 60), (23, 30)), ((1, 1), (1, 1)), ((2, 3), (1, 2))])
def test_pooled_size_rounds_up(size, pooled):
    assert pooled_size(size) == pooled
