"""Controls above any function that draws a figure."""

from collections.abc import Callable
from io import BytesIO

import ipywidgets
import traitlets as t
from IPython.display import display
from matplotlib.figure import Figure

from segnet_lab._support.progress import headless
from segnet_lab.figures.dark import on_paper
from segnet_lab.widgets.live import LiveWidget
from segnet_lab.widgets.sources import script, style


class FigureView(LiveWidget):
    """One figure, replaced in place, that tells Python whether the page is dark.

    Attributes
    ----------
    picture : bytes
        A PNG; empty before the first.
    alt : str
        What it shows, for those who cannot see it.
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
    dark = t.Bool().tag(sync=True)


def interact(draw: Callable[..., Figure], **controls: object) -> None:
    """`ipywidgets.interact` for a function that gives a Figure, which is replaced in place and follows the theme.

    The original captures what a cell prints. That flickers, and Voila 0.5 at times waits for ever for such a cell.
    Headless it shows nothing, but draws once, so that an error stops the run.

    Parameters
    ----------
    draw : callable(**values) -> Figure
    controls
        One for each argument, as `ipywidgets.interact` takes them: (low, high), a list of choices, a widget, ...
    """
    *made, _ = ipywidgets.interactive(draw, **controls).children  # the last one is the Output
    view = FigureView()

    def redraw(_: object = None) -> None:
        with view.failures_shown():
            values, file = {control._kwarg: control.value for control in made}, BytesIO()
            figure = draw(**values)
            with on_paper(figure, view.dark):
                figure.savefig(file)
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
