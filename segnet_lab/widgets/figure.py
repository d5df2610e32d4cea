"""Controls above any function that draws a figure."""

from collections.abc import Callable
from io import BytesIO

import ipywidgets
from IPython.display import display

from segnet_lab.cli import EXPECTED
from segnet_lab.progress import headless


def interact(draw: Callable, **controls) -> None:
    """`ipywidgets.interact` for a function that gives a Figure, which is shown in one Image, replaced in place.

    The original captures what a cell puts out. That flickers, and Voila 0.5 at times waits for ever for such a cell.
    Headless it shows nothing, but draws once, so that an error stops the run.

    Parameters
    ----------
    draw : callable(**values) -> Figure
    controls
        One for each argument, as `ipywidgets.interact` takes them: (low, high), a list of choices, a widget, ...
    """
    *made, _ = ipywidgets.interactive(draw, **controls).children  # the last one is the Output
    picture, message = ipywidgets.Image(format="png"), ipywidgets.Label()

    def redraw(_=None):
        try:
            file = BytesIO()
            draw(**{control._kwarg: control.value for control in made}).savefig(file)
        except EXPECTED as error:  # a callback's traceback would be seen by nobody
            if headless():
                raise
            message.value = str(error)
        else:
            picture.value, message.value = file.getvalue(), ""

    for control in made:
        control.observe(redraw, "value")
    redraw()
    if not headless():
        display(ipywidgets.VBox([*made, message, picture]))
