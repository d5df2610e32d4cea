"""The peer: SegNet as it is usually written in PyTorch, with int64 pooling indices, in the default memory format."""

import torch.nn.functional as F
from torch import nn

from segnet_lab.models import EncoderDecoder


class NaiveSegNet(nn.Module):
    """The same layers and weights as a `segnet` or `segnet_basic` of the kit, which it takes over.

    Encoder: convolution, batch normalisation, ReLU, `max_pool2d` with indices. Decoder: `max_unpool2d`, convolution,
    batch normalisation, and ReLU where the network has one.
    """

    def __init__(self, model: EncoderDecoder):
        super().__init__()
        self.normalise = model.normalise
        self.encoder = nn.ModuleList(_layers(stage.convs, relu_at_the_end=True) for stage in model.stages)
        self.decoder = nn.ModuleList(_layers(decoder.convs) for decoder in model.decoders.values())
        self.classifier = model.classifier.conv

    def forward(self, image):
        x, kept = self.normalise(image), []
        for convs in self.encoder:
            features = convs(x)
            x, indices = F.max_pool2d(features, 2, ceil_mode=True, return_indices=True)
            kept.append((indices, features.shape[-2:]))
        for convs in self.decoder:
            indices, size = kept.pop()
            x = convs(F.max_unpool2d(x, indices, 2, output_size=size))
        return self.classifier(x)


def _layers(convs, relu_at_the_end=False) -> nn.Sequential:
    layers = nn.Sequential()
    for number, layer in enumerate(convs, 1):
        layers.extend([layer.conv, layer.norm])
        if layer.relu or (relu_at_the_end and number == len(convs)):
            layers.append(nn.ReLU())
    return layers
