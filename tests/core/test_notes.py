"""Notes reach a log by default, and the command line once; a lazy mapping reads what is asked for, once."""

import json
import threading

import pytest

from netwright.cli.output import print_json
from netwright.core import notes
from netwright.core.errors import DataError
from netwright.core.lazy import LazyMapping


def test_a_library_user_sees_notes_in_the_log(caplog):
    notes.note("read as 100 % something")
    assert caplog.messages == ["read as 100 % something"]
    assert notes.so_far() == []


def test_a_command_shows_each_note_once_and_adds_it_to_its_document(capsys):
    shown = []
    with notes.collected(shown.append):
        for line in ("one", "two", "one"):
            notes.note(line)
        print_json({"mean": 1.0})
        print_json([1])
        assert notes.so_far() == ["one", "two"]
    assert shown == ["note: one", "note: two"]
    printed = capsys.readouterr().out
    first, _, rest = printed.partition("}\n")
    assert json.loads(first + "}") == {"mean": 1.0, "notes": ["one", "two"]}
    assert json.loads(rest) == [1]
    with notes.collected(shown.append):
        assert notes.so_far() == []
        print_json({"mean": 1.0})
    assert json.loads(capsys.readouterr().out) == {"mean": 1.0}


def test_own_notes_leave_out_those_of_other_threads():
    own, every = [], []
    with notes.collected(every.append), notes.collected(own.append, own=True):
        other = threading.Thread(target=notes.note, args=("theirs",))
        other.start()
        other.join()
        notes.note("mine")
    assert (own, every) == (["note: mine"], ["note: theirs", "note: mine"])


def test_values_are_read_when_asked_for_and_only_once():
    asked = []

    def read(name):
        asked.append(name)
        if name == "bad":
            raise DataError("bad: broken")
        return name.upper()

    found = LazyMapping(["a", "bad", "b"], read)
    assert (list(found), len(found), "bad" in found, "c" in found) == (["a", "bad", "b"], 3, True, False)
    assert asked == []
    assert (found["a"], found["a"], found.get("c", "none")) == ("A", "A", "none")
    assert asked == ["a"]
    with pytest.raises(DataError, match="bad: broken"):
        found.get("bad")
    with pytest.raises(KeyError):
        found["c"]
