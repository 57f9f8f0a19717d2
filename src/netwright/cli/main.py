"""The `netwright` command: assembles the groups and turns errors into a message and an exit code."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shlex
import sys
import traceback
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Annotated

import typer

from netwright import __version__
from netwright.cli import adapting, collecting, listing, running, testing, verifying
from netwright.cli.output import Group, progress
from netwright.core import notes
from netwright.core.errors import MissingExtraError, NetwrightError, advice_on, reason_of
from netwright.core.interrupts import exit_code, forget, listening
from netwright.core.reading import short_reason
from netwright.core.threads import wait_asleep

DONE, FAILED, WRONG_INPUT = 0, 1, 2
FAULT = 70  # EX_SOFTWARE of sysexits.h

_DEBUG = "--debug"
_OUT_OF_MEMORY = re.compile(
    r"out of memory|can't allocate memory|Unable to allocate|std::bad_alloc", re.IGNORECASE
)

# Optional packages, with the extra that installs them.
_EXTRAS = {"torch": "llm", "transformers": "llm", "peft": "llm", "safetensors": "llm", "sklearn": "dev"}
_EXTRAS |= dict.fromkeys(("fastapi", "starlette", "uvicorn", "itsdangerous", "python_multipart"), "app")

app = typer.Typer(
    name="netwright",
    help="Adapt a language model to networking tasks, and test it against strong simple baselines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    cls=Group,
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
    debug: Annotated[
        bool, typer.Option(_DEBUG, help="Print the traceback of an error; works with every command.")
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
    """Find a network design by answering a few questions: pool, simulate, ask, serve, solve, import."""
    from netwright.core.task import load_attribute

    load_attribute("netwright.cli.design.commands:app")(context.args, prog_name="netwright design")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the arguments after `netwright`; those of this process if None.

    Returns:
        0 done, 1 a check or comparison failed, 2 wrong input or insufficient machine, 70 an internal error of
        netwright, 130 interrupted by Ctrl-C, 143 by SIGTERM, 129 by a closed terminal.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = _DEBUG in words
    wait_asleep()
    forget()
    words = [word for word in words if word != _DEBUG]
    try:
        with listening() as interrupted:
            code = _run(words, debug)
            sys.stdout.flush()
            if code == DONE and interrupted():  # a library swallowed it: in a callback, or in `__del__`
                return exit_code()
    except KeyboardInterrupt:
        return exit_code()
    except OSError as error:  # stdout, such as a file on a full disk
        _discard_stdout()
        return FAILED if error.errno == errno.EPIPE else _say(f"stdout: {_of_system(error)}")
    return code


def _run(words: Sequence[str], debug: bool) -> int:
    try:
        with notes.collected(progress):
            app(args=list(words), prog_name="netwright", obj=shlex.join(["netwright", *words]))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else DONE if end.code is None else FAILED
    except KeyboardInterrupt:
        progress("netwright: interrupted.")
        return exit_code()
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _said(error)
    return DONE


def _said(error: Exception) -> int:
    """Print one sentence about an error on stderr; returns the exit code."""
    if isinstance(error, NetwrightError):
        return _say(str(error))
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").partition(".")[0]
        if package in _EXTRAS:
            return _say(str(MissingExtraError(package, _EXTRAS[package])))
    if isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(str(error)):
        return _say("not enough memory; use smaller settings, or close other programs.")
    if isinstance(error, BrokenExecutor):
        return _say("a worker process ended unexpectedly, possibly out of memory; use fewer --workers.")
    if isinstance(error, OSError) and error.errno is not None:
        return _say(_of_system(error))
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "netwright" in f.filename]
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    _say(
        f"unexpected {type(error).__name__}{place} ({short_reason(error)}); this is a bug in netwright, please "
        "report it with the output of `--debug`."
    )
    return FAULT


def _of_system(error: OSError) -> str:
    names = [
        os.fsdecode(n) for n in (error.filename, error.filename2) if isinstance(n, (str, bytes, os.PathLike))
    ]
    place = f"{' and '.join(names)}: " if names else ""
    return f"{place}{reason_of(error)}; {advice_on(error)}."


def _discard_stdout() -> None:
    """Redirect stdout to the null device, so that the interpreter does not fail again at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(sentence: str) -> int:
    progress(f"netwright: {sentence}")
    return WRONG_INPUT
