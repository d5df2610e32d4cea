"""A name of a run means the same everywhere: the same folder, in the same order of places."""

import os
from pathlib import Path

import pytest

from segnet_lab import results
from segnet_lab._support.folders import shipped
from segnet_lab.results.overview import runs_table
from segnet_lab.runs.places import every_run, find, find_run, held, is_set, name_of, said, sets_at_hand

RUN = '{"model": {"name": "segnet_basic"}, "data": {"name": "roadscenes"}, "recipe": {"epochs": 3}}'
HERE, RUNS_HERE, KEPT = "here", "here/runs", "deep/kept"  # below tmp_path: where one stands, and SEGNET_LAB_RUNS


@pytest.fixture
def write(tmp_path, monkeypatch):
    """A function that writes run directories; one stands in here/, and keeps trainings in deep/kept/."""
    for folder in (HERE, KEPT):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / HERE)
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path / KEPT))

    def write(*names):
        for name in names:
            (tmp_path / name).mkdir(parents=True)
            (tmp_path / name / "run.json").write_text(RUN)

    return write


def same(found, folder):
    return found is not None and os.path.realpath(found) == os.path.realpath(folder)


@pytest.mark.parametrize("name", ["y", "y/src"])  # a set and a run of it
def test_the_path_comes_first_then_runs_then_ones_trainings(write, tmp_path, name):
    for place in (KEPT, RUNS_HERE, HERE):
        write(f"{place}/y/src")
        assert same(find(name), tmp_path / place / name)
        assert same(results.find_runs("y"), tmp_path / place / "y")
        assert same(results.list_runs("y")["src"], tmp_path / place / "y" / "src")
        assert same(find_run("y/src"), tmp_path / place / "y" / "src")
    assert [path.resolve() for path in held(name)] == [tmp_path / place / name for place in (HERE, RUNS_HERE, KEPT)]
    assert said(name, find(name)) == f"{name} ({tmp_path / HERE / name})"


@pytest.mark.parametrize("place", [KEPT, RUNS_HERE, HERE])
@pytest.mark.parametrize("name", ["roadscenes", "roadscenes/segnet_basic"])
def test_the_kits_runs_come_last_and_by_the_name_of_their_folder(write, tmp_path, place, name):
    kits = shipped("results") / name
    assert same(find(name), kits)
    assert said(name, find(name)) == name  # nothing to tell apart
    write(f"{place}/roadscenes/segnet_basic")
    assert same(find(name), tmp_path / place / name)
    assert same(find(f"results/{name}"), kits)
    assert str(tmp_path / place / name) in said(name, find(name))


def test_runs_may_stand_before_a_name(write, tmp_path, monkeypatch):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path / "there" / "runs"))
    write("there/runs/y/src", "there/runs/alone")
    assert same(find("runs/y"), tmp_path / "there/runs/y")  # as from another folder than the checkout
    assert same(find("runs"), tmp_path / "there/runs")
    write(f"{RUNS_HERE}/y/src")
    assert same(find("runs/y"), tmp_path / RUNS_HERE / "y")


def test_a_path_that_goes_up_or_is_absolute_means_itself(write, tmp_path):
    write("deep/other/y", "other/x")
    assert find("../other/y") is None  # of here; there is one of deep/kept
    assert same(find("../other/x"), tmp_path / "other/x")
    assert same(find(tmp_path / "deep/other/y"), tmp_path / "deep/other/y")
    assert find("/nowhere/y") is None


def test_a_set_is_no_run_and_a_run_no_set(write, tmp_path):
    write(f"{HERE}/y/a", f"{HERE}/y/b", f"{RUNS_HERE}/roadscenes")
    with pytest.raises(ValueError, match="y is a set of runs: name one of them, y/a, y/b"):
        find_run("y")
    with pytest.raises(ValueError, match=r"unknown set of runs 'y/a'.* y/a is a run: give the set that holds it"):
        results.find_runs("y/a")
    assert same(results.find_runs("roadscenes"), shipped("results") / "roadscenes")  # a single run hides no set
    assert runs_table(["roadscenes"]).run.tolist() == ["roadscenes"]


