"""Reading images and label maps of any kind, and saying clearly what is wrong with the others."""

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from segnet_lab.data.cards import Card

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp")


def read_image(source) -> Tensor:
    """One image, whatever it comes as, in the form that every network here takes.

    Parameters
    ----------
    source : str, Path, PIL image, numpy array or Tensor
        A file or PIL image of any mode: grey becomes three equal channels, palettes and CMYK are looked up, 16-bit
        values are scaled, the camera's EXIF rotation is undone, and what is transparent shows white paper behind.
        An array is (H, W), (H, W, 1), (H, W, 3) or (H, W, 4 with alpha); a tensor (H, W) or (1|3|4, H, W).
        uint8 is 0..255, uint16 0..65535, float 0..1, bool 0 and 1.

    Returns
    -------
    image : Tensor, float32, (3, H, W), 0..1, on the CPU

    Raises
    ------
    FileNotFoundError
    ValueError
        A damaged file, a file too large to be meant, another shape or dtype, floats outside 0..1, nan.

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


def read_rgb(path: str | Path) -> np.ndarray:
    """An image file as uint8 (H, W, 3): what the data sets keep. See `read_image` for what it takes."""
    pixels = _pixels(open_image(path), path)
    if pixels.dtype == np.uint8 and pixels.ndim == 3:
        return pixels
    return np.round(_unit(pixels, path) * 255).astype(np.uint8)


def read_label(path: str | Path, card: Card) -> np.ndarray:
    """A label map, checked against the card of its data set.

    Parameters
    ----------
    path : str or Path
        A grey PNG, 8 or 16 bit, or one with a palette: its numbers are the classes. Or a colour PNG: its colours are
        those of the card; alpha is dropped. JPEG changes values and is refused.
    card : Card

    Returns
    -------
    label : array, uint8, (H, W)
        0..K-1, or the void index.

    Raises
    ------
    FileNotFoundError
    ValueError
        A value or colour that is not on the card: names the file, the value and the first pixel that holds it.
    """
    values = read_label_values(path)
    return translate(values, card.indices if values.ndim == 2 else card.indices_by_colour, path, card)


def read_label_values(path: str | Path) -> np.ndarray:
    """The numbers (H, W) or the colours (H, W, 3) of a label file, as they stand in it."""
    if Path(path).suffix.lower() in (".jpg", ".jpeg", ".webp"):
        raise ValueError(
            f"{path}: {Path(path).suffix} changes pixel values, so it cannot hold labels; save them as PNG"
        )
    image = open_image(path)
    if image.mode in ("RGBA", "RGB", "CMYK", "YCbCr"):
        return np.asarray(image.convert("RGB"))
    values = np.asarray(image.getchannel(0) if image.mode == "LA" else image)
    return values.astype(np.uint8) if values.dtype == bool else values


def translate(values: np.ndarray, table: dict, path: str | Path, card: Card) -> np.ndarray:
    """Turn the numbers or colours of a label file into class indices.

    Parameters
    ----------
    values : array, (H, W) of any integer, or (H, W, 3) uint8
    table : dict
        Number, or colour (R, G, B), to class index 0..255.
    path : str or Path
        Named in the error.
    card : Card
        Named in the error.

    Returns
    -------
    label : array, uint8, (H, W)

    Raises
    ------
    ValueError
        A value that is not in the table, never silently a class.

    Examples
    --------
    >>> from segnet_lab.data.cards import load_card
    >>> colours = np.array([[[128, 64, 128], [0, 0, 0]]], np.uint8)
    >>> card = load_card("camvid")
    >>> translate(colours, card.indices_by_colour, "a.png", card)  # Road, void
    array([[ 3, 11]], dtype=uint8)
    """
    if values.ndim == 3:
        numbers, keys = _code(values), [_code(np.array(colour)) for colour in table]
    else:
        numbers, keys = values, list(table)
    keys = np.array(keys, np.int64)
    order = keys.argsort()
    place = np.searchsorted(keys[order], numbers).clip(max=len(keys) - 1)
    wrong = keys[order][place] != numbers
    if wrong.any():
        raise ValueError(_unknown_label(values, wrong, table, path, card))
    return np.array(list(table.values()), np.uint8)[order][place]


def open_image(source) -> Image.Image:
    """A PIL image, decoded, upright.

    Raises
    ------
    FileNotFoundError, ValueError
        No such file; a file that is damaged, no image, or larger than PIL's limit `Image.MAX_IMAGE_PIXELS`.
    """
    path = Path(source)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}" + (": this is a folder" if path.is_dir() else ""))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # _check_area refuses what it warns of
            image = Image.open(path)
        with image:
            _check_area(image.size, path)
            image.load()
            return ImageOps.exif_transpose(image)
    except Image.DecompressionBombError as error:
        raise ValueError(_too_large(path, error)) from None
    except (OSError, SyntaxError, EOFError, struct.error, zlib.error) as error:
        raise ValueError(f"{path} is damaged or no image ({error}): get it again, or take it out of the set") from None


# --------------------------------------------------------------------------------------------------


def _unit(source, name="the image") -> np.ndarray:
    """Anything as float32 (H, W, 3) in 0..1."""
    if isinstance(source, str | Path):
        source, name = open_image(source), source
    if isinstance(source, Image.Image):
        source = _pixels(ImageOps.exif_transpose(source), name)
    if isinstance(source, Tensor):
        source = source.detach().cpu()
        source = (source.float() if source.dtype == torch.bfloat16 else source).numpy()
        form, pixels = "(H, W) or (1, 3 or 4, H, W)", np.moveaxis(source, 0, -1) if source.ndim == 3 else source
    else:
        form, pixels = "(H, W) or (H, W, 1, 3 or 4)", np.asarray(source)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or 0 in pixels.shape:
        shape = np.shape(source)
        hint = ": give one image of the batch, x[0]" if len(shape) == 4 else ""
        raise ValueError(f"{name} has shape {shape}, wanted is {form} with H, W >= 1{hint}")
    x = _scaled(pixels, name)
    if x.shape[2] == 4:
        alpha = x[..., 3:]
        x = x[..., :3] * alpha + (1 - alpha)
    return np.broadcast_to(x, (*x.shape[:2], 3))


def _scaled(x: np.ndarray, name) -> np.ndarray:
    if x.dtype == bool:
        return x.astype(np.float32)
    if x.dtype in (np.uint8, np.uint16):
        return x.astype(np.float32) / np.iinfo(x.dtype).max
    if not np.issubdtype(x.dtype, np.floating):
        raise ValueError(f"{name} holds {x.dtype}: give uint8 (0..255), uint16 (0..65535), float (0..1) or bool")
    x = x.astype(np.float32)
    low, high = x.min(), x.max()
    if not (low >= -1e-4 and high <= 1 + 1e-4):  # resizing may step over by a rounding error; nan fails too
        hint = "divide by 255" if high > 1 and high <= 255 and low >= 0 else "scale it to 0..1"
        raise ValueError(f"{name} holds floats from {low:g} to {high:g}, wanted is 0..1: {hint}")
    return x.clip(0, 1)


def _pixels(image: Image.Image, name) -> np.ndarray:
    """The pixels of a PIL image: (H, W, 3) uint8, or (H, W) of more than 8 bits."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        grey = np.asarray(image)
        if image.mode == "I":
            if grey.min() < 0 or grey.max() > 65535:
                raise ValueError(f"{name} holds 32-bit values up to {grey.max()}: save it with 8 or 16 bits")
            grey = grey.astype(np.uint16)
        return grey
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image.convert("RGBA"))
    return np.array(image.convert("RGB"))


