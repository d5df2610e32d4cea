"""Kernels of batch runs: quiet, started again if they die at once, and saved when they are terminated."""

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import nbformat
import papermill
import pytest

from segnet_lab.lessons.kernels import STARTS, HeadlessKernel, execute
from segnet_lab.lessons.notebooks import NotebookFailed, run_notebook
from tests.lessons.reading import printed


def test_kernels_know_that_nobody_watches(notebook, tmp_path):
    cell = "from segnet_lab._support.progress import headless; print(headless())"
    assert printed(run_notebook(notebook(cell), {}, tmp_path / "o.ipynb")) == "True\n"


def test_a_kernel_that_dies_is_a_failure(notebook, tmp_path):
    with pytest.raises(NotebookFailed, match=r"DeadKernel|died"):
        run_notebook(notebook("print('x')", "import os; os._exit(1)", "print('y')"), {}, tmp_path / "o.ipynb")


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
    if deaths < STARTS:
        assert run_notebook(path, {}, output) == output
    else:
        with pytest.raises(NotebookFailed, match="died before replying"):
            run_notebook(path, {}, output)


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


def test_what_is_printed_has_time_to_arrive_and_the_kernel_is_quiet(notebook, no_kernel, tmp_path):
    run_notebook(notebook("1"), {}, tmp_path / "o.ipynb")
    assert no_kernel[0][2]["iopub_timeout"] >= 60
    assert no_kernel[0][2]["extra_arguments"] == ["--IPKernelApp.log_level=50"]


def test_however_much_waits_to_be_read_nothing_is_dropped():
    kernel = HeadlessKernel()
    client = kernel.client()
    with client.context.socket(2) as socket:  # SUB, as that on which a kernel's prints arrive
        assert socket.rcvhwm == 0


def test_papermill_is_given_a_path_that_no_change_of_directory_moves(monkeypatch, tmp_path):
    # two notebooks side by side change the directory under each other, and it stays changed for the next ones
    given = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("papermill.execute_notebook", lambda source, output, *_, **__: given.append((source, output)))
    execute(Path("lesson.ipynb"), Path("runs/lesson.ipynb"), {})
    assert given == [(tmp_path / "lesson.ipynb", tmp_path / "runs" / "lesson.ipynb")]
