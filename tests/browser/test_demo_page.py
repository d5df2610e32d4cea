"""The page that `make demo` ends in, as it is seen on a lecturer's screen, from disk."""

import shutil

import pytest
from conftest import BOXES, MAPS, unreadable

from segnet_lab._support.folders import shipped
from segnet_lab.lessons.demo import NETWORKS
from segnet_lab.lessons.demo_page import write_demo_page


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Made of the networks that came with the kit."""
    runs = tmp_path_factory.mktemp("runs")
    for name in NETWORKS:
        shutil.copytree(shipped("results") / "roadscenes" / name, runs / "demo" / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGNET_LAB_RUNS", str(runs))
        return write_demo_page(
            "demo", runs / "demo" / "index.html", [runs / "demo" / "20_qualitative.ipynb"], "jupyter lab"
        )


@pytest.mark.pictures
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_playground_first_then_large_what_came_out(page, demo, complaints, screenshot, scheme):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_viewport_size({"width": 1366, "height": 768})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto(demo.as_uri())
    playground = page.locator(".segnet-playground")
    playground.wait_for()
    assert [b for b in playground.evaluate(BOXES, MAPS) if b["bottom"] > 768] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shown = page.locator("section img")
    assert shown.evaluate_all("els => els.map((img) => [img.naturalHeight, img.naturalWidth])") == [[96, 128]] * 5
    tops = shown.evaluate_all("els => els.map((el) => el.getBoundingClientRect().top)")
    assert len(set(tops)) == 1  # side by side
    assert min(shown.evaluate_all("els => els.map((el) => el.width)")) > 200
    sections = page.locator("body > section")
    sizes = "els => els.map((el) => parseFloat(getComputedStyle(el).fontSize))"
    assert min(sections.locator("p, td, th, figcaption").evaluate_all(sizes)) >= 16
    assert (
        unreadable(page.locator("body"), "section :is(h2, p, td, th, a, figcaption, code), header :is(h1, p, a)") == []
    )
    page.get_by_role("link", name="Scores").click()
    page.wait_for_function("() => scrollY > 768")
    page.get_by_role("heading", name="Scores in percent").wait_for()
    screenshot(page, f"demo_{scheme}", full_page=True, style=".said { position: static !important }")
    assert [url for url in asked if not url.startswith((demo.as_uri(), "data:"))] == []
    assert complaints == []


def test_on_a_phone_nothing_sticks_out(browser, demo):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(demo.as_uri())
    page.locator(".segnet-playground").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()
