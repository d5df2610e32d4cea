"""Controls above pictures: what all explorers have in common."""

from collections.abc import Callable, Mapping, Sequence

import ipywidgets
from IPython.display import display

from segnet_lab._support.errors import InvalidInput, unknown
from segnet_lab._support.progress import headless
from segnet_lab.figures.scene import Scene
from segnet_lab.widgets.pixel_view import PixelView


class Explorer(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Draws a scene again, in place, whenever a control changes or a pixel is chosen.

    Headless (in batch runs and in CI) it shows nothing, but draws once, so that an error stops the run.

    Parameters
    ----------
    draw : callable(place, **values) -> Scene
        A plain function of the values of the controls and of the place, (row, column) or ().
    controls : dict, argument of `draw` -> ipywidgets widget with a `value`
    beside : bool
        Put the controls beside the pictures instead of above.
    above, below : widgets
        Shown before the controls, and after the pictures.
    chooses : bool
        Whether the place matters to `draw`: if not, a click only marks it, and nothing is drawn again.

    Attributes
    ----------
    controls : dict
    view : PixelView
    scene : Scene
        What is shown, None before the first drawing that went well.

    Examples
    --------
    >>> from segnet_lab.figures.scene import Scene, numbers
    >>> explorer = Explorer(
    ...     lambda place, n: Scene([numbers(f"{n} cells", [[1.0] * n])]), {"n": ipywidgets.IntSlider(value=2)}
    ... )
    >>> explorer.controls["n"].value = 5
    >>> explorer
    Explorer of n: PixelView of 5 cells
    """

    def __init__(
        self,
        draw: Callable[..., Scene],
        controls: Mapping[str, ipywidgets.ValueWidget],
        beside: bool = False,
        above: Sequence[ipywidgets.Widget] = (),
        below: Sequence[ipywidgets.Widget] = (),
        chooses: bool = True,
    ) -> None:
        self.draw, self.controls, self.view = draw, dict(controls), PixelView(chooses=chooses)
        self.scene: Scene | None = None
        self._still = False  # while several controls change
        for control in self.controls.values():
            control.observe(self.redraw, "value")
        if chooses:
            self.view.observe(self.redraw, "place")
        row = ipywidgets.Box([*above, *self.controls.values()])
        row.add_class("segnet-controls")
        super().__init__([row, ipywidgets.VBox([self.view, *below])])
        for name in ["segnet-explorer", "segnet-controlled", *(["segnet-beside"] if beside else [])]:
            self.add_class(name)
        self.redraw()

    def set(self, **values: object) -> None:
        """Give several controls a value and draw once.

        Raises
        ------
        ValueError
            No control of that name; TraitError from the control itself if it cannot take the value.
        """
        for name in values:
            if name not in self.controls:
                raise InvalidInput(unknown("control", name, self.controls))
        self._still = True
        try:
            for name, value in values.items():
                self.controls[name].value = value
        finally:
            self._still = False
        self.redraw()

    def redraw(self, *_: object) -> None:
        """Draw what the controls say; a value that cannot be drawn gives a message and leaves the pictures."""
        if self._still:
            return
        with self.view.failures_shown():
            values = {name: control.value for name, control in self.controls.items()}
            scene = self.draw(place=tuple(self.view.place), **values)
            self.view.show(scene)
            self.scene = scene

    def _ipython_display_(self) -> None:
        if not headless():
            display(self._repr_mimebundle_(), raw=True)

    def __repr__(self) -> str:
        return f"Explorer of {', '.join(self.controls)}: {self.view!r}"
