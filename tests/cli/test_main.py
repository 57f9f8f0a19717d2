import errno
import os
import signal
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
import typer

from netwright import __version__
from netwright.cli import main as module
from netwright.core.errors import ConfigError

SLOW = ("torch", "transformers", "peft", "numpy", "scipy", "matplotlib", "netwright.tasks")


@pytest.mark.parametrize("words", [["--help"], ["adapt", "--help"], ["--version"]])
def test_help_imports_nothing_slow(words):
    program = f"""
import sys
from netwright.cli.main import main
code = main({words!r})
print([m for m in {SLOW!r} if m in sys.modules], file=sys.stderr)
sys.exit(code)
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stderr.strip() == "[]"


def test_the_version_is_printed(cli):
    assert cli("--version").out.strip() == __version__


def test_no_command_shows_the_help(cli):
    assert "Usage" in cli().out + cli().err


@pytest.mark.parametrize("words", ["no-such-command", "test", "test toy --seed -1", "adapt --x"])
def test_wrong_usage_exits_2_with_a_message_on_stderr(cli, words):
    run = cli(*words.split())
    assert (run.code, run.out) == (2, "")
    assert run.err


def _raise(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            ConfigError("rank must be at least 1, got 0; raise it."),
            "rank must be at least 1, got 0; raise it.",
        ),
        (ModuleNotFoundError("no torch", name="torch.nn"), 'pip install "netwright[llm]"'),
        (PermissionError(13, "Permission denied", "/runs"), "/runs: Permission denied"),
    ],
)
def test_the_users_errors_are_one_sentence_and_exit_2(cli, monkeypatch, error, sentence):
    monkeypatch.setattr(module, "app", lambda **_: _raise(error))
    run = cli("list")
    assert (run.code, run.out) == (2, "")
    assert sentence in run.err
    assert "Traceback" not in run.err
    assert run.err.count("\n") == 1


@pytest.mark.parametrize(
    "error", [ModuleNotFoundError("x", name="netwright.typo"), OSError("strange"), KeyError("a")]
)
def test_our_own_bugs_are_one_sentence_and_exit_70_with_a_traceback_on_demand(cli, monkeypatch, error):
    monkeypatch.setattr(module, "app", lambda **_: _raise(error))
    run = cli("list")
    assert (run.code, run.out) == (70, "")
    assert f"unexpected {type(error).__name__} at main.py:" in run.err
    assert run.err.count("\n") == 1
    run = cli("list", "--debug")
    assert run.code == 70
    assert "Traceback" in run.err


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device; free some space"),
        (OSError(errno.EROFS, "Read-only file system", "/a", None, "/b"), "/a and /b: Read-only file system"),
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
        (MemoryError(), "not enough memory"),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried .."),
            "not enough memory",
        ),
        (BrokenProcessPool("a child process terminated abruptly"), "a worker process ended unexpectedly"),
        (ConfigError("a\x1b[2Jb"), "a\\x1b[2Jb"),
    ],
)
def test_what_the_machine_does_not_allow_is_one_sentence_and_exit_2(cli, monkeypatch, error, sentence):
    monkeypatch.setattr(module, "app", lambda **_: _raise(error))
    run = cli("list")
    assert (run.code, run.out) == (2, "")
    assert sentence in run.err
    assert run.err.count("\n") == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_has_its_exit_code_wherever_it_comes(cli, monkeypatch, number, code):
    monkeypatch.setattr(module, "app", lambda **_: signal.raise_signal(number))
    before = signal.getsignal(signal.SIGTERM)
    run = cli("list")
    assert run.code == code
    assert "Traceback" not in run.err
    assert signal.getsignal(signal.SIGTERM) is before


def test_ctrl_c_inside_of_code_from_a_string_is_130_as_well(tmp_path):
    """CPython ends by the signal (-2) after an interrupt inside of `exec`, such as a compiler's import."""
    (tmp_path / "sitecustomize.py").write_text(
        "import netwright.cli.main as main\n"
        "source = 'import signal; signal.signal(2, signal.default_int_handler); signal.raise_signal(2)'\n"
        "main.app = lambda **_: exec(source)\n"
    )
    path = os.pathsep.join([str(tmp_path), *sys.path])
    run = subprocess.run(
        [sys.executable, "-m", "netwright", "list"], env={**os.environ, "PYTHONPATH": path}, check=False
    )
    assert run.returncode == 130


def test_an_interruption_that_a_library_swallows_is_no_success(cli, monkeypatch):
    """Python reports what `__del__` raises and continues."""

    class Swallowing:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    def app(**_):
        Swallowing()

    monkeypatch.setattr(module, "app", app)
    run = cli("list")
    assert run.code == 130
    assert "Traceback" not in run.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_below_stdout_is_one_sentence():
    program = "import sys; from netwright.cli.main import main; sys.exit(main(['list']))"
    with Path("/dev/full").open("w") as full:
        found = subprocess.run(
            [sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert found.returncode == 2
    assert "No space left on device; free some space" in found.stderr
    assert found.stderr.count("\n") == 1


def test_the_data_command_hands_its_words_on(cli, stand_in):
    app = typer.Typer()
    seen = []

    @app.callback()
    def options() -> None: ...

    @app.command()
    def check(data: str, as_json: bool = typer.Option(False, "--json")) -> None:
        seen.append((data, as_json))
        raise typer.Exit(1)

    stand_in("netwright.cli.data", app=app)
    assert cli("data", "check", "/folder", "--json").code == 1
    assert seen == [("/folder", True)]
    helped = cli("data", "--help")
    assert helped.code == 0
    assert "netwright data" in helped.out
    assert cli("data", "chekc").code == 2
