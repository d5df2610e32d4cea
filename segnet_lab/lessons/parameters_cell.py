"""The parameters cell of a notebook: what it declares, and values read as what it declares.

papermill's own parser loses lines that it cannot read, and takes any value. Here the cell is read as Python.
"""

import ast
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from numbers import Real
from pathlib import Path
from typing import NamedTuple, SupportsIndex

import nbformat

from segnet_lab._support.errors import InvalidInput, is_number


class Parameter(NamedTuple):
    """One line `name: type = value  # help` of a parameters cell."""

    name: str
    type: str  # int, float, str, bool, list[str], ...
    default: object
    help: str


def read_notebook(path: str | os.PathLike[str]) -> nbformat.NotebookNode:
    """A notebook from its file, in nbformat 4.

    Raises
    ------
    ValueError
        The file holds no notebook, or a damaged one; the message names it.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            cell.source.splitlines(), cell.metadata.get("tags", [])  # what everybody here relies on
    except OSError:
        raise
    except Exception as error:  # json's, nbformat's, jsonschema's, and those of dicts that lack something
        said = f"{type(error).__name__}: {error}".strip(": ").splitlines()[0][:200]
        raise InvalidInput(f"{path} is no notebook that can be read ({said}): restore it from a copy") from None
    return notebook


def declared(path: Path) -> dict[str, Parameter]:
    """The parameters of the notebook in a file, by name.

    Raises
    ------
    ValueError
        The file is no notebook; no cell, or more than one, is tagged `parameters`; or a line in it is no
        `name: type = value` with a value that is written out. The message names file and line.
    """
    cells = [c for c in read_notebook(path).cells if "parameters" in c.metadata.get("tags", [])]
    if len(cells) != 1:
        raise InvalidInput(f"{path.name} has {len(cells)} cells tagged 'parameters'; one is needed")
    return {parameter.name: parameter for parameter in _lines(cells[0].source, path.name)}


def converted(parameter: Parameter, value: object) -> object:
    """A value, or text as it was typed ("3", "true", "a,b"), in the type of the parameter.

    Raises
    ------
    ValueError
        It is of another type; numbers are not rounded, and None is nothing but None.

    Examples
    --------
    >>> epochs, size = Parameter("epochs", "int", 3, ""), Parameter("size", "list[int]", [96, 128], "")
    >>> converted(epochs, "5"), converted(size, "48,64")
    (5, [48, 64])
    >>> converted(epochs, "abc")
    Traceback (most recent call last):
    ...
    segnet_lab...InvalidInput: parameter epochs takes an int, not 'abc'
    """
    name, kind = parameter.name, parameter.type.split("[")[0]
    if kind not in _READ and kind != "list":
        raise InvalidInput(
            f"parameter {name} is a {parameter.type}: only {', '.join(_READ)} and lists of them can be set"
        )
    try:
        if kind != "list":
            return _READ[kind](value)
        if not isinstance(value, str | Iterable) or isinstance(value, Mapping):
            raise InvalidInput("no list")
        items = [v.strip() for v in value.split(",") if v.strip()] if isinstance(value, str) else value
        return [_READ[parameter.type.removeprefix("list").strip("[]") or "str"](item) for item in items]
    except (ValueError, KeyError, TypeError, OverflowError):
        article = "an" if kind == "int" else "a"
        such_as = f" such as {in_text(parameter.default)}" if kind == "list" and parameter.default else ""
        raise InvalidInput(f"parameter {name} takes {article} {parameter.type}{such_as}, not {value!r}") from None


def in_text(value: object) -> str:
    """A value as one types it.

    >>> in_text([96, 128]), in_text(0.5)
    ('96,128', '0.5')
    """
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def parse_parameters(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Parameters of one run, as one types them; one that is given twice is refused.

    >>> parse_parameters([("epochs", "3"), ("epochs", "5")])
    Traceback (most recent call last):
    ...
    segnet_lab...InvalidInput: parameter epochs is given twice, as '3' and '5': a run takes one value, ...
    """
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given:
            twice = f"{given[name]!r} and {value!r}"
            raise InvalidInput(
                f"parameter {name} is given twice, as {twice}: a run takes one value, `segnet-lab sweep` takes several"
            )
        given[name] = value
    return given


def _read_int(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, str | float | SupportsIndex):
        raise InvalidInput("no number")
    if isinstance(value, float) and not value.is_integer():
        raise InvalidInput("no whole number")
    return int(value)


def _read_float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, str | Real):
        raise InvalidInput("no number")
    return float(value)


def _read_bool(value: object) -> bool:
    if value is True or value is False:
        return value
    return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[str(value).strip().lower()]


def _read_str(value: object) -> str:
    if not (isinstance(value, str | os.PathLike) or is_number(value, Real)):
        raise InvalidInput("no text")
    return str(value)


_READ: dict[str, Callable[[object], object]] = {
    "int": _read_int,
    "float": _read_float,
    "str": _read_str,
    "bool": _read_bool,
}


# --------------------------------------------------------------------------------------------------


def _lines(source: str, name: str) -> Iterator[Parameter]:
    """The lines of a parameters cell; `name` is the notebook's, for messages."""
    try:
        nodes = ast.parse(source).body
    except (SyntaxError, ValueError) as error:  # a ValueError is of null bytes
        line = (getattr(error, "text", None) or str(error)).strip()
        raise InvalidInput(f"{name}: a parameter is written `name: type = value`, not {line!r}") from None
    lines = source.splitlines()
    for node in nodes:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a line of text
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value):
            raise InvalidInput(f"{name}: a parameter is written `name: type = value`, not {ast.unparse(node)!r}")
        try:
            default = ast.literal_eval(node.value)
        except (ValueError, TypeError):
            raise InvalidInput(f"{name}: a parameter's value is written out, not {ast.unparse(node)!r}") from None
        comment = (
            lines[(node.end_lineno or node.lineno) - 1].encode()[node.end_col_offset :].decode().strip().lstrip("# ")
        )
        yield Parameter(node.target.id, ast.unparse(node.annotation), default, comment)
