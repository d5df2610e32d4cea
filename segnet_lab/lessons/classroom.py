"""`segnet-lab classroom`: the lessons and widgets as apps without code cells, served by Voila to a browser.

A visitor of an app gets a Python kernel of their own. The address carries a token; who has it can run code as the user
who started the classroom, because code cells are hidden, not locked.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import nbformat
import psutil
from jupyter_core.paths import jupyter_runtime_dir

from segnet_lab._support.errors import SegNetLabError
from segnet_lab._support.files import write_json
from segnet_lab._support.folders import runs_dir
from segnet_lab._support.settings import CI, HEADLESS, JUPYTER_PATH, RUNS, environment
from segnet_lab.lessons.front_page import Tile, front_page, tile_of_lesson, tile_of_widget
from segnet_lab.lessons.notebooks import find_notebook, list_notebooks
from segnet_lab.lessons.parameters_cell import read_notebook
from segnet_lab.models import EncoderDecoder
from segnet_lab.runs.places import find_runs
from segnet_lab.widgets.gallery import EXHIBITS, Exhibit
from segnet_lab.widgets.trained_networks import Networks

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PORT = 8866  # Voila's own
TEMPLATE = "segnet_classroom"
PATIENCE = 60  # seconds until the server must answer
VISITOR_MB = 400  # measured: 290 to 340 a widget, 300 to 760 a lesson
FORGOTTEN = 20 * 60  # seconds until the kernel of a closed page is shut down

BACK = "[← All widgets and lessons](../../)"
_SETUP = """import segnet_lab as sl
from segnet_lab.widgets import {widget}"""
_NETWORK = """
runs = {runs!r}
run = sl.results.find_runs(runs) / {network!r}
model, data = sl.load_run(run).model, sl.results.data_of(run)
image, label = data[1]"""


class ClassroomError(SegNetLabError, RuntimeError):
    """The classroom cannot be opened; the message says why and what to do."""


def write_apps(folder: Path, runs: str = "roadscenes") -> dict[str, list[Tile]]:
    """Fill a folder with notebooks to be served: one a widget, and the lessons without their exercises.

    Parameters
    ----------
    folder : Path
    runs : str
        The set of runs whose networks the widgets show.

    Returns
    -------
    dict, heading -> list of Tile
        What leads to them. Exercises are left out, as nobody can type an answer into a page without code cells.

    Raises
    ------
    ValueError
        No such set of runs, or none of it came with weights.
    """
    models, runs = Networks(runs).models, str(find_runs(runs).absolute())  # kernels start in another folder
    plain = "segnet_basic" if "segnet_basic" in models else next(iter(models))
    bayesian = next(
        (name for name, model in models.items() if isinstance(model, EncoderDecoder) and model.config.dropout > 0), None
    )
    sections: dict[str, list[Tile]] = {"Widgets": [], "Lessons": []}
    for exhibit in EXHIBITS:
        network = bayesian if exhibit.name == "uncertainty" else plain
        if network is not None:
            file = _write(folder, f"try_{exhibit.name}", _app(exhibit, runs, network))
            sections["Widgets"].append(tile_of_widget(file, exhibit))
    for name in list_notebooks():
        lesson = read_notebook(find_notebook(name))
        headings = [cell.cell_type == "markdown" and "## Exercises" in cell.source for cell in lesson.cells]
        if any(headings):
            last = lesson.cells[headings.index(True)]
            last.source = last.source.partition("## Exercises")[0]
            lesson.cells = lesson.cells[: headings.index(True) + 1]
        tile = tile_of_lesson(f"{name}.ipynb", lesson)
        lesson.cells.insert(0, nbformat.v4.new_markdown_cell(BACK))
        _write(folder, name, lesson)
        sections["Lessons"].append(tile)
    return sections


def _app(exhibit: Exhibit, runs: str, network: str) -> nbformat.NotebookNode:
    """A page with one widget: what it shows, what to try, and no more Python than it needs."""
    setup = _SETUP if exhibit.name == "playground" else _SETUP + _NETWORK  # it needs no network, so no torch either
    setup = setup.format(widget=exhibit.code.partition("(")[0], runs=runs, network=network)
    words = f"### {BACK} · {exhibit.title}\n\n{exhibit.shows} **Try:** {exhibit.tries}"  # leaves room for the widget
    code = map(nbformat.v4.new_code_cell, (setup, exhibit.code))
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(words), *code])


def _write(folder: Path, name: str, notebook: nbformat.NotebookNode) -> str:
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / f"{name}.ipynb")
    return f"{name}.ipynb"


def _write_front_page(folder: Path, sections: dict[str, list[Tile]]) -> None:
    """As a template of Voila's, found under this folder: its lab template with our list of notebooks."""
    template = folder / "voila" / "templates" / TEMPLATE
    template.mkdir(parents=True)
    write_json(template / "conf.json", {"base_template": "lab"})
    (template / "tree.html").write_text(front_page(sections), encoding="utf-8")


