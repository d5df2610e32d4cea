"""Outputs that are committed with a lesson say nothing of the run that made them."""

import json

import nbformat
import pytest

from segnet_lab.lessons.notebooks import NotebookFailed
from segnet_lab.lessons.refreshing import refresh
from tests.lessons.reading import printed


def test_refresh_puts_outputs_in_and_leaves_no_trace_of_the_run(notebook, monkeypatch, tmp_path):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path / "runs"))
    path = notebook("print(epochs)", "rate * 2")
    refresh(path)
    first = path.read_text()
    assert printed(path) == "3\n"
    content = json.loads(first)
    assert set(content["metadata"]) == {"kernelspec", "language_info"}
    assert all(set(c["metadata"]) <= {"tags"} for c in content["cells"])
    refresh(path)
    assert path.read_text() == first


def test_refresh_joins_what_was_printed_in_pieces(notebook, monkeypatch, tmp_path):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path / "runs"))
    path = notebook("import time\nfor n in range(3): print(n, flush=True); time.sleep(0.3)\ndisplay(1)\nprint(3)")
    refresh(path)
    outputs = nbformat.read(path, 4).cells[1].outputs
    assert [o.get("text") for o in outputs] == ["0\n1\n2\n", None, "3\n"]


def test_refresh_refuses_what_complains(notebook, monkeypatch, tmp_path):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path / "runs"))
    path = notebook("import sys; print('trouble', file=sys.stderr)")
    before = path.read_text()
    with pytest.raises(NotebookFailed, match="cell 1 wrote to stderr: trouble"):
        refresh(path)
    assert path.read_text() == before
