"""The `netwright` command: assembles the groups and turns an error into one sentence and an exit code."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from netwright import __version__
from netwright.cli import adapting, collecting, listing, running, testing, verifying
from netwright.cli.output import progress
from netwright.core import notes
from netwright.core.errors import MissingExtraError, NetwrightError

DONE, FAILED, WRONG_INPUT = 0, 1, 2

# Packages that an extra brings, by the extra's name.
_EXTRAS = {"torch": "llm", "transformers": "llm", "peft": "llm", "safetensors": "llm", "sklearn": "dev"}

app = typer.Typer(
    name="netwright",
    help="Adapt one language model to networking tasks, and test it beside the strongest simple baselines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
listing.register(app)
collecting.register(app)
adapting.register(app)
testing.register(app)
verifying.register(app)
running.register(app)


def _show_version(asked: bool) -> None:
    if asked:
        print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...


@app.command(
    "data",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def data(context: typer.Context) -> None:
    """Check a data folder, or fetch the public data sets."""
    from netwright.core.task import load_attribute

    load_attribute("netwright.cli.data:app")(context.args, prog_name="netwright data")


@app.command(
    "design",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def design(context: typer.Context) -> None:
    """Find a network design by a few questions: pool, simulate, ask, import."""
    from netwright.core.task import load_attribute

    load_attribute("netwright.cli.design.commands:app")(context.args, prog_name="netwright design")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the words after `netwright`; those of this process if None.

    Returns:
        0 done, 1 a check or comparison failed, 2 the user's input was wrong, 130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with notes.collected(progress):
            app(args=words, prog_name="netwright", obj=shlex.join(["netwright", *words]))
    except NetwrightError as error:
        return _say(str(error))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRAS:
            raise
        return _say(str(MissingExtraError(package, _EXTRAS[package])))
    except OSError as error:
        if error.filename is None or error.strerror is None:
            raise
        return _say(f"{error.filename}: {error.strerror}; check the path and who may write there.")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else DONE if end.code is None else FAILED
    return DONE


def _say(sentence: str) -> int:
    print(f"netwright: {sentence}", file=sys.stderr)
    return WRONG_INPUT
