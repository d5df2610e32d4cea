"""Running notebooks: what papermill ignores is refused here."""

import json
import os
import signal
import subprocess
import sys
import time

import nbformat
import pytest

from segnet_lab import batch
from segnet_lab.batch import NotebookFailed

PARAMETERS = """\
epochs: int = 3  # how often
rate: float = 0.1
name: str = "x"  # a = b
flag: bool = False
sizes: list[int] = [1, 2]
models: list[str] = ["segnet_basic"]  # names of sl.list_models()"""


@pytest.fixture
def notebook(tmp_path):
    def write(*cells, parameters=PARAMETERS, name="lesson.ipynb"):
        nb = nbformat.v4.new_notebook()
        if parameters is not None:
            nb.cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
        nb.cells += [nbformat.v4.new_code_cell(cell) for cell in cells]
        nbformat.write(nb, tmp_path / name)
        return tmp_path / name

    return write


def printed(path):
    return "".join(
        o.text for c in nbformat.read(path, 4).cells for o in c.get("outputs", []) if o.get("name") == "stdout"
    )


def test_reads_the_parameters_cell(notebook):
    found = batch.parameters(notebook())
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
    ],
)
def test_reads_values_as_the_declared_type(notebook, given, expected):
    assert batch.check_parameters(notebook(), given) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"epoch": 3}, r"unknown parameter of lesson 'epoch'\. Did you mean 'epochs'\? Known: epochs, rate, name"),
        ({"epochs": "many"}, r"parameter epochs takes an int, not 'many'"),
        ({"epochs": 2.5}, r"parameter epochs takes an int, not 2\.5"),
        ({"flag": "perhaps"}, r"parameter flag takes a bool, not 'perhaps'"),
        ({"sizes": "1,x"}, r"parameter sizes takes a list\[int\] such as 1,2, not '1,x'"),
        ({"models": "segnet_basics"}, r"unknown models 'segnet_basics'\. Did you mean 'segnet_basic'"),
    ],
)
def test_refuses(notebook, given, message):
    with pytest.raises(ValueError, match=message):
        batch.check_parameters(notebook(), given)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (None, r"has 0 cells tagged 'parameters'"),
        ("epochs = 3", r"a parameter is written `name: type = value`, not 'epochs = 3'"),
        ("a: int = 1\nprint(a)", r"not 'print\(a\)'"),
    ],
)
def test_refuses_a_parameters_cell_that_papermill_would_lose(notebook, cell, message):
    with pytest.raises(ValueError, match=message):
        batch.parameters(notebook(parameters=cell))


def test_unknown_lesson():
    with pytest.raises(ValueError, match=r"unknown notebook '05_trian'\. Did you mean '05_train'"):
        batch.find_notebook("05_trian")
    assert batch.find_notebook("05") == batch.find_notebook("05_train")


def test_runs_with_other_parameters(notebook, tmp_path):
    output = batch.run_notebook(notebook("print(epochs, name)"), {"epochs": "8"}, tmp_path / "out" / "o.ipynb")
    assert printed(output) == "8 x\n"
    assert "SEGNET_HEADLESS" not in os.environ


def test_kernels_know_that_nobody_watches(notebook, tmp_path):
    cell = "from segnet_lab.progress import headless; print(headless())"
    assert printed(batch.run_notebook(notebook(cell), {}, tmp_path / "o.ipynb")) == "True\n"


def test_a_failed_run_is_kept_and_named(notebook, tmp_path):
    with pytest.raises(NotebookFailed, match=r"(?s)lesson.ipynb failed.*ZeroDivisionError.*is in .*o\.ipynb"):
        batch.run_notebook(notebook("print('before')", "1 / 0", "print('after')"), {}, tmp_path / "o.ipynb")
    assert printed(tmp_path / "o.ipynb") == "before\n"
    assert batch.unexecuted_cells(tmp_path / "o.ipynb")


def test_a_kernel_that_dies_is_a_failure(notebook, tmp_path):
    with pytest.raises(NotebookFailed, match=r"DeadKernel|died"):
        batch.run_notebook(notebook("print('x')", "import os; os._exit(1)", "print('y')"), {}, tmp_path / "o.ipynb")


def test_a_terminated_run_keeps_what_it_printed(notebook, tmp_path):
    # a cluster's time limit sends SIGTERM
    path = notebook("import time\nwhile True: print('started'); time.sleep(0.5)")
    code = (
        f"from segnet_lab.batch import run_notebook; run_notebook({str(path)!r}, {{}}, {str(tmp_path / 'o.ipynb')!r})"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (
        (tmp_path / "o.ipynb").exists() and "started" in printed(tmp_path / "o.ipynb")
    ):
        time.sleep(0.2)
    process.terminate()
    assert process.wait(20) != 0
    assert printed(tmp_path / "o.ipynb").startswith("started")


def test_sweeps_over_a_grid(notebook, tmp_path):
    path = notebook("assert epochs != 2, 'two'\nprint(epochs, name)")
    results = batch.sweep(path, {"epochs": ["1", "2"], "name": ["a", "b"]}, tmp_path / "sweep", jobs=2)
    names = [f"lesson-epochs={epochs}-name={name}.ipynb" for epochs in (1, 2) for name in "ab"]
    assert [p.name for p in results] == names
    assert "SEGNET_HEADLESS" not in os.environ  # of two kernels at once, either one may end last
    assert [error is None for error in results.values()] == [True, True, False, False]
    assert printed(tmp_path / "sweep" / names[1]) == "1 b\n"


def test_refresh_puts_outputs_in_and_leaves_no_trace_of_the_run(notebook, monkeypatch, tmp_path):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path / "runs"))
    path = notebook("print(epochs)", "rate * 2")
    batch.refresh(path)
    first = path.read_text()
    assert printed(path) == "3\n"
    content = json.loads(first)
    assert set(content["metadata"]) == {"kernelspec", "language_info"}
    assert all(set(c["metadata"]) <= {"tags"} for c in content["cells"])
    batch.refresh(path)
    assert path.read_text() == first


def test_refresh_joins_what_was_printed_in_pieces(notebook, monkeypatch, tmp_path):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path / "runs"))
    path = notebook("import time\nfor n in range(3): print(n, flush=True); time.sleep(0.3)\ndisplay(1)\nprint(3)")
    batch.refresh(path)
    outputs = nbformat.read(path, 4).cells[1].outputs
    assert [o.get("text") for o in outputs] == ["0\n1\n2\n", None, "3\n"]


def test_refresh_refuses_what_complains(notebook, monkeypatch, tmp_path):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path / "runs"))
    path = notebook("import sys; print('trouble', file=sys.stderr)")
    before = path.read_text()
    with pytest.raises(NotebookFailed, match="cell 1 wrote to stderr: trouble"):
        batch.refresh(path)
    assert path.read_text() == before
