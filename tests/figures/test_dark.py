"""Figures on dark paper, and where they are shown so."""

import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image

from segnet_lab.figures import dark
from segnet_lab.figures.dark import NEUTRAL, WHITE, on_paper
from segnet_lab.figures.style import BLUE, INK, LINE, PAPER, SKY, SOFT, styled


@styled
def figure():
    drawn, (left, right) = plt.subplots(1, 2, figsize=(6, 3))
    left.bar([0, 1], [1, 2], color=[BLUE, LINE])
    left.axhline(1, color=SOFT)
    left.text(0, 0.5, "on the bar", ha="center", color=INK)
    left.text(1, 2.1, "above it", ha="center", color=BLUE)
    left.scatter([0.5], [1.5], color=INK)
    left.set_title("title")
    right.imshow(np.ones((4, 4, 3)))
    right.text(1.5, 1.5, "on the image", ha="center", color=INK)
    keys = [Patch(facecolor=PAPER, label="pale cells"), Patch(facecolor=BLUE, label="blue")]
    drawn.legend(handles=keys, loc="outside lower center")
    drawn.draw_without_rendering()  # makes the ticks
    return drawn


def colours(drawn):
    texts = {text.get_text(): to_hex(text.get_color()) for text in drawn.findobj(plt.Text) if text.get_text()}
    left = drawn.axes[0]
    return {
        **texts,
        "paper": to_hex(drawn.get_facecolor()),
        "bars": [to_hex(bar.get_facecolor()) for bar in left.patches],
        "line": to_hex(left.lines[0].get_color()),
        "dot": to_hex(left.collections[0].get_facecolor()[0]),
        "keys": [to_hex(patch.get_facecolor()) for patch in drawn.legends[0].get_patches()],
        "tick": to_hex(left.xaxis.get_major_ticks()[0].tick1line.get_color()),
    }


def test_neutral_things_change_and_what_means_something_stays():
    drawn = figure()
    light = colours(drawn)
    with on_paper(drawn, dark=True):
        seen = colours(drawn)
    assert seen["paper"] == NEUTRAL[WHITE]
    assert seen["bars"] == [BLUE, NEUTRAL[LINE]]
    assert (seen["line"], seen["dot"], seen["tick"]) == (NEUTRAL[SOFT], NEUTRAL[INK], NEUTRAL[SOFT])
    assert (seen["title"], seen["pale cells"]) == (NEUTRAL[INK], NEUTRAL[INK])
    assert (seen["on the bar"], seen["on the image"]) == (INK, INK)  # what they lie on did not change
    assert seen["above it"] == SKY
    assert seen["keys"] == [PAPER, BLUE]  # cells of an image, which keep their colour
    assert colours(drawn) == light


def test_afterwards_the_figure_is_as_it_was_drawn_to_the_last_pixel():
    def pixels():
        file = io.BytesIO()
        drawn.savefig(file)
        return np.asarray(Image.open(file))

    drawn = figure()
    drawn.set_layout_engine("none")  # a constrained layout settles over several drawings
    before = pixels()
    with on_paper(drawn, dark=True):
        assert (pixels()[0, 0, :3] == [22, 25, 30]).all()
    np.testing.assert_array_equal(pixels(), before)
    with pytest.raises(ZeroDivisionError), on_paper(drawn, dark=True):
        _ = 1 / 0
    np.testing.assert_array_equal(pixels(), before)
    with on_paper(drawn, dark=False):
        np.testing.assert_array_equal(pixels(), before)


def test_an_empty_figure_has_paper():
    empty = Figure()
    with on_paper(empty, dark=True):
        assert to_hex(empty.get_facecolor()) == NEUTRAL[WHITE]


SETTINGS = {
    '{\n    // Theme\n    "theme": "JupyterLab Dark",\n}': True,
    '{"theme": "JupyterLab Dark High Contrast"}'.replace("{", "{\n"): True,
    '{\n    "theme": "JupyterLab Light",\n    "preferred-dark-theme": "JupyterLab Dark"\n}': False,
    '{\n    "theme": "JupyterLab Light",\n    "adaptive-theme": true\n}': True,
    "{}": False,
}


@pytest.fixture
def settings(tmp_path, monkeypatch):
    for name in ("CI", "SEGNET_LAB_HEADLESS", "VSCODE_PID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUPYTERLAB_SETTINGS_DIR", str(tmp_path))
    folder = tmp_path / "@jupyterlab" / "apputils-extension"
    folder.mkdir(parents=True)
    return folder / "themes.jupyterlab-settings"


def test_a_second_picture_is_made_where_the_theme_may_be_dark(settings, monkeypatch):
    assert figure()._repr_html_() is None  # no settings: JupyterLab is light
    for text, expected in SETTINGS.items():
        settings.write_text(text, encoding="utf-8")
        assert dark.may_be_dark() == expected, text
    assert figure()._repr_html_() is None
    monkeypatch.setenv("VSCODE_PID", "1")
    html = figure()._repr_html_()
    assert len(set(re.findall(r"base64,([\w+/=]+)", html))) == 2
    assert html.index("content: url(data:") < html.index("<img")
    monkeypatch.setenv("SEGNET_LAB_HEADLESS", "1")
    assert figure()._repr_html_() is None  # what is committed stays one PNG
