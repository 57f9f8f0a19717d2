"""The database of dialogues: durable, private, and exact about what went wrong."""

from __future__ import annotations

import sqlite3
import stat

import pytest

from netwright.core.errors import DataError, FormatError, OutputError
from netwright.core.locks import BusyError
from netwright.synthesis.database import Database
from netwright.synthesis.dialogue import Dialogue
from netwright.synthesis.queries import Answer
from netwright.synthesis.setup import PoolProblem, Setup
from netwright.synthesis.store import take_up
from tests.synthesis.problems import concave_pool


@pytest.fixture
def database(tmp_path):
    found = Database(tmp_path / "dialogues.sqlite")
    yield found
    found.close()


@pytest.fixture(scope="module")
def problem():
    return PoolProblem(concave_pool(60))


def test_an_answer_survives_a_new_connection_exactly(database, problem):
    store = database.store(database.create("anna", {"scenario": "toy"}))
    dialogue = take_up(store, problem, {"learner": "voting", "n_queries": 5})
    for _ in range(3):
        dialogue.ask()
        dialogue.tell(Answer((0,)))
        store.save(dialogue)
    again = Database(database.path)
    resumed = Dialogue.from_json(again.store(store.key).load(), problem)
    again.close()
    assert resumed.exchanges == dialogue.exchanges
    assert resumed.ask() == dialogue.ask()


def test_dialogues_belong_to_owners_and_ids_cannot_be_guessed(database):
    keys = [database.create("anna", {}) for _ in range(2)]
    other = database.create("ben", {})
    assert [entry.id for entry in database.of("anna")] == keys[::-1]
    assert [entry.id for entry in database.of("ben")] == [other]
    assert len({*keys, other}) == 3 and all(len(key) == 22 for key in keys)  # 128 bits in base64
    assert database.entry("x") is None


def test_remarks_are_replaced_and_forgotten(database):
    key = database.create("anna", {})
    database.remark(key, "choice", 3)
    database.remark(key, "choice", [1, {"a": None}])
    assert database.entry(key).remarks == {"choice": [1, {"a": None}]}
    database.forget(key, "choice")
    assert database.entry(key).remarks == {}


def test_the_secret_stays_and_only_the_owner_reads_the_file(database):
    secret = database.secret()
    assert len(secret) == 64
    again = Database(database.path)
    assert again.secret() == secret
    again.close()
    assert stat.S_IMODE(database.path.stat().st_mode) == 0o600


def test_a_second_writer_is_refused_and_loses_nothing(database, problem):
    key = database.create("anna", {})
    ours, theirs = database.store(key), database.store(key)
    dialogue = take_up(ours, problem, {"learner": "no-prune"})
    other = take_up(theirs, problem, {})
    dialogue.ask()
    dialogue.tell(Answer((0,)))
    ours.save(dialogue)
    with pytest.raises(BusyError, match="continued elsewhere"):
        theirs.save(other)
    assert len(database.store(key).load()["exchanges"]) == 1


def test_a_full_disk_is_said_and_the_last_answer_is_intact(database, problem):
    store = database.store(database.create("anna", {}))
    dialogue = take_up(store, problem, {"learner": "no-prune"})
    pages = database._connection.execute("PRAGMA page_count").fetchone()[0]
    database._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(OutputError, match=r"No space left on device.*free some space"):
        for _ in range(200):
            database.create("anna", {"filler": "x" * 2000})
    assert store.load()["exchanges"] == dialogue.to_json()["exchanges"]


def test_what_is_no_database_of_this_release_is_refused(tmp_path):
    (tmp_path / "text").write_text("not a database, but long enough to look like something else " * 20)
    with pytest.raises(DataError, match="cannot be used as a database"):
        Database(tmp_path / "text")
    Database(tmp_path / "newer").close()
    connection = sqlite3.connect(tmp_path / "newer")
    with connection:
        connection.execute("UPDATE facts SET value = '9' WHERE name = 'format_version'")
    connection.close()
    with pytest.raises(FormatError, match="format version 9"):
        Database(tmp_path / "newer")


def test_foreseen_questions_are_those_that_are_asked(problem):
    setup, known = Setup(n_queries=4, question="tick"), {}
    plain, ahead = Dialogue(problem, setup), Dialogue(problem, setup, known)
    for answer in (Answer((1,)), Answer((0, 2)), Answer(())):
        ahead.foresee(answer)
        n_known = len(known)
        assert plain.ask() == ahead.ask()
        plain.tell(answer)
        ahead.tell(answer)
        assert ahead.ask() == plain.ask()
        assert len(known) == n_known  # nothing was computed again
    assert Dialogue(problem, setup, known).ask() == Dialogue(problem, setup).ask()
