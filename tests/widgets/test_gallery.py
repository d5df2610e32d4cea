"""docs/widgets.md shows every widget, says of it what the classroom says, and its pictures are light enough."""

import re
from pathlib import Path

from PIL import Image

from segnet_lab import widgets
from segnet_lab.widgets.gallery import EXHIBITS

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "widgets.md").read_text(encoding="utf-8")


def test_every_explorer_is_shown_in_light_and_dark_with_something_to_try():
    for name in widgets.__all__:
        if name.startswith("explore_"):
            section = next(part for part in TEXT.split("\n### ") if f"`{name}(" in part)
            assert re.findall(r"pictures/(\w+)\.png", section) == [f"{name}_light", f"{name}_dark"]
            assert "**Try:**" in section


def test_the_classroom_and_the_documents_say_the_same():
    words = " ".join(TEXT.split())
    assert {exhibit.name for exhibit in EXHIBITS} == {
        "playground",
        *(n[8:] for n in widgets.__all__ if n[:8] == "explore_"),
    }
    for exhibit in EXHIBITS:
        assert f"**Try:** {exhibit.tries}" in words, exhibit.name
        if exhibit.name != "playground":
            assert f"### {exhibit.title}\n" in TEXT
        with Image.open(exhibit.picture) as picture:
            assert picture.width > 2 * picture.height


def test_pictures_are_light_and_those_that_are_shown_are_there():
    sizes = {file.name: file.stat().st_size for file in (DOCS / "pictures").iterdir()}
    assert max(sizes.values()) <= 150_000
    assert sum(sizes.values()) <= 2_500_000
    shown = set(re.findall(r"pictures/(\w+\.png)", TEXT + (DOCS.parent / "README.md").read_text(encoding="utf-8")))
    assert shown <= sizes.keys()
