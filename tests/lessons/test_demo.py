import os

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from segnet_lab.cli import main
from segnet_lab.lessons import demo, demo_page, notebooks
from segnet_lab.results.tables import list_runs


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def lesson(path, code):
    """A notebook with one parameter and one more cell."""
    cells = [new_code_cell("x: int = 1  # a number", metadata={"tags": ["parameters"]}), new_code_cell(code)]
    nbformat.write(new_notebook(cells=cells), path)
    return str(path)


def task(path, code, **options):
    return demo.Task(path.stem, lesson(path, code), {"x": 2}, path.parent / "out" / path.name, **options)


def test_every_lesson_takes_the_parameters_it_is_given(runs):
    trainings, lessons = demo.plan("demo", 3)
    for each in trainings + lessons:
        notebooks.check_parameters(each.lesson, {name: str(value) for name, value in each.parameters.items()})
    assert [t.run.path for t in trainings] == [runs / "demo" / network for network in demo.NETWORKS]
    assert all(t.inputs == [run.run.scores_file for run in trainings] for t in lessons)
    assert not any(t.done() for t in trainings + lessons)


def test_lessons_look_at_what_the_demo_trains(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("demo", "demo-3"):  # other sets of these names, where one stands
        (tmp_path / folder / "x").mkdir(parents=True)
        (tmp_path / folder / "x" / "run.json").write_text("{}")
        assert {task.parameters["runs"] for task in demo.plan(folder, 3)[1]} == {f"runs{os.sep}{folder}"}
    assert {task.parameters["runs"] for task in demo.plan("demo-4", 4)[1]} == {"demo-4"}


def test_the_command_line_has_the_same_default():
    (epochs,) = (option for option in main.commands["demo"].params if option.name == "epochs")
    assert epochs.default == demo.EPOCHS


def test_what_is_newer_than_its_inputs_is_kept(tmp_path, capsys):
    scores = tmp_path / "scores.json"
    scores.write_text("{}")
    first = task(tmp_path / "first.ipynb", "print(x + 1)", inputs=[scores])
    demo.perform([first])
    cells = nbformat.read(first.output, as_version=4).cells
    assert cells[-1].outputs[0].text == "3\n"  # 2 + 1: the parameter came through
    demo.perform([first])
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["done", "already"]
    os.utime(scores, (first.output.stat().st_mtime + 5,) * 2)
    assert not first.done()


def test_a_failure_says_what_happened_and_stops_the_others(tmp_path):
    slow = task(tmp_path / "slow.ipynb", "import time; time.sleep(600)")
    broken = task(tmp_path / "broken.ipynb", "raise ValueError('no such street')")
    with pytest.raises(RuntimeError, match=r"(?s)broken failed.*no such street"):
        demo.perform([slow, broken])
    assert slow.process.poll() is not None
    assert broken.output.exists()  # the partial notebook
    assert not slow.done()


@pytest.mark.slow
def test_from_nothing_to_the_table(runs, monkeypatch, capsys):
    monkeypatch.setattr(
        demo, "TRAINING", demo.TRAINING | {"size": "48,64", "width": 0.125, "images": 24, "val_images": 4}
    )
    monkeypatch.setattr(demo, "NETWORKS", ("segnet_basic", "bilinear_interpolation"))
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("SEGNET_LAB_HEADLESS", raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    opened = []
    monkeypatch.setattr(demo_page.webbrowser, "open", lambda address: opened.append(address) or True)
    table = demo.run_demo(epochs=2)
    assert list(table.index) == list(list_runs("demo-2")) == ["bilinear_interpolation", "segnet_basic"]
    assert list(table.columns) == ["G", "C", "mIoU", "BF"]
    said = capsys.readouterr().out
    page = runs / "demo-2" / "index.html"
    assert opened == [page.as_uri()]
    assert f"one page (in your browser):\n\n    {page}" in said
    assert "20_qualitative" in said
    assert "Ours: roadscenes val (4 of 60), 4 images at 48x64; BF by convention 'paper'" in said
    assert 'href="05_train-segnet_basic.ipynb"' in page.read_text(encoding="utf-8")
    written = {file: file.stat().st_mtime_ns for file in runs.rglob("*.ipynb")}
    assert len(written) == 5
    assert demo.run_demo(epochs=2, open_page=False).equals(table)
    assert len(opened) == 1
    assert written == {file: file.stat().st_mtime_ns for file in runs.rglob("*.ipynb")}  # no work twice
