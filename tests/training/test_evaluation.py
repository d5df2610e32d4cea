"""Scores of a network on a data set."""

import pytest
import torch

from segnet_lab.training.evaluation import evaluate
from tests.helpers import Squares


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
