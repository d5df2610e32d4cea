"""Run notebooks from the command line or in bulk: papermill, with the checks it lacks.

papermill only logs an unknown parameter and then runs with the default; its own parser loses parameters that
it cannot read. Here the `parameters` cell is read as Python, and what it does not have is refused by name.
"""

import asyncio
import hashlib
import json
import os
import re
import signal
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path

import nbformat

from segnet_lab._support.errors import InvalidInput, SegNetLabError, is_number, unknown
from segnet_lab._support.files import write_text
from segnet_lab._support.folders import runs_dir, shipped
from segnet_lab._support.settings import HEADLESS, environment
from segnet_lab.lessons.parameters_cell import Parameter, converted, declared, read_notebook

KERNEL_STARTS = 3  # kernels that start at the same time may pick the same port, and then one dies before its first cell
IOPUB_TIMEOUT = 600  # seconds in which what a cell printed must arrive; nbclient's 4 fail on a busy machine


class NotebookFailed(SegNetLabError, RuntimeError):
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
    path = Path(name).expanduser()
    if path.suffix == ".ipynb" and path.is_file():
        return path
    matches = [lesson for lesson in list_notebooks() if str(name) in (lesson, lesson.split("_")[0])]
    if not matches:
        raise InvalidInput(unknown("notebook", str(name), list_notebooks()))
    return shipped("notebooks") / f"{matches[0]}.ipynb"


