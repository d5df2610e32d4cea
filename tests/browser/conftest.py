"""A browser and three places to open the widgets in: JupyterLab, Voila, and a page from disk.

Run with `pytest tests/browser`, apart from the other tests. Without Chromium the tests are skipped with a reason;
under CI that is a failure.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

HERE = Path(__file__).parent
REPO = HERE.parents[1]
SCREENSHOTS = REPO / "screenshots"  # ignored by git; kept by CI
TOKEN = "browser-test"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    if CHROMIUM is None:
        reason = "no Chromium found: apt-get install chromium"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": ARGS}


@pytest.fixture
def complaints(page):
    """What the page's console holds against us. Assert that it is empty where that can be expected."""
    found = []
    page.on("console", lambda message: message.type == "error" and found.append(message.text))
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


@pytest.fixture(scope="session")
def screenshot():
    """`screenshot(page, name)` keeps a picture of the page, or of one part of it, under screenshots/."""
    SCREENSHOTS.mkdir(exist_ok=True)
    return lambda target, name, **options: target.screenshot(path=SCREENSHOTS / f"{name}.png", **options)


@pytest.fixture(scope="session")
def playground_page(tmp_path_factory):
    """Address of the playground's single HTML file, on disk."""
    from segnet_lab.widgets import write_playground_html

    return write_playground_html(tmp_path_factory.mktemp("page") / "playground.html").as_uri()


_CONTRAST = """(root, seen) => {
  const canvas = Object.assign(document.createElement('canvas'), {width: 1, height: 1});
  const pen = canvas.getContext('2d', {willReadFrequently: true});
  const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = (colors) => {
    pen.clearRect(0, 0, 1, 1);
    for (const color of colors) { pen.fillStyle = color; pen.fillRect(0, 0, 1, 1); }
    const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  return [...root.querySelectorAll(seen)].filter((el) => el.textContent.trim()).flatMap((el) => {
    const behind = [];
    for (let e = el; e; e = e.parentElement) behind.unshift(getComputedStyle(e).backgroundColor);
    const levels = [light(behind), light([...behind, getComputedStyle(el).color])].sort((x, y) => y - x);
    return (levels[0] + 0.05) / (levels[1] + 0.05) < 4.5 ? [[el.className, el.textContent, behind.at(-1)]] : [];
  });
}"""


def unreadable(root, selector):
    """Texts inside of `root` whose contrast is below WCAG AA's 4.5 to 1: [class, text, colour behind]."""
    return root.evaluate(_CONTRAST, selector)


# What of the playground must fit the window, and where each of it lies.
MAPS = ".grid.input, .brushes, .grid.pooled, .grid.codes, .grid.packed, .grid.upsampled, .grid.dense, .grid.error"
BOXES = """(root, selector) => [...root.querySelectorAll(selector)].map((el) => {
  const {left, top, right, bottom} = el.getBoundingClientRect();
  return {name: el.className, left, top, right, bottom};
})"""


def write_notebook(path, *cells):
    """A notebook of code cells; outputs and results come from running it."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
    return path


def environment(folder):
    """An empty home for Jupyter, so that nothing of the user's own set-up is read or changed."""
    config = folder / "config" / "labconfig"
    config.mkdir(parents=True)
    news = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (config / "page_config.json").write_text(json.dumps(news))
    kernel = folder / "ipython" / "profile_default"
    kernel.mkdir(parents=True)
    (kernel / "ipython_kernel_config.py").write_text("c.IPKernelApp.log_level = 40\n")
    here = {
        name: value for name, value in os.environ.items() if name not in ("CI", "SEGNET_LAB_HEADLESS")
    }  # somebody looks
    return {
        **here,
        "SEGNET_LAB_RUNS": str(folder / "runs"),  # none of the user's own: the networks that came with the kit
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_TOKEN": TOKEN,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(REPO), os.environ.get("PYTHONPATH")])),
    }


