"""What every command says of itself, and what options take."""

import os
import subprocess
import sys
from dataclasses import fields

from segnet_lab.cli import main
from segnet_lab.cli.options import RECIPE_HELP
from segnet_lab.runs.recipe import Recipe
from tests.cli.calls import labels, segnet_lab


def test_help_names_every_command():
    said = segnet_lab("--help")
    commands = "demo lessons notebooks sweep train evaluate predict runs weights data bench playground classroom"
    assert all(f"  {command} " in said for command in commands.split())
    assert all(f"  {command} " in segnet_lab("data", "--help") for command in ("list", "get", "check", "split"))


def test_every_option_of_every_command_says_what_it_is():
    def commands(group):
        for command in group.commands.values():
            yield from commands(command) if hasattr(command, "commands") else [command]

    for command in commands(main):
        for parameter in command.get_params(command.make_context(command.name, [], resilient_parsing=True)):
            assert parameter.param_type_name == "argument" or parameter.help, (command.name, parameter.name)


def test_every_recipe_setting_is_an_option():
    assert list(RECIPE_HELP) == [field.name for field in fields(Recipe)]
    said = segnet_lab("train", "--help")
    for field in fields(Recipe):
        assert "--" + field.name.replace("_", "-") in said


def test_help_does_not_wait_for_torch():
    code = """
import sys
from click.testing import CliRunner
from segnet_lab.cli import main
commands = ("", "train", "evaluate", "predict", "runs", "lessons", "data", "data split", "notebooks", "sweep")
for command in commands:
    assert CliRunner().invoke(main, [*command.split(), "--help"]).exit_code == 0
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_home_folder_in_paths(own, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(own))
    monkeypatch.setenv("USERPROFILE", str(own))
    monkeypatch.chdir(tmp_path)
    segnet_lab("evaluate", "--run", "~/runs/mine", "--root", "~/data", "--json", "~/scores.json")
    segnet_lab("predict", "~/data/images/6.png", "--run", "~/runs/mine", "--out", "~/out")
    assert labels(own / "out") == {"6_label.png"}
    assert (own / "scores.json").exists()
    assert os.listdir(tmp_path) == []  # no folder named ~


def test_the_package_is_a_command(tmp_path):
    command = [sys.executable, "-m", "segnet_lab"]
    assert subprocess.check_output([*command, "--version"], text=True).startswith("segnet-lab, version ")
    refused = subprocess.run([*command, "runs", "nowhere"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: unknown set of runs 'nowhere'")
    traced = subprocess.run(
        [*command, "runs", "nowhere", "--traceback"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "Traceback (most recent call last)" in traced.stderr
