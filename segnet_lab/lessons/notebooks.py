"""Lessons as files that can be run: found, parametrised, executed, with the checks that papermill lacks.

papermill only logs an unknown parameter and then runs with the default; its own parser loses parameters that
it cannot read. Here the `parameters` cell is read as Python, and what it does not have is refused by name.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from segnet_lab._support.errors import InvalidInput, SegNetLabError, unknown
from segnet_lab._support.folders import runs_dir, shipped
from segnet_lab.lessons.parameters_cell import Parameter, converted, declared, read_notebook


class NotebookFailed(SegNetLabError, RuntimeError):
    """A notebook stopped with an error. The message names the cell and the partial notebook."""


def list_notebooks() -> list[str]:
    """Names of the lessons, in teaching order.

    >>> "05_train" in list_notebooks()
    True
    """
    return sorted(path.stem for path in shipped("notebooks").glob("[0-9]*.ipynb"))


def find_notebook(name: str | os.PathLike[str]) -> Path:
    """A lesson by name ("05_train" or "05"), or any notebook by path.

    Raises
    ------
    ValueError
        There is none; the message lists the lessons.
    """
    path = Path(name).expanduser()
    if path.suffix == ".ipynb" and path.is_file():
        return path
    matches = [lesson for lesson in list_notebooks() if str(name) in (lesson, lesson.split("_")[0])]
    if not matches:
        raise InvalidInput(unknown("notebook", str(name), list_notebooks()))
    return shipped("notebooks") / f"{matches[0]}.ipynb"


def parameters(notebook: str | os.PathLike[str]) -> dict[str, Parameter]:
    """What a notebook's `parameters` cell declares, by name.

    Raises
    ------
    ValueError
        The file is no notebook; no cell, or more than one, is tagged `parameters`; or a line in it is no
        `name: type = value` with a value that is written out. The message names the file and the line.
    """
    return declared(find_notebook(notebook))


def check_parameters(notebook: str | os.PathLike[str], given: Mapping[str, object]) -> dict[str, object]:
    """Given values in the types that the notebook declares; text is read as the declared type.

    Parameters
    ----------
    notebook : name or path
    given : dict
        Values, or text as it was typed: "3", "true", "a,b".

    Raises
    ------
    ValueError
        An unknown name, a value of another type, or a model, a data set, a precision or a score that does not exist.
    """
    known = parameters(notebook)
    checked: dict[str, object] = {}
    for name, value in given.items():
        if name not in known:
            raise InvalidInput(unknown(f"parameter of {find_notebook(notebook).stem}", name, known))
        checked[name] = read = converted(known[name], value)
        if name in ("model", "models") and "runs" in known:
            continue  # names of runs: see `choices.check_choices`
        valid = _choices(name)
        for choice in read if isinstance(read, list) else [read]:
            if valid and choice not in valid and choice != known[name].default:
                raise InvalidInput(unknown(name, choice, valid))
    return checked


def check_values(notebook: str | os.PathLike[str], given: Mapping[str, object]) -> dict[str, object]:
    """As `check_parameters`; besides, the runs, images, files and folders that are named must be there.

    Raises
    ------
    ValueError, FileNotFoundError
        The message says what there is.
    """
    checked = check_parameters(notebook, given)
    if not given:
        return checked  # without waiting for torch
    from segnet_lab.lessons.choices import check_choices

    defaults = {name: parameter.default for name, parameter in parameters(notebook).items()}
    check_choices({**defaults, **checked}, given)
    return checked


def run_notebook(
    name: str | os.PathLike[str],
    given: Mapping[str, object] | None = None,
    output: str | os.PathLike[str] | None = None,
) -> Path:
    """Run a notebook from top to bottom with other parameters and keep what it printed and drew.

    Parameters
    ----------
    name : name of a lesson, or path
    given : dict, optional
        Parameters other than the notebook's own; see `check_values`.
    output : path, optional
        Where the executed notebook goes; the default is `runs/notebooks/<name>.ipynb`.

    Returns
    -------
    Path
        The executed notebook.

    Raises
    ------
    ValueError, FileNotFoundError
        A parameter is refused, or the output would replace a notebook that no batch run made; nothing was run.
    NotebookFailed
        A cell failed, the kernel died, or cells were left out. What was done until then is kept.
    """
    path = find_notebook(name)
    checked = check_values(path, given or {})
    ours = runs_dir() / "notebooks" / path.name
    executed = Path(output).expanduser() if output else ours
    if executed.exists() and (executed.samefile(path) or (executed != ours and made_from(executed) is None)):
        raise InvalidInput(f"{executed} is not an executed copy and would be overwritten: give another output")
    executed.parent.mkdir(parents=True, exist_ok=True)
    from segnet_lab.lessons.kernels import execute  # here, because papermill takes a second to import

    try:
        execute(path, executed, checked)
    except Exception as error:  # papermill's, nbclient's, the kernel's
        raise NotebookFailed(f"{path.name} failed: {error}\nWhat it did until then is in {executed}") from error
    left_out = unexecuted_cells(executed)
    if left_out:
        raise NotebookFailed(f"{path.name}: cells {left_out} did not finish; see {executed}")
    return executed


def unexecuted_cells(notebook: str | os.PathLike[str]) -> list[int]:
    """Numbers of the code cells that were not run to their end.

    A number of execution is given when a cell *starts*, so where papermill noted the end, that counts; but it calls
    cells "completed" that a crash left out.
    """
    code = [(n, c) for n, c in enumerate(read_notebook(notebook).cells) if c.cell_type == "code" and c.source.strip()]
    ended = [c.metadata.get("papermill", {"end_time": ""}).get("end_time") is not None for _, c in code]
    return [n for (n, c), end in zip(code, ended, strict=True) if c.execution_count is None or not end]


def made_from(notebook: Path) -> tuple[Path, dict[str, object]] | None:
    """Source and parameters of an executed copy; None for a notebook that no batch run made."""
    about = read_notebook(notebook).metadata.get("papermill", {})
    return (Path(about["input_path"]).resolve(), dict(about.get("parameters", {}))) if "input_path" in about else None


def _choices(name: str) -> Sequence[str]:
    """What a parameter of that name may say; nothing, if it may say anything."""
    match name:
        case "model" | "models" | "others":
            from segnet_lab.models import list_models

            return list_models()
        case "dataset":
            from segnet_lab.data import DATASETS

            return list(DATASETS)
        case "precision":
            from segnet_lab.runs.recipe import PRECISIONS

            return PRECISIONS
        case "score":
            from segnet_lab.metrics.conventions import SCORES

            return SCORES
    return ()