def _free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def _server(folder, arguments, ready):
    """Start a Jupyter server on a free port, wait until `ready` answers, and stop it at the end."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", *arguments, "--no-browser", f"--port={port}", "--ServerApp.port_retries=0"]
    with open(folder / "server.log", "w") as log:
        process = subprocess.Popen(command, env=environment(folder), cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    try:
        for _ in range(150):
            with contextlib.suppress(OSError):
                _request("GET", url + ready)
                break
            if process.poll() is not None:
                break
            time.sleep(0.2)
        else:
            process.poll()
        if process.returncode is not None:
            raise RuntimeError(f"{arguments[0]} did not start:\n{(folder / 'server.log').read_text()}")
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _request(method, url):
    request = urllib.request.Request(url, method=method, headers={"Authorization": f"token {TOKEN}"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        text = answer.read()
    return json.loads(text) if text[:1] in (b"{", b"[") else None


# Waiting for "idle" is not enough: cells then stay unrun in 4 of 10 openings. Wait until one kernel is connected and
# idle for half a second.
_KERNEL_READY = """async () => {
  const app = window.jupyterapp; await app.restored;
  const panel = app.shell.currentWidget; await panel.context.ready;
  const session = panel.sessionContext; await session.ready; await session.session.kernel.info;
  for (let i = 0, n = 0, id = null; i < 300; i++) {
    await new Promise((done) => setTimeout(done, 100));
    const kernel = session.session?.kernel;
    n = kernel && kernel.id === id && kernel.connectionStatus === 'connected' && kernel.status === 'idle' ? n + 1 : 0;
    if (n === 5) return;
    id = kernel?.id;
  }
  throw new Error('the kernel never settled');
}"""
_CELLS = """() => window.jupyterapp.shell.currentWidget.content.widgets.filter((cell) => cell.model.type === 'code')
  .map(({model}) => ({count: model.executionCount, errors: model.outputs.toJSON().filter((o) => o.ename)}))"""
_EXECUTE = """async (code) => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const future = kernel.requestExecute({code}); let text = '';
  future.onIOPub = ({content}) => { text += content.text ?? content.traceback?.join('\\n') ?? ''; };
  await future.done;
  return text;
}"""


class Lab:
    """A JupyterLab of our own."""

    def __init__(self, url, root):
        self.url, self.root = url, root

    def open_and_run(self, page, notebook):
        """Open a notebook in a fresh session, run all its cells, and insist that every one ran without an error."""
        target = self.root / Path(notebook).name
        if target != Path(notebook):
            shutil.copy(notebook, target)
        for session in _request("GET", self.url + "/api/sessions"):
            _request("DELETE", f"{self.url}/api/sessions/{session['id']}")
        page.goto(f"{self.url}/lab/tree/{target.name}?token={TOKEN}&reset")
        page.locator(".jp-NotebookPanel .jp-Notebook").wait_for()
        page.wait_for_function("() => !!window.jupyterapp?.shell?.currentWidget?.sessionContext")
        page.evaluate(_KERNEL_READY)
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        cells = page.evaluate(_CELLS)
        assert all(cell["count"] and not cell["errors"] for cell in cells), cells

    def execute(self, page, code):
        """Run a line in the open notebook's kernel, out of its cells; returns what it prints."""
        return page.evaluate(_EXECUTE, code)

    def wait(self, page, condition, seconds=20):
        """Until a condition holds in the kernel: what a touch of the page changes arrives there by a message."""
        for _ in range(10 * seconds):
            if self.execute(page, f"print(bool({condition}))") == "True\n":
                return
            page.wait_for_timeout(100)
        raise AssertionError(f"after {seconds} seconds still not so in the kernel: {condition}")


@contextlib.contextmanager
def jupyterlab(folder):
    """A `Lab` whose every file lies in a folder."""
    root = folder / "notebooks"
    root.mkdir()
    options = [
        "jupyterlab",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--ServerApp.root_dir={root}",
        "--expose-app-in-browser",
    ]
    with _server(folder, options, "/api/status") as url:
        yield Lab(url, root)
        for session in _request("GET", url + "/api/sessions"):
            _request("DELETE", f"{url}/api/sessions/{session['id']}")


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    with jupyterlab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="session")
def voila(tmp_path_factory):
    """A Voila server: `(address, folder)`; a notebook put into the folder is served at `address + name`."""
    folder = tmp_path_factory.mktemp("voila")
    root = folder / "notebooks"
    root.mkdir()
    options = ["voila", str(root), "--Voila.ip=127.0.0.1", f"--token={TOKEN}"]
    with _server(folder, options, "/") as url:
        yield (lambda name: f"{url}/voila/render/{name}?token={TOKEN}"), root
