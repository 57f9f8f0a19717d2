"""The saved dialogue: every entry is typed, in range, and as it was written."""

from __future__ import annotations

import contextlib
import copy
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.documents import digest, sealed
from netwright.core.errors import ConfigError, DataError, FormatError, NetwrightError
from netwright.core.locks import BusyError
from netwright.synthesis.dialogue import Dialogue
from netwright.synthesis.queries import Answer
from netwright.synthesis.setup import PoolProblem, Setup
from netwright.synthesis.store import DialogueStore, FileStore, take_up
from tests.synthesis.problems import weighted_pool

PROBLEM = PoolProblem(weighted_pool(60))


def held() -> dict:
    dialogue = Dialogue(PROBLEM, Setup(question="pair", n_queries=4))
    for best in (0, 1):
        dialogue.tell(Answer((best,)))
    return json.loads(json.dumps(dialogue.to_json(), allow_nan=False))


SAVED = held()


def places(value, at=()):
    """Where each plain value of a document is."""
    if isinstance(value, dict):
        return [p for key, each in value.items() for p in places(each, (*at, key))]
    if isinstance(value, list):
        return [p for i, each in enumerate(value) for p in places(each, (*at, i))]
    return [at]


def changed(at, value, *, sealed: bool) -> dict:
    """The document with another value in a place; `sealed`: with the SHA-256 that belongs to it."""
    document = copy.deepcopy(SAVED)
    inner = document
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = value
    return {**document, "sha256": digest(document)} if sealed else document


def test_what_was_saved_is_read():
    assert Dialogue.from_json(SAVED, PROBLEM).to_json() == SAVED


@given(st.data())
def test_any_changed_value_is_refused(data):
    at = data.draw(st.sampled_from(places(SAVED)))
    old = SAVED
    for key in at:
        old = old[key]
    new = data.draw(st.sampled_from([0, 1, 2, True, False, None, "much", "compare", [], -1, 0.5, 10**9]))
    if type(new) is type(old) and new == old:
        return
    if at == ("format_version",) and new == 1:
        new = 3
    with pytest.raises(NetwrightError):
        Dialogue.from_json(changed(at, new, sealed=False), PROBLEM)


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (("exchanges", 0, "answer", "best"), [True], "exchanges.0.answer.best.0"),
        (("exchanges", 0, "answer", "best"), [0.0], "exchanges.0.answer.best.0"),
        (("exchanges", 1, "query", "designs"), [-1, 0], "exchanges.1.query.designs.0"),
        (("exchanges", 1, "query", "ties"), 1, "exchanges.1.query.ties"),
        (("setup", "n_queries"), True, "setup.n_queries"),
        (("setup", "n_queries"), 1, "2 answers to 1 questions"),
        (("setup", "seed"), -1, "setup.seed"),
        (("note",), "hello", "unknown entry note"),
    ],
)
def test_a_wrong_type_or_range_is_named_even_with_the_right_hash(at, value, words):
    with pytest.raises((DataError, FormatError), match=words):
        Dialogue.from_json(changed(at, value, sealed=True), PROBLEM)


def test_an_answer_that_was_exchanged_is_noticed():
    best = SAVED["exchanges"][0]["answer"]["best"]
    with pytest.raises(FormatError, match="its SHA-256 differs"):
        Dialogue.from_json(changed(("exchanges", 0, "answer", "best"), [1 - best[0]], sealed=False), PROBLEM)


def test_a_document_of_an_earlier_release_is_read():
    document = {key: value for key, value in SAVED.items() if key != "sha256"} | {"format_version": 1}
    assert len(Dialogue.from_json(document, PROBLEM).exchanges) == 2


def test_a_document_whose_hash_was_removed_is_refused():
    with pytest.raises(NetwrightError, match="SHA-256 differs"):
        Dialogue.from_json({key: value for key, value in SAVED.items() if key != "sha256"}, PROBLEM)


class MemoryStore:
    """A store as a web page may have one."""

    where = Path("memory")

    def __init__(self) -> None:
        self.document: dict | None = None

    def alone(self):
        return contextlib.nullcontext()

    def load(self):
        return self.document

    def save(self, dialogue):
        self.document = json.loads(json.dumps(dialogue.to_json()))


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_a_dialogue_is_taken_up_from_any_store(kind, tmp_path):
    store: DialogueStore = FileStore(tmp_path / "d.json") if kind == "file" else MemoryStore()
    with store.alone():
        dialogue = take_up(store, PROBLEM, {"question": "pair", "n_queries": 4})
        dialogue.tell(Answer((0,)))
        store.save(dialogue)
    again = take_up(store, PROBLEM, {"n_queries": 4})
    assert again.exchanges == dialogue.exchanges
    assert again.ask() == dialogue.ask()
    with pytest.raises(ConfigError, match="started with n_queries 4"):
        take_up(store, PROBLEM, {"n_queries": 5})


def test_a_file_is_one_persons_at_a_time(tmp_path):
    store = FileStore(tmp_path / "d.json")
    with store.alone(), pytest.raises(BusyError, match="in use by"), store.alone():
        pass
    with store.alone():
        pass


def test_a_dialogue_whose_learner_ignored_the_question_continues():
    """Earlier releases took any question for a learner that asks its own, and stored it."""
    dialogue = Dialogue(PROBLEM, Setup("voting"))
    dialogue.tell(Answer((0,)))
    document = dialogue.to_json()
    document = sealed({**document, "setup": {**document["setup"], "question": "triple"}})
    assert Dialogue.from_json(document, PROBLEM).ask() == dialogue.ask()
