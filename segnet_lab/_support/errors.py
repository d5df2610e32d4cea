"""The kit's errors, and messages that help."""

import logging
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from numbers import Integral


class SegNetLabError(Exception):
    """The base of what the kit raises on purpose: its message says what is wrong and what to do.

    Where a disk or the network is in the way it is an `OSError` of Python's.
    """


class InvalidInput(SegNetLabError, ValueError):
    """An argument, a file or a setting that cannot be used as it is; the message names it and the way out."""


class NotFound(SegNetLabError, FileNotFoundError):
    """A file, a folder, a run or a data set that is not where it was looked for."""


class NoSuchImage(SegNetLabError, IndexError):
    """A number that no image of a data set has; an IndexError, because that is what ends a `for` loop over it."""


class NotInstalled(SegNetLabError, ImportError):
    """An optional package that is needed and missing; the message says how to install it."""


class NotPossible(SegNetLabError, RuntimeError):
    """Something that cannot be done here or now; the message says what can be done instead."""


EXPECTED = (SegNetLabError, OSError)  # one line is enough of these; anything else is a fault of ours, with a traceback


def in_one_line(error: Exception) -> str:
    """What a widget shows of an error. Nobody would see a traceback there, so that of an unexpected one is logged.

    >>> in_one_line(InvalidInput("size=0: give at least 1"))
    'size=0: give at least 1'
    """
    if isinstance(error, EXPECTED):
        return str(error)
    logging.getLogger("segnet_lab").error("an error in a widget", exc_info=error)
    return f"{type(error).__name__}: {error} (its traceback is in the log)"


def unknown(kind: str, name: object, known: Iterable[str]) -> str:
    """Say what was not recognised, what may have been meant, and what there is.

    >>> unknown("model", "segnet_basics", ["segnet", "segnet_basic"])
    "unknown model 'segnet_basics'. Did you mean 'segnet_basic'? Known: segnet, segnet_basic"
    """
    known = list(known)
    close = get_close_matches(str(name), known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"unknown {kind} {name!r}.{hint} Known: {', '.join(known)}"


def is_number(value: object, kind: type = Integral) -> bool:
    """Whether it is a number of that kind: of Python or numpy, but not True or False, which Python takes for 1 and 0.

    >>> is_number(3), is_number(3.0), is_number(True), is_number("3")
    (True, False, False, False)
    """
    return isinstance(value, kind) and not isinstance(value, bool)


def in_options(message: str, options: Mapping[str, str]) -> str:
    """An error of the library in the words of a command: its options in place of Python's arguments.

    Parameters
    ----------
    message : str
    options : mapping
        Name of an argument -> the option that sets it.

    Examples
    --------
    >>> options = {"size": "--size", "batch_size": "--batch-size", "run_dir": "--run"}
    >>> in_options("images of 2 sizes: pass size=(H, W) to load_dataset, or batch_size=1", options)
    'images of 2 sizes: pass --size H W, or --batch-size 1'
    >>> in_options("runs/a holds another run: its size is 3. Give another run_dir", options)
    'runs/a holds another run: its size is 3. Give another --run'
    """
    message = re.sub(  # "root= (--root on the command line)", where the command has that option
        r"\b\w+=\S* \((--[\w-]+)[^)]*\)", lambda found: found[1 if found[1] in options.values() else 0], message
    )

    def option(found: re.Match[str]) -> str:
        name, value = found["name"], found["value"]
        if value is None and "_" not in name:  # a word of a sentence
            return found[0]
        if value == "True":  # a flag
            value = None
        elif value and value[0] in "([":
            value = re.sub(r"[()\[\],]+\s*", " ", value).strip()
        return f"{options[name]} {value or ''}".strip()

    if options:
        names = "|".join(sorted(options, key=len, reverse=True))
        value = r"\([^)]*\)|\[[^\]]*\]|'[^']*'|[^\s,;:()]*"
        message = re.sub(rf"(?<![\w-])(?P<name>{names})\b(?:=(?P<value>{value}))?", option, message)
    message = re.sub(r"create_model\('\w+', (--[^)]*)\)", r"\1", message)
    for said, meant in _IN_A_COMMAND.items():
        message = message.replace(said, meant)
    return message


_IN_A_COMMAND = {
    " to load_dataset": "",
    "create the model with num_classes=data.num_classes": "give the data set that the network was trained on, or one "
    "with the same classes",
    "give (H, W) in pixels": "give H W in pixels",
}
