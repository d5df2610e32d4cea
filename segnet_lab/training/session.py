"""A training as its user meets it: a bar, a line per epoch, and Ctrl-C that says how to go on."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from tqdm.auto import tqdm

from segnet_lab._support import compiled
from segnet_lab._support.progress import bar, headless
from segnet_lab.metrics.conventions import SCORES
from segnet_lab.runs.directory import RunDirectory
from segnet_lab.runs.recipe import Recipe
from segnet_lab.training.state import TrainingState


@contextmanager
def interruptible(run: RunDirectory, recipe: Recipe, show_progress: bool) -> Iterator["tqdm[None]"]:
    """What a training runs in: gives its bar, and puts torch's generator back afterwards.

    Raises
    ------
    KeyboardInterrupt
        As it came; with `show_progress` it is said before how much is kept.
    """
    try:
        with compiled.switched_off(when=recipe.checkpointing), torch.random.fork_rng():
            progress: tqdm[None]
            with bar(show=show_progress) as progress:
                yield progress
    except KeyboardInterrupt:
        if show_progress:
            print(how_to_go_on(run, recipe), file=sys.stderr, flush=True)
        raise


def how_to_go_on(run: RunDirectory, recipe: Recipe) -> str:
    """What to say to somebody who pressed Ctrl-C."""
    done = run.log_rows()
    if not done:
        return f"\nStopped before the first epoch of {run.path} was complete: nothing is kept."
    return (
        f"\nStopped. {done} of {recipe.epochs} epochs are kept in {run.path}: "
        f"the same command resumes with epoch {done + 1}."
    )


def say(state: TrainingState, progress: "tqdm[None]", show: bool) -> None:
    """The loss and the scores of the epoch that was saved last, in a line."""
    if not show:
        return
    row = state.log[-1]
    scores = "  ".join(f"{name} {row[name]:.3f}" for name in SCORES if name in row)
    line = f"epoch {row['epoch']}/{state.recipe.epochs}  loss {row['loss']:.3f}  {scores}"
    print(line, flush=True) if headless() else progress.write(line)
