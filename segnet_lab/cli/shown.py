"""How commands show errors and warnings: each of ours as one readable line, in the words of the command."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import click

from segnet_lab._support.errors import EXPECTED, in_options


def _note(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        context.find_root().params["traceback"] = True


TRACEBACK_TOO = click.Option(
    ["--traceback"], is_flag=True, expose_value=False, callback=_note, hidden=True, help="As segnet-lab --traceback."
)


class Command(click.Command):
    """Shows what the kit raises on purpose, and what the system does, as one line; a fault of ours as Python does.

    With --traceback, before or after the command's name, all look as Python shows them.
    """

    def get_params(self, context: click.Context) -> list[click.Parameter]:
        """Those of the command, and --traceback."""
        return [*super().get_params(context), TRACEBACK_TOO]

    def invoke(self, context: click.Context) -> object:
        """Run the command."""
        try:
            with _warnings_in_a_line(context):
                return super().invoke(context)
        except BrokenPipeError:  # an OSError, for click to handle
            raise
        except EXPECTED as error:
            if _traced(context):
                raise
            text = _in_words_of(context, str(error) or type(error).__name__)
            raise click.ClickException(text) from error


class Group(click.Group):
    """Commands that show errors so; Ctrl-C ends them without a traceback."""

    command_class = Command
    group_class = type

    def invoke(self, context: click.Context) -> object:
        """Run the command that was named."""
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(130) from None  # as a shell counts it; what was kept is said by then


@contextmanager
def _warnings_in_a_line(context: click.Context) -> Iterator[None]:
    """For a while, warnings that Python would show are lines on stderr; which it shows is not changed."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = " ".join(_in_words_of(context, str(message)).split())
        click.echo(f"warning: {text or category.__name__}", err=True)

    if _traced(context):
        yield
        return
    usual = warnings.showwarning
    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = usual


def _traced(context: click.Context) -> bool:
    return bool(context.find_root().params.get("traceback"))


def _in_words_of(context: click.Context, message: str) -> str:
    own = [p for p in context.command.get_params(context) if isinstance(p, click.Option) and p is not TRACEBACK_TOO]
    return in_options(message, {str(option.name): max(option.opts, key=len) for option in own})
