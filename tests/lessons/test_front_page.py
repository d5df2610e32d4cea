"""The tiles of the classroom's front page: what they say comes from the lesson or the widget."""

import base64
from io import BytesIO

import nbformat
import pytest
from PIL import Image

from segnet_lab.lessons.front_page import WIDEST, Tile, front_page, tile_of_lesson, tile_of_widget
from segnet_lab.widgets.gallery import EXHIBITS


def picture(width, height):
    file = BytesIO()
    Image.effect_noise((width, height), 50).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def lesson(opening, *pictures):
    outputs = [nbformat.v4.new_output("display_data", {"image/png": png}) for png in pictures]
    code = nbformat.v4.new_code_cell("plot()", outputs=[nbformat.v4.new_output("stream", text="x"), *outputs])
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(opening), code])


def test_a_lesson_says_its_question_its_part_of_the_paper_and_its_minutes():
    opening = "# 05 · How is it trained?\n\n*Section 3.1,\nTable 1*\n\nAbout 20 minutes, and then some."
    assert tile_of_lesson("05.ipynb", lesson(opening)) == Tile(
        "05.ipynb", "05 · How is it trained?", "Section 3.1, Table 1", "20 minutes", ""
    )
    assert tile_of_lesson("x.ipynb", lesson("# Bare")) == Tile("x.ipynb", "Bare", "", "", "")


def test_the_largest_picture_of_a_lesson_is_shown_small():
    tile = tile_of_lesson("05.ipynb", lesson("# A", picture(20, 10), picture(3 * WIDEST, 300), picture(30, 10)))
    kind, _, data = tile.picture.partition(";base64,")
    assert kind == "data:image/webp"
    assert Image.open(BytesIO(base64.b64decode(data))).size == (WIDEST, 100)


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: exhibit.name)
def test_a_widget_says_what_it_shows_and_what_to_try(exhibit):
    tile = tile_of_widget("a.ipynb", exhibit)
    assert (tile.file, tile.title, tile.text) == ("a.ipynb", exhibit.title, exhibit.shows)
    assert tile.foot == f"**Try:** {exhibit.tries}"
    assert tile.picture.startswith("data:image/")


def test_nothing_in_a_tile_is_taken_for_html_or_for_the_template():
    page = front_page({"A & B": [Tile("a.ipynb", "<b> {{ x }}", "{% y %} `code` **bold**", "")]})
    assert "<h2>A &amp; B</h2>" in page
    assert "<h3>&lt;b&gt; &#123;&#123; x &#125;&#125;</h3>" in page
    assert "&#123;% y %&#125; <code>code</code> <b>bold</b>" in page
    assert page.count("{{") == page.count("}}") == 2  # Voila's own: base_url and query


def test_headings_come_in_order_each_with_its_tiles():
    page = front_page({"One": [Tile("1.ipynb", "first", "", "")], "Two": [Tile("2.ipynb", "second", "", "")]})
    places = [page.index(word) for word in ("<h2>One", "<h3>first", "<h2>Two", "<h3>second")]
    assert places == sorted(places)
