"""Where things lie: in a checkout, in a wheel, and where the user says."""

from pathlib import Path

import pytest

from segnet_lab._support import folders
from segnet_lab._support.folders import runs_dir, shipped

REPO = Path(__file__).parents[2]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package in a folder of its own, without the files of a checkout beside it."""
    (tmp_path / "site-packages" / "segnet_lab").mkdir(parents=True)
    monkeypatch.setattr(folders, "_PACKAGE", tmp_path / "site-packages" / "segnet_lab")
    monkeypatch.delenv("SEGNET_LAB_RUNS", raising=False)
    return tmp_path / "site-packages" / "segnet_lab"


def test_in_a_checkout_things_lie_beside_the_package(monkeypatch):
    monkeypatch.delenv("SEGNET_LAB_RUNS", raising=False)
    assert shipped("datasets") == REPO / "datasets"
    assert runs_dir() == REPO / "runs"


def test_a_wheel_carries_them_inside(package, tmp_path, monkeypatch):
    (package / "_shipped" / "datasets").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert shipped("datasets") == package / "_shipped" / "datasets"
    assert runs_dir() == tmp_path / "runs"


def test_the_user_says_where_runs_are_saved(package, tmp_path, monkeypatch):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path / "mine"))
    assert runs_dir() == tmp_path / "mine"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("SEGNET_LAB_RUNS", "~/mine")  # from a file of settings, where no shell expands it
    assert runs_dir() == tmp_path / "mine"
    monkeypatch.setenv("SEGNET_LAB_RUNS", "")
    monkeypatch.chdir(tmp_path)
    assert runs_dir() == tmp_path / "runs"
