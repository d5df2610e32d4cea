"""Small notebooks, and runs of them that stop where a kernel would start."""

from pathlib import Path

import nbformat
import pytest

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
