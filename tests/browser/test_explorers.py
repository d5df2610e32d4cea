"""Explorers in a real browser: one notebook in JupyterLab holds them all; each is operated by mouse and keyboard."""

import hashlib
import json
import re

import numpy as np
import pytest
from conftest import unreadable, write_notebook
from PIL import Image

from segnet_lab.widgets.sources import script, style

SETUP = """import hashlib, json
import segnet_lab as sl
from segnet_lab.widgets import *
from segnet_lab.figures import label_maps
from segnet_lab.widgets.trained_networks import Networks
networks = Networks("roadscenes")
data = networks.data
image, label = data[1]
basic = networks.models["segnet_basic"]
bayesian = networks.models.get("bayesian_segnet_basic") or sl.create_model("bayesian_segnet_basic", width=0.25)
three = {name: networks.models[name] for name in ("segnet_basic", "fcn_basic", "bilinear_interpolation")}
two = {name: three[name] for name in ("segnet_basic", "bilinear_interpolation")}

def look(number):
    return label_maps.contact_sheet(data, [number], columns=1)

def digest(explorer):
    return json.dumps([hashlib.sha1(p.rgb.tobytes()).hexdigest() for p in explorer.scene.pictures])"""
EXPLORERS = {  # name in the notebook -> how it is made
    "sparse_maps": "explore_sparse_maps(basic, image)",
    "decoders": "explore_decoders(two, data)",
    "predictions": "explore_predictions(three, data, images=6)",
    "boundary_f1": "explore_boundary_f1(label, data)",
    "class_balance": "explore_class_balance(data)",
    "receptive_field": "explore_receptive_field(basic, image)",
    "uncertainty": "explore_uncertainty(bayesian, image, data, most=6)",
    "own_image": "explore_own_image(three, data)",
    "nothing": "explore_predictions('nothing')",
}

POSES = """sparse_maps.set(view="one stage", stage=1, channel=22)
decoders.set(number=1, a="segnet_basic", b="bilinear_interpolation")
predictions.set(rank=1, errors=False)
boundary_f1.set(prediction="ragged", cls=3, pixels=1.2)
class_balance.children[0].children[0].value = "median_frequency"
class_balance.set(number=1)
receptive_field.set(where="pool3")
uncertainty.set(count=5, measure="mutual_information")
own_image.children[0].children[0].name = ""
own_image.children[0].children[0].picture = b""
own_image.set(size=96)
boundary_f1.view.place = []
for explorer in (sparse_maps, receptive_field):
    explorer.view.place = [52, 68]"""
COLOURS = """canvas => { const {width, height} = canvas;
  const data = canvas.getContext('2d').getImageData(0, 0, width, height).data;
  return Array.from(data.filter((_, i) => i % 4 !== 3)); }"""


class Notebook:
    """The open notebook; `notebook["decoders"]` is one of its explorers."""

    def __init__(self, lab, page):
        self.lab, self.page = lab, page

    def __getitem__(self, name):
        cell = self.page.locator(".jp-CodeCell").nth(1 + list(EXPLORERS).index(name))
        return Seen(self, name, cell.locator(".segnet-explorer"))

    def python(self, expression):
        return json.loads(self.lab.execute(self.page, f"print(json.dumps({expression}))"))


