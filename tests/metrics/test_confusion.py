import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segnet_lab.metrics import confusion_matrix, scores_from_confusion


def counted_by_hand(pred, target, num_classes, void):
    matrix = np.zeros((num_classes, num_classes), int)
    for p, t in zip(np.ravel(pred), np.ravel(target), strict=True):
        if t != void:
            matrix[t, p] += 1
    return matrix


def test_every_pixel_of_a_small_map():
    target = np.array([[0, 0, 1, 1], [0, 0, 1, 9], [2, 2, 2, 9]])
    pred = np.array([[0, 0, 1, 0], [0, 2, 1, 0], [2, 2, 1, 9]])
    matrix = confusion_matrix(pred, target, num_classes=3, ignore_index=9)
    assert matrix.dtype == torch.int64
    assert matrix.tolist() == [[3, 0, 1], [1, 2, 0], [0, 1, 2]]
    scores = scores_from_confusion(matrix)
    assert scores["G"] == pytest.approx(7 / 10)
    assert scores["C"] == pytest.approx((3 / 4 + 2 / 3 + 2 / 3) / 3)
    assert scores["mIoU"] == pytest.approx((3 / 5 + 2 / 4 + 2 / 4) / 3)


@given(
    st.integers(1, 6).flatmap(
        lambda k: st.tuples(
            st.just(k),
            st.lists(st.tuples(st.integers(0, k - 1), st.integers(0, k)), min_size=1, max_size=40),
            st.sampled_from([np.uint8, np.int16, np.int64, np.uint16]),
        )
    ),
    st.sampled_from(["after the last", "255", "in between"]),
)
def test_agrees_with_counting_pixel_by_pixel(case, numbering):
    k, pixels, dtype = case
    pred, target = (np.array(x, dtype)[None] for x in zip(*pixels, strict=True))
    void = k
    if numbering == "255":
        target = np.where(target == k, 255, target).astype(dtype)
        void = 255
    elif numbering == "in between":  # SUN RGB-D: 0 is void, classes from 1 on; K counts the void number too
        pred, target, void, k = pred + 1, np.where(target == k, 0, target + 1).astype(dtype), 0, k + 1
    expected = counted_by_hand(pred, target, k, void)
    assert confusion_matrix(pred, target, k, void).tolist() == expected.tolist()
    if dtype != np.uint16:
        assert confusion_matrix(torch.from_numpy(pred), torch.from_numpy(target), k, void).tolist() == expected.tolist()


@pytest.mark.parametrize("num_classes", [2, 11, 90, 255, 300])
def test_number_types_do_not_overflow(num_classes):
    rng = np.random.default_rng(num_classes)
    pred, target = rng.integers(0, num_classes, (2, 2, 20, 30))
    target[0, :5] = num_classes
    expected = counted_by_hand(pred, target, num_classes, num_classes)
    np.testing.assert_array_equal(confusion_matrix(pred, target, num_classes, num_classes), expected)


def test_images_add_up_and_a_negative_void_is_fine():
    rng = np.random.default_rng(0)
    pred, target = rng.integers(0, 4, (2, 3, 9, 7))
    target[:, 0] = -100
    together = confusion_matrix(pred, target, 4, -100)
    assert together.tolist() == sum(confusion_matrix(p, t, 4, -100) for p, t in zip(pred, target, strict=True)).tolist()
    assert together.sum() == 3 * 8 * 7


def test_read_only_and_strided_maps_are_read():
    labels = np.arange(24).reshape(4, 6) % 3
    labels.flags.writeable = False
    assert confusion_matrix(labels[::2, ::-1], labels[::2, ::-1], 3).diagonal().sum() == 12


@pytest.mark.parametrize("absent", ["nan", "zero"])
def test_a_class_absent_from_the_truth(absent):
    # Class 2 is predicted twice but never true: it has no accuracy and no IoU. Authors: divide by K all the same.
    scores = scores_from_confusion([[3, 1, 2], [0, 4, 0], [0, 0, 0]], absent)
    divisor = {"nan": 2, "zero": 3}[absent]
    assert scores["G"] == pytest.approx(7 / 10)
    assert scores["C"] == pytest.approx((3 / 6 + 4 / 4) / divisor)
    assert scores["mIoU"] == pytest.approx((3 / 6 + 4 / 5) / divisor)
    assert scores["class_accuracy"].isnan().tolist() == [False, False, True]
    assert scores["class_iou"].isnan().tolist() == [False, False, True]


def test_nothing_counted_is_nan():
    void = np.full((2, 3), 11)
    scores = scores_from_confusion(confusion_matrix(np.zeros((2, 3), int), void, 11, ignore_index=11))
    assert all(np.isnan(scores[name]) for name in ("G", "C", "mIoU"))
    assert confusion_matrix(np.zeros((0, 4, 5), int), np.zeros((0, 4, 5), int), 2).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("pred", "target", "message"),
    [
        ([[0, 14]], [[0, 0]], r"pred holds 14, .* 11 classes 0\.\.10 .*ignore_index=255"),
        ([[0, 0]], [[0, -1]], "target holds -1"),
        ([[0, 0]], [[11, 255]], "target holds 11"),
        ([[0, 255]], [[0, 0]], "pred is void .* at 1 pixels"),
        ([[0, 0]], [[0]], r"pred is \(1, 1, 2\) but target is \(1, 1, 1\): resize"),
        ([[0.0, 1.0]], [[0, 0]], "float64.*argmax"),
        ([0, 1], [0, 0], r"\(B, H, W\), got int64 of shape \(2,\)"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.bfloat16), torch.zeros(1, 4, 4, dtype=torch.int64), "argmax"),
    ],
)
def test_bad_maps_are_named(pred, target, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(pred, target, num_classes=11, ignore_index=255)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="num_classes is 0"):
        confusion_matrix([[0]], [[0]], 0)
    with pytest.raises(ValueError, match=r"unknown rule for absent classes 'drop'\. Known: nan, zero"):
        scores_from_confusion([[1]], absent="drop")
    with pytest.raises(ValueError, match=r"\(K, K\), got \(1, 2\)"):
        scores_from_confusion([[1, 2]])
