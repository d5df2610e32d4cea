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


class Squares(Labels):
    """Bright 16x16 squares on a dark 32x32 ground, somewhere: 2 classes, learnt in seconds."""

    name = "squares"
    title = "squares"
    class_names = ("ground", "square")

    def __init__(self, images, split="train"):
        generator = torch.Generator().manual_seed(images)
        labels = []
        for _ in range(images):
            row, column = torch.randint(0, 17, (2,), generator=generator).tolist()
            label = torch.zeros(32, 32, dtype=torch.int64)
            label[row : row + 16, column : column + 16] = 1
            labels.append(label)
        super().__init__(labels, num_classes=2, ignore_index=2)
        self.split, self.options, self.order = split, {}, list(range(images))
        self.palette = torch.tensor([[0, 0, 0], [255, 255, 255]], dtype=torch.uint8).numpy()

    def __getitem__(self, i):
        return super().__getitem__(self.order[i])
