"""Small data sets for tests."""

import torch

from segnet_lab.data.base import Sample


class Labels:
    """A data set of given label maps; images hold noise that follows the label, so that it can be learnt."""

    name, split = "labels", "train"

    def __init__(self, labels, num_classes, ignore_index, noise=0.1):
        self.labels = [torch.as_tensor(label) for label in labels]
        self.num_classes, self.ignore_index, self.noise = num_classes, ignore_index, noise

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        label = self.labels[i]
        generator = torch.Generator().manual_seed(i)
        grey = label.clamp(max=self.num_classes - 1) / self.num_classes
        image = grey + self.noise * torch.rand(3, *label.shape, generator=generator)
        return Sample(image.clamp(0, 1), label.long())
