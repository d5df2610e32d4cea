"""What options of several commands take: paths, runs, devices, images, the settings of a training."""

import os
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import click
import yaml

from segnet_lab.cli.shown import Command

F = TypeVar("F", bound=Callable[..., object])


class UserPath(click.Path):
    """A path in which ~ is one's home."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path as text."""
        return super().convert(os.path.expanduser(value), param, ctx)


class RunPath(UserPath):
    """A run or a set of runs: its path, or its name among your own runs or those that came with the kit."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The path that a name means; what means none stays as it is."""
        from segnet_lab.runs.places import find

        path = super().convert(value, param, ctx)
        return str(find(path) or path)


class Device(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.5
    """A device that torch knows and that is here."""

    name = "device"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Its name, once something could be put there."""
        import torch

        try:
            torch.empty(0, device=value)
        except (RuntimeError, AssertionError, NotImplementedError) as error:  # torch raises one or the other
            self.fail(f"{value!r}: {str(error).splitlines()[0]}", param, ctx)
        return str(value)


FOLDER, FILE = UserPath(file_okay=False), UserPath(dir_okay=False)
AT_LEAST_ONE, SHARE = click.IntRange(min=1), click.FloatRange(min=0, max=1, max_open=True)
device_option = click.option("--device", type=Device(), help="cpu, cuda, mps, ... [the accelerator if there is one]")
run_option = click.option("--run", "run_dir", type=RunPath(file_okay=False), required=True, help="Run directory.")


# ------------------------------------------------------------------------------------------------ which images


def data_options(data: str, size: str, default: str | None = None) -> Callable[[F], F]:
    """Options that say which images: --data, --root, --size, -D.

    Parameters
    ----------
    data, size : str
        What the help says of the two.
    default : str, optional
        The data set without --data.
    """
    options = [
        click.option("--data", "dataset", default=default, show_default=bool(default), help=data),
        click.option("--root", type=UserPath(), help="Where the data set lies, if not in the usual places."),
        click.option("--size", nargs=2, type=int, metavar="H W", help=size),
        click.option(
            "-D", "options", nargs=2, multiple=True, metavar="KEY VALUE", help="Its own options, e.g. -D images 100."
        ),
    ]

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


OPTIONS_OF_THEIR_OWN = {
    "name": "give --data",
    "split": "give --split, where the command has it",
    "part": "give --fold to `segnet-lab train`, or use data.part(...) in Python",
    "run": "give --run",
    "strict": "name the data set with --data to take its images as they are now",
    "root": "give --root",
    "size": "give --size H W",
}


def given(root: str | None, size: tuple[int, int] | None, options: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """What the data options change, by name, as `load_dataset` takes it."""
    changes: dict[str, Any] = {name: value for name, value in (("root", root), ("size", size)) if value}
    for key, value in options:
        if key in OPTIONS_OF_THEIR_OWN:
            raise click.UsageError(f"-D {key}: {OPTIONS_OF_THEIR_OWN[key]}")
        try:
            changes[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise click.UsageError(f"-D {key} {value}: the value is no number, word or list") from None
    return changes


# ------------------------------------------------------------------------------------------------ how to train

RECIPE_HELP = {  # what `train --help` says of each setting of segnet_lab.runs.recipe.Recipe
    "epochs": "How often every image is seen; with more, a finished run is resumed.",
    "learning_rate": "0.1 for the Basic networks; 0.001 for those with a VGG16 encoder.",
    "momentum": "Of sgd and rmsprop.",
    "weight_decay": "L2 penalty on the weights.",
    "batch_size": "Images per step; 1 takes images of any size.",
    "balancing": "Class weights: median_frequency, median_frequency_whole_set, published, natural (none), or your own, "
    "one per class: 1,2.5,4.",
    "seed": "Of the weights' first values, the order of images, dropout and augmentation.",
    "evaluate_every": "Epochs between two evaluations.",
    "precision": "auto, float32, bfloat16 or float16; auto takes what the device multiplies fast.",
    "checkpointing": "Less memory, more time: recompute activations in the backward pass.",
    "optimizer": "sgd, adam, adamw or rmsprop.",
    "schedule": "Of the learning rate: constant, or a scheduler of torch, such as 'StepLR(step_size=30, gamma=0.1)'.",
    "augmentation": "none, or any of flip,scale,colour.",
    "patience": "Stop after this many evaluations without a higher G; 0 trains all epochs.",
    "compile": "Compile the network with torch.compile: slow to start; whether it pays depends on the device.",
}


class WithRecipe(Command):
    """A command with one option per field of Recipe, so that a setting exists once."""

    def get_params(self, context: click.Context) -> list[click.Parameter]:
        """Those of the command, and one per setting before --help."""
        from segnet_lab.runs.recipe import Recipe

        settings: list[click.Parameter] = []
        for field in fields(Recipe):
            kind: dict[str, Any] = {"type": field.type if callable(field.type) else str}
            settings.append(
                click.Option(
                    ["--" + field.name.replace("_", "-"), field.name],
                    default=field.default,
                    show_default=True,
                    help=RECIPE_HELP[field.name],
                    **({"is_flag": True} if field.type is bool else kind),
                )
            )
        *own, help_option, traceback = super().get_params(context)
        return [*own, *settings, help_option, traceback]