class Seen:
    """An explorer on the page."""

    def __init__(self, notebook, name, root):
        self.notebook, self.page, self.name, self.root = notebook, notebook.page, name, root
        self.view = root.locator(".segnet-view:has(.pictures)")
        self.pictures = self.view.locator(".pictures")
        root.scroll_into_view_if_needed()

    def text(self, selector):
        return self.view.locator(selector).first.text_content()

    @property
    def note(self):
        return self.text(".note")

    @property
    def titles(self):
        return self.view.locator("figcaption").all_text_contents()

    def notes(self):
        return self.view.locator("figure p").all_text_contents()

    def canvas(self, n):
        return self.view.locator("canvas").nth(n)

    def drawn(self, act, times=1):
        """Do something and wait until the pictures were painted anew."""
        before = int(self.view.get_attribute("data-drawn"))
        act()
        handle = self.view.element_handle()
        self.page.wait_for_function("([el, n]) => +el.dataset.drawn >= n", arg=[handle, before + times])

    def slide(self, label, key="ArrowRight"):
        handle = self.root.locator(f".widget-inline-hbox:has(> label:text-is('{label}')) .noUi-handle")
        handle.focus()
        self.drawn(lambda: handle.press(key))

    def choose(self, label, option):
        select = self.root.locator(f".widget-dropdown:has(> label:text-is('{label}')) select")
        self.drawn(lambda: select.select_option(option))

    def click(self, n, share):
        """Click picture n at a share (down, right) of its size; wait for Python's answer."""
        self.drawn(lambda: self.point(n, share, "click"))

    def point(self, n, share, how="hover"):
        frame = self.view.locator(".frame").nth(n)
        frame.scroll_into_view_if_needed()
        box = frame.bounding_box()

        def whole(start, part):  # a click lands on whole pixels of the screen, and a cell may be 1.5 of them wide
            return round(start + part) - start

        x, y = whole(box["x"], share[1] * box["width"]), whole(box["y"], share[0] * box["height"])
        getattr(frame, how)(position={"x": x, "y": y})

    def is_what_python_drew(self):
        expected = json.loads(json.loads(self.notebook.python(f"json.dumps(digest({self.name}))")))
        shown = [bytes(self.canvas(n).evaluate(COLOURS)) for n in range(self.view.locator("canvas").count())]
        assert [hashlib.sha1(colours).hexdigest() for colours in shown] == expected


@pytest.fixture(scope="module")
def notebook(lab, browser, tmp_path_factory):
    page = browser.new_page(viewport={"width": 1500, "height": 1000})
    complaints = []
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    cells = [SETUP, *(f"{name} = {code}\n{name}" for name, code in EXPLORERS.items())]
    cells.append("sl.widgets.interact(look, number=(0, 3))")
    lab.open_and_run(page, write_notebook(tmp_path_factory.mktemp("notebook") / "explorers.ipynb", *cells))
    page.locator(".segnet-explorer").nth(len(EXPLORERS) - 1).wait_for()
    opened = Notebook(lab, page)
    opened.complaints = complaints
    yield opened
    page.close()


def test_sparse_maps_follow_slider_and_click(notebook):
    seen = notebook["sparse_maps"]
    assert seen.titles == [
        "image",
        "encoder 1: features",
        "encoder 1: codes",
        "decoder 1: upsampled",
        "decoder 1: dense",
    ]
    seen.is_what_python_drew()
    before = [seen.canvas(n).evaluate(COLOURS) for n in range(5)]
    seen.slide("channel")
    after = [seen.canvas(n).evaluate(COLOURS) for n in range(5)]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, False, False, False]
    seen.slide("stage")
    assert notebook.python("[sparse_maps.controls[n].value for n in ('stage', 'channel')]") == [2, 1]
    assert seen.canvas(2).evaluate("c => [c.height, c.width]") == [24, 32]
    seen.is_what_python_drew()

    seen.click(0, (0.505, 0.505))  # 96x128: row 48, column 64; its window in stage 2 is (12, 16)
    assert notebook.python("sparse_maps.view.place") == [48, 64]
    assert seen.note.startswith("row 48, column 64, channel 1   stage 1: ")
    marks = seen.view.locator(".marks i")
    assert marks.count() == 5
    place = "el => ['top', 'left', 'height', 'width'].map((side) => parseFloat(el.style[side]))"
    assert marks.nth(2).evaluate(place) == pytest.approx([100 * 12 / 24, 100 * 16 / 32, 100 / 24, 100 / 32])
    assert marks.nth(0).evaluate(place) == pytest.approx([100 * 48 / 96, 100 * 64 / 128, 400 / 96, 400 / 128])

    seen.choose("show", "codes of all stages")
    assert seen.titles[1:] == [f"encoder {stage}: codes" for stage in (1, 2, 3, 4)]
    seen.is_what_python_drew()


