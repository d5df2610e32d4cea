"""A widget that Python keeps up to date answers the page, and says what went wrong."""

import pytest

from segnet_lab._support.errors import InvalidInput
from segnet_lab.widgets.interactive import FigureView
from segnet_lab.widgets.live import LiveWidget
from segnet_lab.widgets.pixel_view import PixelView


@pytest.mark.parametrize("kind", [LiveWidget, PixelView, FigureView])
def test_the_page_is_answered(kind):
    view, sent = kind(), []
    view.send = sent.append
    view._handle_custom_msg({"ping": 7}, [])
    assert sent == [{"pong": 7}]


def test_an_error_is_shown_and_headless_raised(monkeypatch):
    view = LiveWidget()
    with view.failures_shown():
        raise InvalidInput("three is too many")
    assert view.message == "three is too many"
    with view.failures_shown():
        raise KeyError("three")
    assert view.message.startswith("KeyError: 'three'")
    monkeypatch.setenv("SEGNET_LAB_HEADLESS", "1")
    with pytest.raises(InvalidInput), view.failures_shown():
        raise InvalidInput("three is too many")
