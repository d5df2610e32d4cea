"""A view sends its pictures to the page as they are."""

import numpy as np

from segnet_lab.figures.scene import Scene, numbers, photo
from segnet_lab.widgets.pixel_view import PixelView


def test_a_view_sends_the_very_bytes():
    view = PixelView()
    small = numbers("map", [[0.0, 1.0], [0.5, 0.0]])._replace(scale=4)
    view.show(Scene((small, photo("image", np.ones((3, 8, 8)))), "note"))
    first, second = view.pictures
    assert (first["height"], first["width"], first["scale"]) == (2, 2, 4)
    assert list(first["pixels"]) == [0, 252, 126, 0]
    assert len(first["palette"]) == 3 * len(first["names"])
    assert (second["palette"], second["pixels"]) == (b"", b"\xff" * 192)
    assert (view.size, view.note) == ([8, 8], "note")
