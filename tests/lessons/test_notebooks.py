"""Running notebooks: what papermill ignores is refused here."""

import os

import nbformat
import pytest

from segnet_lab.lessons import notebooks
from segnet_lab.lessons.notebooks import NotebookFailed
from tests.lessons.reading import printed


def test_unknown_lesson():
    with pytest.raises(ValueError, match=r"unknown notebook '05_trian'\. Did you mean '05_train'"):
        notebooks.find_notebook("05_trian")
    assert notebooks.find_notebook("05") == notebooks.find_notebook("05_train")


def test_runs_with_other_parameters(notebook, tmp_path):
    output = notebooks.run_notebook(notebook("print(epochs, name)"), {"epochs": "8"}, tmp_path / "out" / "o.ipynb")
    assert printed(output) == "8 x\n"
    assert "SEGNET_LAB_HEADLESS" not in os.environ


def test_a_kernel_finds_the_runs_that_were_checked(notebook, tmp_path, monkeypatch):
    """Of sets of one name, here and among the saved runs, the check before and the kernel take the same."""
    run = '{"model": {"name": "segnet_basic"}, "data": {}, "recipe": {}}'
    for folder in ("here/runs/own/a", "kept/own/b", "kept/own/c"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "run.json").write_text(run)
    monkeypatch.setenv("SEGNET_LAB_RUNS", "../kept")
    monkeypatch.chdir(tmp_path / "here")
    parameters = 'runs: str = "roadscenes"\nmodel: str = ""'
    path = notebook("from segnet_lab.results import list_runs\nprint(*list_runs(runs))", parameters=parameters)
    with pytest.raises(ValueError, match=r"unknown run of own 'b'\. Known: a$"):
        notebooks.check_values(path, {"runs": "own", "model": "b"})
    output = notebooks.run_notebook(path, {"runs": "own", "model": "a"})
    assert printed(output) == "a\n"
    assert output.resolve() == tmp_path / "kept" / "notebooks" / "lesson.ipynb"


def test_a_failed_run_is_kept_and_named(notebook, tmp_path):
    with pytest.raises(NotebookFailed, match=r"(?s)lesson.ipynb failed.*ZeroDivisionError.*is in .*o\.ipynb"):
        notebooks.run_notebook(notebook("print('before')", "1 / 0", "print('after')"), {}, tmp_path / "o.ipynb")
    assert printed(tmp_path / "o.ipynb") == "before\n"
    assert notebooks.unexecuted_cells(tmp_path / "o.ipynb")


def test_a_cell_that_only_started_was_not_run(notebook):
    # what papermill leaves when it is killed in the last cell
    path = notebook("print(1)", "print(2)", "")
    nb = nbformat.read(path, 4)
    for count, cell in enumerate(nb.cells[:3], 1):
        cell.execution_count = count
        cell.metadata["papermill"] = {"end_time": None if count == 3 else "2024-01-01", "status": "running"}
    nbformat.write(nb, path)
    assert notebooks.unexecuted_cells(path) == [2]
    nb.cells[2].metadata["papermill"]["end_time"] = "2024-01-01"
    nb.cells[1].execution_count = None  # left out by a crash: papermill calls it completed
    nbformat.write(nb, path)
    assert notebooks.unexecuted_cells(path) == [1]
    for cell in nb.cells:  # run elsewhere, say in JupyterLab
        cell.metadata.pop("papermill", None)
    nbformat.write(nb, path)
    assert notebooks.unexecuted_cells(path) == [1]


def test_a_notebook_of_ones_own_is_never_the_output(notebook, no_kernel, monkeypatch, tmp_path):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path / "runs"))
    path, other = notebook("1"), notebook("2", name="other.ipynb")
    for output in (path, other, notebooks.find_notebook("05")):
        with pytest.raises(ValueError, match=rf"{output.name} is not an executed copy and would be overwritten"):
            notebooks.run_notebook(path, {}, output)
    copy = notebooks.run_notebook(path, {}, tmp_path / "o.ipynb")
    assert notebooks.run_notebook(path, {"epochs": 5}, copy) == copy  # an executed copy may be made again
    with pytest.raises(ValueError, match=r"o\.ipynb is not an executed copy"):
        notebooks.run_notebook(copy, {}, copy)  # but not from itself
    assert len(no_kernel) == 2
    ours = notebooks.run_notebook(path)
    assert ours == tmp_path / "runs" / "notebooks" / "lesson.ipynb"
    with pytest.raises(ValueError, match=r"is not an executed copy"):
        notebooks.run_notebook(ours)
