"""What all widgets have in common that Python keeps up to date."""

from collections.abc import Iterator
from contextlib import contextmanager

import anywidget
import traitlets as t

from segnet_lab._support.errors import in_one_line
from segnet_lab._support.progress import headless


class LiveWidget(anywidget.AnyWidget):
    """Answers the page, which asks for a sign of life, and shows what went wrong.

    Attributes
    ----------
    message : str
        What went wrong, shown above everything else, which stays as it was.

    Examples
    --------
    >>> widget = LiveWidget()
    >>> with widget.failures_shown():  # an error in here becomes the message
    ...     pass
    >>> widget.message
    ''
    """

    message = t.Unicode().tag(sync=True)

    def __init__(self, **state: object) -> None:
        super().__init__(**state)
        self.on_msg(lambda _, content, __: self.send({"pong": content.get("ping")}))

    @contextmanager
    def failures_shown(self) -> Iterator[None]:
        """An error inside becomes the message: nobody would see the traceback of a callback. Headless it is raised."""
        try:
            yield
        except Exception as error:
            if headless():
                raise
            self.message = in_one_line(error)
