"""Every combination of values once, each in a file of its own below the folder."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segnet_lab.lessons.sweeps import combined_name, parse_grid, sweep
from tests.lessons.reading import printed


def test_sweeps_over_a_grid(notebook, tmp_path):
    path = notebook("assert epochs != 2, 'two'\nprint(epochs, name)")
    results = sweep(path, {"epochs": ["1", "2"], "name": ["a", "b"]}, tmp_path / "sweep", jobs=2)
    names = [f"lesson-epochs={epochs}-name={name}.ipynb" for epochs in (1, 2) for name in "ab"]
    assert [p.name for p in results] == names
    assert "SEGNET_LAB_HEADLESS" not in os.environ  # of two kernels at once, either one may end last
    assert [error is None for error in results.values()] == [True, True, False, False]
    assert printed(tmp_path / "sweep" / names[1]) == "1 b\n"


def swept(path, grid, folder):
    return [output.name for output in sweep(path, grid, folder)]


def test_a_sweep_runs_every_combination_once(notebook, no_kernel, tmp_path):
    path = notebook("1")
    assert len(swept(path, {"name": ["a-b", "a"], "epochs": [1, 2]}, tmp_path)) == 4
    assert [given for _, given, _ in no_kernel] == [
        {"name": name, "epochs": epochs} for name in ("a-b", "a") for epochs in (1, 2)
    ]
    no_kernel.clear()
    assert len(swept(path, {"epochs": [1, "1", 1.0, 2]}, tmp_path)) == 2  # one value, written in three ways
    assert [given for _, given, _ in no_kernel] == [{"epochs": 1}, {"epochs": 2}]


@given(st.lists(st.text(max_size=80), min_size=2, max_size=6, unique=True), st.booleans())
def test_other_values_have_other_names_below_the_folder(values, listed):
    given = [{"a": [value] if listed else value, "b": 1} for value in values]
    names = [combined_name("x/lesson.ipynb", each) for each in given]
    assert len(set(names)) == len(names)
    for name in names:
        assert Path(name).name == name
        assert len(name.encode()) <= 250
        assert name.startswith("lesson-a=")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": "x-b=y", "b": "z"}, {"a": "x", "b": "y-b=z"}),
        ({"a": "x-y", "b": "z"}, {"a": "x", "b": "y-z"}),
        ({"a": "/data/set a"}, {"a": "/data/set-a"}),
        ({"a": "data-set"}, {"a": "data/set"}),
        ({"a": ["x", "y"]}, {"a": ["x,y"]}),
        ({"a": "x" * 300}, {"a": "x" * 301}),
        ({"a": ".."}, {"a": "."}),
        ({"a": 1}, {"a": -1}),
        ({"a": True}, {"a": False}),
    ],
)
def test_names_that_nearly_collide(one, other):
    names = [combined_name("lesson.ipynb", given) for given in (one, other)]
    assert names[0] != names[1]
    assert all("/" not in name for name in names)


def test_a_sweep_stays_in_its_folder_and_replaces_nothing_of_another(notebook, no_kernel, tmp_path):
    path = notebook("1")
    sweep(path, {"name": [str(tmp_path / "elsewhere"), "../up", "a"]}, tmp_path / "out")
    assert all(output.parent == tmp_path / "out" for output, _, _ in no_kernel)
    assert len(list((tmp_path / "out").iterdir())) == 3
    assert {p.name for p in tmp_path.iterdir()} == {"lesson.ipynb", "out"}
    swept(path, {"epochs": [1, 2]}, tmp_path / "out")  # another parameter: other names
    assert len(list((tmp_path / "out").iterdir())) == 5
    swept(path, {"name": ["a"]}, tmp_path / "out")  # the same again may replace itself

    (tmp_path / "other").mkdir()
    namesake = notebook("2", name="other/lesson.ipynb")
    with pytest.raises(ValueError, match=r"lesson-name=a\.ipynb is there already, from another sweep"):
        sweep(namesake, {"name": ["b", "a"]}, tmp_path / "out")
    assert not (tmp_path / "out" / "lesson-name=b.ipynb").exists()  # nothing was run


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"epochs": "12"}, r"epochs='12': give a list"),
        ({"epochs": []}, r"epochs=\[\]: give a list of one or more values"),
        ({"epochs": [1, "x"]}, r"parameter epochs takes an int, not 'x'"),
        ({"epoch": [1]}, r"unknown parameter of lesson 'epoch'"),
    ],
)
def test_a_sweep_refuses_before_anything_runs(notebook, no_kernel, tmp_path, grid, message):
    with pytest.raises(ValueError, match=message):
        sweep(notebook("1"), grid, tmp_path / "out")
    assert no_kernel == []


@pytest.mark.parametrize("jobs", [0, -1, "2", 1.5])
def test_a_sweep_refuses_a_number_of_jobs_before_anything_runs(notebook, no_kernel, tmp_path, jobs):
    with pytest.raises(ValueError, match=f"jobs={jobs!r}: give how many notebooks to run at a time"):
        sweep(notebook("1"), {"epochs": [1]}, tmp_path / "out", jobs)
    assert no_kernel == []


def test_a_typed_grid(notebook):
    path = notebook()
    assert parse_grid(path, [("epochs", "1,2"), ("name", "a, b"), ("epochs", "3")]) == {
        "epochs": ["1", "2", "3"],
        "name": ["a", "b"],
    }
    assert parse_grid(path, [("sizes", "48,64; 96,128"), ("models", "unet;")]) == {
        "sizes": ["48,64", "96,128"],
        "models": ["unet"],
    }
    with pytest.raises(ValueError, match=r'sizes is a list: .* as in -g sizes "90,120;1,2"; one alone is "90,120;"'):
        parse_grid(path, [("sizes", "90,120")])
    with pytest.raises(ValueError, match=r"unknown parameter of lesson 'size'\. Did you mean 'sizes'"):
        parse_grid(path, [("size", "1;2")])
