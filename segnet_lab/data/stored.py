"""The numbers and colours that an image file stores: Pillow decodes them, and what it changes for display is undone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL.ImageFile import ImageFile

from segnet_lab._support.errors import InvalidInput
from segnet_lab.data.cards import Pixels
from segnet_lab.data.opening import errors_of, open_image

FORMATS = ("PNG", "TIFF", "BMP", "GIF", "PPM")
LOSSY = ("JPEG", "MPO", "JPEG2000", "WEBP", "AVIF")
GREY, COLOUR, PALETTE = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "I;16N"), ("RGB", "RGBA"), ("P", "PA")

# How Pillow is told to unpack 16 bits per channel. By itself it keeps the high byte of each; told that the low byte
# comes first, it keeps the other. It can take grey with alpha for four channels of one byte.
OTHER_BYTES = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L", "LA;16B": "RGBA"}

# Numbers of a TIFF that Pillow decodes into another type: mode and whether they are signed -> the right one
OTHER_DTYPES: dict[tuple[str, bool], type[np.integer]] = {("L", True): np.int8, ("I", False): np.uint32}

# Tags of TIFF
BITS, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339


class Stored(NamedTuple):
    """What a file holds, upright and without alpha."""

    pixels: np.ndarray  # numbers, (H, W) of any integer, or colours, (H, W, 3) uint8
    palette: Pixels | None = None  # (256, 3), the colours of the numbers, where the file has a palette


def read_stored(path: str | Path) -> Stored:
    """The numbers or colours of an image file, as it stores them.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        Not an image, or one that does not keep its values exactly or has several frames: names the file, what is wrong
        with it and the way out.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "a.pgm"
    >>> _ = path.write_bytes(b"P2 3 1 2  0 1 2")  # 3 x 1 pixels of 0 to 2, which Pillow shows as 0, 128, 255
    >>> read_stored(path).pixels
    array([[0, 1, 2]])
    """
    seen: list[Look] = []
    image = open_image(path, lambda image: seen.append(_look(image, path)))
    raw, top, dtype = seen[0]
    pixels = np.asarray(image)
    if image.mode in PALETTE:
        return _indexed(pixels[..., 0] if image.mode == "PA" else pixels, image.getpalette("RGB") or [])
    if raw in OTHER_BYTES:
        other = np.asarray(open_image(path, lambda image: _unpack(image, OTHER_BYTES[raw]))).astype(np.uint16)
        if raw.startswith("LA"):
            return Stored(other[..., 0] << 8 | other[..., 1])
        return Stored(_eight_bits((pixels.astype(np.uint16) << 8 | other)[..., :3], path))
    if image.mode in COLOUR:
        return Stored(pixels[..., :3])
    if image.mode == "LA":
        pixels = pixels[..., 0]
    if top:
        shown = 65535 if image.mode == "I" else 255
        pixels = (pixels.astype(np.int64) * top + shown // 2) // shown
    if dtype:
        return Stored(pixels.view(dtype))
    return Stored(pixels.astype(np.uint8) if image.mode == "1" else pixels)


# --------------------------------------------------------------------------------------------------


class Look(NamedTuple):
    """What only an image that is not decoded yet can say."""

    raw: str  # how its bytes are unpacked, see `_raw_mode`
    top: int | None  # the number that is shown as white, where that is not the largest of its type
    dtype: type[np.integer] | None  # what to view the decoded numbers as, where Pillow has another type


def _look(image: ImageFile, path: str | Path) -> Look:
    with errors_of(path):
        unfit = _unfit(image)
        raw, tags, top, dtype = _raw_mode(image), _tags(image), None, None
        codec, arguments = _tile(image)
        if not unfit and codec.startswith("ppm") and image.mode != "1":
            top = arguments[-1]
        elif raw.startswith(("L;2", "L;4")):
            top = 2 ** int(raw[2]) - 1
        elif image.format == "TIFF":
            signed = tags.get(SAMPLE_FORMAT, (1,))[0] == 2
            dtype = OTHER_DTYPES.get((image.mode, signed))
    if unfit:
        raise InvalidInput(f"{path} {unfit}")
    return Look(raw, top, dtype)


def _unfit(image: ImageFile) -> str:
    """Why this is no label map; empty if it may be one."""
    tags, raw, frames = _tags(image), _raw_mode(image), getattr(image, "n_frames", 1)
    if image.format in LOSSY or (tags and str(image.info.get("compression")) in ("jpeg", "tiff_jpeg", "webp")):
        return (
            f"is compressed as {image.format if image.format in LOSSY else 'JPEG'}, which changes pixel values, so it "
            "cannot hold labels: save them as PNG in the program that made them (converting this file does not help)"
        )
    if image.format not in FORMATS:
        return f"is a {image.format} file; labels are read from {', '.join(FORMATS)}: save it as PNG"
    if frames > 1:
        return f"holds {frames} images, but a label map is one: save the right one as PNG"
    if image.mode not in GREY + COLOUR + PALETTE or tags.get(PHOTOMETRIC) == 6 or "a" in raw:
        kind = "YCbCr" if tags.get(PHOTOMETRIC) == 6 else "floats" if image.mode == "F" else raw
        return f"holds {kind}, which does not give exact numbers or colours: save it as 8-bit grey or RGB"
    if raw in ("1;I", "1;IR") or (tags and tags.get(PHOTOMETRIC, 0) == 0):
        return "stores white as 0, which some programs read as the largest number: save it as 8-bit grey PNG"
    if image.mode in COLOUR and raw not in OTHER_BYTES and _is_wide(image):
        return f"holds {image.format} colours of other than 8 bits a channel: save it with 8, as PNG"
    return ""


def _tags(image: ImageFile) -> Mapping[int, Any]:
    """Those of a TIFF file; none for others."""
    return getattr(image, "tag_v2", {})


def _tile(image: ImageFile) -> tuple[str, Any]:
    """Which of Pillow's codecs will decode a file, and the arguments that it will get."""
    return (image.tile[0][0], image.tile[0][3]) if image.tile else ("", "")


def _raw_mode(image: ImageFile) -> str:
    """How Pillow unpacks the bytes of a file, such as "L;4" for grey of four bits."""
    _, arguments = _tile(image)
    raw = arguments if isinstance(arguments, str) or not arguments else arguments[0]
    return raw if isinstance(raw, str) else image.mode


def _is_wide(image: ImageFile) -> bool:
    """Whether the channels of a colour image do not have 8 bits or, in PPM, 255 as their largest value."""
    if image.format == "TIFF":
        return set(_tags(image).get(BITS, (1,))) != {8}
    codec, arguments = _tile(image)
    return codec.startswith("ppm") and arguments[-1] != 255


def _unpack(image: ImageFile, raw: str) -> None:
    image.tile = [(*image.tile[0][:3], raw)]  # type: ignore[list-item]  # a class of Pillow's own since version 11


def _indexed(numbers: Pixels, colours: list[int]) -> Stored:
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(colours) // 3] = np.reshape(colours, (-1, 3))
    is_grey = len(colours) == palette.size and (palette == np.arange(256)[:, None]).all()
    return Stored(numbers, None if is_grey else palette)


def _eight_bits(colours: np.ndarray, path: str | Path) -> Pixels:
    """Colours of 16 bits per channel as 8-bit ones: stored as such, or times 257 so that white is 65535."""
    if colours.max() <= 255:
        return colours.astype(np.uint8)
    if (colours % 257 == 0).all():
        return (colours // 257).astype(np.uint8)
    raise InvalidInput(
        f"{path} holds 48-bit RGB with colours that are no 8-bit colours: save it with 8 bits per channel"
    )
