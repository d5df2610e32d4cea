"""Label maps as scores read them: any numbers and types in, small ones with void after the last class out."""

import numpy as np
import pytest
import torch

from segnet_lab.metrics.checked import as_array, read_pair


def test_void_becomes_the_number_after_the_last_class():
    for void in (-100, 2, 3, 7, 255):
        pred, target = read_pair([[0, 1, 0]], [[void, 1, 0]], 2, void)
        assert pred.tolist() == [[[0, 1, 0]]]
        assert target.tolist() == [[[2, 1, 0]]]


def test_void_in_between_or_in_the_prediction():
    pred, target = read_pair([[0, 1, 2]], [[2, 0, 1]], 3, 0)  # 0 is void, as in SUN RGB-D
    assert pred.tolist() == [[[3, 1, 2]]]
    assert target.tolist() == [[[2, 3, 1]]]


@pytest.mark.parametrize(("num_classes", "dtype"), [(1, np.uint8), (255, np.uint8), (256, np.uint16)])
def test_the_smallest_type_that_holds_void(num_classes, dtype):
    pred, target = read_pair(np.zeros((3, 2), np.int64), np.full((3, 2), num_classes), num_classes, num_classes)
    assert pred.dtype == target.dtype == dtype
    assert (target == num_classes).all()


def test_arguments_are_left_alone():
    pred, target = np.array([[0, 255]], np.uint8), np.array([[255, 0]])
    read_pair(pred, target, 1, 255)
    assert (pred.tolist(), target.tolist()) == ([[0, 255]], [[255, 0]])


def test_tensors_lists_and_booleans_are_maps():
    for labels in ([[0, 1]], torch.tensor([[0, 1]]), np.array([[False, True]]), torch.tensor([[0, 1]]).to(torch.uint8)):
        assert as_array(labels, "labels").tolist() == [[[0, 1]]]
    assert as_array(torch.zeros(4, 2, 3, dtype=torch.int32), "labels").shape == (4, 2, 3)


def test_nothing_is_a_map_of_no_pixels():
    assert read_pair(np.zeros((0, 4, 4), int), np.zeros((0, 4, 4), int), 2, None)[0].shape == (0, 4, 4)
    assert read_pair(np.zeros((2, 0, 4), int), np.zeros((2, 0, 4), int), 2, None)[0].shape == (2, 0, 4)


@pytest.mark.parametrize(
    ("pred", "target", "message"),
    [
        ([[0, 2]], [[0, 0]], r"pred holds 2, .* 2 classes 0\.\.1 .*ignore_index=255"),
        ([[0, 0]], [[-1, 255]], "target holds -1"),
        ([[0, 0]], [[0]], r"pred is \(1, 1, 2\) but target is \(1, 1, 1\): resize"),
        ([[0.0, 1.0]], [[0, 0]], "pred must be a map of integer labels.*float64"),
        ([[0, 1]], torch.zeros(1, 2, dtype=torch.bfloat16), "target must be a map of integer labels.*float32"),
        (np.zeros((1, 2, 3, 3), int), np.zeros((1, 3, 3), int), r"shape \(1, 2, 3, 3\).*argmax"),
    ],
)
def test_what_is_no_pair_of_maps_is_named(pred, target, message):
    with pytest.raises(ValueError, match=message):
        read_pair(pred, target, 2, 255)
