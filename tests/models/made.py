"""Networks and classes for tests of weights."""

import torch

from segnet_lab import create_model
from segnet_lab.runs import checkpoints
from tests.helpers import Squares


class Named(Squares):
    """Squares under other names of classes."""

    def __init__(self, class_names):
        super().__init__(2)
        self.class_names, self.num_classes = tuple(class_names), len(class_names)


def fresh(network="segnet_basic", classes=2, **options):
    return create_model(network, classes, **{"width": 0.05, "seed": 0, **options})


def same(model, run):
    tensors = checkpoints.read(run.best)[0]
    return all(torch.equal(tensor, tensors[name]) for name, tensor in model.state_dict().items())
