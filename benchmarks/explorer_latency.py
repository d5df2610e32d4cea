"""How soon an explorer answers: from a key on its slider, or a click, to the painted pictures, in a real JupyterLab.

    python benchmarks/run.py explorer_latency

The way there and back holds everything: the slider's message to the kernel, the drawing in numpy (and, where that is
so, a network's forward pass), the pictures' way to the page, and the next frame on the screen. An act that the
explorer has seen before may be quicker, so every act is a new one. Three networks look at an uploaded image.
"""

import sys
import tempfile
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

REPO = Path(__file__).parents[1]
sys.path[:0] = [str(REPO), str(REPO / "tests" / "browser")]

from conftest import ARGS, CHROMIUM, jupyterlab, write_notebook  # noqa: E402
from test_explorers import EXPLORERS, SETUP  # noqa: E402

TIMES = 20  # quick or not: nearly all of the time goes into opening JupyterLab
CLICK, FILE, THROUGH = "click", "picture from disk", "image shows through"  # the last one in the browser alone
ACTS = (  # explorer, and what is done to it: a click, a file, or the label of a slider that is moved
    ("sparse_maps", "channel"),
    ("sparse_maps", CLICK),
    ("decoders", "image"),
    ("predictions", "rank"),
    ("boundary_f1", "tolerance"),
    ("class_balance", "Pole"),
    ("receptive_field", CLICK),
    ("uncertainty", "samples"),
    ("own_image", FILE),
    ("own_image", THROUGH),
)
WATCH = """(root) => {
  window.times = [];
  if (root.dataset.watched) return;
  root.dataset.watched = 'yes';
  const view = root.querySelector('.segnet-view:has(.pictures)');
  let since = null;
  for (const name of ['keydown', 'pointerdown', 'change'])
    root.addEventListener(name, (event) => { since ??= event.timeStamp; }, true);
  const painted = (act) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = act;
    port2.postMessage(0);
  });
  new MutationObserver(() => painted(() => {
    if (since !== null) times.push(performance.now() - since);
    since = null;
  })).observe(view, { attributes: true, attributeFilter: ['data-drawn'] });
}"""


def measure(quick=False):
    """One row for each explorer.

    Returns
    -------
    rows : list of dict
        `explorer`, `act`, `pictures` shown, `times` measured, `median_ms` and `p90_ms`.
    """
    if CHROMIUM is None:
        raise FileNotFoundError("no Chromium found: apt-get install chromium")
    rows = []
    with tempfile.TemporaryDirectory() as folder, jupyterlab(Path(folder)) as lab, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        names = list(dict(ACTS))
        cells = [SETUP, *(f"{name} = {EXPLORERS[name]}\n{name}" for name in names)]
        cells.append("receptive_field.set(where='logits')")  # the whole way down and up
        lab.open_and_run(page, write_notebook(Path(folder) / "explorers.ipynb", *cells))
        for name, act in ACTS:
            root = page.locator(".jp-CodeCell").nth(1 + names.index(name)).locator(".segnet-explorer")
            root.scroll_into_view_if_needed()
            root.evaluate(WATCH)
            times = {CLICK: _clicks, FILE: _files}.get(act, _slides)(page, root, act)
            median, p90 = np.percentile(times, (50, 90)).round().astype(int).tolist()
            row = {"explorer": name, "act": act if act in (CLICK, FILE) else f"slider: {act}"}
            row |= {"pictures": root.locator("canvas").count(), "times": len(times), "median_ms": median, "p90_ms": p90}
            rows.append(row)
        browser.close()
    return rows


def _clicks(page, root, _):
    frame = root.locator(".frame").first
    box = frame.bounding_box()
    for n in range(1, TIMES + 1):
        frame.click(position={"x": box["width"] * n / (TIMES + 2), "y": box["height"] / 2})
        _wait(page, n)
    return page.evaluate("times")


def _files(page, root, _):
    for n in range(1, TIMES + 1):
        file = BytesIO()
        Image.new("RGB", (640, 480), (12 * n, 90, 160)).save(file, "PNG")
        one = {"name": f"{n}.png", "mimeType": "image/png", "buffer": file.getvalue()}
        root.locator("input[type=file]").set_input_files(one)
        _wait(page, n)
    return page.evaluate("times")


def _slides(page, root, label):
    slider = f".widget-inline-hbox:has(> label:text-is('{label}')) .noUi-handle"
    handle = root.locator("input[type=range]" if label == THROUGH else slider)
    handle.focus()
    low, high, now = (float(handle.get_attribute(f"aria-value{name}") or 0) for name in ("min", "max", "now"))
    key, value = "ArrowRight" if high - now >= now - low else "ArrowLeft", None
    for n in range(1, TIMES + 1):
        handle.press(key)
        before, value = value, handle.evaluate("el => el.value ?? el.getAttribute('aria-valuetext')")
        if value == before:  # the slider's end
            break
        _wait(page, n)
    return page.evaluate("times")


def _wait(page, n):
    page.wait_for_function("(n) => times.length >= n", arg=n)
    page.wait_for_timeout(60)  # let the frame and the messages behind it settle
