"""The building blocks: convolution with batch normalisation, deconvolution that starts as bilinear, classifier."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segnet_lab._support.errors import InvalidInput


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
        As in `nn.Conv2d`. With `groups=inputs` every filter sees one channel alone (single-channel decoder).
    norm : bool
        False leaves the normalisation out, as in a classifier.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        relu: bool = True,
        bias: bool = False,
        dilation: int = 1,
        groups: int = 1,
        norm: bool = True,
    ) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation, groups=groups, bias=bias)
        self.norm = nn.BatchNorm2d(outputs) if norm else nn.Identity()
        self.relu = relu
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")  # He et al., fan_in (Section 3.2)
        if self.conv.bias is not None:
            nn.init.zeros_(self.conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Feature map (B, inputs, H, W) -> (B, outputs, H, W)."""
        x = self.conv(x)
        x = self.norm(x)
        return x.relu() if self.relu else x


def conv_layers(layers: nn.Module) -> list[ConvBN]:
    """The convolutions of a filter bank or of a neck, in order; dropout between them is left out."""
    return [layer for layer in layers.children() if isinstance(layer, ConvBN)]


def score_layer(inputs: int, classes: int, kernel: int = 1, small: bool = False) -> ConvBN:
    """A classifier: features to K class scores, with a bias, without normalisation.

    `small` draws its weights with standard deviation 0.01 instead of He's. A deconvolution decoder adds up scores
    that nothing normalises; with He's, FCN-Basic-NoDimReduction reached an infinite loss within seven steps at the
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
        Of the map that comes in and of the one that goes out.
    factor : int
        How many times larger the map becomes.
    kernel : int
        Size of the square filter, even, >= 2 * factor. Bilinear interpolation fills the middle
        2 * factor; what lies outside starts at zero.
    learnt : bool
        False keeps the bilinear filters fixed.
    """

    def __init__(self, channels: int, factor: int, kernel: int, learnt: bool = True) -> None:
        super().__init__()
        if kernel % 2 or kernel < 2 * factor:
            raise InvalidInput(
                f"a kernel of {kernel} cannot interpolate by {factor}: give an even size of at least {2 * factor}"
            )
        self.factor = factor
        self.padding = (kernel - factor) // 2
        weight = torch.zeros(channels, channels, kernel, kernel)
        weight[range(channels), range(channels)] = bilinear_kernel(factor, kernel)
        self.weight = nn.Parameter(weight, requires_grad=learnt)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Feature map (B, C, h, w) -> (B, C, *size), size at most factor * (h, w)."""
        x = F.conv_transpose2d(x, self.weight, stride=self.factor, padding=self.padding)
        return x[..., : size[0], : size[1]]  # a size that was rounded up comes back exactly


def bilinear_kernel(factor: int, kernel: int) -> Tensor:
    """The (kernel, kernel) filter with which a transposed convolution of stride `factor` interpolates bilinearly.

    >>> bilinear_kernel(2, 4)[0]
    tensor([0.0625, 0.1875, 0.1875, 0.0625])
    """
    offset = torch.arange(kernel) - (kernel - 1) / 2
    tent = (1 - offset.abs() / factor).clamp(min=0)
    return tent[:, None] * tent[None, :]
