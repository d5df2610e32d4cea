"""Scores of a network on a data set."""

import threading

import pytest
import torch

from segnet_lab.metrics import SegmentationScores
from segnet_lab.training.evaluation import evaluate
from tests.helpers import Squares
from tests.training.small import as_accelerator, network, scenes


def test_any_module_can_be_scored():
    class Copies(torch.nn.Module):
        """Says class 1 where the image is bright: no weights, no attributes of ours."""

        def forward(self, image):
            return torch.stack([0.5 - image.mean(1), image.mean(1) - 0.25], 1)

    data = Squares(3)
    right = [(Copies()(data[i].image[None]).argmax(1)[0] == data[i].label).float().mean().item() for i in range(3)]
    assert evaluate(Copies(), data)["G"] == pytest.approx(sum(right) / 3)
    with pytest.raises(ValueError, match=r"Conv2d gives \(1, 3, 32, 32\) .*not logits \(1, 2, 32, 32\)"):
        evaluate(torch.nn.Conv2d(3, 3, 1), data)


@pytest.mark.parametrize("workers", [1, 3])
def test_scored_by_threads_the_numbers_are_the_same(monkeypatch, workers):
    model, data = network(num_classes=11), scenes(images=7)
    expected = evaluate(model, data, batch_size=2)
    as_accelerator(monkeypatch)
    monkeypatch.setattr(torch, "get_num_threads", lambda: workers)
    counted, real = [], SegmentationScores.update

    def update(self, *maps):
        counted.append(threading.current_thread() is not threading.main_thread())
        real(self, *maps)

    monkeypatch.setattr(SegmentationScores, "update", update)
    assert repr(evaluate(model, data, batch_size=2)) == repr(expected)  # nan is nan, order and all
    assert counted == [True] * 4
