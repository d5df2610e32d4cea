"""A lesson for every combination of parameter values, some at a time."""

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import product
from pathlib import Path

from segnet_lab._support.errors import EXPECTED, InvalidInput, is_number, unknown
from segnet_lab.lessons.notebooks import check_values, find_notebook, made_from, parameters, run_notebook
from segnet_lab.lessons.parameters_cell import in_text


def sweep(
    name: str | os.PathLike[str], grid: Mapping[str, Iterable[object]], folder: str | os.PathLike[str], jobs: int = 1
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
        if output.exists() and made_from(output) != (source.resolve(), given):
            raise InvalidInput(f"{output} is there already, from another sweep: give another folder")

    def one(output: Path, given: Mapping[str, object]) -> Exception | None:
        try:
            run_notebook(source, given, output)
        except EXPECTED as error:
            return error
        else:
            return None
        finally:  # nbclient leaves this thread's event loop open
            with suppress(RuntimeError):
                asyncio.get_event_loop().close()

    with ThreadPoolExecutor(jobs) as pool:
        return dict(zip(tasks, pool.map(one, tasks, tasks.values()), strict=True))


def parse_grid(notebook: str | os.PathLike[str], pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
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
    segnet_lab...InvalidInput: size is a list: put semicolons between lists, as in -g size "48,64;96,128"; ...
    """
    known = parameters(notebook)
    grid: dict[str, list[str]] = {}
    for name, text in pairs:
        if name not in known:
            raise InvalidInput(unknown(f"parameter of {find_notebook(notebook).stem}", name, known))
        is_list = known[name].type.startswith("list")
        if is_list and ";" not in text:
            other = in_text(known[name].default) or "..."
            raise InvalidInput(
                f'{name} is a list: put semicolons between lists, as in -g {name} "{text};{other}"; '
                f'one alone is "{text};"'
            )
        grid.setdefault(name, []).extend(v.strip() for v in text.split(";" if is_list else ",") if v.strip())
    return grid


def combined_name(notebook: str | os.PathLike[str], given: Mapping[str, object]) -> str:
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


def _combinations(notebook: Path, grid: Mapping[str, Iterable[object]]) -> list[dict[str, object]]:
    """Every combination of the values once, checked and in their types."""
    values = {name: [] if isinstance(some, str) else list(some) for name, some in grid.items()}
    for name in grid:
        if not values[name]:
            raise InvalidInput(f"{name}={grid[name]!r}: give a list of one or more values")
    checked = (check_values(notebook, dict(zip(values, some, strict=True))) for some in product(*values.values()))
    return list({json.dumps(given): given for given in checked}.values())


def _as_name(value: object) -> str:
    """A value as part of a file name, with a checksum where characters had to go."""
    text = in_text(value)
    plain = re.sub(r"[^\w.,+-]+", "-", text)[:60]
    several = isinstance(value, list) and any("," in str(item) for item in value)
    return plain if plain == text and not several else f"{plain.strip('-')}~{_checksum(repr(value))}"


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]
