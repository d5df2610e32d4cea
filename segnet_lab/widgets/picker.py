"""A picture of your own, from disk or from the camera."""

from io import BytesIO

import anywidget
import traitlets as t
from PIL import Image, UnidentifiedImageError

from segnet_lab._support.errors import InvalidInput
from segnet_lab.widgets.sources import script, style


class ImagePicker(anywidget.AnyWidget):
    """Buttons for a file and for the camera; the browser reads the picture and shrinks it to 640 pixels a side.

    What cannot be read, is larger than 64 megapixels, or a camera that is not there gives a message in the widget.

    Attributes
    ----------
    picture : bytes
        A PNG; empty until something was chosen.
    name : str
        Of the file, or "camera".

    Examples
    --------
    >>> picker = ImagePicker()
    >>> picker.picture, picker.image() is None
    (b'', True)
    """

    _esm = script("picker.js")
    _css = style("pixel_view.css")

    picture = t.CBytes().tag(sync=True)  # the page sends a memoryview
    name = t.Unicode().tag(sync=True)

    def image(self) -> Image.Image | None:
        """What was chosen, None before that.

        Raises
        ------
        ValueError
            It is no picture.
        """
        try:
            return Image.open(BytesIO(self.picture)) if self.picture else None
        except UnidentifiedImageError:
            raise InvalidInput(f"{self.name} cannot be read as a picture: choose a PNG, JPEG or WebP file") from None

    def __repr__(self) -> str:
        return f"ImagePicker: {self.name or 'nothing chosen'}"
