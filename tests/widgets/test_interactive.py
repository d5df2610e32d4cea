"""Controls above any function that draws a figure."""

import io

import pytest
from PIL import Image

from segnet_lab import widgets
from segnet_lab._support.errors import InvalidInput
from segnet_lab.figures.style import styled


def test_interact_replaces_one_picture_and_says_what_is_wrong(monkeypatch):
    import matplotlib.pyplot as plt

    @styled
    def bars(n=2, colour="red"):
        if n == 3:
            raise InvalidInput("three is too many")
        figure, axes = plt.subplots()
        axes.bar(range(n), range(n), color=colour)
        return figure

    shown = []
    monkeypatch.setattr("segnet_lab.widgets.interactive.display", shown.append)
    widgets.interact(bars, n=(1, 4), colour=["red", "blue"])
    number, colour, view = shown[0].children

    def corner():
        return Image.open(io.BytesIO(view.picture)).convert("RGB").getpixel((1, 1))

    first = view.picture
    assert (view.alt, corner()) == ("Figure for n 2, colour red", (255, 255, 255))
    colour.value = "blue"
    assert view.picture != first
    number.value, before = 3, view.picture
    assert (view.message, view.picture) == ("three is too many", before)
    number.value = 4
    assert view.message == ""
    view.dark = True  # the page says so
    assert corner() == (22, 25, 30)
    colour.value = "red"
    assert corner() == (22, 25, 30)
    sent = []
    view.send = sent.append
    view._handle_custom_msg({"ping": 7}, [])
    assert sent == [{"pong": 7}]
    monkeypatch.setenv("SEGNET_LAB_HEADLESS", "1")
    with pytest.raises(ValueError, match="three is too many"):
        widgets.interact(bars, n=[3])
    assert len(shown) == 1