def parameters(notebook: str | os.PathLike) -> dict[str, Parameter]:
    """What a notebook's `parameters` cell declares, by name.

    Raises
    ------
    ValueError
        The file is no notebook; no cell, or more than one, is tagged `parameters`; or a line in it is no
        `name: type = value` with a value that is written out. The message names the file and the line.
    """
    return declared(find_notebook(notebook))


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
        An unknown name, a value of another type, or a name of a model, a balancing, ... that does not exist.
    """
    known = parameters(notebook)
    checked = {}
    for name, value in given.items():
        if name not in known:
            raise InvalidInput(unknown(f"parameter of {find_notebook(notebook).stem}", name, known))
        checked[name] = value = converted(known[name], value)
        if name in ("model", "models") and "runs" in known:
            continue  # names of runs: see `lessons_data.check_choices`
        for choice in value if isinstance(value, list) else [value]:
            if name in _CHOICES and choice not in _CHOICES[name]() and choice != known[name].default:
                raise InvalidInput(unknown(name, choice, _CHOICES[name]()))
    return checked


def check_values(notebook: str | os.PathLike, given: Mapping[str, object]) -> dict[str, object]:
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
    name: str | os.PathLike, given: Mapping[str, object] | None = None, output: str | os.PathLike | None = None
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
    given = check_values(path, given or {})
    ours = runs_dir() / "notebooks" / path.name
    output = Path(output).expanduser() if output else ours
    if output.exists() and (output.samefile(path) or (output != ours and _made_from(output) is None)):
        raise InvalidInput(f"{output} is a notebook of its own, no executed copy: give another output")
    output.parent.mkdir(parents=True, exist_ok=True)
    with _terminate_as_interrupt():
        try:
            _execute(path, output, given)
        except KeyboardInterrupt:
            raise
        except Exception as error:
            raise NotebookFailed(f"{path.name} failed: {error}\nWhat it did until then is in {output}") from error
    left_out = unexecuted_cells(output)
    if left_out:
        raise NotebookFailed(f"{path.name}: cells {left_out} were not run to their end; see {output}")
    return output


def _execute(path: Path, output: Path, given: Mapping[str, object]) -> None:
    """papermill, again if the kernel died before its first cell."""
    import papermill

    for left in reversed(range(KERNEL_STARTS)):
        try:
            papermill.execute_notebook(
                path.resolve(),
                output,
                given,
                kernel_name="python3",
                language="python",
                progress_bar=False,
                autosave_cell_every=5,
                log_output=False,
                kernel_manager_class=_headless_kernel(),
                extra_arguments=["--IPKernelApp.log_level=50"],  # nothing about TCP, or about being shut down
                iopub_timeout=IOPUB_TIMEOUT,
            )
            return
        except RuntimeError as error:
            if not left or "died before replying" not in str(error):
                raise


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
    executed = run_notebook(path)
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
    name: str | os.PathLike, grid: Mapping[str, Iterable], folder: str | os.PathLike, jobs: int = 1
) -> dict[Path, Exception | None]:
    """Run a notebook for every combination of parameter values.

    Parameters
    ----------
    name : name of a lesson, or path
    grid : dict
        Parameter -> values, e.g. {"model": ["segnet_basic", "fcn_basic"], "seed": [0, 1]}. A value that stands there
        twice counts once.
    folder : path
        Takes one executed notebook per combination, named after the notebook and the values.
    jobs : int
        How many to run at a time.

    Returns
    -------
    dict
        Executed notebook -> None, or the error it stopped with; the others go on.

    Raises
    ------
    ValueError, FileNotFoundError
        A value or the number of jobs is refused, or a notebook of that name in the folder is of another sweep; nothing
        was run.
    """
    if not is_number(jobs) or jobs < 1:
        raise InvalidInput(f"jobs={jobs!r}: give how many notebooks to run at a time, at least 1")
    source = find_notebook(name)
    combinations = _combinations(source, grid)
    tasks = {Path(folder) / f"{combined_name(source, given)}.ipynb": given for given in combinations}
    if len(tasks) < len(combinations):
        raise InvalidInput(f"two of the {len(combinations)} combinations would have the same file name: sweep fewer")
    for output, given in tasks.items():
        if output.exists() and _made_from(output) != (source.resolve(), given):
            raise InvalidInput(f"{output} is there already, from another sweep: give another folder")

    def one(output, given):
        try:
            run_notebook(source, given, output)
        except (NotebookFailed, ValueError, OSError) as error:
            return error
        finally:  # nbclient leaves this thread's event loop open
            with suppress(RuntimeError):
                asyncio.get_event_loop().close()

    with ThreadPoolExecutor(jobs) as pool:
        return dict(zip(tasks, pool.map(one, tasks, tasks.values()), strict=True))


def parse_parameters(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Parameters of one run, as one types them; one that is given twice is refused.

    >>> parse_parameters([("epochs", "3"), ("epochs", "5")])
    Traceback (most recent call last):
    ...
    ValueError: parameter epochs is given twice, as '3' and '5': a run takes one value, `segnet-lab sweep` takes several
    """
    given = {}
    for name, value in pairs:
        if name in given:
            twice = f"{given[name]!r} and {value!r}"
            raise InvalidInput(
                f"parameter {name} is given twice, as {twice}: a run takes one value, `segnet-lab sweep` takes several"
            )
        given[name] = value
    return given


