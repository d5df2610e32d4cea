"""Commands that hand lessons out."""

import json
import re
from pathlib import Path

from tests.cli.calls import (
    segnet_lab,
)


def test_lessons_are_copied_once(tmp_path):
    said = segnet_lab("lessons", tmp_path / "mine")
    assert f"jupyter lab {tmp_path / 'mine' / '00_start_here.ipynb'}" in said
    (tmp_path / "mine" / "05_train.ipynb").write_text("my answers")
    (tmp_path / "mine" / "GLOSSARY.md").unlink()
    said = segnet_lab("lessons", tmp_path / "mine")
    assert said.startswith("1 files copied")
    assert (tmp_path / "mine" / "05_train.ipynb").read_text() == "my answers"


def test_links_in_copied_lessons_lead_on(tmp_path):
    segnet_lab("lessons", tmp_path)
    links = 0
    for path in tmp_path.rglob("*.*"):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            text = "".join("".join(c["source"]) for c in json.loads(text)["cells"] if c["cell_type"] == "markdown")
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
            if "://" not in link:
                links += 1
                assert (path.parent / link).exists(), (path.name, link)
    assert links > 100


def test_playground_is_one_file(tmp_path):
    said = segnet_lab("playground", "--out", tmp_path / "p.html")
    assert Path(tmp_path / "p.html").stat().st_size > 10_000
    assert str(tmp_path / "p.html") in said
