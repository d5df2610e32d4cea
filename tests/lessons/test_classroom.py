"""The classroom without its server: what it serves, says and refuses. tests/browser/test_classroom.py opens it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import nbformat
import psutil
import pytest
from click.testing import CliRunner

from segnet_lab.cli import main
from segnet_lab.lessons import classroom
from segnet_lab.lessons.front_page import Tile, front_page
from segnet_lab.lessons.notebooks import find_notebook, list_notebooks
from segnet_lab.models import create_model
from segnet_lab.runs.recipe import Recipe
from segnet_lab.training.loop import train
from segnet_lab.widgets.gallery import EXHIBITS
from tests.helpers import Squares


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A set of runs named "mine" without a Bayesian network."""
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path / "runs"))
    model = create_model("fcn_basic", 2, width=0.1, seed=0)
    train(model, Squares(4), Recipe(epochs=1), tmp_path / "runs" / "mine" / "fcn_basic", validation=Squares(3))
    return "mine"


@pytest.fixture
def notes(tmp_path, monkeypatch):
    """An empty place for the notes of open classrooms."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    return tmp_path / "runtime"


def test_apps_are_widgets_and_lessons_without_exercises(tmp_path, runs):
    sections = classroom.write_apps(tmp_path, runs)
    names = [tile.file for tiles in sections.values() for tile in tiles]
    widgets = [f"try_{exhibit.name}" for exhibit in EXHIBITS if exhibit.name != "uncertainty"]  # none is Bayesian
    assert names == [f"{name}.ipynb" for name in [*widgets, *list_notebooks()]]
    for name in names:
        notebook = nbformat.read(tmp_path / name, as_version=4)
        nbformat.validate(notebook)
        text = "\n".join(cell.source for cell in notebook.cells)
        assert "## Exercises" not in text
        assert "check(" not in text.replace("data check(", "")
        assert classroom.BACK in notebook.cells[0].source
    sparse_maps = nbformat.read(tmp_path / "try_sparse_maps.ipynb", as_version=4)
    assert "**Try:** click the edge of a car" in sparse_maps.cells[0].source
    assert "sl.results.find_runs(runs) / 'fcn_basic'" in sparse_maps.cells[1].source
    assert f"runs = {str(tmp_path / 'runs' / 'mine')!r}" in sparse_maps.cells[1].source  # found from any folder
    playground = nbformat.read(tmp_path / "try_playground.ipynb", as_version=4)
    assert "load_run" not in playground.cells[1].source


def test_every_tile_has_a_picture_and_says_something(tmp_path, runs):
    sections = classroom.write_apps(tmp_path, runs)
    for tile in (tile for tiles in sections.values() for tile in tiles):
        assert tile.title, tile
        assert tile.text, tile
        assert tile.picture.startswith("data:image/"), tile
    assert all(tile.foot.startswith("**Try:** ") for tile in sections["Widgets"])
    for tile in sections["Lessons"]:
        assert re.fullmatch(r"\d\d · .+\?", tile.title)
        assert re.fullmatch(r"\d+ minutes", tile.foot)
    page = front_page(sections)
    assert len(page) < 600_000
    assert not re.findall(r"""https?://|\bsrc=(?!"data:)|@import""", page)
    assert page.count('class="tile"') == sum(map(len, sections.values()))


def test_the_front_page_shows_markdown_and_no_template_of_its_own():
    tile = Tile("a.ipynb", "<b> & {{ x }} {% y %}", "**bold**, *so* and `code`", "")
    page = front_page({"Lessons": [tile]})
    assert "<h3>&lt;b&gt; &amp; &#123;&#123; x &#125;&#125; &#123;% y %&#125;</h3>" in page
    assert "<p><b>bold</b>, <em>so</em> and <code>code</code></p>" in page
    css = page.partition("<style>")[2].partition("</style>")[0]
    assert not re.search(r"\{[{%#]", css)  # nor would its style be taken for one


def test_pictures_of_widgets_are_light():
    assert all(exhibit.picture.stat().st_size < 30_000 for exhibit in EXHIBITS)


def test_a_set_without_networks_is_refused_before_anything_is_served(runs):
    with pytest.raises(ValueError, match="unknown set of runs 'yours'"), classroom.classroom(runs="yours"):
        pass


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setattr(classroom, "find_spec", lambda name: None)
    said = CliRunner().invoke(main, ["classroom"])
    assert said.exit_code == 1
    assert "the classroom needs Voila: pip install 'segnet-lab[classroom]'" in said.output


def test_a_port_that_is_taken():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        with pytest.raises(
            classroom.ClassroomError, match=r"cannot listen on 127\.0\.0\.1, port \d+ .*choose another --port"
        ):
            classroom._free_port("127.0.0.1", s.getsockname()[1])
    assert classroom._free_port("127.0.0.1", 0) > 0


