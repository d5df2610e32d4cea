"""What a parameters cell declares, and values read as what it declares."""

from pathlib import Path

import pytest

from segnet_lab.lessons import notebooks
from segnet_lab.lessons.parameters_cell import parse_parameters


def test_reads_the_parameters_cell(notebook):
    found = notebooks.parameters(notebook())
    assert list(found) == ["epochs", "rate", "name", "flag", "sizes", "models"]
    assert found["epochs"] == ("epochs", "int", 3, "how often")
    assert found["name"].help == "a = b"
    assert found["sizes"].default == [1, 2]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"epochs": "5"}, {"epochs": 5}),
        ({"rate": "1e-3"}, {"rate": 0.001}),
        ({"flag": "true"}, {"flag": True}),
        ({"sizes": "3, 4"}, {"sizes": [3, 4]}),
        ({"models": "segnet,unet"}, {"models": ["segnet", "unet"]}),
        ({"epochs": 7, "name": "a,b"}, {"epochs": 7, "name": "a,b"}),
        ({"epochs": 4.0, "rate": 2, "flag": 1}, {"epochs": 4, "rate": 2.0, "flag": True}),
        ({"name": Path("a"), "sizes": (3, 4)}, {"name": "a", "sizes": [3, 4]}),
        ({"sizes": "", "models": []}, {"sizes": [], "models": []}),
    ],
)
def test_reads_values_as_the_declared_type(notebook, given, expected):
    assert notebooks.check_parameters(notebook(), given) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"epoch": 3}, r"unknown parameter of lesson 'epoch'\. Did you mean 'epochs'\? Known: epochs, rate, name"),
        ({"epochs": "many"}, r"parameter epochs takes an int, not 'many'"),
        ({"epochs": 2.5}, r"parameter epochs takes an int, not 2\.5"),
        ({"flag": "perhaps"}, r"parameter flag takes a bool, not 'perhaps'"),
        ({"sizes": "1,x"}, r"parameter sizes takes a list\[int\] such as 1,2, not '1,x'"),
        ({"models": "segnet_basics"}, r"unknown models 'segnet_basics'\. Did you mean 'segnet_basic'"),
        ({"epochs": "abc"}, r"parameter epochs takes an int, not 'abc'$"),
        ({"epochs": float("inf")}, r"parameter epochs takes an int, not inf"),
        ({"epochs": float("nan")}, r"parameter epochs takes an int, not nan"),
        ({"epochs": None}, r"parameter epochs takes an int, not None"),
        ({"epochs": True}, r"parameter epochs takes an int, not True"),
        ({"rate": None}, r"parameter rate takes a float, not None"),
        ({"rate": "fast"}, r"parameter rate takes a float, not 'fast'"),
        ({"name": None}, r"parameter name takes a str, not None"),
        ({"name": ["a"]}, r"parameter name takes a str, not \['a'\]"),
        ({"flag": None}, r"parameter flag takes a bool, not None"),
        ({"flag": 0.5}, r"parameter flag takes a bool, not 0\.5"),
        ({"sizes": None}, r"parameter sizes takes a list\[int\] such as 1,2, not None"),
        ({"sizes": [1, None]}, r"parameter sizes takes a list\[int\] such as 1,2, not \[1, None\]"),
        ({"sizes": {1: 2}}, r"parameter sizes takes a list\[int\] such as 1,2, not \{1: 2\}"),
        ({"sizes": 3}, r"parameter sizes takes a list\[int\] such as 1,2, not 3"),
    ],
)
def test_refuses(notebook, given, message):
    with pytest.raises(ValueError, match=message):
        notebooks.check_parameters(notebook(), given)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (None, r"has 0 cells tagged 'parameters'"),
        ("epochs = 3", r"a parameter is written `name: type = value`, not 'epochs = 3'"),
        ("a: int = 1\nprint(a)", r"not 'print\(a\)'"),
        (
            "%matplotlib inline\na: int = 1",
            r"^lesson\.ipynb: a parameter is written `name: type = value`, not '%matplotlib",
        ),
        ("!ls\na: int = 1", r"^lesson\.ipynb: .*not '!ls'"),
        ("a: int = ", r"^lesson\.ipynb: .*not 'a: int ='"),
        ("a: int = 1 + 1", r"^lesson\.ipynb: a parameter's value is written out, not 'a: int = 1 \+ 1'"),
        ("a: str = home()", r"^lesson\.ipynb: a parameter's value is written out, not 'a: str = home\(\)'"),
        ("a: dict = {[]: 1}", r"^lesson\.ipynb: a parameter's value is written out"),
    ],
)
def test_refuses_a_parameters_cell_that_papermill_would_lose(notebook, cell, message):
    with pytest.raises(ValueError, match=message):
        notebooks.parameters(notebook(parameters=cell))


def test_a_comment_is_read_behind_letters_of_any_alphabet(notebook):
    found = notebooks.parameters(notebook(parameters='a: str = "Häuser, дома"  # where they stand'))
    assert found["a"].help == "where they stand"


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"cells": []}', '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [3]}', "ä"],
)
def test_a_file_that_is_no_notebook_is_named(tmp_path, content):
    path = tmp_path / "broken.ipynb"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ValueError, match=r"broken\.ipynb (is no notebook that can be read|has 0 cells tagged)"):
        notebooks.parameters(path)


def test_a_parameter_is_given_once():
    assert parse_parameters([("name", "a"), ("epochs", "1")]) == {"name": "a", "epochs": "1"}
    with pytest.raises(ValueError, match=r"parameter name is given twice, as 'a' and 'b'"):
        parse_parameters([("name", "a"), ("epochs", "1"), ("name", "b")])
