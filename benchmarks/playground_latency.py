"""How soon the playground answers: from an input event to the painted frame, in a real browser.

    python benchmarks/run.py playground_latency

Every edit recomputes pooling, codes, both decodings and their errors. `work` is the time until the handlers are done
and the page is laid out; `paint` ends when the next frame has been painted, so it holds the wait for the display's
16.7 ms beat, 8 ms on average.
"""

import random
import shutil
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from segnet_lab.widgets import write_playground_html

EVENTS = 60
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
WATCH = """(name) => {
  window.times = [];
  const soon = (act) => { const { port1, port2 } = new MessageChannel(); port1.onmessage = act; port2.postMessage(0); };
  addEventListener(name, (event) => {
    const since = () => performance.now() - event.timeStamp;
    let work = null;
    soon(() => { document.body.offsetHeight; work ??= since(); });  // all handlers are done: lay the page out
    requestAnimationFrame(() => { work ??= since(); soon(() => times.push([work, since()])); });  // heard after paint
  }, true);
}"""


def measure(quick=False):
    """One row for each kind of input and size of grid, over 60 events, 10 if quick.

    Returns
    -------
    rows : list of dict
        `input`, `size`, `events`, and `work_median_ms`, `work_p90_ms`, `paint_median_ms`, `paint_p90_ms`.
    """
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise FileNotFoundError("no Chromium found: apt-get install chromium")
    kinds = {"digit key": ("keydown", _type), "mouse paint": ("pointerdown", _paint), "hover": ("pointerover", _hover)}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        address = write_playground_html(Path(folder) / "playground.html").as_uri()
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGS)
        rows = []
        for size in (8, 16):
            for kind, (event, act) in kinds.items():
                times = _times(_board(browser, address, size), size, event, act, 10 if quick else EVENTS)
                (work, paint), (slow_work, slow_paint) = np.percentile(times, (50, 90), axis=0).round(1).tolist()
                row = {"input": kind, "size": f"{size}x{size}", "events": len(times)}
                row |= {
                    "work_median_ms": work,
                    "work_p90_ms": slow_work,
                    "paint_median_ms": paint,
                    "paint_p90_ms": slow_paint,
                }
                rows.append(row)
        browser.close()
    return rows


def _board(browser, address, size):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(address)
    for name in ("rows", "columns"):
        field = page.get_by_label(name).first
        field.fill(str(size))
        field.press("Enter")
    page.get_by_label("Input preset").select_option("noise")
    return page


def _times(page, size, event, act, events):
    pause = random.Random(0)
    cells = page.locator(".grid.input .cell, .grid.dense .cell").all()[: size * size]
    boxes = [cell.bounding_box() for cell in cells]
    cells[size + 1].focus()
    page.evaluate(WATCH, event)
    for n in range(events):
        act(page, n, boxes[37 * n % len(boxes)])
        page.wait_for_function("(n) => times.length > n", arg=n)
        page.wait_for_timeout(pause.uniform(40, 57))  # out of step with the display, and after the message to Python
    times = page.evaluate("times")
    page.close()
    return np.array(times)


def _type(page, n, box):
    page.keyboard.press(str(n % 10))


def _paint(page, n, box):
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.wait_for_timeout(40)
    page.mouse.click(box["x"] + 5, box["y"] + 5, button="right" if n % 2 else "left")


def _hover(page, n, box):
    page.mouse.move(box["x"] + 5, box["y"] + 5)