TOPS = "els => els.map((el) => Math.round(el.getBoundingClientRect().top))"


def test_on_a_small_screen_pictures_stay_in_a_row_and_bars_beside_the_dials(notebook):
    page = notebook.page
    page.set_viewport_size({"width": 1366, "height": 768})  # JupyterLab with its side bar open
    seen = page.locator(".jp-WindowedPanel-outer").bounding_box()
    for name in ("sparse_maps", "decoders", "predictions", "boundary_f1", "class_balance"):
        tops = notebook[name].view.locator(".pictures figure").evaluate_all(TOPS)
        assert len(set(tops)) == 1, (name, tops)
        root = notebook[name].root
        root.evaluate("el => el.scrollIntoView()")
        box = root.bounding_box()
        assert box["y"] + box["height"] <= seen["y"] + seen["height"], (name, box)
    bars = notebook["class_balance"].root.locator("table")
    assert bars.bounding_box()["height"] > 200
    page.set_viewport_size({"width": 1500, "height": 1000})


def test_pointing_says_what_every_picture_holds(notebook):
    seen = notebook["decoders"]
    seen.point(1, (0.9, 0.5))
    reading = seen.text("output")
    row, column = map(int, re.match(r"row (\d+), column (\d+) · ", reading).groups())
    truth = notebook.python(f"data.class_names[data[decoders.controls['number'].value].label[{row}, {column}]]")
    assert f"truth: {truth} · A: segnet basic: " in reading
    assert seen.view.locator(".cursor:visible").count() == 5
    seen.page.mouse.move(5, 5)
    assert seen.text("output").endswith("A click or Enter marks it in all pictures.")  # these do not depend on it
    assert notebook["sparse_maps"].text("output").endswith("A click or Enter chooses it.")


def test_keyboard_alone(notebook):
    seen = notebook["sparse_maps"]
    cells = seen.page.locator(".jp-CodeCell").count()
    seen.pictures.focus()
    for key in ("Escape", "ArrowDown", "Shift+ArrowRight", "x", "d", "d", "b"):  # no letter may reach JupyterLab
        seen.page.keyboard.press(key)
    assert seen.text("output").startswith("row 49, column 72 · ")
    seen.drawn(lambda: seen.page.keyboard.press("Enter"))
    assert notebook.python("sparse_maps.view.place") == [49, 72]
    seen.page.keyboard.press("+")
    seen.page.keyboard.press("+")
    assert seen.view.evaluate("el => el.style.getPropertyValue('--zoom')") == "4"
    seen.page.keyboard.press("-")
    seen.page.keyboard.press("-")
    assert seen.page.locator(".jp-CodeCell").count() == cells


def test_zoom_drag_and_large(notebook):
    seen = notebook["boundary_f1"]

    def style(name):
        return seen.view.evaluate("(el, name) => el.style.getPropertyValue(name)", name)

    def origin():
        return [float(share.rstrip("%")) for share in style("--origin").split()]

    seen.point(0, (0.255, 0.255), "click")
    seen.page.mouse.move(5, 5)
    seen.view.get_by_label("zoom in").click()
    seen.view.get_by_label("zoom in").click()
    assert style("--zoom") == "4"
    assert origin() == pytest.approx([100 * 32.5 / 128, 100 * 24.5 / 96])  # the middle of pixel (24, 32) of 96x128
    place = notebook.python("boundary_f1.view.place")
    box = seen.view.locator(".frame").first.bounding_box()
    seen.page.mouse.move(box["x"] + 100, box["y"] + 100)
    seen.page.mouse.down()
    seen.page.mouse.move(box["x"] + 40, box["y"] + 100, steps=3)
    seen.page.mouse.up()
    assert origin()[0] > 30
    assert notebook.python("boundary_f1.view.place") == place  # a drag is no click
    reset = seen.view.get_by_label("zoom back to 1×")
    assert reset.text_content() == "4×"
    reset.click()
    assert (style("--zoom"), reset.text_content(), reset.is_disabled()) == ("1", "1×", True)
    seen.point(0, (0.505, 0.505))
    assert seen.text("output").startswith("row 48, column 64")

    width = "el => el.querySelector('canvas').getBoundingClientRect().width"
    before = seen.view.evaluate(width)
    large = seen.view.get_by_role("button", name="larger pictures and text")
    large.click()
    assert seen.view.evaluate(width) > 1.4 * before
    large.click()


