"""The classroom as a lecturer opens it and a student sees it: from the command to the page, and closed again."""

import re
import subprocess
import sys
import urllib.request

import pytest
from conftest import REPO, environment, unreadable

from segnet_lab.lessons.notebooks import list_notebooks
from segnet_lab.widgets.gallery import EXHIBITS


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """The command, and the address that it prints."""
    folder = tmp_path_factory.mktemp("classroom")
    command = [sys.executable, "-u", "-m", "segnet_lab", "classroom"]
    surroundings = {**environment(folder), "SEGNET_LAB_HEADLESS": "1"}  # the apps show widgets all the same
    room = subprocess.Popen(
        [*command, "--port", "0"],
        env=surroundings,
        cwd=REPO,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = room.stdout.readline()
    address = re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", said)
    assert address, said + room.stdout.read()
    yield address[0]
    closed = subprocess.run([*command, "--stop"], env=surroundings, cwd=REPO, capture_output=True, text=True)
    assert closed.stdout == "closed: 1\n"
    assert "The classroom is closed." in room.communicate(timeout=20)[0]
    assert room.returncode == 0
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address[0], timeout=5)


def app(address, name):
    base, token = address.split("?")
    return f"{base}voila/render/{name}.ipynb?{token}"


def test_without_the_token_nobody_gets_in(opened, page):
    for address in (opened, app(opened, "try_sparse_maps")):
        page.goto(address.split("?")[0])
        assert "/login" in page.url
    page.goto(app(opened, "try_sparse_maps").replace("token=", "token=x"))
    assert "/login" in page.url


@pytest.mark.pictures
def test_the_front_page_shows_what_there_is_and_every_app_leads_back(opened, page, complaints, screenshot):
    page.set_viewport_size({"width": 1366, "height": 768})
    page.goto(opened)
    assert page.title() == "SegNet classroom"
    assert page.locator("h2").all_text_contents() == ["Widgets", "Lessons"]
    tiles = page.locator(".tile")
    assert tiles.count() == len(EXHIBITS) + len(list_notebooks())
    assert page.get_by_text("Try:").count() == len(EXHIBITS)
    in_sight = "els => els.filter((el) => el.getBoundingClientRect().top < innerHeight).length"
    assert tiles.evaluate_all(in_sight) >= len(EXHIBITS)
    loaded = "els => els.every((img) => img.complete && img.naturalWidth > 100)"
    assert tiles.locator("img").evaluate_all(loaded)
    assert unreadable(page.locator("body"), "h1, h2, h3, p") == []
    screenshot(page, "classroom_front")
    assert complaints == []
    page.get_by_text("Pooling-index playground").click()
    page.locator(".segnet-playground").wait_for(timeout=60_000)
    page.get_by_text("Try: choose the preset noise").wait_for()
    page.get_by_text("All widgets and lessons").click()
    tiles.first.wait_for()
    assert "login" not in page.url


@pytest.mark.pictures
def test_an_explorer_without_code_cells(opened, page, screenshot):
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(app(opened, "try_sparse_maps"))
    view = page.locator(".segnet-view")
    view.locator("canvas").first.wait_for(timeout=60_000)
    assert page.get_by_text("import segnet_lab").count() == 0
    before = view.get_attribute("data-drawn")
    handle = page.locator(".noUi-handle").last
    handle.focus()
    handle.press("ArrowRight")
    page.wait_for_function(f"() => document.querySelector('.segnet-view').dataset.drawn > {before}")
    view.locator(".frame").first.click(position={"x": 60, "y": 60})
    view.get_by_text("channel 1   stage 1:").wait_for()
    screenshot(page, "classroom", clip={"x": 0, "y": 0, "width": 1280, "height": 460})


def test_a_lesson_without_code_cells_or_exercises(opened, page):
    page.goto(app(opened, "01_unpooling_by_hand"))
    page.locator(".segnet-playground").wait_for(timeout=60_000)
    text = page.locator("body").inner_text()
    assert "How does SegNet put back what pooling threw away?" in text
    assert "Exercises" not in text
    assert "import torch" not in text


def test_a_lesson_with_its_widgets(opened, page):
    page.goto(app(opened, "00_start_here"))
    page.locator(".segnet-view canvas").first.wait_for(timeout=120_000)
    page.get_by_text("bytes remembered of one 360x480 image").first.wait_for(timeout=60_000)  # the last cell
    assert page.get_by_text("There was an error when executing cell").count() == 0
    shown = page.locator(".segnet-figure img")
    before = shown.get_attribute("src")
    handle = page.locator(".noUi-handle").first
    handle.focus()
    handle.press("ArrowRight")
    page.wait_for_function("(src) => document.querySelector('.segnet-figure img').src !== src", arg=before)
    page.get_by_text("All widgets and lessons").wait_for()
