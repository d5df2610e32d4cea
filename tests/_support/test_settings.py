"""Every environment variable is read in one module, when it is asked for."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import segnet_lab
from segnet_lab._support import settings
from segnet_lab._support.settings import DATA, HEADLESS, RUNS, SETTINGS, environment

PACKAGE = Path(segnet_lab.__file__).parent
REPO = PACKAGE.parent


def test_nothing_else_touches_the_environment():
    for path in PACKAGE.rglob("*.py"):
        if path.name == "settings.py":
            continue
        names = {ast.unparse(node) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))}
        assert not names & {"os.environ", "environ", "os.getenv", "getenv", "os.putenv"}, path


def test_our_settings_have_one_prefix_and_say_what_they_do():
    for setting in SETTINGS:
        assert setting.name.startswith("SEGNET_LAB_")
        assert setting.default
        assert setting.meaning
        assert f"| `{setting.name}` | {setting.default} | {setting.meaning} |" in settings.table()
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)
    assert len(settings.table().splitlines()) == 2 + len(SETTINGS)


def test_the_readme_shows_the_table():
    assert settings.table() in (REPO / "README.md").read_text(encoding="utf-8")


def test_every_setting_is_one_of_the_two_tables_in_its_module():
    variables = [value for value in vars(settings).values() if isinstance(value, settings.Variable)]
    ours = {variable.name for variable in variables if variable.name.startswith("SEGNET")}
    assert ours == {setting.name for setting in SETTINGS}
    assert all(variable.meaning for variable in variables)


def test_a_setting_is_read_when_it_is_asked_for(monkeypatch):
    monkeypatch.delenv(DATA.name, raising=False)
    assert DATA.get() == ""
    monkeypatch.setenv(DATA.name, "/sets")
    assert DATA.get() == "/sets"


def test_another_process_gets_an_environment_of_its_own(monkeypatch):
    monkeypatch.setenv(RUNS.name, "here")
    monkeypatch.setenv("CI", "1")
    before = dict(os.environ)
    given = environment({HEADLESS.name: "1"}, without=(settings.CI,))
    assert os.environ == before
    assert given[HEADLESS.name] == "1"
    assert given[RUNS.name] == "here"
    assert "CI" not in given


@pytest.mark.parametrize(
    ("variables", "expected"),
    [({}, False), ({"SEGNET_LAB_HEADLESS": "1"}, True), ({"SEGNET_LAB_HEADLESS": "0"}, False), ({"CI": "true"}, True)],
)
def test_headless_runs(monkeypatch, variables, expected):
    from segnet_lab._support.progress import headless

    for name in ("CI", HEADLESS.name):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert headless() is expected


def test_the_module_is_light():
    code = "import sys; import segnet_lab._support.settings; print({'torch', 'numpy', 'click'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
