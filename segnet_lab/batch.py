"""Run notebooks from the command line or in bulk: papermill, with the checks it lacks.

papermill only logs an unknown parameter and then runs with the default; its own parser loses parameters that
it cannot read. Here the `parameters` cell is read as Python, and what it does not have is refused by name.
"""

import ast
import asyncio
import os
import signal
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path
from typing import NamedTuple

import nbformat

from segnet_lab._messages import unknown
from segnet_lab.files import write_text
from segnet_lab.folders import runs_dir, shipped


class Parameter(NamedTuple):
    """One line `name: type = value  # help` of a parameters cell."""

    name: str
    type: str  # int, float, str, bool, list[str], ...
    default: object
    help: str


class NotebookFailed(RuntimeError):
    """A notebook stopped with an error. The message names the cell and the partial notebook."""


def list_notebooks() -> list[str]:
    """Names of the lessons, in teaching order.

    >>> "05_train" in list_notebooks()
    True
    """
    return sorted(path.stem for path in shipped("notebooks").glob("[0-9]*.ipynb"))


def find_notebook(name: str | os.PathLike) -> Path:
    """A lesson by name ("05_train" or "05"), or any notebook by path.

    Raises
    ------
    ValueError
        There is none; the message lists the lessons.
    """
    if Path(name).suffix == ".ipynb" and Path(name).is_file():
        return Path(name)
    matches = [lesson for lesson in list_notebooks() if str(name) in (lesson, lesson.split("_")[0])]
    if not matches:
        raise ValueError(unknown("notebook", str(name), list_notebooks()))
    return shipped("notebooks") / f"{matches[0]}.ipynb"


def parameters(notebook: str | os.PathLike) -> dict[str, Parameter]:
    """What a notebook's `parameters` cell declares, by name.

    Raises
    ------
    ValueError
        No cell, or more than one, is tagged `parameters`; or a line in it is no `name: type = value`.
    """
    path = find_notebook(notebook)
    cells = [c for c in nbformat.read(path, as_version=4).cells if "parameters" in c.metadata.get("tags", [])]
    if len(cells) != 1:
        raise ValueError(f"{path.name} has {len(cells)} cells tagged 'parameters'; one is needed")
    lines = cells[0].source.splitlines()
    found = {}
    for node in ast.parse(cells[0].source).body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a line of text
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value):
            raise ValueError(f"{path.name}: a parameter is written `name: type = value`, not {ast.unparse(node)!r}")
        comment = lines[node.end_lineno - 1][node.end_col_offset :].strip().lstrip("# ")
        name = node.target.id
        found[name] = Parameter(name, ast.unparse(node.annotation), ast.literal_eval(node.value), comment)
    return found


def check_parameters(notebook: str | os.PathLike, given: Mapping[str, object]) -> dict[str, object]:
    """Given values in the types that the notebook declares; text is read as the declared type.

    Parameters
    ----------
    notebook : name or path
    given : dict
        Values, or text as it was typed: "3", "true", "a,b".

    Raises
    ------
    ValueError
        An unknown name, a value of another type, or a name (of a model, a data set, ...) that does not exist.
    """
    known = parameters(notebook)
    checked = {}
    for name, value in given.items():
        if name not in known:
            raise ValueError(unknown(f"parameter of {find_notebook(notebook).stem}", name, known))
        value = _convert(known[name], value)
        for choice in value if isinstance(value, list) else [value]:
            if name in _CHOICES and choice not in _CHOICES[name]():
                raise ValueError(unknown(name, choice, _CHOICES[name]()))
        checked[name] = value
    return checked


def run_notebook(
    name: str | os.PathLike, given: Mapping[str, object] | None = None, output: str | os.PathLike | None = None
) -> Path:
    """Run a notebook from top to bottom with other parameters and keep what it printed and drew.

    Parameters
    ----------
    name : name of a lesson, or path
    given : dict, optional
        Parameters other than the notebook's own; see `check_parameters`.
    output : path, optional
        Where the executed notebook goes; the default is `runs/notebooks/<name>.ipynb`.

    Returns
    -------
    Path
        The executed notebook.

    Raises
    ------
    ValueError
        A parameter is refused; nothing was run.
    NotebookFailed
        A cell failed, the kernel died, or cells were left out. What was done until then is kept.
    """
    import papermill

    path = find_notebook(name)
    given = check_parameters(path, given or {})
    output = Path(output) if output else runs_dir() / "notebooks" / path.name
    output.parent.mkdir(parents=True, exist_ok=True)
    with _headless(), _terminate_as_interrupt():
        try:
            papermill.execute_notebook(
                path,
                output,
                given,
                kernel_name="python3",
                language="python",
                progress_bar=False,
                autosave_cell_every=5,
                log_output=False,
            )
        except KeyboardInterrupt:
            raise
        except Exception as error:
            raise NotebookFailed(f"{path.name} failed: {error}\nWhat it did until then is in {output}") from error
    left_out = unexecuted_cells(output)
    if left_out:
        raise NotebookFailed(f"{path.name}: cells {left_out} were not run; see {output}")
    return output