def test_boundary_f1_follows_tolerance_matching_and_prediction(notebook):
    seen = notebook["boundary_f1"]
    bf = lambda: float(re.search(r"All classes: BF ([\d.]+)", seen.note)[1])  # noqa: E731
    start = bf()
    seen.drawn(lambda: seen.root.get_by_role("button", name="by distance").click())
    assert bf() > start
    seen.drawn(lambda: seen.root.get_by_role("button", name="one to one").click())
    assert bf() == start
    seen.slide("tolerance", "Home")
    assert bf() < start
    assert "Tolerance 0.0 px" in seen.note
    exact = notebook.python("boundary_f1.draw((), 'moved', boundary_f1.controls['cls'].value, 0.0, 'one_to_one').note")
    assert exact == seen.note
    seen.choose("prediction", "ragged")
    seen.choose("class", "Pole")
    assert seen.note.startswith("Pole: BF ")
    seen.is_what_python_drew()


def test_weights_of_the_loss(notebook):
    seen = notebook["class_balance"]
    bars = seen.root.locator("table")
    share = lambda name: bars.locator(f"tr:has(th:text-is('{name}')) td").nth(3).text_content()  # noqa: E731
    natural = share("Pole")
    seen.choose("weights", "median_frequency")
    assert float(share("Pole")[:-1]) > 2 * float(natural[:-1])
    assert (
        notebook.python("class_balance.children[0].children[0].value") == "median_frequency"
    )  # dials sent theirs back
    assert share("Pole") == share("Road")
    seen.slide("Road", "End")
    assert float(share("Road")[:-1]) > 50
    assert seen.root.locator(".widget-dropdown select").input_value() == "own weights"


def test_predictions_by_rank(notebook):
    seen = notebook["predictions"]
    first = seen.notes()[2]
    seen.slide("rank", "End")
    miou = [int(note.split()[3]) for note in (first, seen.notes()[2])]
    assert miou[0] < miou[1]
    assert "number 6 of 6 from the worst" in seen.note
    seen.drawn(lambda: seen.root.get_by_role("button", name="errors").click())
    assert seen.note.endswith("Orange is wrong.")
    seen.is_what_python_drew()


def test_the_image_shows_through_classes(notebook):
    seen = notebook["decoders"]
    photo, truth = (np.array(seen.canvas(n).evaluate(COLOURS)) for n in (0, 1))
    through = seen.view.get_by_label("image shows through")
    through.fill("25")
    mixed = np.array(seen.canvas(1).evaluate(COLOURS))
    assert np.abs(mixed - (0.75 * truth + 0.25 * photo)).max() <= 0.5
    through.fill("0")
    seen.is_what_python_drew()
    assert notebook["sparse_maps"].view.locator("label").is_hidden()  # maps of other sizes, and of numbers


def test_two_decoders(notebook):
    seen = notebook["decoders"]
    assert "0.0%" not in seen.notes()[-1]
    seen.choose("B", "segnet_basic")
    assert seen.notes()[-1] == "only A 0.0%, only B 0.0%"
    seen.slide("image")
    seen.is_what_python_drew()
    seen.choose("B", "bilinear_interpolation")


def test_receptive_field_of_the_pixel_that_was_clicked(notebook):
    seen = notebook["receptive_field"]
    assert "pool4[3, 4] can see at most 106×106 pixels" in seen.note
    seen.choose("pixel of", "conv2")
    seen.click(0, (0.505, 0.255))
    assert "conv2[24, 16] can see at most 20×20 pixels" in seen.note
    seen.is_what_python_drew()


