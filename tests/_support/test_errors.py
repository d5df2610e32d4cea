"""One base for what the kit raises on purpose, and one line of it for those who see no traceback."""

import ast
import builtins
import importlib
import logging
from pathlib import Path

import pytest

import segnet_lab as sl
from segnet_lab._support import errors
from segnet_lab._support.errors import SegNetLabError, in_one_line, is_number

PACKAGE = Path(sl.__file__).parent
FOREIGN = {  # raised for a caller that is not ours, or for the code a few lines above, which catches it
    "AttributeError": ("__init__.py", "metrics/__init__.py", "widgets/__init__.py"),  # __getattr__ of a module
    "MarkedYAMLError": ("data/strict_yaml.py",),  # what yaml raises itself, caught where the file is read
    "ReadError": ("data/unpacking.py",),  # one of DAMAGED
    "HTTPException": ("data/fetching.py",),  # one of BROKEN
    "SystemExit": ("cli",),
    "KeyboardInterrupt": ("lessons",),
    **dict.fromkeys(("UsageError", "ClickException", "Exit", "Abort"), ("cli",)),  # click's own
}


def raised():
    """File, line and expression of every `raise` that names what it raises; `raise` alone passes on."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        module = ".".join(("segnet_lab", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        for function in ast.walk(tree):
            for node in ast.iter_child_nodes(function):
                if isinstance(node, ast.Raise) and node.exc is not None:
                    yield path.relative_to(PACKAGE).as_posix(), module, node, tree


def types_of(module, expression, tree, error):
    """The classes that an expression after `raise` may be of: those it calls, or what the name was given."""
    if isinstance(expression, ast.Call):
        expression = expression.func
    name = ast.unparse(expression)
    scope = vars(importlib.import_module(module)) | vars(builtins)
    found = scope.get(name.split(".")[0])
    for part in name.split(".")[1:]:
        found = getattr(found, part)
    if isinstance(found, type):
        return [found]
    if found is not None:  # a function that makes the error says of what type
        return [found.__annotations__["return"]]
    return [
        t
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and name in map(ast.unparse, node.targets) and isinstance(node.value, ast.Call)
        for t in types_of(module, node.value, tree, error)
    ]


def test_every_error_raised_on_purpose_has_one_base():
    seen = 0
    for file, module, node, tree in raised():
        where = f"{file}:{node.lineno}: {ast.unparse(node)}"
        if file == "widgets/explorers.py" and ast.unparse(node.exc) == "error":
            continue  # what was caught, again
        for kind in types_of(module, node.exc, tree, where) or pytest.fail(f"of what type is it? {where}"):
            seen += 1
            ours = issubclass(kind, SegNetLabError | OSError) or kind is NotImplementedError
            assert ours or file.startswith(FOREIGN.get(kind.__name__, ())), where
    assert seen > 200


def test_abstract_methods_alone_are_not_implemented():
    for file, _, node, _ in raised():
        if "NotImplementedError" in ast.unparse(node):
            assert file in ("data/base.py", "data/ondisk.py", "models/decoders.py"), f"{file}:{node.lineno}"


def test_each_kind_is_also_the_builtin_one_that_callers_know():
    for kind, builtin in [
        (errors.InvalidInput, ValueError),
        (errors.NotFound, FileNotFoundError),
        (errors.NoSuchImage, IndexError),
        (errors.NotInstalled, ImportError),
        (errors.NotPossible, RuntimeError),
    ]:
        assert issubclass(kind, builtin)
        assert issubclass(kind, sl.SegNetLabError)
    with pytest.raises(sl.SegNetLabError, match="unknown model 'segnot'"):
        sl.create_model("segnot")


def test_a_loop_over_a_data_set_ends():
    data = sl.load_dataset("roadscenes", images=2, size=(24, 32))
    assert sum(1 for _ in data) == 2
    with pytest.raises(errors.NoSuchImage, match="image 2 of roadscenes 'train', which has 2: 0 to 1"):
        data[2]


def test_a_fault_of_ours_is_logged_with_its_traceback(caplog):
    def fault():
        raise ZeroDivisionError("division by zero")

    with caplog.at_level(logging.ERROR, logger="segnet_lab"):
        assert in_one_line(errors.NotFound("no file a")) == "no file a"
        assert in_one_line(OSError("disk")) == "disk"
        assert not caplog.records
        with pytest.raises(ZeroDivisionError) as caught:
            fault()
        assert in_one_line(caught.value).startswith("ZeroDivisionError: division by zero (its traceback is in the log")
    assert "in fault" in caplog.text


def test_what_is_a_number():
    import numpy as np

    assert is_number(np.int64(3))
    assert not is_number(np.bool_(True))
    assert is_number(2.5, float)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("segnet_basics", "unknown model 'segnet_basics'. Did you mean 'segnet_basic'? Known: segnet, segnet_basic"),
        ("x", "unknown model 'x'. Known: segnet, segnet_basic"),
    ],
)
def test_unknown_names_what_there_is(name, message):
    assert errors.unknown("model", name, ("segnet", "segnet_basic")) == message


def test_a_flag_takes_no_value_on_the_command_line():
    options = {"checkpointing": "--checkpointing", "batch_size": "--batch-size"}
    said = errors.in_options("take batch_size=1 or checkpointing=True, it helps", options)
    assert said == "take --batch-size 1 or --checkpointing, it helps"
