"""From an image to a label map."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segnet_lab._support.devices import device_of
from segnet_lab._support.enough_memory import enough_memory
from segnet_lab._support.errors import InvalidInput
from segnet_lab.data.base import resize_image
from segnet_lab.data.images import ImageSource, read_image, read_rgb
from segnet_lab.inference.fast import fast_form
from segnet_lab.inference.labeller import Labeller
from segnet_lab.inference.tiles import LARGE, by_tiles, reach
from segnet_lab.models.wrapped import unwrap

BAND = 2**20  # logits that are enlarged at a time
TOO_LARGE = "give optimize(model, low_memory=True), or a smaller size=(H, W)"

Size = str | tuple[int, int]  # "run", "own" or (H, W)
Compute = Callable[[Labeller, Tensor], Tensor]  # (1, 3, h, w) -> labels (1, h, w) or logits (1, K, h, w)


def predict(model: nn.Module, image: ImageSource, *, size: Size = "run", precision: str = "auto") -> Tensor:
    """Label every pixel of an image.

    A network knows things by their size in pixels, so it looks at the image at the size of the images it was trained
    on, and what it says is enlarged to the image's own pixels.

    Parameters
    ----------
    model : Module
        From `create_model`, `load_run` or `train`, or any from images (B, 3, H, W) of 0..1 to logits (B, K, H, W); its
        mode is put back afterwards. The optimized form of a network of this kit is made anew in each call: for many
        images, or little memory, give one that `optimize` made.
    image : path, PIL image, array or Tensor
        Any picture that `data.images.read_image` takes: grey, RGBA, 16 bit, any H, W >= 1.
    size : "run", "own" or (H, W)
        At what size the network looks. "run": as many pixels as in training, in the image's own shape; the image's own
        size if it is not known what the network was trained on, or it was trained on images as they are. "own": the
        image's own size, in tiles where it has more than `tiles.LARGE` pixels. (H, W): that size.
    precision : str
        "auto", "float32", "bfloat16" or "float16", see `optimize`.

    Returns
    -------
    label : Tensor, int64, (H, W)
        0..K-1, on the CPU, for the image's own pixels.

    Raises
    ------
    FileNotFoundError, ValueError
        No such file, or no picture; another size; a module whose output is no score for each pixel of its input.
    NotPossible
        The device's memory is too small for the image: says what needs less.

    Notes
    -----
    Logits are interpolated bilinearly before the argmax. The shipped SegNet-Basic, trained at 96x128, on its validation
    scenes drawn at 384x512 (mIoU): 19.5 with size="own", 46.5 if the nearest label is taken, 47.1 so.

    Examples
    --------
    >>> from segnet_lab import create_model
    >>> predict(create_model("segnet_basic", seed=0), torch.rand(3, 33, 50)).shape
    torch.Size([33, 50])
    """
    return _look(model, image, size, precision, lambda network, x: network.labels(x), enlarge_labels)


def predict_logits(model: nn.Module, image: ImageSource, *, size: Size = "run", precision: str = "auto") -> Tensor:
    """As `predict`, before the argmax: (K, H, W) float32 on the CPU; softmax over K gives probabilities."""
    return _look(model, image, size, precision, lambda network, x: network(x).float(), _enlarge)


def input_size(model: nn.Module, image: tuple[int, int], size: Size = "run") -> tuple[int, int]:
    """At what size a network looks at an image of (H, W) pixels; see `predict` for `size`.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> trained = SimpleNamespace(trained_on=SimpleNamespace(size=(90, 120)))
    >>> input_size(trained, (720, 960)), input_size(trained, (1000, 1000)), input_size(trained, (90, 120))
    ((90, 120), (104, 104), (90, 120))
    """
    if isinstance(size, str):
        if size not in ("run", "own"):
            raise InvalidInput(f'size={size!r}: give "run", "own" or (H, W)')
        trained_on = getattr(model, "trained_on", None) if size == "run" else None
        return image if trained_on is None or trained_on.size is None else _of_area(image, trained_on.size)
    h, w = (int(n) for n in size)
    if min(h, w) < 1:
        raise InvalidInput(f"size={size!r}: give H and W of at least 1")
    return h, w


def enlarge_labels(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Labels of the bilinearly interpolated logits, in bands of rows: never all logits of the large image at once.

    Parameters
    ----------
    logits : Tensor, (K, h, w)
    size : (H, W)

    Returns
    -------
    label : Tensor, int64, (H, W)

    Examples
    --------
    Between 2 and -1 the first class wins up to two thirds of the way:

    >>> enlarge_labels(torch.tensor([[[2.0, -1.0]], [[0.0, 0.0]]]), (1, 8))
    tensor([[0, 0, 0, 0, 0, 1, 1, 1]])
    """
    height, width = size
    h = logits.shape[-2]
    below = ((torch.arange(height, dtype=torch.float64) + 0.5) * h / height - 0.5).clamp(0, h - 1)  # row in the logits
    band = max(1, BAND // (len(logits) * width))
    labels = torch.empty(size, dtype=torch.int64, device=logits.device)
    for rows, place in zip(below.split(band), labels.split(band), strict=True):
        first, last = int(rows[0]), min(int(rows[-1]) + 1, h - 1)
        wide = _enlarge(logits[:, first : last + 1], (last + 1 - first, width))
        upper = rows.long() - first
        lower = (upper + 1).clamp(max=last - first)
        share = (rows - rows.floor()).to(wide)[:, None]
        place.copy_(torch.lerp(wide[:, upper], wide[:, lower], share).max(0).indices)  # argmax takes five times as long
    return labels


def _look(
    model: nn.Module,
    image: ImageSource,
    size: Size,
    precision: str,
    compute: Compute,
    enlarge: Callable[[Tensor, tuple[int, int]], Tensor],
) -> Tensor:
    """`compute` where the network looks at the image's own size; else enlarged logits."""
    model, pixels = unwrap(model), _bytes(image)
    own = pixels.shape[0], pixels.shape[1]
    looks_at = input_size(model, own, size)
    with fast_form(model, precision) as network:
        if looks_at == own:
            return _through(network, model, read_image(image), compute)
        resized = read_image(resize_image(pixels, looks_at))
        logits = _through(network, model, resized, lambda network, x: network(x).float())
    return enlarge(logits, own)


def _through(network: Labeller, model: nn.Module, picture: Tensor, compute: Compute) -> Tensor:
    """What a network makes of one picture (3, H, W), on the CPU; in tiles if it is large."""
    device = device_of(model)

    def work(x: Tensor) -> Tensor:
        with enough_memory("for", x.shape, device, TOO_LARGE):
            return compute(network, x.to(device, memory_format=torch.channels_last))

    if picture.shape[1] * picture.shape[2] > LARGE:
        return by_tiles(work, picture, reach(model))
    return work(picture[None])[0].cpu()


def _enlarge(logits: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(logits[None], size=size, mode="bilinear", align_corners=False)[0]


def _bytes(image: ImageSource) -> npt.NDArray[np.uint8]:
    """A picture as data sets keep theirs, so that it is resized as theirs are: uint8 (H, W, 3)."""
    if isinstance(image, str | Path):
        return read_rgb(image)
    return (read_image(image) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()


def _of_area(image: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """The image's shape with the area of a size; exactly that size if its shape is the image's."""
    scale = math.sqrt(size[0] * size[1] / (image[0] * image[1]))
    return max(1, round(image[0] * scale)), max(1, round(image[1] * scale))
