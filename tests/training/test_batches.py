"""Minibatches: every image once, in the given order."""

import torch

from segnet_lab.training.batches import batches
from tests.helpers import Squares


def test_every_image_once_an_epoch():
    order = torch.randperm(7)
    seen = [len(images) for images, _ in batches(Squares(7), 3, torch.device("cpu"), order)]
    assert seen == [3, 3, 1]