def test_what_is_not_there_says_what_is_and_where_was_looked(write, tmp_path):
    write(f"{HERE}/y/a", f"{RUNS_HERE}/z/a", f"{KEPT}/x/a", f"{KEPT}/alone")
    with pytest.raises(ValueError, match="unknown set of runs 'own'") as of_set:
        results.find_runs("own")
    with pytest.raises(FileNotFoundError, match=r"own is no run directory: it has no run\.json") as of_run:
        find_run("own")
    for message in map(str, (of_set.value, of_run.value)):
        known, looked = message.split("Known: ")[1].split("; looked in ")
        assert set(sets_at_hand()) <= set(known.split(", "))
        assert {"x", "y", "z", "roadscenes"} <= set(known.split(", "))
        places = [tmp_path / HERE, tmp_path / RUNS_HERE, tmp_path / KEPT, shipped("results")]
        assert looked.strip(".").split(", ") == [str(place.resolve()) for place in places]
    assert "alone" in str(of_run.value)
    with pytest.raises(FileNotFoundError, match=r"Known: a; looked in"):
        find_run("x/b")
    with pytest.raises(FileNotFoundError, match=r"Known: a$"):
        find_run(tmp_path / KEPT / "x" / "b")


EVERYWHERE = [f"{place}/{name}" for place in (HERE, RUNS_HERE, KEPT) for name in ("y/src", "roadscenes/fcn", "alone")]


@pytest.mark.parametrize("written", [EVERYWHERE, EVERYWHERE[3:], EVERYWHERE[6:], [*EVERYWHERE[:3], *EVERYWHERE[6:]]])
def test_every_run_is_listed_once_by_a_name_that_finds_it(write, tmp_path, written):
    write(*written)
    kits = {os.path.realpath(file.parent) for file in shipped("results").glob("*/*/run.json")}
    listed = [os.path.realpath(run) for run in every_run()]
    assert sorted(listed) == sorted({os.path.realpath(tmp_path / name) for name in written} | kits)
    names = [name_of(run) for run in every_run()]
    assert [os.path.realpath(find_run(name)) for name in names] == listed
    assert len(set(names)) == len(names)
    assert len(runs_table()) == len(listed)
    assert all(is_set(find(name)) for name in sets_at_hand())
    first = find("y/src")
    assert name_of(first) == "y/src"
    hidden = [run for run in every_run() if run.name == "src" and not same(run, first)]
    assert all(name_of(run) != "y/src" for run in hidden)


@pytest.mark.parametrize("own", [RUNS_HERE, HERE])
def test_one_folder_under_two_names_is_one_place(write, tmp_path, monkeypatch, own):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path / own))
    write(f"{RUNS_HERE}/y/src")
    (tmp_path / HERE / "runs" / "z-link").symlink_to(tmp_path / RUNS_HERE / "y", target_is_directory=True)
    assert [name_of(run) for run in every_run() if run.name == "src"] == ["y/src"]
    assert len(list(held("y/src"))) == 1


def test_without_a_place_of_its_own_a_name_is_relative(write, monkeypatch):
    monkeypatch.setenv("SEGNET_LAB_RUNS", "nowhere")
    write(f"{HERE}/nowhere/y/src")
    assert find("y/src") == Path("nowhere/y/src")


def test_a_folder_that_may_not_be_looked_into_holds_no_run(write, monkeypatch):
    write(f"{KEPT}/y/src")

    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "is_file", refuse)
    assert find("y/src") is None
    assert find("y") is None


def test_a_table_of_one_set_by_its_name(write):
    write(f"{KEPT}/y/src")
    assert runs_table("y").run.tolist() == runs_table(["y"]).run.tolist() == ["src"]