def test_samples(notebook):
    seen = notebook["uncertainty"]
    assert seen.titles[-1] == "sample 6"
    seen.slide("samples", "ArrowLeft")
    assert seen.titles[-1] == "sample 5"
    seen.choose("measure", "mutual_information")
    seen.is_what_python_drew()


def test_own_image_from_disk(notebook, tmp_path):
    seen = notebook["own_image"]
    files = seen.root.locator("input[type=file]")
    message = seen.root.locator(".segnet-picker .message")
    picture = np.zeros((900, 1800, 3), np.uint8)
    picture[:, 900:, 0] = 255
    Image.fromarray(picture).save(tmp_path / "half red.png")
    seen.drawn(lambda: files.set_input_files(tmp_path / "half red.png"))
    assert seen.note.startswith("half red.png, seen at 78×157. Trained on roadscenes")  # as many pixels as 96×128
    colours = np.array(seen.canvas(0).evaluate(COLOURS)).reshape(78, 157, 3)
    assert colours[50, 40].tolist() == [0, 0, 0]
    assert colours[50, 120].tolist() == [255, 0, 0]
    assert notebook.python("[n > 0 for n in own_image.children[0].children[0].image().size]") == [True, True]

    (tmp_path / "notes.txt").write_text("not a picture")
    files.set_input_files(tmp_path / "notes.txt")
    message.get_by_text("notes.txt cannot be read as a picture: choose a PNG, JPEG or WebP file.").wait_for()
    Image.new("1", (12_000, 9_000)).save(tmp_path / "huge.png")
    files.set_input_files(tmp_path / "huge.png")
    message.get_by_text("huge.png is 12000 × 9000, 108 megapixels: make it smaller first, up to 64.").wait_for()
    assert seen.note.startswith("half red.png")  # what was there stays
    Image.fromarray(picture[:, :450]).save(tmp_path / "tall.png")
    seen.drawn(lambda: files.set_input_files(tmp_path / "tall.png"))  # and it goes on working
    assert message.text_content() == ""
    assert seen.note.startswith("tall.png, seen at 157×78.")  # a photograph held upright is seen as well
    seen.choose("pixels", "128×171")
    assert seen.note.startswith("tall.png, seen at 209×105.")


def test_what_is_wrong_is_said_in_the_widget(notebook):
    seen = notebook["nothing"]
    assert seen.text(".message").startswith("unknown set of runs 'nothing'. ")
    assert seen.view.locator("canvas").count() == 0


@pytest.mark.pictures
@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_themes(notebook, theme, screenshot):
    page = notebook.page
    page.evaluate(f"() => window.jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}})")
    surface = {"Light": "rgb(255, 255, 255)", "Dark": "rgb(22, 25, 30)"}[theme]
    page.wait_for_function(
        "(surface) => getComputedStyle(document.querySelector('.segnet-view')).backgroundColor === surface", arg=surface
    )
    notebook.lab.execute(page, POSES)
    page.mouse.move(5, 5)
    for name in EXPLORERS:
        seen = notebook[name]
        assert unreadable(seen.view, "p, figcaption, output, button, .legend span") == []
        page.wait_for_timeout(100)
        screenshot(seen.root, f"{name}_{theme.lower()}")


CORNER = """img => { const canvas = Object.assign(document.createElement('canvas'), {width: 1, height: 1});
  const pen = canvas.getContext('2d'); pen.drawImage(img, 0, 0); return [...pen.getImageData(0, 0, 1, 1).data]; }"""


def test_figures_follow_the_theme(notebook, page):
    seen, image = notebook.page, notebook.page.locator(".segnet-figure img")
    image.scroll_into_view_if_needed()
    for theme, paper in (("Light", [255, 255, 255, 255]), ("Dark", [22, 25, 30, 255])):
        command = f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}})"
        seen.evaluate(f"() => {command}")
        seen.wait_for_function(
            f"([img, paper]) => `${{({CORNER})(img)}}` === `${{paper}}`", arg=[image.element_handle(), paper]
        )
    assert image.get_attribute("alt") == "Figure for number 1"
    notebook.lab.wait(seen, "look(0)._repr_html_()")  # the settings on disk say so too, so the next cell shows both
    page.set_content(f"<body data-jp-theme-light=false>{notebook.python('look(0)._repr_html_()')}</body>")
    shown = page.locator("img").evaluate("img => [getComputedStyle(img).content, img.src]")
    assert shown[0].startswith('url("data:image/png')
    assert shown[1] not in shown[0]
    page.evaluate("document.body.dataset.jpThemeLight = 'true'")
    assert page.locator("img").evaluate("img => getComputedStyle(img).content") == "normal"


