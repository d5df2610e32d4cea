"""From an image to a label map."""

import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from segnet_lab.data.images import read_image
from segnet_lab.devices import autocast, compute_dtype
from segnet_lab.files import atomic


def predict(model: nn.Module, image, *, precision: str = "auto") -> Tensor:
    """Label every pixel of an image.

    Parameters
    ----------
    model : Module
        From `create_model`, `load_run` or `train`; its mode is put back afterwards.
    image : path, PIL image, array or Tensor
        Any picture that `data.images.read_image` takes: grey, RGBA, 16 bit, any H, W >= 1.
    precision : str
        "auto", "float32" or "bfloat16", see `devices.compute_dtype`.

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
    return predict_logits(model, image, precision=precision).argmax(0)


def predict_logits(model: nn.Module, image, *, precision: str = "auto") -> Tensor:
    """As `predict`, before the argmax: (K, H, W) float32 on the CPU; softmax over K gives probabilities."""
    device = next(model.parameters()).device
    batch = read_image(image)[None].to(device, memory_format=torch.channels_last)
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode(), autocast(device, compute_dtype(device, precision)):
            return model(batch)[0].float().cpu()
    finally:
        model.train(was_training)


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
