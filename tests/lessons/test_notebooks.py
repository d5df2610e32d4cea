"""Running notebooks: what papermill ignores is refused here."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import nbformat
import papermill
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segnet_lab.lessons import notebooks
from segnet_lab.lessons.notebooks import NotebookFailed

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


def test_unknown_lesson():
    with pytest.raises(ValueError, match=r"unknown notebook '05_trian'\. Did you mean '05_train'"):
        notebooks.find_notebook("05_trian")
    assert notebooks.find_notebook("05") == notebooks.find_notebook("05_train")


def test_runs_with_other_parameters(notebook, tmp_path):
    output = notebooks.run_notebook(notebook("print(epochs, name)"), {"epochs": "8"}, tmp_path / "out" / "o.ipynb")
    assert printed(output) == "8 x\n"
    assert "SEGNET_LAB_HEADLESS" not in os.environ


def test_kernels_know_that_nobody_watches(notebook, tmp_path):
    cell = "from segnet_lab._support.progress import headless; print(headless())"
    assert printed(notebooks.run_notebook(notebook(cell), {}, tmp_path / "o.ipynb")) == "True\n"


def test_a_kernel_finds_the_runs_that_were_checked(notebook, tmp_path, monkeypatch):
    """Of sets of one name, here and among one's trainings, the check before and the kernel take the same."""
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


def test_a_kernel_that_dies_is_a_failure(notebook, tmp_path):
    with pytest.raises(NotebookFailed, match=r"DeadKernel|died"):
        notebooks.run_notebook(notebook("print('x')", "import os; os._exit(1)", "print('y')"), {}, tmp_path / "o.ipynb")


@pytest.mark.parametrize("deaths", [2, 3])
def test_a_kernel_that_dies_before_its_first_cell_is_started_again(notebook, no_kernel, monkeypatch, tmp_path, deaths):
    left, execute = [deaths], papermill.execute_notebook

    def start(*arguments, **options):
        if left[0]:
            left[0] -= 1
            raise RuntimeError("Kernel died before replying to kernel_info")  # two picked the same port
        return execute(*arguments, **options)

    monkeypatch.setattr(papermill, "execute_notebook", start)
    path, output = notebook(), tmp_path / "o.ipynb"
    if deaths < notebooks.KERNEL_STARTS:
        assert notebooks.run_notebook(path, {}, output) == output
    else:
        with pytest.raises(NotebookFailed, match="died before replying"):
            notebooks.run_notebook(path, {}, output)


def test_a_terminated_run_keeps_what_it_printed(notebook, tmp_path):
    # a cluster's time limit sends SIGTERM
    path = notebook("import time\nwhile True: print('started'); time.sleep(0.5)")
    output = str(tmp_path / "o.ipynb")
    code = f"from segnet_lab.lessons.notebooks import run_notebook; run_notebook({str(path)!r}, {{}}, {output!r})"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        for _ in range(300):
            # papermill empties the file before it writes it anew: between the two there is no notebook to read
            with suppress(FileNotFoundError, nbformat.reader.NotJSONError):
                if "started" in printed(tmp_path / "o.ipynb"):
                    break
            time.sleep(0.2)
        process.terminate()
        assert process.wait(60) != 0
    finally:
        process.kill()
        process.wait()
    assert printed(tmp_path / "o.ipynb").startswith("started")


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


@pytest.fixture
def no_kernel(monkeypatch):
    """Runs stop where a kernel would start; what papermill would have got."""
    calls = []

    def execute(source, output, given, **options):
        calls.append((Path(output), dict(given), options))
        nb = nbformat.read(source, 4)
        nb.metadata["papermill"] = {"input_path": str(source), "parameters": given}
        for count, cell in enumerate(nb.cells, 1):
            cell.execution_count = count
        nbformat.write(nb, output)

    monkeypatch.setattr("papermill.execute_notebook", execute)
    return calls


def test_what_is_printed_has_time_to_arrive_and_the_kernel_is_quiet(notebook, no_kernel, tmp_path):
    notebooks.run_notebook(notebook("1"), {}, tmp_path / "o.ipynb")
    assert no_kernel[0][2]["iopub_timeout"] >= 60
    assert no_kernel[0][2]["extra_arguments"] == ["--IPKernelApp.log_level=50"]


def test_however_much_waits_to_be_read_nothing_is_dropped():
    kernel = notebooks._headless_kernel()()
    client = kernel.client()
    with client.context.socket(2) as socket:  # SUB, as that on which a kernel's prints arrive
        assert socket.rcvhwm == 0


def test_a_notebook_of_ones_own_is_never_the_output(notebook, no_kernel, monkeypatch, tmp_path):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path / "runs"))
    path, other = notebook("1"), notebook("2", name="other.ipynb")
    for output in (path, other, notebooks.find_notebook("05")):
        with pytest.raises(ValueError, match=rf"{output.name} is a notebook of its own, no executed copy"):
            notebooks.run_notebook(path, {}, output)
    copy = notebooks.run_notebook(path, {}, tmp_path / "o.ipynb")
    assert notebooks.run_notebook(path, {"epochs": 5}, copy) == copy  # an executed copy may be made again
    with pytest.raises(ValueError, match=r"o\.ipynb is a notebook of its own"):
        notebooks.run_notebook(copy, {}, copy)  # but not from itself
    assert len(no_kernel) == 2
    ours = notebooks.run_notebook(path)
    assert ours == tmp_path / "runs" / "notebooks" / "lesson.ipynb"
    with pytest.raises(ValueError, match=r"is a notebook of its own"):
        notebooks.run_notebook(ours)


