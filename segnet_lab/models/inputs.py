"""What is done to an image before the first convolution: the paper's "local contrast normalization", and its rivals.

The paper says "local contrast normalization" (Section 3.2, citing Jarrett et al.), but the authors' released files
use Caffe's LRN layer, which is another thing. Both are here, with "none" and ImageNet's normalisation.

All take float images (B, 3, H, W) in 0..1, R G B, and are the network's own first layer, so that a saved or exported
network takes plain images. They hold no parameters and compute in float32 at least, also under autocast.
"""

from math import exp

import torch
from torch import Tensor, nn
from torch.nn import Identity
from torch.nn import functional as F

from segnet_lab._support.errors import InvalidInput


class LRN(nn.Module):
    """Caffe's local response normalisation across channels, on raw 0..255 values: the authors' input layer.

    With their size 5, the window of each of the three channels holds all three, so every pixel is divided by one
    number that grows with its brightness:

        y = r / (1 + alpha / 5 * (R^2 + G^2 + B^2)) ** beta        r = 255 x, alpha = 1e-4, beta = 0.75

    The output is Caffe's as it stands, not scaled back: black 0, white 77.4, at most 136.5 (one channel 255, the
    others 0). Bright greys are squeezed together: 128 -> 76.6, 255 -> 77.4. Equal to
    `torch.nn.LocalResponseNorm(5, 1e-4, 0.75, 1)` of 255 x.

    Notes
    -----
    Values from the authors' prototxt files; the paper is silent about them.

    Examples
    --------
    >>> grey = torch.tensor([0.0, 128.0, 255.0]).expand(1, 3, 1, 3) / 255
    >>> LRN()(grey)[0, 0, 0]
    tensor([ 0.0000, 76.5969, 77.4094])
    """

    size, alpha, beta = 5, 1e-4, 0.75

    def forward(self, image: Tensor) -> Tensor:
        """Images of 0..1 -> responses of 0..136.5, same shape and dtype."""
        x = 255 * _wide(image)
        energy = x.square().sum(dim=1, keepdim=True)  # (B, 1, H, W)
        return (x / (1 + self.alpha / self.size * energy) ** self.beta).to(image.dtype)


class LCN(nn.Module):
    """Local contrast normalisation as Jarrett et al. (ICCV 2009) define it: subtract the surround, divide by spread.

        v = x - blur(x)                         blur: Gaussian window, also averaged over the channels
        y = v / max(spread, mean of spread)     spread = sqrt(blur(v^2)), its mean taken over the image

    The divisor never falls below the image's mean spread: that is the threshold rule of Jarrett et al., and it keeps
    the noise of quiet regions small. An image without any contrast would divide 0 by 0, so the spread counts as at
    least 1e-3, a quarter of one grey level, and a flat image gives 0 (to rounding).

    Window: 9 x 9 as in the article, standard deviation 2.25 px (not given there; a quarter of the window). At the frame
    the window is cut and its weights sum to 1 again. Any H, W >= 1.

    Examples
    --------
    >>> step = torch.tensor([0.2, 0.2, 0.2, 0.2, 0.8, 0.8, 0.8, 0.8]).expand(1, 3, 8, 8)
    >>> LCN()(step)[0, 0, 4]  # brightness is gone, the step remains
    tensor([-0.2318, -0.5412, -0.9176, -1.3860,  1.3860,  0.9176,  0.5412,  0.2318])
    >>> LCN()(torch.full((1, 3, 1, 1), 0.5)).flatten()
    tensor([0., 0., 0.])
    """

    window, deviation, floor = 9, 2.25, 1e-3

    def forward(self, image: Tensor) -> Tensor:
        """Images of 0..1 -> local contrasts, same shape and dtype."""
        x = _wide(image)
        covered = self._blur(torch.ones_like(x[:1, :1]))
        v = x - self._blur(x.mean(dim=1, keepdim=True)) / covered
        variance = self._blur(v.square().mean(dim=1, keepdim=True)) / covered
        spread = variance.clamp(min=self.floor**2).sqrt()  # (B, 1, H, W)
        return (v / torch.maximum(spread, spread.mean(dim=(2, 3), keepdim=True))).to(image.dtype)

    def _blur(self, x: Tensor) -> Tensor:
        """Weighted sum over the window, zero outside. Shifted sums, not a convolution: autocast would round that."""
        r = self.window // 2
        taps = [exp(-0.5 * (k / self.deviation) ** 2) for k in range(-r, r + 1)]
        h, w = x.shape[-2:]
        x, zero = F.pad(x, (r, r, r, r)), x.new_zeros(())
        x = sum((tap * x[..., k : k + h, :] for k, tap in enumerate(taps)), start=zero)
        return sum((tap * x[..., k : k + w] for k, tap in enumerate(taps)), start=zero)


class ImageNet(nn.Module):
    """Subtract ImageNet's mean colour and divide by its standard deviation: what public VGG16 weights expect.

    Examples
    --------
    >>> mean = torch.tensor(ImageNet.mean).view(1, 3, 1, 1)
    >>> ImageNet()(mean).flatten()
    tensor([0., 0., 0.])
    """

    mean = (0.485, 0.456, 0.406)
    deviation = (0.229, 0.224, 0.225)

    def forward(self, image: Tensor) -> Tensor:
        """Images of 0..1 -> standard deviations from the mean colour, same shape and dtype."""
        x = _wide(image)
        mean, deviation = (x.new_tensor(v).view(1, 3, 1, 1) for v in (self.mean, self.deviation))
        return ((x - mean) / deviation).to(image.dtype)


INPUT_TRANSFORMS = {"lrn": LRN, "lcn": LCN, "none": Identity, "imagenet": ImageNet}


def _wide(image: Tensor) -> Tensor:
    """The image in float32, or float64 if it is: squares of 255 and small contrasts need more than bfloat16."""
    if image.dim() != 4 or image.shape[1] != 3 or not image.is_floating_point():
        raise InvalidInput(
            f"expected float images (B, 3, H, W) in 0..1, got {image.dtype} of shape {tuple(image.shape)}"
            + ("; add the batch axis with image[None]" if image.dim() == 3 else "")
        )
    return image.to(torch.promote_types(image.dtype, torch.float32))
