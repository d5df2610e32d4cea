"""From an image to a label map."""

import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from segnet_lab.data.images import read_image
from segnet_lab.files import atomic
from segnet_lab.optimization import fast_form


def predict(model: nn.Module, image, *, precision: str = "auto") -> Tensor:
    """Label every pixel of an image.

    Parameters
    ----------
    model : Module
        From `create_model`, `load_run` or `train`; its mode is put back afterwards. Its optimized form is made for
        every call; for many images, or little memory, give one that `optimize` made.
    image : path, PIL image, array or Tensor
        Any picture that `data.images.read_image` takes: grey, RGBA, 16 bit, any H, W >= 1.
    precision : str
        "auto", "float32" or "bfloat16", see `optimize`.

    Returns
    -------
    label : Tensor, int64, (H, W)
        0..K-1, on the CPU.

    Examples
    --------
    >>> from segnet_lab import create_model
    >>> predict(create_model("segnet_basic", seed=0), torch.rand(3, 33, 50)).shape
    torch.Size([33, 50])
    """
    with fast_form(model, precision) as network:
        return network.labels(_batch(image, model))[0].cpu()


def predict_logits(model: nn.Module, image, *, precision: str = "auto") -> Tensor:
    """As `predict`, before the argmax: (K, H, W) float32 on the CPU; softmax over K gives probabilities."""
    with fast_form(model, precision) as network:
        return network(_batch(image, model))[0].float().cpu()


def _batch(image, model: nn.Module) -> Tensor:
    """(1, 3, H, W) float on the model's device."""
    return read_image(image)[None].to(next(model.parameters()).device, memory_format=torch.channels_last)


def write_prediction(model: nn.Module, image: str | os.PathLike, folder: str | os.PathLike, palette) -> list[Path]:
    """Write the prediction for a picture file as three PNGs.

    Parameters
    ----------
    model : Module
    image : path
    folder : path
        Made if it is not there. Files are named after the picture: `<stem>_label.png` (class indices, grey),
        `<stem>_colour.png` (the data set's palette) and `<stem>_overlay.png` (half picture, half colours).
    palette : (K, 3) of 0..255
        Colours of the classes, as in `data.palette`.

    Returns
    -------
    list of Path
    """
    picture = read_image(image)
    label = predict(model, picture).numpy().astype(np.uint8)
    colours = np.asarray(palette, np.uint8)[label]
    overlay = (picture.permute(1, 2, 0).numpy() * 255 + colours) / 2
    written = []
    for suffix, pixels in (("label", label), ("colour", colours), ("overlay", overlay.round().astype(np.uint8))):
        written.append(Path(folder) / f"{Path(image).stem}_{suffix}.png")
        with atomic(written[-1]) as draft:
            Image.fromarray(pixels).save(draft, format="PNG")
    return written