def test_nothing_was_held_against_us(notebook):
    assert notebook.complaints == []


def test_a_lost_kernel_is_said_and_the_pictures_go_on(notebook):  # the last one: nothing answers any more
    seen = notebook["sparse_maps"]
    notebook.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    before = seen.canvas(2).evaluate(COLOURS)
    handle = seen.root.locator(".noUi-handle").first
    handle.focus()
    handle.press("ArrowRight")
    seen.view.get_by_text("Python does not answer").wait_for(timeout=10_000)
    assert seen.canvas(2).evaluate(COLOURS) == before
    seen.point(1, (0.505, 0.505))
    assert seen.text("output").startswith("row 48, column 64 · ")
    figure = notebook.page.locator(".segnet-controlled:has(.segnet-figure)")
    figure.locator(".noUi-handle").press("ArrowRight")
    figure.get_by_text("Python does not answer").wait_for(timeout=10_000)
    ours = [
        text for text in notebook.complaints if "Could not send widget sync message" not in text
    ]  # JupyterLab's own
    assert ours == []


# ---------------------------------------------------------------------------------- the modules, without any Python

MODEL = """(state) => {
  const listeners = {}, values = state;
  return { listeners, sent: [], saved: 0, get: (name) => values[name],
    set(name, value) { values[name] = value; (listeners['change:' + name] ?? []).forEach((f) => f()); },
    on(event, f) { (listeners[event] ??= []).push(f); },
    off(event, f) { listeners[event] = listeners[event].filter((g) => g !== f); },
    send(message) { this.sent.push(message); }, save_changes() { this.saved++; } };
}"""


def mount(page, state, *modules):
    """Show a widget in a blank page; its model is `model`, what it returned `end`."""
    page.set_content(f"<style>{style('pixel_view.css')}</style><div id=here></div>")
    page.evaluate(
        f"""async ({{source, state}}) => {{
        const url = URL.createObjectURL(new Blob([source], {{type: 'text/javascript'}}));
        const {{ default: {{ render }} }} = await import(url);
        for (const one of state.pictures ?? [])
          for (const name of ['pixels', 'palette']) one[name] = new DataView(Uint8Array.from(one[name]).buffer);
        window.model = ({MODEL})(state);
        window.end = render({{ model, el: document.getElementById('here') }});
        }}""",
        {"source": script(*modules), "state": state},
    )


def picture(title, pixels, scale=1, names=("no", "yes")):
    pixels = np.array(pixels, np.uint8)
    return {
        "title": title,
        "note": "",
        "height": pixels.shape[0],
        "width": pixels.shape[1],
        "scale": scale,
        "pixels": pixels.ravel().tolist(),
        "palette": [0, 0, 0, 255, 0, 0],
        "names": list(names),
        "marks": [],
    }