@contextmanager
def classroom(
    host: str = "127.0.0.1", port: int = PORT, runs: str = "roadscenes"
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Serve the apps while the `with` block lasts.

    Parameters
    ----------
    host : str
        Address to listen on; the default is reached from this computer only.
    port : int
        0 takes any free one.
    runs : str
        See `write_apps`.

    Yields
    ------
    address : str
        With the token.
    server : Popen
        The running Voila.

    Raises
    ------
    ClassroomError
        Voila is not installed, the port is taken, or the server does not start.
    ValueError
        From `write_apps`.
    """
    if find_spec("voila") is None:
        raise ClassroomError("the classroom needs Voila: pip install 'segnet-lab[classroom]'")
    port = _free_port(host, port)
    token, note = secrets.token_urlsafe(16), None
    with tempfile.TemporaryDirectory(prefix="segnet-classroom-", ignore_cleanup_errors=True) as folder:
        apps, log = Path(folder, "apps"), Path(folder, "voila.log")
        apps.mkdir()
        _write_front_page(Path(folder), write_apps(apps, runs))
        with log.open("w") as output:
            server = subprocess.Popen(  # noqa: S603  our own command line
                [*_VOILA, str(apps), f"--Voila.ip={host}", f"--port={port}"],
                env=_environment(token)
                | {JUPYTER_PATH.name: os.pathsep.join(filter(None, [folder, JUPYTER_PATH.get()]))},
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for us; we end the server
            )
        try:
            address = f"http://{_in_brackets(_reachable(host))}:{port}/?token={token}"
            _wait_until_it_answers(address, server, log)
            note = _write_note(server.pid)
            yield address, server
        finally:
            _end(server.pid)
            server.wait()
            if note:
                note.unlink(missing_ok=True)


def serve(
    host: str = "127.0.0.1", port: int = PORT, runs: str = "roadscenes", say: Callable[[str], None] = print
) -> None:
    """Open a classroom, say its address, and go on until Ctrl-C, SIGTERM, the end of the terminal, or `stop`."""
    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: sys.exit(0))  # unwinds: the server does not outlive us
    with classroom(host, port, runs) as (address, server):
        say(f"The classroom is open: {address}\nClose it with Ctrl-C, or with `segnet-lab classroom --stop`.")
        with suppress(KeyboardInterrupt):
            server.wait()
    say("The classroom is closed.")


def stop() -> int:
    """Close every classroom of this user on this computer; gives how many were open."""
    ended = 0
    for note in Path(jupyter_runtime_dir()).glob(_NOTE.format("*")):
        about = json.loads(note.read_text())
        if _started(about["pid"]) == about["started"]:  # not another program that got the number since
            _end(about["pid"])
            ended += 1
        note.unlink(missing_ok=True)
    return ended


def warning(host: str) -> str:
    """What it means to open a classroom on a network, in words; empty on loopback."""
    if host in LOOPBACK:
        return ""
    free = psutil.virtual_memory().available / 1e6
    return f"""You are about to open this computer to its network ({host}).
- Everybody who can reach it and has the address with its token can open the lessons: tell it to your class only.
- Each visitor gets a Python kernel that runs as you. Code cells are hidden, not locked: whoever has the token can run
  any code with your rights and read your files. Use an account or a container made for the purpose.
- There is no encryption (TLS): on an open wireless network others can read the token.
- A visitor takes about {VISITOR_MB} MB of memory: what is free here is enough for about {int(free / VISITOR_MB)}.
- Browsers give the camera only to pages of their own computer or behind https: visitors choose a picture from disk."""


# --------------------------------------------------------------------------------------------------

_NOTE = "segnet-classroom-{}.json"
_VOILA = [
    sys.executable,
    "-m",
    "voila",
    "--no-browser",
    "--Voila.auto_token=True",  # from the environment: a command line can be read by every user of the computer
    "--Voila.port_retries=0",
    "--progressive_rendering=True",  # a lesson appears cell by cell
    f"--VoilaConfiguration.template={TEMPLATE}",
    "--VoilaConfiguration.classic_tree=True",  # the list of notebooks is a template, ours
    f"--MappingKernelManager.cull_idle_timeout={FORGOTTEN}",
    "--MappingKernelManager.cull_interval=60",
]


def _environment(token: str) -> dict[str, str]:
    """For the server and its kernels: somebody looks, many share the cores, and runs are found from another folder."""
    ours = {"JUPYTER_TOKEN": token, RUNS.name: str(runs_dir().absolute())}
    return {"OMP_NUM_THREADS": "1", **environment(ours, without=(CI, HEADLESS))}


def _free_port(host: str, port: int) -> int:
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((host, port))
            return s.getsockname()[1]
    except OSError as error:
        raise ClassroomError(
            f"cannot listen on {host}, port {port} ({error.strerror}): close another classroom with "
            "`segnet-lab classroom --stop`, or choose another --port, 0 for any"
        ) from None


def _reachable(host: str) -> str:
    """The address by which others find a server that listens on all of them."""
    if host not in ("0.0.0.0", "::", ""):  # noqa: S104  binds to nothing: asks what was bound to
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))  # sends nothing; asks which of our addresses leads outside
        except OSError:
            return socket.gethostname()
        return s.getsockname()[0]


def _in_brackets(host: str) -> str:
    """A host as an address has it.

    >>> _in_brackets("::1"), _in_brackets("127.0.0.1")
    ('[::1]', '127.0.0.1')
    """
    return f"[{host}]" if ":" in host else host


def _wait_until_it_answers(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(PATIENCE * 5):
        with suppress(OSError), urllib.request.urlopen(address, timeout=5):  # noqa: S310  http, our own
            return
        if server.poll() is not None:
            break
        time.sleep(0.2)
    raise ClassroomError(f"Voila did not start:\n{log.read_text()[-2000:]}")


def _write_note(pid: int) -> Path:
    """Where `stop` finds the server."""
    note = Path(jupyter_runtime_dir()) / _NOTE.format(pid)
    write_json(note, {"pid": pid, "started": _started(pid)})
    return note


def _started(pid: int) -> float | None:
    with suppress(psutil.NoSuchProcess):
        return float(psutil.Process(pid).create_time())
    return None


def _end(pid: int) -> None:
    """End a server, which ends its kernels; then what is left of them."""
    with suppress(psutil.NoSuchProcess):
        server = psutil.Process(pid)
        kernels = server.children(recursive=True)
        server.terminate()
        psutil.wait_procs([server], timeout=10)
        for process in (server, *kernels):
            with suppress(psutil.NoSuchProcess):
                process.kill()
