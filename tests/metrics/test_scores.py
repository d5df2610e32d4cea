import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from torchmetrics import MetricCollection

from segnet_lab.metrics import (
    CONVENTIONS,
    SegmentationScores,
    boundary_f1,
    boundary_scores,
    confusion_matrix,
    scores_from_confusion,
)


@pytest.fixture
def batches():
    rng = np.random.default_rng(0)
    target = rng.integers(0, 5, (6, 6, 8)).repeat(4, 1).repeat(4, 2)  # 0..3 and void 4
    pred = np.roll(target, 1, 2) % 4
    pred, target = torch.from_numpy(pred), torch.from_numpy(target)
    return [(pred[:1], target[:1]), (pred[1:4], target[1:4]), (pred[4], target[4]), (pred[5:], target[5:])]


def all_of(batches):
    return tuple(torch.cat([x.reshape(-1, 24, 32) for x in maps]) for maps in zip(*batches, strict=True))


def test_what_several_have_counted_adds_up(batches):
    together, *each = (SegmentationScores(4, ignore_index=4, tolerance=1) for _ in range(1 + len(batches)))
    for scores, batch in zip(each, batches, strict=True):
        scores.update(*batch)
        together.update(*batch)
    first, *others = each
    for other in others:
        first.add(other)
    assert first.compute() == together.compute()
    assert all(torch.equal(values, together.per_class()[name]) for name, values in first.per_class().items())


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_batches_give_the_scores_of_the_whole(batches, convention):
    scores = SegmentationScores(4, ignore_index=4, convention=convention, tolerance=1)
    for pred, target in batches:
        scores.update(pred, target)
    pred, target = all_of(batches)
    expected = scores_from_confusion(confusion_matrix(pred, target, 4, 4))
    found = scores.compute()
    assert list(found) == ["G", "C", "mIoU", "BF"]
    assert all(type(value) is float for value in found.values())
    assert [found[name] for name in ("G", "C", "mIoU")] == [expected[name] for name in ("G", "C", "mIoU")]
    bf = boundary_f1(pred, target, 4, tolerance=1, ignore_index=4, convention=convention)
    assert 0 < bf < 1
    assert found["BF"] == pytest.approx(bf, abs=1e-11)

    each = scores.per_class()
    torch.testing.assert_close(each["accuracy"], expected["class_accuracy"])
    torch.testing.assert_close(each["IoU"], expected["class_iou"])
    f1 = torch.from_numpy(boundary_scores(pred, target, 4, 1, convention=convention, ignore_index=4).f1)
    torch.testing.assert_close(each["BF"], f1.nanmean(0))


def test_logits_are_read_by_their_greatest(batches):
    labels, logits = SegmentationScores(4, ignore_index=4), SegmentationScores(4, ignore_index=4)
    pred, target = batches[1]
    labels.update(pred, target)
    logits.update(torch.nn.functional.one_hot(pred, 4).permute(0, 3, 1, 2).bfloat16(), target)
    assert logits.compute() == labels.compute()
    with pytest.raises(ValueError, match="logits of 3 classes, but num_classes is 4"):
        logits.update(torch.zeros(1, 3, 24, 32), target[:1])


def test_parts_merge_to_the_same_numbers_in_any_order(batches):
    whole = SegmentationScores(4, ignore_index=4)
    parts = [SegmentationScores(4, ignore_index=4) for _ in range(2)]
    for n, (pred, target) in enumerate(batches):
        whole.update(pred, target)
        parts[n % 2].update(pred, target)
    # What torchmetrics does between processes: gather each state, reduce it with what add_state named.
    for name, reduce in parts[0]._reductions.items():
        setattr(parts[0], name, reduce(torch.stack([getattr(part, name) for part in parts[::-1]])))
    assert parts[0].compute() == whole.compute()


def test_forward_reset_pickle_and_collections(batches):
    scores = SegmentationScores(4, ignore_index=4)
    alone = [scores(pred, target)["BF"] for pred, target in batches]
    first = SegmentationScores(4, ignore_index=4)
    first.update(*batches[0])
    assert alone[0] == first.compute()["BF"]
    assert pickle.loads(pickle.dumps(scores)).compute() == scores.compute()
    assert MetricCollection([scores]).compute() == scores.compute()
    scores.reset()
    assert scores.confusion.sum() == scores.bf.sum() == 0


def test_state_survives_a_state_dict(batches):
    scores = SegmentationScores(4, ignore_index=4)
    scores.update(*batches[1])
    scores.persistent(True)
    other = SegmentationScores(4, ignore_index=4)
    other.persistent(True)
    other.load_state_dict(scores.state_dict())
    other.update(*batches[2])
    scores.update(*batches[2])
    assert other.compute() == scores.compute()


def test_arguments_of_a_metric_go_to_torchmetrics(batches):
    scores = SegmentationScores(4, ignore_index=4, sync_on_compute=False, compute_with_cache=False)
    assert not scores.sync_on_compute
    assert not scores.compute_with_cache
    scores.update(*batches[0])
    plain = SegmentationScores(4, ignore_index=4)
    plain.update(*batches[0])
    assert scores.compute() == plain.compute()
    with pytest.raises(ValueError, match="Unexpected keyword arguments: `toleranze`"):
        SegmentationScores(4, toleranze=1)


def test_lists_are_label_maps_too():
    scores = SegmentationScores(2, boundary=False)
    scores.update([[0, 1]], [[0, 0]])
    assert scores.confusion.tolist() == [[1, 1], [0, 0]]


def test_boundary_off_and_absent_classes(batches):
    pred, target = batches[0]
    scores = SegmentationScores(
        6, ignore_index=4, boundary=False, absent="zero"
    )  # 4 is void inside 0..5, 5 never occurs
    scores.update(pred, target)
    found = scores.compute()
    assert np.isnan(found["BF"])
    matrix = confusion_matrix(pred, target, 6, 4)
    assert found["C"] == scores_from_confusion(matrix, "zero")["C"] < scores_from_confusion(matrix)["C"]
    assert scores.per_class()["accuracy"].isnan().tolist() == [False] * 4 + [True] * 2


def test_nothing_seen_is_nan():
    scores = SegmentationScores(3, ignore_index=3)
    scores.update(np.zeros((4, 4), int), np.full((4, 4), 3))
    assert all(np.isnan(value) for value in scores.compute().values())
    assert all(value.isnan().all() for value in scores.per_class().values())


def test_unknown_rules_are_told_at_once():
    with pytest.raises(ValueError, match="unknown convention 'papers'"):
        SegmentationScores(3, convention="papers")
    with pytest.raises(ValueError, match="absent classes 'skip'"):
        SegmentationScores(3, absent="skip")


def test_heavy_packages_are_imported_by_need():
    code = """
import sys
import segnet_lab.metrics as m
m.boundary_f1([[0, 1]], [[0, 1]], 2, matching="distance")
m.scores_from_confusion(m.confusion_matrix([[0, 1]], [[0, 1]], 2))
assert not {"numba", "scipy", "torchmetrics"} & set(sys.modules), "imported before anyone needs them"
m.SegmentationScores
assert "torchmetrics" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