def parse_grid(notebook: str | os.PathLike, pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The grid of a sweep, as one types it.

    Parameters
    ----------
    notebook : name or path
    pairs : list of (parameter, values)
        Values stand apart by commas; those of a parameter that is a list itself by semicolons, as it needs the commas.
        The same parameter again adds values.

    Raises
    ------
    ValueError
        An unknown parameter, or lists that are not told apart.

    Examples
    --------
    >>> parse_grid("05_train", [("seed", "0, 1"), ("seed", "2"), ("size", "48,64; 96,128")])
    {'seed': ['0', '1', '2'], 'size': ['48,64', '96,128']}
    >>> parse_grid("05_train", [("size", "48,64")])
    Traceback (most recent call last):
    ...
    ValueError: size is a list: put semicolons between lists, as in -g size "48,64;96,128"; one alone is "48,64;"
    """
    known, grid = parameters(notebook), {}
    for name, text in pairs:
        if name not in known:
            raise InvalidInput(unknown(f"parameter of {find_notebook(notebook).stem}", name, known))
        is_list = known[name].type.startswith("list")
        if is_list and ";" not in text:
            other = ",".join(map(str, known[name].default)) or "..."
            raise InvalidInput(
                f'{name} is a list: put semicolons between lists, as in -g {name} "{text};{other}"; '
                f'one alone is "{text};"'
            )
        grid.setdefault(name, []).extend(v.strip() for v in text.split(";" if is_list else ",") if v.strip())
    return grid


def combined_name(notebook: str | os.PathLike, given: Mapping[str, object]) -> str:
    """File name, without a suffix, of a notebook that is run with these values: other values, another name.

    Examples
    --------
    >>> combined_name("05_train.ipynb", {"seed": 0, "size": [48, 64]})
    '05_train-seed=0-size=48,64'
    >>> combined_name("05_train.ipynb", {"root": "/data/set_a"})  # what is no plain name gets a checksum
    '05_train-root=data-set_a~722ed6'
    """
    name = "-".join([Path(notebook).stem, *(f"{key}={_as_name(value)}" for key, value in given.items())])
    return name if len(name) <= 150 else f"{name[:140]}~{_checksum(name)}"


def unexecuted_cells(notebook: str | os.PathLike) -> list[int]:
    """Numbers of the code cells that were not run to their end.

    A number of execution is given when a cell *starts*, so where papermill noted the end, that counts; but it calls
    cells "completed" that a crash left out.
    """
    code = [(n, c) for n, c in enumerate(read_notebook(notebook).cells) if c.cell_type == "code" and c.source.strip()]
    ended = [c.metadata.get("papermill", {"end_time": ""}).get("end_time") is not None for _, c in code]
    return [n for (n, c), end in zip(code, ended, strict=True) if c.execution_count is None or not end]


# --------------------------------------------------------------------------------------------------


def _models():
    from segnet_lab.models import list_models

    return list_models()


def _datasets():
    from segnet_lab.data import DATASETS

    return list(DATASETS)


def _precisions():
    from segnet_lab.runs.recipe import PRECISIONS

    return PRECISIONS


def _scores():
    from segnet_lab.results.tables import SCORES

    return SCORES


_CHOICES = {
    "model": _models,
    "models": _models,
    "others": _models,
    "dataset": _datasets,
    "precision": _precisions,
    "score": _scores,
}


def _combinations(notebook: Path, grid: Mapping[str, Iterable]) -> list[dict[str, object]]:
    """Every combination of the values once, checked and in their types."""
    for name, values in (grid := {name: v if isinstance(v, str) else list(v) for name, v in grid.items()}).items():
        if isinstance(values, str) or not values:
            raise InvalidInput(f"{name}={values!r}: give a list of one or more values")
    checked = (check_values(notebook, dict(zip(grid, v, strict=True))) for v in product(*grid.values()))
    return list({json.dumps(given): given for given in checked}.values())


def _as_name(value: object) -> str:
    """A value as part of a file name, with a checksum where characters had to go."""
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    plain = re.sub(r"[^\w.,+-]+", "-", text)[:60]
    several = isinstance(value, list) and any("," in str(item) for item in value)
    return plain if plain == text and not several else f"{plain.strip('-')}~{_checksum(repr(value))}"


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]


def _made_from(notebook: Path) -> tuple[Path, dict] | None:
    """Source and parameters of an executed copy; None for a notebook that no batch run made."""
    about = read_notebook(notebook).metadata.get("papermill", {})
    return (Path(about["input_path"]).resolve(), dict(about.get("parameters", {}))) if "input_path" in about else None


def _joined(outputs: list) -> list:
    """Pieces of one stream as one: where a kernel cuts it depends on how busy the machine is."""
    joined = []
    for output in outputs:
        if joined and output.output_type == joined[-1].output_type == "stream" and output.name == joined[-1].name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def _headless_kernel() -> type:
    """A kernel without progress bars and live widgets; the environment of this process stays as it is."""
    from jupyter_client import AsyncKernelManager

    class Headless(AsyncKernelManager):
        async def start_kernel(self, **options):
            await super().start_kernel(**options, env=environment({HEADLESS.name: "1"}))

        def client(self, **options):
            client = super().client(**options)
            client.context.rcvhwm = 0  # no limit to what waits: of thousands of printed lines none is dropped
            return client

    return Headless


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
