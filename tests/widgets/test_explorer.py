"""An explorer draws again whenever a control or a place changes."""

import numpy as np
import pytest
import torch

from segnet_lab import widgets
from segnet_lab._support.errors import InvalidInput
from segnet_lab.figures.scene import Scene, numbers
from segnet_lab.widgets.explorer import Explorer

IMAGE = torch.rand(3, 48, 64, generator=torch.Generator().manual_seed(0))


def titles(explorer):
    return [picture["title"] for picture in explorer.view.pictures]


def test_an_explorer_draws_again_for_every_control_and_place():
    import ipywidgets

    calls = []

    def draw(place, n, m):
        calls.append((place, n, m))
        return Scene([numbers("map", np.zeros((n, m)))])

    explorer = Explorer(draw, {"n": ipywidgets.IntSlider(2), "m": ipywidgets.IntSlider(3)})
    explorer.controls["n"].value = 4
    explorer.view.place = [1, 2]
    explorer.set(n=5, m=6)  # two controls, one drawing
    assert calls == [((), 2, 3), ((), 4, 3), ((1, 2), 4, 3), ((1, 2), 5, 6)]
    assert explorer.view.size == [5, 6]
    with pytest.raises(ValueError, match=r"unknown control 'k'\. Known: n, m"):
        explorer.set(k=1)


def test_a_place_that_does_not_matter_draws_nothing_again():
    calls = []

    def draw(place):
        calls.append(place)
        return Scene([numbers("map", np.zeros((2, 2)))])

    explorer = Explorer(draw, {}, chooses=False)
    explorer.view.place = [1, 1]
    assert calls == [()]
    assert not explorer.view.chooses


def test_what_cannot_be_drawn_gives_a_message_and_the_picture_stays():
    import ipywidgets

    def draw(place, n):
        if n == 3:
            raise InvalidInput("three is too many: take two")
        return Scene([numbers(f"{1 // n} cells", [[1.0] * n])])

    explorer = Explorer(draw, {"n": ipywidgets.IntSlider(2)})
    before = explorer.view.pictures
    explorer.controls["n"].value = 3
    assert (explorer.view.message, explorer.view.pictures) == ("three is too many: take two", before)
    explorer.controls["n"].value = 0
    assert explorer.view.message.startswith("ZeroDivisionError: ")  # nobody expected it
    explorer.controls["n"].value = 1
    assert (explorer.view.message, titles(explorer)) == ("", ["1 cells"])


def test_headless_an_explorer_shows_nothing_but_its_errors_stop_the_run(monkeypatch, networks):
    shown = []
    monkeypatch.setattr("segnet_lab.widgets.explorer.display", lambda data, raw: shown.extend(data))
    explorer = widgets.explore_sparse_maps(networks["segnet_basic"], IMAGE)
    explorer._ipython_display_()
    assert "application/vnd.jupyter.widget-view+json" in shown
    shown.clear()
    monkeypatch.setenv("SEGNET_LAB_HEADLESS", "1")
    explorer._ipython_display_()
    assert shown == []
    with pytest.raises(ValueError, match="unknown set of runs 'nothing'"):
        widgets.explore_predictions("nothing")
