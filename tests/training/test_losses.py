import pytest
import torch
import torch.nn.functional as F

from segnet_lab.data.class_counts import ClassCounts, count_classes
from segnet_lab.training.losses import PUBLISHED_CAMVID_WEIGHTS, class_weights, cross_entropy, median_frequency_weights
from tests.helpers import Labels

VOID = 255


def test_by_hand():
    # two pixels, K = 2; softmax of (log 3, 0) is (3/4, 1/4)
    logits = torch.tensor([[[[1.0986123]], [[0.0]]]]).expand(1, 2, 1, 2)
    target = torch.tensor([[[0, 1]]])
    expected = (2 * torch.log(torch.tensor(4 / 3)) + 5 * torch.log(torch.tensor(4.0))) / 2
    torch.testing.assert_close(cross_entropy(logits, target, torch.tensor([2.0, 5.0])), expected)


def test_deterministic_algorithms_get_a_loss_that_they_allow(monkeypatch):
    """On CUDA torch refuses its sum over a map then; what comes out is the same."""
    asked, real = [], F.cross_entropy
    monkeypatch.setattr(F, "cross_entropy", lambda *a, **o: asked.append(o["reduction"]) or real(*a, **o))
    logits, target = torch.randn(2, 3, 5, 4, requires_grad=True), torch.randint(0, 4, (2, 5, 4))
    results = []
    for deterministic in (False, True):
        torch.use_deterministic_algorithms(deterministic)
        loss = cross_entropy(logits, target, torch.tensor([1.0, 2.0, 3.0]), ignore_index=3)
        results.append((loss.detach(), *torch.autograd.grad(loss, logits)))
    torch.use_deterministic_algorithms(False)
    assert asked == ["sum", "none"]
    torch.testing.assert_close(*results)


def test_divides_by_pixels_not_by_weights():
    logits, target = torch.randn(2, 3, 4, 5), torch.randint(0, 3, (2, 4, 5))
    weight = torch.tensor([0.5, 2.0, 7.0])
    ours = cross_entropy(logits, target, weight)
    torchs = F.cross_entropy(logits, target, weight)
    torch.testing.assert_close(ours * target.numel(), torchs * weight[target].sum())


def test_void_never_counts():
    logits, target = torch.randn(1, 3, 2, 4), torch.randint(0, 3, (1, 2, 4))
    half = target.clone()
    half[..., 2:] = VOID
    torch.testing.assert_close(
        cross_entropy(logits, half, ignore_index=VOID), cross_entropy(logits[..., :2], target[..., :2])
    )


def test_a_batch_of_void_is_zero_with_zero_gradient():
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    loss = cross_entropy(logits, torch.full((1, 2, 2), VOID), torch.ones(3), VOID)
    loss.backward()
    assert loss == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_sums_bfloat16_logits_in_float32():
    logits = torch.zeros(1, 2, 300, 300, dtype=torch.bfloat16)
    target = torch.zeros(1, 300, 300, dtype=torch.int64)
    torch.testing.assert_close(cross_entropy(logits, target), torch.tensor(2.0).log())


def test_counts():
    # image 0 holds classes 0, 0, 1 and one void; image 1 only class 0
    data = Labels([[[0, 0], [1, VOID]], [[0, 0], [0, 0]]], num_classes=3, ignore_index=VOID)
    counts = count_classes(data)
    assert counts.pixels.tolist() == [6, 1, 0]
    assert counts.pixels_where_present.tolist() == [8, 4, 0]
    # frequencies 6/8 and 1/4, their median 1/2
    torch.testing.assert_close(median_frequency_weights(data), torch.tensor([2 / 3, 2.0, 0.0]))
    # shares 6/7 and 1/7, their median 1/2
    torch.testing.assert_close(median_frequency_weights(data, whole_set=True), torch.tensor([7 / 12, 7 / 2, 0.0]))


def test_nothing_but_void():
    counts = ClassCounts(torch.zeros(2, dtype=torch.int64), torch.zeros(2, dtype=torch.int64))
    assert median_frequency_weights(counts).tolist() == [0, 0]
    assert counts.share.isnan().all()


def test_weights_of_camvid(camvid):
    # counted on the 367 training labels and written down independently, see datasets/camvid/README.md
    counts = count_classes(camvid("train"))
    eigen = [0.2793, 0.2017, 4.7865, 0.1490, 1.0, 0.4217, 3.8467, 1.9736, 0.7889, 6.3747, 8.8587]
    whole = [0.2663, 0.1929, 4.564, 0.1417, 1.0, 0.4614, 3.8248, 3.9814, 0.7648, 7.0182, 15.3816]
    torch.testing.assert_close(median_frequency_weights(counts), torch.tensor(eigen), rtol=0, atol=6e-5)
    torch.testing.assert_close(median_frequency_weights(counts, whole_set=True), torch.tensor(whole), rtol=0, atol=3e-4)


def test_named_balancings():
    eleven = Labels([[[0]]], num_classes=11, ignore_index=11)
    assert class_weights("natural", eleven) is None
    assert class_weights("published", eleven).tolist() == pytest.approx(PUBLISHED_CAMVID_WEIGHTS)
    with pytest.raises(ValueError, match="the published weights are for CamVid's 11 classes, labels has 3"):
        class_weights("published", Labels([[[0]]], num_classes=3, ignore_index=255))
    with pytest.raises(ValueError, match="unknown balancing 'median'"):
        class_weights("median", eleven)
