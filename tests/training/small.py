"""Trainings that take a second, for tests."""

import torch

from segnet_lab import create_model, load_dataset
from segnet_lab.runs.recipe import Recipe
from segnet_lab.training import batches, evaluation, loop, samples
from segnet_lab.training.loop import train
from tests.helpers import Squares

RECIPE = Recipe(epochs=4, batch_size=3, learning_rate=0.05, precision="float32")


def network(name="segnet_basic", **options):
    return create_model(name, **{"num_classes": 2, "width": 0.05, "seed": 0, **options})


def run(folder, recipe=RECIPE, model=None, **options):
    """A network, trained in a run directory, and its history."""
    model = network() if model is None else model
    history = train(
        model, Squares(7), recipe, folder, validation=Squares(3, split="val"), show_progress=False, **options
    )
    return model, history


def weights(model):
    return torch.cat([t.flatten().double() for t in model.state_dict().values()])


class Interrupt(Squares):
    """Ctrl-C after some images were read."""

    def __init__(self, images, after):
        super().__init__(images)
        self.left = after

    def __getitem__(self, i):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().__getitem__(i)


def truncate(file):
    file.write_bytes(file.read_bytes()[:-100])


def flip_a_bit(file):
    content = bytearray(file.read_bytes())
    content[-50] ^= 1
    file.write_bytes(content)


def scenes(split="train", images=6, **options):
    return load_dataset("roadscenes", split, images=images, size=(32, 32), **options)


def train_scenes(folder, data=None, epochs=1, validation=None, **options):
    data = scenes() if data is None else data
    recipe = Recipe(epochs=epochs, batch_size=3, precision="float32", balancing="natural")
    model = create_model("segnet_basic", 11, width=0.05, seed=0)
    return model, train(model, data, recipe, folder, validation=validation, show_progress=False, **options)


def contents(folder):
    """All files of a run but its weights."""
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.suffix != ".safetensors"}


def as_accelerator(monkeypatch, free=2**40):
    """Let the CPU pass for a device on which work is queued, with that much free memory."""
    for module in (batches, evaluation, loop, samples):
        monkeypatch.setattr(module, "queues", lambda device: True)
    monkeypatch.setattr(samples, "free_memory", lambda device: free)
