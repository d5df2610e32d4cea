"""Fully connected CRF: let every pixel hear every other one before it takes its label.

Kraehenbuehl and Koltun 2011, the paper's [62]; it follows DeepLab-LargeFOV in Tables 3 and 4. It needs a model's
softmax P and the image, no training. Two Gaussian kernels say how much pixel i listens to pixel j:

    appearance   exp(-|p_i - p_j|^2 / 2 sa^2  -  |c_i - c_j|^2 / 2 sb^2)    near, and of the same colour
    smoothness   exp(-|p_i - p_j|^2 / 2 sg^2)                               next to each other

with positions p in pixels and colours c in 0..255. Mean field then repeats, ten times or so,

    Q  <-  softmax(log P  +  w1 * appearance Q  +  w2 * smoothness Q),      from Q = P:

a pixel's label gains by what the pixels like it believe (Potts model: different labels cost the same, whichever
they are). Two things are conventions, and are those of Kraehenbuehl's own code, version 2: each kernel is normalised
symmetrically, D^-1/2 K D^-1/2 with D = diag(K 1), so that a weight means the same on a large image as on a small one;
and a pixel hears itself too.

A dense kernel of a 360x480 image has 3 * 10^10 entries. The smoothness kernel is separable; the appearance kernel,
a Gaussian in five dimensions, is applied on a permutohedral lattice (Adams, Baek and Davis 2010) in numpy and sparse
matrices, built once an image. Written here since Kraehenbuehl's C++ has no wheel for Python 3.11 or later (pydensecrf
and its forks compile at installation). Compiled by hand as a peer it took 0.58 s for 360x480, 11 classes and 10
iterations on one core, this module 1.0 s; their labels agreed at 99.0 and 99.2 % of the pixels of two CamVid images.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist
from scipy.special import softmax
from torch import Tensor, nn

from segnet_lab._support.errors import InvalidInput, unknown
from segnet_lab.inference.permutohedral import Permutohedral
from segnet_lab.models.wrapped import unwrap
from segnet_lab.runs.provenance import TrainedOn

FILTERINGS = ("lattice", "exact")
EXACT_LIMIT = 64 * 64  # pixels: a kernel of 128 MB

Floats = npt.NDArray[np.floating]
Kernel = Callable[[Floats], Floats]  # (H, W, K) -> (H, W, K), already normalised
Softmax = TypeVar("Softmax", npt.NDArray[np.floating], Tensor)


@dataclass(frozen=True)
class DenseCRF:
    """Settings of the fully connected CRF.

    The defaults are those released with DeepLab v2 for VGG16 (PASCAL VOC, images of about 375x500), the nearest public
    relative of the paper's DeepLab-LargeFOV-denseCRF. The paper found its own by grid search (Section 4.1) and does
    not print them. Positions count in pixels: at 90x120 take a quarter of what is right at 360x480.

    >>> DenseCRF().scaled(0.25).appearance_position_std
    16.25
    """

    appearance_weight: float = 4.0  # w1
    appearance_position_std: float = 65.0  # sa, pixels
    appearance_colour_std: float = 3.0  # sb, in units of 0..255
    smoothness_weight: float = 2.0  # w2
    smoothness_position_std: float = 2.0  # sg, pixels
    iterations: int = 10  # of mean field; all DeepLab papers

    def __post_init__(self) -> None:
        for name in ("appearance_weight", "smoothness_weight", "iterations"):
            if not 0 <= getattr(self, name) < np.inf:
                raise InvalidInput(f"{name}={getattr(self, name)}: give a number >= 0")
        for name in ("appearance_position_std", "appearance_colour_std", "smoothness_position_std"):
            if not 0 < getattr(self, name) < np.inf:
                raise InvalidInput(
                    f"{name}={getattr(self, name)}: give a number > 0; to leave a kernel out, set its weight 0"
                )
        if self.iterations % 1:
            raise InvalidInput(f"iterations={self.iterations}: give a whole number")

    def scaled(self, factor: float) -> "DenseCRF":
        """The same settings for an image resized by `factor`: the two widths in pixels grow with it."""
        return replace(
            self,
            appearance_position_std=factor * self.appearance_position_std,
            smoothness_position_std=factor * self.smoothness_position_std,
        )


def dense_crf(
    probabilities: Softmax,
    image: npt.ArrayLike | Tensor,
    settings: DenseCRF | None = None,
    filtering: str = "lattice",
) -> Softmax:
    """Refine a softmax with the fully connected CRF.

    Parameters
    ----------
    probabilities : array or Tensor, (K, H, W)
        A model's softmax: >= 0, sums to 1 over K at every pixel. A class of probability 0 stays at 0.
    image : array or Tensor, (3, H, W)
        The image as it was loaded: uint8, or float in 0..1.
    settings : DenseCRF, optional
        Default: `DenseCRF()`.
    filtering : {"lattice", "exact"}
        "exact" writes the whole H*W x H*W kernel down: what "lattice" approximates. For 64x64 pixels at most.

    Returns
    -------
    refined : like `probabilities`, float32, (K, H, W)
        Sums to 1 over K. `refined.argmax(0)` is the label map. Empty where H or W is 0.

    Raises
    ------
    ValueError
        If the shapes do not fit, the first argument is no softmax or the image is neither uint8 nor in 0..1.

    Notes
    -----
    Section 4.1 and Table 3. Potts compatibility and symmetric normalisation, see the head of this module. Thin and
    small things hear mostly others and may be lost: in Table 3 the class average falls from 62.53 to 60.67 while BF
    rises from 32.77 to 40.79.

    Examples
    --------
    A dark and a bright half; the third pixel is dark, but the model took it for bright.

    >>> image = np.zeros((3, 1, 6), np.uint8)
    >>> image[:, 0, 3:] = 200
    >>> bright = np.array([[[0.1, 0.1, 0.6, 0.9, 0.9, 0.9]]])
    >>> refined = dense_crf(np.concatenate([1 - bright, bright]), image)
    >>> refined.argmax(0)
    array([[0, 0, 0, 1, 1, 1]])
    """
    settings = settings or DenseCRF()
    p = _check_probabilities(probabilities)
    appearance, smoothness = _kernels(_check_image(image, p.shape[1:]), filtering)
    if p.size:
        p = np.moveaxis(_mean_field(np.moveaxis(p, 0, -1), settings, appearance, smoothness), -1, 0)
    refined = np.ascontiguousarray(p)
    if isinstance(probabilities, Tensor):
        return torch.from_numpy(refined).to(probabilities.device)
    return refined


class WithDenseCRF(nn.Module):
    """A network followed by the CRF, wherever a network is taken: `evaluate`, `predict`, ...

    DeepLab-LargeFOV-denseCRF of Tables 3 and 4 is `WithDenseCRF(deeplab, settings)`. There is nothing to train and no
    gradient.

    Parameters
    ----------
    network : Module
        Images (B, 3, H, W) of 0..1 to logits (B, K, H, W): one of ours or any other.
    settings : DenseCRF, optional

    Examples
    --------
    >>> from segnet_lab import create_model, predict
    >>> network = create_model("segnet_basic", width=0.25, seed=0)
    >>> predict(WithDenseCRF(network, DenseCRF().scaled(0.1)), torch.rand(3, 24, 32)).shape
    torch.Size([24, 32])
    """

    num_classes: int  # where the network tells

    def __init__(self, network: nn.Module, settings: DenseCRF | None = None) -> None:
        super().__init__()
        self.network, self.settings = unwrap(network), settings or DenseCRF()
        if (classes := getattr(self.network, "num_classes", None)) is not None:
            self.num_classes = classes
        self.trained_on: TrainedOn | None = getattr(self.network, "trained_on", None)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) of 0..1 -> log probabilities (B, K, H, W) after the CRF, float32."""
        with torch.no_grad():
            softmaxes = self.network(images).float().softmax(1)
        return torch.stack([dense_crf(p, x, self.settings) for p, x in zip(softmaxes, images, strict=True)]).log()

    def labels(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) of 0..1 -> the likeliest class after the CRF, (B, H, W) int64."""
        return self(images).argmax(1)


# --------------------------------------------------------------------------------------------------
# Mean field and its two kernels. Inside, a class runs fastest: (H, W, K).
def _mean_field(
    p: Floats,
    settings: DenseCRF,
    appearance: Callable[[float, float], Kernel],
    smoothness: Callable[[float], Kernel],
) -> Floats:
    messages: list[tuple[float, Kernel]] = []
    if settings.iterations and settings.appearance_weight:
        kernel = appearance(settings.appearance_position_std, settings.appearance_colour_std)
        messages.append((settings.appearance_weight, kernel))
    if settings.iterations and settings.smoothness_weight:
        messages.append((settings.smoothness_weight, smoothness(settings.smoothness_position_std)))

    p = np.ascontiguousarray(p)
    with np.errstate(divide="ignore"):
        log_p = np.log(p)  # -inf keeps a class of probability 0 out, whatever the others say
    q = p
    for _ in range(int(settings.iterations)):
        energy = log_p.copy()
        for weight, kernel in messages:
            energy += np.float32(weight) * kernel(q)
        q = softmax(energy, axis=-1)
    return q


def _kernels(image: Floats, filtering: str) -> tuple[Callable[[float, float], Kernel], Callable[[float], Kernel]]:
    """Two functions that make the kernels of one image (H, W, 3) from their standard deviations."""
    if filtering not in FILTERINGS:
        raise InvalidInput(unknown("filtering", filtering, FILTERINGS))
    h, w = image.shape[:2]
    if filtering == "exact" and h * w > EXACT_LIMIT:
        raise InvalidInput(
            f"the exact kernel of {h}x{w} pixels has {(h * w) ** 2:,} entries: "
            f"take at most {EXACT_LIMIT} pixels, or filtering='lattice'"
        )
    positions = np.stack(np.meshgrid(np.arange(h), np.arange(w), indexing="ij"), axis=-1)

    @lru_cache(maxsize=1)
    def appearance(position_std: float, colour_std: float) -> Kernel:
        features = np.concatenate([positions / position_std, image / colour_std], axis=-1).reshape(h * w, 5)
        return _normalised(_on_pixels(Permutohedral(features) if filtering == "lattice" else _exact(features)), (h, w))

    @lru_cache(maxsize=1)
    def smoothness(position_std: float) -> Kernel:
        if filtering == "exact":
            return _normalised(_on_pixels(_exact((positions / position_std).reshape(h * w, 2))), (h, w))
        stds = (position_std, position_std, 0)  # rows, columns, not across classes
        # beyond 5 standard deviations the Gaussian is below 4e-6
        return _normalised(lambda q: gaussian_filter(q, stds, mode="constant", truncate=5), (h, w))

    return appearance, smoothness


def _normalised(kernel: Kernel, size: tuple[int, int]) -> Kernel:
    """D^-1/2 K D^-1/2, D the row sums of K: a factor on K falls out."""
    root = 1 / np.sqrt(kernel(np.ones((*size, 1), np.float32)))
    return lambda q: root * kernel(root * q)


def _on_pixels(points: Kernel) -> Kernel:
    return lambda q: points(q.reshape(-1, q.shape[-1])).reshape(q.shape)


def _exact(features: Floats) -> Kernel:
    kernel = np.exp(-0.5 * cdist(features, features, "sqeuclidean")).astype(np.float32)
    return lambda values: kernel @ values


def _numpy(x: npt.ArrayLike | Tensor) -> np.ndarray:
    if isinstance(x, Tensor):
        x = x.detach().cpu()
        return (x.float() if x.is_floating_point() else x).numpy()  # numpy knows no bfloat16
    return np.asarray(x)


def _check_probabilities(probabilities: npt.ArrayLike | Tensor) -> npt.NDArray[np.float32]:
    p = _numpy(probabilities)
    if p.ndim != 3 or p.shape[0] == 0:
        raise InvalidInput(f"expected probabilities (K, H, W), got shape {p.shape}: give one image's softmax at a time")
    p = p.astype(np.float32)
    total = p.sum(axis=0)
    # bfloat16 softmax misses 1 by up to about 0.5 %; nan fails both comparisons
    if not ((p >= 0).all() and (abs(total - 1) < 0.01).all()):
        raise InvalidInput(
            f"expected probabilities >= 0 that sum to 1 at every pixel, got values in {p.min()}..{p.max()} and sums in "
            f"{total.min()}..{total.max()}: pass logits.softmax(dim=0)"
        )
    return p / total


def _check_image(given: npt.ArrayLike | Tensor, size: Sequence[int]) -> Floats:
    """(3, H, W) uint8 or 0..1 -> (H, W, 3) float, 0..255."""
    image = _numpy(given)
    if image.shape != (3, *size):
        raise InvalidInput(
            f"probabilities of {size[0]}x{size[1]} need an image (3, {size[0]}, {size[1]}), got {image.shape}"
        )
    image = np.moveaxis(image, 0, -1)
    if image.dtype == np.uint8:
        return image.astype(np.float64)
    if image.dtype.kind != "f" or not ((image >= 0) & (image <= 1)).all():
        raise InvalidInput(
            f"expected an image of uint8, or of floats in 0..1, got {image.dtype} in "
            f"{image.min()}..{image.max()}: pass it as it was loaded, before any normalisation"
        )
    return image * 255.0