def test_loopback_needs_no_warning_and_a_network_needs_consent(monkeypatch):
    opened = []
    monkeypatch.setattr(classroom, "serve", lambda host, *_, **__: opened.append(host))
    assert classroom.warning("127.0.0.1") == classroom.warning("localhost") == ""
    said = CliRunner().invoke(main, ["classroom", "--host", "0.0.0.0"], input="n\n")
    assert said.exit_code == 1
    for words in ("kernel that runs as you", "hidden, not locked", "no encryption", "400 MB", "token"):
        assert words in said.output
    assert CliRunner().invoke(main, ["classroom", "--host", "0.0.0.0"]).exit_code == 1  # nobody there to ask
    assert opened == []
    CliRunner().invoke(main, ["classroom", "--host", "0.0.0.0", "--yes"])
    CliRunner().invoke(main, ["classroom", "--host", "0.0.0.0"], input="y\n")
    CliRunner().invoke(main, ["classroom"])
    assert opened == ["0.0.0.0", "0.0.0.0", "127.0.0.1"]


def test_the_token_is_on_no_command_line():
    assert "token=" not in " ".join(classroom._VOILA).replace("auto_token=", "")
    assert classroom._environment("secret")["JUPYTER_TOKEN"] == "secret"


def test_kernels_show_widgets_even_where_we_are_headless(monkeypatch):
    monkeypatch.setenv("CI", "1")
    monkeypatch.setenv("SEGNET_LAB_HEADLESS", "1")
    assert not {"CI", "SEGNET_LAB_HEADLESS"} & classroom._environment("secret").keys()


def test_stop_ends_what_was_noted_with_its_kernels(notes):
    sleep = "import subprocess, sys, time; time.sleep(60)"
    with_child = sleep.replace(";", f"; subprocess.Popen([sys.executable, '-c', {sleep!r}]);")
    server = subprocess.Popen([sys.executable, "-c", with_child])
    while not psutil.Process(server.pid).children():
        assert server.poll() is None
        time.sleep(0.05)
    kernel = psutil.Process(server.pid).children()[0]
    classroom._write_note(server.pid)
    assert CliRunner().invoke(main, ["classroom", "--stop"]).output == "closed: 1\n"
    assert server.poll() is not None
    assert psutil.wait_procs([kernel], timeout=5)[1] == [] or kernel.status() == psutil.STATUS_ZOMBIE
    assert list(notes.iterdir()) == []
    assert CliRunner().invoke(main, ["classroom", "--stop"]).output == "no classroom is open\n"


def test_stop_leaves_another_program_alone_that_got_the_number(notes):
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    note = classroom._write_note(other.pid)
    note.write_text(json.dumps({**json.loads(note.read_text()), "started": 1.0}))
    assert classroom.stop() == 0
    assert other.poll() is None
    other.kill()
    other.wait()


def test_a_server_that_does_not_start_shows_what_it_said(tmp_path):
    log = tmp_path / "voila.log"
    with log.open("w") as output:
        server = subprocess.Popen([sys.executable, "-c", "raise SystemExit('no such option')"], stderr=output)
        server.wait()
    with pytest.raises(classroom.ClassroomError, match="Voila did not start:\nno such option"):
        classroom._wait_until_it_answers("http://127.0.0.1:9/", server, log)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
@pytest.mark.parametrize("name", ["SIGHUP", "SIGTERM"])
def test_the_end_of_the_terminal_closes_the_classroom(name, monkeypatch):
    ended, said = [], []

    @contextmanager
    def room(*_):
        server = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        try:
            threading.Timer(0.2, os.kill, (os.getpid(), getattr(signal, name))).start()
            yield "http://here/", server
        finally:
            server.kill()
            ended.append(server.wait())

    monkeypatch.setattr(classroom, "classroom", room)
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)]
    try:
        with pytest.raises(SystemExit):
            classroom.serve(say=said.append)
    finally:
        for each, handler in zip((signal.SIGTERM, signal.SIGHUP), before, strict=True):
            signal.signal(each, handler)
    assert len(ended) == 1
    assert said[0].startswith("The classroom is open: http://here/")


def test_an_address_of_ipv6_is_in_brackets(monkeypatch, runs, notes):
    monkeypatch.setattr(classroom.subprocess, "Popen", lambda *_, **__: SimpleNamespace(pid=-1, wait=lambda: 0))
    monkeypatch.setattr(classroom, "_free_port", lambda *_: 8866)
    monkeypatch.setattr(classroom, "_wait_until_it_answers", lambda *_: None)
    monkeypatch.setattr(classroom, "_end", lambda _: None)
    monkeypatch.setattr(classroom, "_write_note", lambda _: None)
    for host, shown in (("::1", "[::1]"), ("127.0.0.1", "127.0.0.1")):
        with classroom.classroom(host, 0, runs) as (address, _):
            assert re.fullmatch(rf"http://{re.escape(shown)}:\d+/\?token=\S+", address)


def test_the_address_that_others_can_use():
    assert classroom._reachable("10.1.2.3") == "10.1.2.3"
    assert classroom._reachable("0.0.0.0") not in ("0.0.0.0", "")


def test_no_lesson_uses_an_interact_that_voila_waits_for():
    # ipywidgets' own draws into an Output; Voila 0.5 then misses the kernel's answer. Use sl.widgets.interact.
    for name in list_notebooks():
        for cell in nbformat.read(find_notebook(name), as_version=4).cells:
            assert "ipywidgets" not in cell.source or cell.cell_type != "code", name
