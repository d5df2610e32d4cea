"""The numbers and colours that stand in an image file: Pillow decodes them, and what it changes for show is undone."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from segnet_lab._support.errors import InvalidInput
from segnet_lab.data.opening import errors_of, open_image

FORMATS = ("PNG", "TIFF", "BMP", "GIF", "PPM")
LOSSY = ("JPEG", "MPO", "JPEG2000", "WEBP", "AVIF")
GREY, COLOUR, PALETTE = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "I;16N"), ("RGB", "RGBA"), ("P", "PA")

# How Pillow is told to unpack the bytes of 16 bits a channel. By itself it keeps the high byte of each; told that the
# low byte comes first, it keeps the other. Grey with alpha it can take for four channels of one byte.
OTHER_BYTES = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L", "LA;16B": "RGBA"}

# Tags of TIFF
BITS, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339


class Stored(NamedTuple):
    """What a file holds, upright and without alpha."""

    pixels: np.ndarray  # numbers, (H, W) of any integer, or colours, (H, W, 3) uint8
    palette: np.ndarray | None = None  # (256, 3) uint8, the colours of the numbers, where the file has a palette


def read_stored(path: str | Path) -> Stored:
    """The numbers or colours of an image file, as they stand in it.

    Raises
    ------
    FileNotFoundError
    ValueError
        No image, or one that does not keep its values exactly or has more than one picture: names the file, what is
        wrong with it and the way out.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "a.pgm"
    >>> _ = path.write_bytes(b"P2 3 1 2  0 1 2")  # 3 x 1 pixels of 0 to 2, which Pillow shows as 0, 128, 255
    >>> read_stored(path).pixels
    array([[0, 1, 2]])
    """
    seen = []
    image = open_image(path, lambda image: seen.append(_look(image, path)))
    raw, top, dtype = seen[0]
    pixels = np.asarray(image)
    if image.mode in PALETTE:
        return _indexed(pixels[..., 0] if image.mode == "PA" else pixels, image.getpalette("RGB"))
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
    return Stored(pixels.view(dtype) if dtype else pixels.astype(np.uint8) if image.mode == "1" else pixels)


# --------------------------------------------------------------------------------------------------


def _look(image: Image.Image, path) -> tuple[str, int | None, type | None]:
    """Before it is decoded: how its bytes are unpacked, the number that is shown as white, and the type to view as."""
    with errors_of(path):
        unfit = _unfit(image)
        raw, top, dtype = _raw_mode(image), None, None
        if not unfit and image.tile[0][0].startswith("ppm") and image.mode != "1":
            top = image.tile[0][3][-1]
        elif raw.startswith(("L;2", "L;4")):
            top = 2 ** int(raw[2]) - 1
        elif image.format == "TIFF":
            signed = image.tag_v2.get(SAMPLE_FORMAT, (1,))[0] == 2
            dtype = {("L", True): np.int8, ("I", False): np.uint32}.get((image.mode, signed))
    if unfit:
        raise InvalidInput(f"{path} {unfit}")
    return raw, top, dtype


def _unfit(image: Image.Image) -> str:
    """Why this is no label map; empty if it may be one."""
    tags, raw = getattr(image, "tag_v2", {}), _raw_mode(image)
    if image.format in LOSSY or (tags and str(image.info.get("compression")) in ("jpeg", "tiff_jpeg", "webp")):
        return (
            f"is compressed as {image.format if image.format in LOSSY else 'JPEG'}, which changes pixel values, so it "
            "cannot hold labels: write them as PNG where they were drawn (converting this file does not mend them)"
        )
    if image.format not in FORMATS:
        return f"is a {image.format} file; labels are read from {', '.join(FORMATS)}: save it as PNG"
    if getattr(image, "n_frames", 1) > 1:
        return f"holds {image.n_frames} pictures, but a label map is one: save the right one as PNG"
    if image.mode not in GREY + COLOUR + PALETTE or tags.get(PHOTOMETRIC) == 6 or "a" in raw:
        kind = "YCbCr" if tags.get(PHOTOMETRIC) == 6 else "floats" if image.mode == "F" else raw
        return f"holds {kind}, from which no number or colour can be told exactly: save it as 8-bit grey or RGB"
    if raw in ("1;I", "1;IR") or (tags and tags.get(PHOTOMETRIC, 0) == 0):
        return "stores white as 0, which programs read as 0 or as the largest number: save it as 8-bit grey PNG"
    if image.mode in COLOUR and raw not in OTHER_BYTES and _is_wide(image):
        return f"holds {image.format} colours of other than 8 bits a channel: save it with 8, as PNG"
    return ""


def _raw_mode(image: Image.Image) -> str:
    """How Pillow unpacks the bytes of a file, such as "L;4" for grey of four bits."""
    arguments = image.tile[0][3] if image.tile else ""
    raw = arguments if isinstance(arguments, str) or not arguments else arguments[0]
    return raw if isinstance(raw, str) else image.mode


def _is_wide(image: Image.Image) -> bool:
    """Whether the channels of a colour image have not 8 bits, or, in PPM, not 255 as their largest value."""
    if image.format == "TIFF":
        return set(image.tag_v2.get(BITS, (1,))) != {8}
    codec, _, _, arguments = image.tile[0]
    return codec.startswith("ppm") and arguments[-1] != 255


def _unpack(image: Image.Image, raw: str) -> None:
    image.tile = [(*image.tile[0][:3], raw)]


def _indexed(numbers, colours) -> Stored:
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(colours) // 3] = np.reshape(colours, (-1, 3))
    is_grey = len(colours) == palette.size and (palette == np.arange(256)[:, None]).all()
    return Stored(numbers, None if is_grey else palette)


def _eight_bits(colours: np.ndarray, path) -> np.ndarray:
    """Colours of 16 bits a channel as 8-bit ones: stored as such, or times 257 so that white is 65535."""
    if colours.max() <= 255:
        return colours.astype(np.uint8)
    if (colours % 257 == 0).all():
        return (colours // 257).astype(np.uint8)
    raise InvalidInput(
        f"{path} holds 48-bit RGB with colours that no 8-bit colour stands for: save it with 8 bits a channel"
    )
