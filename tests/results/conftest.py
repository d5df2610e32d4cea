"""Runs written by hand."""

import json

import pytest


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A function that writes a run of the set "some"."""
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def write(name, model, scores=None, data="roadscenes", options=None):
        folder = tmp_path / "some" / name
        folder.mkdir(parents=True)
        about = {
            "model": {"name": model, "width": 0.5},
            "data": {
                "name": data, "split": "train", "images": 300, "validation": "val", "options": options or {},
                "class_names": ["Sky", "Road"],
            },
            "recipe": {"balancing": "natural", "epochs": 9},
        }  # fmt: skip
        (folder / "run.json").write_text(json.dumps(about))
        (folder / "log.csv").write_text("epoch,seconds\n1,30\n2,60\n")
        if scores:
            (folder / "scores.json").write_text(json.dumps(scores))
        return folder

    return write