def _code(colours: np.ndarray) -> np.ndarray:
    """Each colour (..., 3) as one number."""
    r, g, b = np.moveaxis(colours.astype(np.int64), -1, 0)
    return (r << 16) | (g << 8) | b


def _unknown_label(values, wrong, table, path, card) -> str:
    row, column = (int(i) for i in np.argwhere(wrong)[0])
    value = values[row, column].tolist()
    here = f"at row {row}, column {column} ({int(wrong.sum())} such pixels)"
    if values.ndim == 3:
        near = min(table, key=lambda c: sum((a - b) ** 2 for a, b in zip(c, value, strict=True)))
        return (
            f"{path}: colour {tuple(value)} {here} is none of the {len(table)} on the card of {card.title}; the "
            f"nearest is {near}. If the file was resized, take the original; else add the class to {card.path}"
        )
    known, void = (
        ", ".join(_ranges(sorted(numbers)))
        for numbers in (table, [number for number, c in table.items() if c == card.void_index])
    )
    return (
        f"{path}: label value {value} {here} is not on the card of {card.title}, which knows {known} "
        f"(void: {void}). Correct the file, or name the class in {card.path}"
    )


def _ranges(numbers: list[int]) -> list[str]:
    """[0, 1, 2, 5] -> ['0 to 2', '5']"""
    starts = [n for n in numbers if n - 1 not in numbers]
    ends = [n for n in numbers if n + 1 not in numbers]
    return [f"{a} to {b}" if b > a else str(a) for a, b in zip(starts, ends, strict=True)]


def _check_area(size, path):
    if Image.MAX_IMAGE_PIXELS and size[0] * size[1] > Image.MAX_IMAGE_PIXELS:
        raise ValueError(_too_large(path, f"{size[1]} x {size[0]} pixels"))


def _too_large(path, what) -> str:
    return (
        f"{path} is too large to be meant ({what}; the limit is {Image.MAX_IMAGE_PIXELS} pixels): make it smaller, "
        "or, if you trust it, raise PIL.Image.MAX_IMAGE_PIXELS"
    )
