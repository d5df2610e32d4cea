"""The page that the demo ends in, as text; tests/browser/test_demo_page.py looks at it."""

import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from segnet_lab import results
from segnet_lab.data import load_dataset
from segnet_lab.lessons import demo_page
from segnet_lab.lessons.demo_page import show, somebody_looks, write_demo_page
from segnet_lab.models import create_model
from segnet_lab.runs.recipe import Recipe
from segnet_lab.training.loop import train

NETWORKS = ("segnet_basic", "bilinear_interpolation")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def trained(home):
    data = load_dataset("roadscenes", images=4, size=(24, 32))
    validation = load_dataset("roadscenes", "val", images=3, size=(24, 32))
    for name in NETWORKS:
        run, network = home / "runs" / "mine" / name, create_model(name, 11, width=0.1, seed=0)
        train(network, data, Recipe(epochs=1), run, validation=validation)
    return home / "runs" / "mine"


@pytest.fixture
def written(home, trained, monkeypatch):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(home / "runs"))
    books = [trained / "20_qualitative.ipynb", trained / "deeper" / "05 & 06.ipynb"]
    return write_demo_page("mine", trained / "index.html", books, "python -m jupyterlab <here>").read_text("utf-8")


def words(written):
    below = re.split('<section [^>]*id="scene">', written)[1].partition('<script type="module">')[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", below)).split())


def test_it_states_what_every_number_belongs_to(written):
    text = words(written)
    assert "roadscenes val, 3 images at 24x32; BF by convention 'paper' within 0.75 % of the diagonal." in text
    assert "Trained on 4 images of" in text
    assert "24×32, with 0.1 of the paper's channels, loss balanced by median frequency." in text
    table = results.scores_table("mine")
    for run, row in table.iterrows():
        cells = re.search(rf'<th scope="row">{run.replace("_", " ")}</th>((?:<td>[^<]*</td>)+)', written)[1]
        assert re.findall(r"<td>([^<]*)</td>", cells)[:4] == [f"{row[score]:.1f}" for score in results.SCORES]
    gain = table["BF"]["segnet_basic"] - table["BF"]["bilinear_interpolation"]
    assert f"instead of interpolation: {gain:+.1f} points of BF (in the paper +15.0)" in text  # 35.78 - 20.83


def test_it_shows_image_truth_and_each_network_with_words_for_who_cannot_see(written):
    alts = re.findall(r'<img src="data:image/png;base64,[\w+/=]+" alt="([^"]+)">', written)
    assert len(alts) == 2 + len(NETWORKS)
    assert re.fullmatch(r"Image \d of roadscenes val", alts[0])
    assert re.fullmatch(r"The class of every pixel, as segnet basic says: BF \S+, mIoU \S+", alts[3])
    assert re.search(r"image \d of 3, in the middle when they are sorted by the BF of segnet basic", words(written))


def test_it_is_one_file_and_well_formed(written):
    assert not re.findall(r"""(?:https?:)?//[\w-]+\.\w+|\bsrc=(?!"data:)|@import|import\(|fetch\(""", written)
    assert "default-src 'none'" in written
    assert written.count("</script>") == written.count("</style>") == 1
    assert "<!--" not in written.partition("<script")[0]  # no mark of the template is left

    class Open(HTMLParser):
        stack = []  # noqa: RUF012  (one parser)

        def handle_starttag(self, tag, _):
            if tag not in ("meta", "link", "img", "br", "html"):
                self.stack.append(tag)

        def handle_endtag(self, tag):
            if tag != "html":
                assert self.stack.pop() == tag

    Open().feed(written)
    assert Open.stack == []


def test_notebooks_are_linked_from_where_the_page_lies(written):
    assert re.findall(r'<li><a href="([^"]+)">([^<]+)</a>', written) == [
        ("20_qualitative.ipynb", "20_qualitative"),
        ("deeper/05 &amp; 06.ipynb", "05 &amp; 06"),
    ]
    assert "<code>python -m jupyterlab &lt;here&gt;</code>" in written


def test_a_page_without_notebooks_does_not_speak_of_them(home, written, tmp_path):
    alone = write_demo_page("mine", tmp_path / "alone.html").read_text("utf-8")
    assert "Notebooks" not in alone
    assert "Scores" in alone


def test_unfinished_runs_are_named(home, trained, written, tmp_path):
    for name in NETWORKS:
        (trained / name / "scores.json").rename(tmp_path / name)
    try:
        with pytest.raises(ValueError, match="no run of mine has been trained to its end"):
            write_demo_page("mine", tmp_path / "page.html")
    finally:
        for name in NETWORKS:
            (tmp_path / name).rename(trained / name / "scores.json")


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {}, False),
        ("linux", {"SSH_CONNECTION": "there"}, False),
        ("linux", {"SSH_CONNECTION": "there", "DISPLAY": "localhost:10.0"}, True),  # it is carried over
        ("linux", {"DISPLAY": ":0", "CI": "1"}, False),
        ("linux", {"DISPLAY": ":0", "SEGNET_LAB_HEADLESS": "1"}, False),
        ("darwin", {}, True),
        ("darwin", {"SSH_CONNECTION": "there"}, False),
        ("win32", {}, True),
        ("win32", {"SSH_TTY": "there"}, False),
    ],
)
def test_it_opens_only_where_somebody_looks(monkeypatch, platform, environment, expected):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "SSH_TTY", "CI", "SEGNET_LAB_HEADLESS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(demo_page.sys, "platform", platform)
    opened = []
    monkeypatch.setattr(demo_page.webbrowser, "open", lambda address: opened.append(address) or True)
    assert somebody_looks() == expected
    assert show(Path("a page.html")) == expected
    assert opened == ([Path("a page.html").resolve().as_uri()] if expected else [])
