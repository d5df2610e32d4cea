"""Controls above any function that draws a figure."""

from collections.abc import Callable
from io import BytesIO

import anywidget
import ipywidgets
import traitlets as t
from IPython.display import display

from segnet_lab._support.errors import in_one_line
from segnet_lab._support.progress import headless
from segnet_lab.figures.dark import on_paper
from segnet_lab.widgets.sources import script, style


class FigureView(anywidget.AnyWidget):
    """One picture, replaced in place, that says on what paper it is seen.

    Attributes
    ----------
    picture : bytes
        A PNG; empty before the first.
    alt : str
        What it shows, for those who cannot see it.
    message : str
        What went wrong; the picture stays.
    dark : bool
        Whether the page is dark; the browser says so.

    Examples
    --------
    >>> FigureView().dark
    False
    """

    _esm = script("kernel.js", "interactive.js")
    _css = style("pixel_view.css")

    picture = t.Bytes().tag(sync=True)
    alt = t.Unicode().tag(sync=True)
    message = t.Unicode().tag(sync=True)
    dark = t.Bool().tag(sync=True)

    def __init__(self, **state):
        super().__init__(**state)
        self.on_msg(lambda _, content, __: self.send({"pong": content.get("ping")}))  # so the page knows who is there


def interact(draw: Callable, **controls) -> None:
    """`ipywidgets.interact` for a function that gives a Figure, which is replaced in place and follows the theme.

    The original captures what a cell puts out. That flickers, and Voila 0.5 at times waits for ever for such a cell.
    Headless it shows nothing, but draws once, so that an error stops the run.

    Parameters
    ----------
    draw : callable(**values) -> Figure
    controls
        One for each argument, as `ipywidgets.interact` takes them: (low, high), a list of choices, a widget, ...
    """
    *made, _ = ipywidgets.interactive(draw, **controls).children  # the last one is the Output
    view = FigureView()

    def redraw(_=None):
        try:
            values, file = {control._kwarg: control.value for control in made}, BytesIO()
            figure = draw(**values)
            with on_paper(figure, view.dark):
                figure.savefig(file)
        except Exception as error:  # a callback's traceback would be seen by nobody
            if headless():
                raise
            view.message = in_one_line(error)
        else:
            settings = ", ".join(f"{name} {value}" for name, value in values.items())
            with view.hold_sync():
                view.picture, view.alt, view.message = file.getvalue(), f"Figure for {settings}", ""

    for control in made:
        control.observe(redraw, "value")
    view.observe(redraw, "dark")
    redraw()
    if not headless():
        box = ipywidgets.VBox([*made, view])
        box.add_class("segnet-controlled")
        display(box)
