"""Pictures of one image side by side: point at a pixel and all of them say what they hold there; click to choose it."""

import traitlets as t

from segnet_lab.figures.scene import Picture, Scene
from segnet_lab.widgets.live import LiveWidget
from segnet_lab.widgets.sources import script, style


class PixelView(LiveWidget):
    """Shows the pictures of a scene on canvases that are painted in place.

    Attributes
    ----------
    place : [row, column] of the image, or []
        What was clicked, or chosen with the arrow keys and Enter. May be set.
    chooses : bool
        Whether what is shown depends on the place; else it is only marked.

    Examples
    --------
    >>> from segnet_lab.figures.scene import Scene, photo
    >>> view = PixelView()
    >>> view.show(Scene([photo("grey", [[[0.5] * 8] * 6] * 3)], note="6 rows, 8 columns"))
    >>> view.size, view.note
    ([6, 8], '6 rows, 8 columns')
    """

    _esm = script("kernel.js", "pixel_view.js")
    _css = style("pixel_view.css")

    size = t.List(t.Int(min=1), [1, 1], read_only=True, help="(H, W) of the image").tag(sync=True)
    pictures: t.List[dict[str, object]] = t.List(read_only=True, help="as the browser takes them").tag(sync=True)
    note = t.Unicode(read_only=True).tag(sync=True)
    place = t.List(t.Int(min=0), maxlen=2).tag(sync=True)
    chooses = t.Bool(True).tag(sync=True)

    def show(self, scene: Scene) -> None:
        """Paint a `figures.scene.Scene` in place of what is there; all of it arrives at once."""
        first = scene.pictures[0]
        with self.hold_sync():
            self.set_trait("size", [n * first.scale for n in first.pixels.shape[:2]])
            self.set_trait("pictures", [_message(picture) for picture in scene.pictures])
            self.set_trait("note", scene.note)
            self.message = ""

    def __repr__(self) -> str:
        return f"PixelView of {', '.join(str(p['title']) for p in self.pictures) or 'nothing'}"


def _message(picture: Picture) -> dict[str, object]:
    height, width = picture.pixels.shape[:2]
    return {
        "title": picture.title,
        "note": picture.note,
        "height": height,
        "width": width,
        "scale": picture.scale,
        "pixels": picture.pixels.tobytes(),
        "palette": b"" if picture.palette is None else picture.palette.tobytes(),  # empty: the pixels are RGB
        "names": list(picture.names),
        "marks": [list(map(int, mark)) for mark in picture.marks],
    }
