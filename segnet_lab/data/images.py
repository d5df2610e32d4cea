"""Reading images and label maps of any kind, with clear errors for the ones that cannot be read."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps
from torch import Tensor

from segnet_lab._support.errors import InvalidInput
from segnet_lab.data.cards import Card, Colour, Pixels
from segnet_lab.data.labels import classes_of
from segnet_lab.data.opening import errors_of, open_image
from segnet_lab.data.stored import read_stored

DTYPES = (torch.uint8, torch.uint16, torch.bool, torch.float16, torch.bfloat16, torch.float32, torch.float64)
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp", ".gif")


ImageSource = str | Path | Image.Image | npt.ArrayLike | Tensor


def read_image(source: ImageSource) -> Tensor:
    """One image, from whatever form it has, as every network here takes it.

    Parameters
    ----------
    source : str, Path, PIL image, numpy array or Tensor
        A file or PIL image of any mode: grey becomes three equal channels, palettes and CMYK are converted to RGB,
        16-bit values are scaled, the camera's EXIF rotation is undone, and transparent pixels are laid over white.
        An array is (H, W), (H, W, 1), (H, W, 3) or (H, W, 4 with alpha); a tensor (H, W) or (1|3|4, H, W).
        uint8 is 0..255, uint16 0..65535, float 0..1, bool 0 and 1.

    Returns
    -------
    image : Tensor, float32, (3, H, W), 0..1, on the CPU

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        A damaged file, one larger than PIL's limit, another shape or dtype, floats outside 0..1, nan.

    Examples
    --------
    >>> read_image(np.array([[0, 51, 255]], np.uint8))[:, 0]  # grey, 1 x 3
    tensor([[0.0000, 0.2000, 1.0000],
            [0.0000, 0.2000, 1.0000],
            [0.0000, 0.2000, 1.0000]])
    >>> read_image(np.array([[[255, 0, 0, 51]]], np.uint8)).flatten()  # red, 20 % opaque, on white
    tensor([1.0000, 0.8000, 0.8000])
    """
    return torch.from_numpy(np.array(_unit(source).transpose(2, 0, 1), order="C"))


def read_rgb(path: str | Path) -> Pixels:
    """An image file as uint8 (H, W, 3): what the data sets keep. See `read_image` for what it takes."""
    pixels = _pixels(open_image(path), path)
    if pixels.dtype == np.uint8 and pixels.ndim == 3:
        return pixels
    return np.round(_unit(pixels, path) * 255).astype(np.uint8)


def read_label(
    path: str | Path,
    card: Card,
    numbers: Mapping[int, int] | None = None,
    colours: Mapping[Colour, int] | None = None,
) -> Pixels:
    """A label map, checked against the card of its data set.

    Parameters
    ----------
    path : str or Path
        PNG, TIFF, BMP, GIF, PGM or PPM, turned upright as images are; alpha is dropped.

        - Grey of 1 to 32 bits: the numbers that the file stores, so that 2 of 0..15 is 2.
        - RGB, also with 16 bits per channel if these hold 8-bit colours: its colours. If every pixel is grey, and that
          grey is not a colour of the card, the grey values are numbers.
        - With a palette: by colour if all colours in use are the card's, else by number.
    card : Card
    numbers, colours : mapping, optional
        Number, or colour (R, G, B), to class index; those of the card unless given. `{}` allows none.

    Returns
    -------
    label : array, uint8, (H, W)
        0..K-1, or the void index.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        A number or colour that is not on the card: names the file, the value and the first pixel that holds it.
        A file whose colours and numbers mean different classes. A file that does not keep values exactly (JPEG, WebP,
        floats), or holds several images.

    Examples
    --------
    >>> from segnet_lab.data.cards import load_card
    >>> path = getfixture("tmp_path") / "a.png"
    >>> Image.fromarray(np.array([[0, 3, 11]], np.uint8)).save(path)
    >>> read_label(path, load_card("camvid"))  # Sky, Road, void
    array([[ 0,  3, 11]], dtype=uint8)
    """
    numbers = card.indices if numbers is None else numbers
    colours = card.indices_by_colour if colours is None else colours
    return classes_of(read_stored(path), numbers, colours, path, card)


# --------------------------------------------------------------------------------------------------


def _unit(source: ImageSource, name: str | Path = "the image") -> np.ndarray:
    """Anything as float32 (H, W, 3) in 0..1."""
    if isinstance(source, str | Path):
        return _unit(open_image(source), source)
    if isinstance(source, Image.Image):
        with errors_of(name):
            source = ImageOps.exif_transpose(source)
        source = _pixels(source, name)
    form, pixels = "(H, W) or (H, W, 1, 3 or 4)", _array(source, name)
    shape = pixels.shape
    if isinstance(source, Tensor):
        form = "(H, W) or (1, 3 or 4, H, W)"
        pixels = np.moveaxis(pixels, 0, -1) if pixels.ndim == 3 else pixels
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or 0 in pixels.shape:
        hint = ": give one image of the batch, x[0]" if len(shape) == 4 else ""
        raise InvalidInput(f"{name} has shape {shape}, expected {form} with H, W >= 1{hint}")
    x = _scaled(pixels, name)
    if x.shape[2] == 4:
        alpha = x[..., 3:]
        x = x[..., :3] * alpha + (1 - alpha)
    return np.broadcast_to(x, (*x.shape[:2], 3))


def _array(source: object, name: str | Path) -> np.ndarray:
    """What numpy makes of it, or an error that says what else was probably meant."""
    if isinstance(source, Tensor):
        return _of_tensor(source, name)
    if hasattr(source, "image") and hasattr(source, "label"):
        raise InvalidInput(f"{name} is an image with its label: give the image alone, sample.image")
    if hasattr(source, "num_classes") and hasattr(source, "__getitem__"):
        raise InvalidInput(f"{name} is a data set: give one of its images, data[0].image")
    try:
        pixels = np.asarray(source)
    except (ValueError, TypeError):  # a pair of tensors, for example
        pixels = np.empty(0, object)
    if pixels.dtype == object:
        raise InvalidInput(f"{name} is a {type(source).__name__}: give a file, a PIL image, an array or a tensor")
    return pixels


def _of_tensor(x: Tensor, name: str | Path) -> np.ndarray:
    if x.layout != torch.strided or x.is_meta or x.dtype not in DTYPES:
        form = "no values (meta)" if x.is_meta else str(x.dtype if x.layout == torch.strided else x.layout)
        known = ", ".join(map(str, DTYPES))
        raise InvalidInput(f"{name} is a tensor with {form}: give a dense one of {known}".replace("torch.", ""))
    x = x.detach().cpu()
    return (x.float() if x.dtype == torch.bfloat16 else x).numpy()


def _scaled(x: np.ndarray, name: str | Path) -> np.ndarray:
    """Values of any kind as float32 in 0..1."""
    if x.dtype == bool:
        return x.astype(np.float32)
    if x.dtype in (np.uint8, np.uint16):
        return x.astype(np.float32) / np.iinfo(x.dtype).max
    if not np.issubdtype(x.dtype, np.floating):
        raise InvalidInput(f"{name} holds {x.dtype}: give uint8 (0..255), uint16 (0..65535), float (0..1) or bool")
    x = x.astype(np.float32)
    low, high = x.min(), x.max()
    if not (low >= -1e-4 and high <= 1 + 1e-4):  # resizing may overshoot by a rounding error; nan fails, too
        hint = "divide by 255" if high > 1 and high <= 255 and low >= 0 else "scale it to 0..1"
        raise InvalidInput(f"{name} holds floats from {low:g} to {high:g}, expected 0..1: {hint}")
    return x.clip(0, 1)


def _pixels(image: Image.Image, name: str | Path) -> np.ndarray:
    """The pixels of a PIL image: (H, W, 3) uint8, or (H, W) of more than 8 bits."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        grey = np.asarray(image)
        if image.mode == "I":
            if grey.min() < 0 or grey.max() > 65535:
                raise InvalidInput(f"{name} holds 32-bit values up to {grey.max()}: save it with 8 or 16 bits")
            grey = grey.astype(np.uint16)
        return grey
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image.convert("RGBA"))
    return np.array(image.convert("RGB"))
