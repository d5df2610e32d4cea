"""The two building blocks: a convolution with batch normalisation, and a deconvolution that starts as bilinear."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segnet_lab._support.errors import InvalidInput
from segnet_lab.models.recompute import Maker, from_kept_maps, keeping_how


class ConvBN(nn.Module):
    """Convolution that keeps the size, batch normalisation, and a ReLU where the network has one.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    kernel : int
        Odd size of the square filter.
    relu : bool
        Apply max(0, x) at the end.
    bias : bool
        Batch normalisation takes a bias out again, so the paper's small networks have none; VGG16 has.
    dilation, groups : int
        As in `nn.Conv2d`. `groups=inputs` is a filter for each map by itself (single-channel decoder).
    norm : bool
        False for a classifier: convolution only.
    """

    def __init__(self, inputs, outputs, kernel, *, relu=True, bias=False, dilation=1, groups=1, norm=True):
        super().__init__()
        padding = dilation * (kernel // 2)
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation, groups=groups, bias=bias)
        self.norm = nn.BatchNorm2d(outputs) if norm else nn.Identity()
        self.relu = relu
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")  # He et al., fan_in (Section 3.2)
        if bias:
            nn.init.zeros_(self.conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        with keeping_how(x):
            x = self.conv(x)
        if not (self.norm.training and isinstance(self.norm, nn.BatchNorm2d) and from_kept_maps()):
            x = self.norm(x)  # the same name: the map before it goes
            return x.relu() if self.relu else x
        y = self.norm(x)
        maker = Maker(lambda: self._norm_again(x))
        if self.relu:
            with maker.replaces():  # what a ReLU would keep is its result
                y = y.relu()
        return maker.makes(y)

    def _norm_again(self, x: Tensor) -> Tensor:
        """Batch normalisation and ReLU of the same batch, without counting its statistics twice."""
        y = F.batch_norm(x, None, None, self.norm.weight, self.norm.bias, training=True, eps=self.norm.eps)
        return y.relu_() if self.relu else y


def conv_layers(layers: nn.Module) -> list[ConvBN]:
    """The convolutions of a filter bank or of a neck, in order; dropout between them is left out."""
    return [layer for layer in layers.children() if isinstance(layer, ConvBN)]


def score(inputs: int, classes: int, kernel: int = 1, small: bool = False) -> ConvBN:
    """A classifier: features to K class scores, with a bias, without normalisation.

    `small` draws its weights with deviation 0.01 instead of He's. A deconvolution decoder adds up scores that
    nothing normalises; drawn by He, FCN-Basic-NoDimReduction reached an infinite loss within seven steps at the
    paper's rate of 0.1. FCN's authors start these layers at zero, which lets no gradient through at first.
    """
    layer = ConvBN(inputs, classes, kernel, relu=False, bias=True, norm=False)
    if small:
        nn.init.normal_(layer.conv.weight, std=0.01)
    return layer


class Deconvolution(nn.Module):
    """Upsampling by a transposed convolution whose filters start as bilinear interpolation (FCN).

    Parameters
    ----------
    channels : int
    factor : int
        How many times the map grows.
    kernel : int
        Size of the square filter, even, >= 2 * factor. Bilinear interpolation fills the middle
        2 * factor; what lies outside starts at zero.
    learnt : bool
        False keeps the bilinear filters fixed.
    """

    def __init__(self, channels: int, factor: int, kernel: int, learnt: bool = True):
        super().__init__()
        if kernel % 2 or kernel < 2 * factor:
            raise InvalidInput(f"a kernel of {kernel} cannot interpolate by {factor}: take an even one >= {2 * factor}")
        self.factor = factor
        self.padding = (kernel - factor) // 2
        weight = torch.zeros(channels, channels, kernel, kernel)
        weight[range(channels), range(channels)] = bilinear_kernel(factor, kernel)
        self.weight = nn.Parameter(weight, requires_grad=learnt)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        x = F.conv_transpose2d(x, self.weight, stride=self.factor, padding=self.padding)
        return x[..., : size[0], : size[1]]  # a size that was rounded up comes back exactly


def bilinear_kernel(factor: int, kernel: int) -> Tensor:
    """The (kernel, kernel) filter with which a transposed convolution of that stride interpolates.

    >>> bilinear_kernel(2, 4)[0]
    tensor([0.0625, 0.1875, 0.1875, 0.0625])
    """
    offset = torch.arange(kernel) - (kernel - 1) / 2
    tent = (1 - offset.abs() / factor).clamp(min=0)
    return tent[:, None] * tent[None, :]
