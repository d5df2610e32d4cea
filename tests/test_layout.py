"""The plan of the house: every errand leads to a file, every module to its test, and no import runs upwards."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "segnet_lab"
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ERRANDS = re.findall(r"^\| (.+?) \| `(segnet_lab/\S+?\.py)` \|$", CONTRIBUTING, re.M)


def modules():
    return [file for file in sorted(PACKAGE.rglob("*.py")) if "_shipped" not in file.parts]


def test_the_errands_of_a_stranger_are_listed():
    assert len(ERRANDS) >= 23


@pytest.mark.parametrize(("errand", "file"), ERRANDS, ids=[file for _, file in ERRANDS])
def test_an_errand_leads_to_its_file(errand, file):
    text = (ROOT / file).read_text(encoding="utf-8")
    for name in re.findall(r"`(\w+)`", errand):
        assert re.search(rf"^(def|class) {name}\b", text, re.M), f"{name} is not defined in {file}"


def test_every_file_named_in_contributing_is_there():
    named = re.findall(r"`((?:segnet_lab|models|runs|tools)/[\w/]+\.py)`", CONTRIBUTING)
    assert all((ROOT / name).exists() or (PACKAGE / name).exists() for name in named)


def test_every_room_is_described():
    rooms = {file.name for file in PACKAGE.iterdir() if file.is_dir() and (file / "__init__.py").exists()}
    table = CONTRIBUTING.partition("## Rooms")[2].partition("## Where things are")[0]
    assert {name.rstrip("/") for name in re.findall(r"^\| `(\w+/)` ", table, re.M)} == rooms


def test_every_module_has_a_test_file_of_its_name():
    without = []
    for file in modules():
        if file.name == "__init__.py" or file.name == "__main__.py":
            continue
        place = file.relative_to(PACKAGE)
        if not (ROOT / "tests" / place.parent / f"test_{place.stem.removeprefix('_')}.py").exists():
            without.append(str(place))
    assert not without


def test_names_of_modules_do_not_hide_each_other():
    """No two rooms have a module of one name, but where both are what that name says."""
    places = {}
    for file in modules():
        if file.name != "__init__.py":
            places.setdefault(file.stem, []).append(file.parent.name)
    assert {name: rooms for name, rooms in places.items() if len(rooms) > 1} == {}