def refresh(notebook: str | os.PathLike) -> Path:
    """Run a notebook with its own parameters and put the outputs into it, without any trace of the run itself.

    This is how the committed outputs of the lessons are made. Times, versions, widget states and papermill's
    notes are left out, so that a second refresh changes nothing.

    Raises
    ------
    NotebookFailed
        A cell failed or wrote to stderr; the notebook is left as it was.
    """
    path = find_notebook(notebook)
    executed = run_notebook(path, output=runs_dir() / "notebooks" / path.name)
    fresh = nbformat.read(executed, as_version=4)
    for number, cell in enumerate(fresh.cells):
        cell.metadata = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
        cell.id = f"cell-{number}"
        if "outputs" in cell:
            cell.outputs = _joined(cell.outputs)
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise NotebookFailed(f"{path.name}, cell {number} wrote to stderr: {output.text}")
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
            output.pop("metadata", None) if output.output_type == "stream" else output.update(metadata={})
    fresh.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    write_text(path, nbformat.writes(fresh) + "\n")
    return path


def sweep(
    name: str | os.PathLike, grid: Mapping[str, list], folder: str | os.PathLike, jobs: int = 1
) -> dict[Path, Exception | None]:
    """Run a notebook for every combination of parameter values.

    Parameters
    ----------
    name : name of a lesson, or path
    grid : dict
        Parameter -> values, e.g. {"model": ["segnet_basic", "fcn_basic"], "seed": [0, 1]}.
    folder : path
        Takes one executed notebook a combination, named after its values.
    jobs : int
        How many to run at a time.

    Returns
    -------
    dict
        Executed notebook -> None, or the error it stopped with; the others go on.
    """
    combinations = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    for given in combinations:
        check_parameters(name, given)
    outputs = [Path(folder) / ("-".join(str(v) for v in given.values()) + ".ipynb") for given in combinations]

    def one(given, output):
        try:
            run_notebook(name, given, output)
        except NotebookFailed as error:
            return error
        finally:  # nbclient leaves this thread's event loop open
            with suppress(RuntimeError):
                asyncio.get_event_loop().close()

    with ThreadPoolExecutor(jobs) as pool:
        return dict(zip(outputs, pool.map(one, combinations, outputs), strict=True))


def unexecuted_cells(notebook: str | os.PathLike) -> list[int]:
    """Numbers of the code cells that never ran. papermill's own metadata calls them "completed" after a crash."""
    cells = nbformat.read(notebook, as_version=4).cells
    code = [(number, c) for number, c in enumerate(cells) if c.cell_type == "code" and c.source.strip()]
    return [number for number, c in code if c.execution_count is None]


# --------------------------------------------------------------------------------------------------


def _models():
    from segnet_lab.models import list_models

    return list_models()


def _datasets():
    from segnet_lab.data import DATASETS

    return list(DATASETS)


def _balancings():
    from segnet_lab.losses import BALANCINGS

    return BALANCINGS


_CHOICES = {"model": _models, "models": _models, "dataset": _datasets, "balancing": _balancings}


def _convert(parameter: Parameter, value: object) -> object:
    kind = parameter.type.split("[")[0]
    try:
        if kind == "list":
            items = value.split(",") if isinstance(value, str) else list(value)
            item = parameter._replace(type=parameter.type.removeprefix("list").strip("[]") or "str")
            return [_convert(item, v.strip() if isinstance(v, str) else v) for v in items if v != ""]
        if kind == "bool" and isinstance(value, str):
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[value.lower()]
        if isinstance(value, float) and kind == "int" and value != int(value):
            raise ValueError
        return {"int": int, "float": float, "bool": bool, "str": str}[kind](value)
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"parameter {parameter.name} is of type {parameter.type}: {value!r} is none") from None


def _joined(outputs: list) -> list:
    """Pieces of one stream as one: where a kernel cuts it depends on how busy the machine is."""
    joined = []
    for output in outputs:
        if joined and output.output_type == joined[-1].output_type == "stream" and output.name == joined[-1].name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


@contextmanager
def _headless():
    """No progress bars and no live widgets in the kernel."""
    before = os.environ.get("SEGNET_HEADLESS")
    os.environ["SEGNET_HEADLESS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["SEGNET_HEADLESS"]
        else:
            os.environ["SEGNET_HEADLESS"] = before


@contextmanager
def _terminate_as_interrupt():
    """A cluster's SIGTERM becomes Ctrl-C, so that papermill saves what the running cell has printed so far."""

    def interrupt(*_):
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not in the main thread, e.g. in a sweep
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
