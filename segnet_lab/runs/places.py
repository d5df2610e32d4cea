"""Runs and sets of runs by name: where they are looked for, and in what order.

A name is first a path, as a shell takes it; then a name in `runs/` here, among the saved runs (`folders.runs_dir`),
and in the `results/` that came with the kit. Everything that takes a run or a set of runs finds it here.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from segnet_lab._support.errors import InvalidInput, NotFound, unknown
from segnet_lab._support.folders import runs_dir, shipped


def is_run(folder: Path) -> bool:
    """Whether it is a run directory."""
    with suppress(OSError):  # a name that is too long, a folder that may not be read
        return (folder / "run.json").is_file()
    return False


def is_set(folder: Path) -> bool:
    """Whether run directories lie in it."""
    with suppress(OSError):
        return any(is_run(file.parent) for file in folder.glob("*/run.json"))
    return False


def is_either(folder: Path) -> bool:
    """Whether it is a run directory or a set of runs."""
    return is_run(folder) or is_set(folder)


def places() -> list[Path]:
    """Where a name is looked for, in this order."""
    return [Path(), Path("runs"), runs_dir(), shipped("results")]


def held(name: str | os.PathLike[str], fits: Callable[[Path], bool] = is_either) -> Iterator[Path]:
    """Folders of that name, the one that it means first; none twice.

    Parameters
    ----------
    name : str or path
        `runs/` or `results/` may stand before it. One that is absolute or goes up (..) means the path alone.
    fits : callable
        What is looked for: `is_run`, `is_set`, `is_either`.
    """
    seen = set()
    for folder in _meant(Path(name).expanduser()):
        if (real := os.path.realpath(folder)) not in seen and fits(folder):
            seen.add(real)
            yield folder


def _meant(path: Path) -> Iterator[Path]:
    """What a name may mean, in order, whether it is there or not."""
    if _is_path_alone(path) or not path.parts:  # "." is here
        yield path
        return
    for place in places():
        yield place / path
        if path.parts[:1] == (place.name,):
            yield place.parent / path


def _is_path_alone(path: Path) -> bool:
    """Whether it is looked for in no other place."""
    return path.is_absolute() or ".." in path.parts


def find(name: str | os.PathLike[str], fits: Callable[[Path], bool] = is_either) -> Path | None:
    """The run directory or the folder of a set that a name means; None if there is none.

    Examples
    --------
    >>> find("roadscenes").samefile(find("results/roadscenes"))
    True
    >>> find("roadscene")
    """
    return next(held(name, fits), None)


def find_run(name: str | os.PathLike[str]) -> Path:
    """The run directory that a name means.

    Raises
    ------
    FileNotFoundError
        There is none; the message lists what there is, and where it was looked for.
    ValueError
        It is a set of runs.

    Examples
    --------
    >>> find_run("roadscenes/segnet_basic") == shipped("results") / "roadscenes" / "segnet_basic"
    True
    """
    folder = find(name)
    if folder is None:
        raise NotFound(f"{no_run(name)}{looked(name)}")
    if not is_run(folder):
        runs = ", ".join(f"{name}/{file.parent.name}" for file in sorted(folder.glob("*/run.json")))
        raise InvalidInput(f"{said(name, folder)} is a set of runs: name one of them, {runs}")
    return folder


def no_run(name: str | os.PathLike[str]) -> str:
    """A message: there is no run of that name; these there are."""
    known = ", ".join(runs_near(Path(name).expanduser())) or "none"
    return f"{name} is no run directory: it has no run.json. Known: {known}"


def said(name: str | os.PathLike[str], folder: Path) -> str:
    """A name in a message, with the path of what it means where another place holds that name, too."""
    return f"{name} ({folder.absolute()})" if len(list(held(name))) > 1 else str(name)


def looked(name: str | os.PathLike[str]) -> str:
    """The end of a message about a name that means nothing: where it was looked for."""
    if _is_path_alone(Path(name).expanduser()):
        return ""
    here, *others = dict.fromkeys(os.path.abspath(place) for place in places())
    return f"; looked in {here}, {', '.join(others)}"


def every_run() -> list[Path]:
    """All run directories at hand, your own first, none twice: in all places, by themselves or in a set."""
    here, *others, kit = places()
    found: dict[str, Path] = {}
    for place in (*others, here, kit):
        for depth in ("*", "*/*"):
            for file in sorted(place.glob(f"{depth}/run.json")):
                found.setdefault(os.path.realpath(file.parent), file.parent)
    return list(found.values())


def name_of(folder: Path) -> str:
    """The shortest name that finds a run or a set; its path, if others hide it.

    Examples
    --------
    >>> name_of(shipped("results") / "rooms" / "segnet_basic")
    'rooms/segnet_basic'
    """
    path = folder.absolute()
    roots = [root for place in places() for root in (place.absolute(), place.absolute().parent)]
    names = [path.relative_to(root).as_posix() for root in roots if path.is_relative_to(root) and path != root]
    for name in sorted(names, key=len):
        if (found := find(name)) and os.path.realpath(found) == os.path.realpath(folder):
            return name
    return str(path)


def is_place(folder: Path) -> bool:
    """Whether it is no set, but a folder in which sets and single runs lie."""
    return os.path.realpath(folder) in map(os.path.realpath, places())


def sets_at_hand() -> list[str]:
    """Names of all sets of runs."""
    folders = {os.path.realpath(run.parent): run.parent for run in every_run() if not is_place(run.parent)}
    return sorted(map(name_of, folders.values()))


def runs_near(path: Path) -> list[str]:
    """What could have been meant instead of a path: the other runs of its set, or else all sets and single runs."""
    near = path.parent if _is_path_alone(path) else find(path.parent, is_set) if path.parent.parts else None
    if near is not None and is_set(near):
        return sorted(file.parent.name for file in near.glob("*/run.json"))
    return [*sets_at_hand(), *(name_of(run) for run in every_run() if is_place(run.parent))]


def find_runs(name: str | os.PathLike[str]) -> Path:
    """The folder of a set of runs: a path, else one of your own in `runs/`, else one of the kit's; see `places`.

    Raises
    ------
    ValueError
        There is none; the message lists what there is, and where it was looked for.
    """
    folder = find(name, is_set)
    if folder is None:
        alone = f" {find(name)} is a run: give the set that holds it." if find(name) else ""
        raise InvalidInput(f"{unknown('set of runs', str(name), sets_at_hand())}{looked(name)}.{alone}")
    return folder
