"""Minibatches: every image once, in the given order, whoever reads them."""

import pytest
import torch

from segnet_lab.data.augmentation import Augmented
from segnet_lab.training import batches as module
from segnet_lab.training.batches import batches
from tests.helpers import Squares
from tests.training.small import as_accelerator, scenes

CPU = torch.device("cpu")


def test_every_image_once_an_epoch():
    order = torch.randperm(7)
    seen = [len(images) for images, _ in batches(Squares(7), 3, torch.device("cpu"), order)]
    assert seen == [3, 3, 1]


@pytest.mark.parametrize("data", [scenes(), Augmented(scenes(), ("flip", "scale", "colour"), 0, 3), Squares(6)])
def test_read_ahead_they_are_the_same(monkeypatch, data):
    order = torch.tensor([5, 0, 3, 1, 4, 2])
    expected = list(batches(data, 4, CPU, order))
    as_accelerator(monkeypatch)
    ahead = []
    real = module.ahead
    monkeypatch.setattr(module, "ahead", lambda *args: ahead.append(1) or real(*args))
    for (images, labels), (same, too) in zip(batches(data, 4, CPU, order), expected, strict=True):
        assert torch.equal(images, same)
        assert torch.equal(labels, too)
    assert ahead == [1]


def test_a_batch_of_one_size_ends_where_the_size_changes(monkeypatch):
    cut = [sample._replace(image=sample.image[:, : 32 - i // 2]) for i, sample in enumerate(scenes())]
    expected = [(2, 32), (1, 31), (1, 31), (2, 30)]
    for _ in ("on a CPU", "on an accelerator"):
        assert [images.shape[::2] for images, _ in batches(cut, 3, CPU, one_size=True)] == expected
        as_accelerator(monkeypatch)