def test_sweeps_over_a_grid(notebook, tmp_path):
    path = notebook("assert epochs != 2, 'two'\nprint(epochs, name)")
    results = notebooks.sweep(path, {"epochs": ["1", "2"], "name": ["a", "b"]}, tmp_path / "sweep", jobs=2)
    names = [f"lesson-epochs={epochs}-name={name}.ipynb" for epochs in (1, 2) for name in "ab"]
    assert [p.name for p in results] == names
    assert "SEGNET_LAB_HEADLESS" not in os.environ  # of two kernels at once, either one may end last
    assert [error is None for error in results.values()] == [True, True, False, False]
    assert printed(tmp_path / "sweep" / names[1]) == "1 b\n"


def swept(path, grid, folder):
    return [output.name for output in notebooks.sweep(path, grid, folder)]


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
    names = [notebooks.combined_name("x/lesson.ipynb", each) for each in given]
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
    names = [notebooks.combined_name("lesson.ipynb", given) for given in (one, other)]
    assert names[0] != names[1]
    assert all("/" not in name for name in names)


def test_a_sweep_stays_in_its_folder_and_replaces_nothing_of_another(notebook, no_kernel, tmp_path):
    path = notebook("1")
    notebooks.sweep(path, {"name": [str(tmp_path / "elsewhere"), "../up", "a"]}, tmp_path / "out")
    assert all(output.parent == tmp_path / "out" for output, _, _ in no_kernel)
    assert len(list((tmp_path / "out").iterdir())) == 3
    assert {p.name for p in tmp_path.iterdir()} == {"lesson.ipynb", "out"}
    swept(path, {"epochs": [1, 2]}, tmp_path / "out")  # another parameter: other names
    assert len(list((tmp_path / "out").iterdir())) == 5
    swept(path, {"name": ["a"]}, tmp_path / "out")  # the same again may replace itself

    (tmp_path / "other").mkdir()
    namesake = notebook("2", name="other/lesson.ipynb")
    with pytest.raises(ValueError, match=r"lesson-name=a\.ipynb is there already, from another sweep"):
        notebooks.sweep(namesake, {"name": ["b", "a"]}, tmp_path / "out")
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
        notebooks.sweep(notebook("1"), grid, tmp_path / "out")
    assert no_kernel == []


@pytest.mark.parametrize("jobs", [0, -1, "2", 1.5])
def test_a_sweep_refuses_a_number_of_jobs_before_anything_runs(notebook, no_kernel, tmp_path, jobs):
    with pytest.raises(ValueError, match=f"jobs={jobs!r}: give how many notebooks to run at a time"):
        notebooks.sweep(notebook("1"), {"epochs": [1]}, tmp_path / "out", jobs)
    assert no_kernel == []


def test_a_typed_grid(notebook):
    path = notebook()
    assert notebooks.parse_grid(path, [("epochs", "1,2"), ("name", "a, b"), ("epochs", "3")]) == {
        "epochs": ["1", "2", "3"],
        "name": ["a", "b"],
    }
    assert notebooks.parse_grid(path, [("sizes", "48,64; 96,128"), ("models", "unet;")]) == {
        "sizes": ["48,64", "96,128"],
        "models": ["unet"],
    }
    with pytest.raises(ValueError, match=r'sizes is a list: .* as in -g sizes "90,120;1,2"; one alone is "90,120;"'):
        notebooks.parse_grid(path, [("sizes", "90,120")])
    with pytest.raises(ValueError, match=r"unknown parameter of lesson 'size'\. Did you mean 'sizes'"):
        notebooks.parse_grid(path, [("size", "1;2")])
    with pytest.raises(ValueError, match=r"parameter name is given twice, as 'a' and 'b'"):
        notebooks.parse_parameters([("name", "a"), ("epochs", "1"), ("name", "b")])


def test_refresh_puts_outputs_in_and_leaves_no_trace_of_the_run(notebook, monkeypatch, tmp_path):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path / "runs"))
    path = notebook("print(epochs)", "rate * 2")
    notebooks.refresh(path)
    first = path.read_text()
    assert printed(path) == "3\n"
    content = json.loads(first)
    assert set(content["metadata"]) == {"kernelspec", "language_info"}
    assert all(set(c["metadata"]) <= {"tags"} for c in content["cells"])
    notebooks.refresh(path)
    assert path.read_text() == first


def test_refresh_joins_what_was_printed_in_pieces(notebook, monkeypatch, tmp_path):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path / "runs"))
    path = notebook("import time\nfor n in range(3): print(n, flush=True); time.sleep(0.3)\ndisplay(1)\nprint(3)")
    notebooks.refresh(path)
    outputs = nbformat.read(path, 4).cells[1].outputs
    assert [o.get("text") for o in outputs] == ["0\n1\n2\n", None, "3\n"]


def test_refresh_refuses_what_complains(notebook, monkeypatch, tmp_path):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path / "runs"))
    path = notebook("import sys; print('trouble', file=sys.stderr)")
    before = path.read_text()
    with pytest.raises(NotebookFailed, match="cell 1 wrote to stderr: trouble"):
        notebooks.refresh(path)
    assert path.read_text() == before