def test_cells_of_every_scale_lie_over_the_same_pixels(page, complaints):
    """An odd size: 5x7 pixels are pooled to 3x4 cells, which reach beyond the frame by half a cell."""
    fine, coarse = np.zeros((5, 7)), np.zeros((3, 4))
    fine[4, 6] = coarse[2, 3] = 1
    state = {
        "size": [5, 7],
        "pictures": [picture("fine", fine), picture("coarse", coarse, 2)],
        "note": "",
        "message": "",
        "place": [],
    }
    mount(page, state, "kernel.js", "pixel_view.js")
    boxes = page.locator("canvas").evaluate_all(
        "all => all.map((c) => { const b = c.getBoundingClientRect(); return [b.width, b.height]; })"
    )
    assert boxes[1][0] / boxes[0][0] == pytest.approx(8 / 7, rel=1e-3)
    assert boxes[1][1] / boxes[0][1] == pytest.approx(6 / 5, rel=1e-3)
    frame = page.locator(".frame").first.bounding_box()
    page.mouse.click(frame["x"] + frame["width"] - 3, frame["y"] + frame["height"] - 3)
    assert page.locator("output").text_content() == "row 4, column 6 · fine: yes · coarse: yes"
    assert page.evaluate("[model.get('place'), model.saved]") == [[4, 6], 1]
    corners = page.locator(".chosen").evaluate_all(
        "all => all.map((el) => [parseFloat(el.style.top), parseFloat(el.style.left)])"
    )
    assert corners == [pytest.approx([80, 600 / 7], rel=1e-4), pytest.approx([80, 600 / 7], rel=1e-4)]  # row 4 = cell 2
    page.evaluate("end()")
    assert page.evaluate("Object.values(model.listeners).flat().length") == 0
    assert complaints == []


def test_python_is_asked_for_a_sign_of_life_after_each_touch(page):
    page.clock.install()
    state = {"size": [2, 2], "pictures": [picture("map", [[0, 1], [1, 0]])], "note": "", "message": "", "place": []}
    mount(page, state, "kernel.js", "pixel_view.js")
    alert = page.get_by_text("Python does not answer")
    page.locator(".frame").click()
    assert page.evaluate("model.sent") == [{"ping": 1}]
    page.locator(".frame").click()
    assert page.evaluate("model.sent.length") == 1  # one question at a time
    assert alert.count() == 0
    page.clock.run_for(4100)
    alert.wait_for()
    page.evaluate("model.listeners['msg:custom'].forEach((f) => f({pong: 1}))")  # it was only busy
    assert alert.count() == 0
    page.evaluate("() => { model.send = () => { throw new Error('Kernel is dead'); }; }")
    page.locator(".frame").click()
    alert.wait_for()


CAMERA = """() => {
  const canvas = Object.assign(document.createElement('canvas'), {width: 64, height: 48});
  const pen = canvas.getContext('2d');
  setInterval(() => { pen.fillStyle = '#00f'; pen.fillRect(0, 0, 64, 48); }, 20);
  navigator.mediaDevices.getUserMedia = async () => canvas.captureStream();
}"""


def test_a_still_from_the_camera_and_clear_words_without_one(page, complaints, screenshot):
    page.goto("about:blank")
    mount(page, {"picture": None, "name": ""}, "picker.js")
    message = page.locator(".message")
    assert not page.evaluate("Boolean(navigator.mediaDevices)")  # as on a page that comes over a network without TLS
    page.get_by_role("button", name="Camera").click()
    assert message.text_content().startswith("The browser gives the camera only to pages of this computer")
    for error, words in (
        ("NotFoundError", "No camera was found."),
        ("NotAllowedError", "not allowed to use the camera"),
    ):
        page.evaluate(
            f"""() => Object.defineProperty(navigator, 'mediaDevices', {{configurable: true, value: {{
            getUserMedia: async () => {{ throw new DOMException('no', '{error}'); }} }}}})"""
        )
        page.get_by_role("button", name="Camera").click()
        message.get_by_text(words).wait_for()
    page.evaluate(CAMERA)
    page.get_by_role("button", name="Camera").click()
    page.locator("video").wait_for()
    page.wait_for_function("() => document.querySelector('video').videoWidth === 64")
    page.get_by_role("button", name="Take picture").click()
    page.wait_for_function("() => model.saved === 1")
    assert page.evaluate("[model.get('name'), model.get('picture').byteLength > 50]") == ["camera", True]
    assert page.evaluate("new TextDecoder('latin1').decode(model.get('picture')).slice(1, 4)") == "PNG"
    assert page.locator("video").is_hidden()
    assert message.text_content() == ""
    page.get_by_role("button", name="Camera").click()
    page.get_by_role("button", name="Close camera").click()
    assert page.locator("video").is_hidden()
    assert complaints == []
