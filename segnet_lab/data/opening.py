"""Opening image files: what Pillow raises, refuses late or decodes wrongly becomes one error that names the file."""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from segnet_lab._support.errors import InvalidInput, NotFound


def open_image(source: str | Path, before: Callable[[ImageFile], None] | None = None) -> Image.Image:
    """A PIL image, decoded, upright.

    Parameters
    ----------
    source : str or Path
        `~` is your home folder.
    before : callable, optional
        Called with the image before it is decoded.

    Raises
    ------
    FileNotFoundError, ValueError
        No such file; a file that is damaged, no image, or larger than PIL's limit `Image.MAX_IMAGE_PIXELS`.
    """
    path = Path(os.path.expanduser(source))
    if not path.is_file():
        raise NotFound(f"no file {path}" + (": this is a folder" if path.is_dir() else ""))
    with path.open("rb") as file:  # given a name, Pillow would map a TIFF into memory and rotate it wrongly
        with errors_of(path), warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # _check_area refuses what it warns of
            image = Image.open(file)
        _check_area(image.size, path)
        with errors_of(path):
            wrong = _misread(image, file)
        if wrong:
            raise InvalidInput(f"{path} is a {image.format} {wrong}, which Pillow decodes wrongly: save it as PNG")
        if before:
            before(image)
        with errors_of(path):
            image.load()
            return ImageOps.exif_transpose(image)


@contextmanager
def errors_of(path: str | Path) -> Iterator[None]:
    """Whatever Pillow's readers raise, as a ValueError that names the file."""
    try:
        yield
    except Image.DecompressionBombError as error:
        raise InvalidInput(_too_large(path, str(error))) from None
    except UnidentifiedImageError:
        raise InvalidInput(_damaged(path, "not a file format that Pillow knows")) from None
    except Exception as error:  # damaged bytes raise anything: OSError, SyntaxError, struct.error, AssertionError, ...
        raise InvalidInput(_damaged(path, str(error) or type(error).__name__)) from None


# --------------------------------------------------------------------------------------------------


def _misread(image: ImageFile, file: BinaryIO) -> str:
    """What about a file Pillow (13.0) would silently decode into other pixels; empty if nothing."""
    if image.format == "BMP" and image.mode in ("1", "L"):  # it forgets a palette of greys, and with it the bits
        file.seek(14)
        header = file.read(16)
        bits = int.from_bytes(header[10:12] if header[0] == 12 else header[14:16], "little")
        return f"of {bits} bits with a grey palette" if bits != {"1": 1, "L": 8}[image.mode] else ""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        bits, white, planar = (image.tag_v2.get(tag, default) for tag, default in ((258, (1,)), (262, 0), (284, 1)))
        if max(bits) > 8 and planar == 2 and image.info.get("compression") == "raw":
            return f"of {max(bits)} bits whose colours are stored in separate planes"
        if bits == (12,) or (bits == (16,) and white == 0):
            return f"of {bits[0]} bits" + (" whose white is 0" if white == 0 else "")
    return ""


def _check_area(size: tuple[int, int], path: Path) -> None:
    if Image.MAX_IMAGE_PIXELS and size[0] * size[1] > Image.MAX_IMAGE_PIXELS:
        raise InvalidInput(_too_large(path, f"{size[1]} x {size[0]} pixels"))


def _damaged(path: str | Path, what: str) -> str:
    return f"{path} is damaged or not an image ({what}): get it again, or save it as PNG or JPEG"


def _too_large(path: str | Path, what: str) -> str:
    return (
        f"{path} is larger than the limit of {Image.MAX_IMAGE_PIXELS} pixels ({what}): make it smaller, or, if it is "
        "the right file, raise PIL.Image.MAX_IMAGE_PIXELS"
    )
