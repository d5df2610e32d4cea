"""One source of truth for dependencies; a wheel that works outside the checkout."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="not in a checkout")


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def name_of(requirement):
    return re.split(r"[\[<>=~! ]", requirement)[0].lower().replace("_", "-")


def constraints():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {name_of(line): line.split("==")[1] for line in lines if line and not line.startswith("#")}


def test_conda_installs_this_very_project():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (pip,) = [d["pip"] for d in environment["dependencies"] if isinstance(d, dict)]
    assert "-c constraints.txt" in pip
    (editable,) = [line for line in pip if line.startswith("-e .")]
    extras = set(re.search(r"\[(.*)\]", editable)[1].split(","))
    assert extras <= set(project()["optional-dependencies"])
    assert f"python{project()['requires-python']}" in environment["dependencies"]
    # nothing is listed a second time, so that nothing can differ
    assert set(pip) == {"-c constraints.txt", editable}


def test_every_dependency_has_a_tested_version():
    wanted = project()["dependencies"] + [r for extra in project()["optional-dependencies"].values() for r in extra]
    missing = {name_of(r) for r in wanted} - set(constraints()) - {"segnet-lab"}
    assert not missing


def test_torch_is_pinned_to_what_was_tested():
    assert constraints()["torch"] == "2.13.0"
    assert not any(name.startswith(("nvidia-", "cuda-")) for name in constraints()), "the CPU build has to fit as well"


def test_version_is_written_once_more_and_the_same():
    import segnet_lab

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert segnet_lab.__version__ == project()["version"] == citation["version"]


@pytest.mark.slow
def test_wheel_works_outside_the_checkout(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "installed")
    for needed in (
        "segnet_lab/paper/table1_decoder_variants.csv",
        "segnet_lab/_shipped/datasets/camvid/card.yaml",
        "segnet_lab/_shipped/notebooks/01_unpooling_by_hand.ipynb",
        "segnet_lab/widgets/playground.js",
    ):
        assert needed in names
    pictures = [n for n in names if n.endswith((".png", ".jpg")) and not n.startswith("segnet_lab/widgets/previews/")]
    assert not pictures, "no picture of a data set travels along; those of the widgets show scenes made here"
    assert "segnet_lab/widgets/previews/playground.png" in names, "the classroom's front page shows them"
    code = """
import segnet_lab as sl, pathlib
from segnet_lab import paper
from segnet_lab.lessons import notebooks as batch
assert "installed" in sl.__file__
assert len(sl.load_dataset("roadscenes", split="val", images=1)) == 1
assert sl.data.load_card("camvid").num_classes == 11
assert paper.table(6).shape[0] == 4
assert "05_train" in batch.list_notebooks()
assert batch.parameters("05_train")
assert sl.load_run(sl.results.find_runs("roadscenes") / "segnet_basic").model.num_classes == 11
"""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {"PYTHONPATH": str(tmp_path / "installed"), "PATH": "", "HOME": str(elsewhere)}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=elsewhere, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
