"""A picture that the page sends is read, or refused by its name."""

import io

import pytest
from PIL import Image

from segnet_lab.widgets.picker import ImagePicker


def png(size, mode="RGB"):
    file = io.BytesIO()
    Image.new(mode, size).save(file, format="PNG")
    return file.getvalue()


@pytest.mark.parametrize("kind", [bytes, memoryview])  # the page sends a memoryview
def test_a_picture(kind):
    picker = ImagePicker()
    picker.name, picker.picture = "street.jpg", kind(png((7, 5)))
    assert picker.image().size == (7, 5)
    assert repr(picker) == "ImagePicker: street.jpg"


def test_no_picture_and_nothing_chosen():
    picker = ImagePicker()
    assert picker.image() is None
    assert repr(picker) == "ImagePicker: nothing chosen"
    picker.name, picker.picture = "notes.txt", b"no picture"
    with pytest.raises(ValueError, match=r"notes\.txt cannot be read as a picture: choose a PNG, JPEG or WebP file"):
        picker.image()
