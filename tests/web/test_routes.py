"""The app's routes: a dialogue from start to files, without a browser."""

from __future__ import annotations

import csv
import io
import json
import re
import time
import zipfile

import pytest

from netwright.synthesis.dialogue import Dialogue
from tests.web.conftest import Browser


@pytest.fixture(scope="module")
def ended(client):
    """A finished dialogue over MCF on Abilene, and its visitor."""
    visitor = Browser(client)
    place = visitor.begin()
    for ticks in (["0"], ["1", "2"], ["0"]):
        visitor.answer(place, best=ticks)
    visitor.answer(place, said="1")
    return visitor, place


@pytest.fixture(scope="module")
def weights(client):
    """A finished dialogue over OSPF weights on Abilene, and its visitor."""
    visitor = Browser(client)
    place = visitor.begin(scenario="ospf", queries="2", objectives="300")
    visitor.answer(place, best=["0"])
    visitor.answer(place, said="1")
    return visitor, place


def test_the_start_page_offers_what_the_registry_holds(visitor):
    page = visitor.get("/").text
    for words in (
        "OSPF link weights",
        "Throughput against latency",
        "abilene",
        "fullest link on shortest paths",
    ):
        assert words in page
    assert "cwix" not in page  # not packaged, and there is no data folder
    assert "60 %" in visitor.get("/?scenario=ospf").text


def test_a_dialogue_ends_with_files_that_agree(ended):
    visitor, place = ended
    assert "Your design" in visitor.get(place).text
    archive = zipfile.ZipFile(io.BytesIO(visitor.get(f"{place}/files/design.zip").content))
    assert sorted(archive.namelist()) == [
        "design.json", "dialogue.json", "links.csv", "sr-policies.json", "tunnels.csv",
    ]  # fmt: skip
    design = json.loads(archive.read("design.json"))
    links = list(csv.DictReader(io.StringIO(archive.read("links.csv").decode())))
    assert [float(row["utilization"]) for row in links] == [
        row["utilization"] for row in design["tables"]["links"]
    ]
    assert max(float(row["utilization"]) for row in links) <= 1.0 + 1e-6
    policies = json.loads(archive.read("sr-policies.json"))["policies"]
    carried = sum(
        each["traffic"] for p in policies for c in p["candidate_paths"] for each in c["segment_lists"]
    )
    tunnels = list(csv.DictReader(io.StringIO(archive.read("tunnels.csv").decode())))
    assert carried == pytest.approx(sum(float(row["carried"]) for row in tunnels), rel=1e-3)
    for policy in policies:
        assert all(
            each["segments"][-1] == policy["endpoint"]
            for each in policy["candidate_paths"][0]["segment_lists"]
        )


def test_the_log_replays_to_the_same_design(ended, client):
    visitor, place = ended
    log = visitor.get(f"{place}/files/dialogue.json").json()
    design = visitor.get(f"{place}/files/design.json").json()
    conversations = client.app.state.parts.conversations
    with conversations.alone(place.rpartition("/")[2], conversations.database.entry(place[3:]).owner) as (
        found,
        _,
    ):
        replayed = Dialogue.from_json(log, found.room.problem)
    assert replayed.recommend() == design["recommended"]


def test_choosing_an_alternative_changes_the_files(visitor):
    place = visitor.begin()
    visitor.answer(place, said="equal")  # an answer that does not depend on the random sides
    visitor.post(f"{place}/stop")
    menu = re.findall(r'name="design" value="(\d+)"', visitor.get(place).text)
    assert len(menu) == len(set(menu)) >= 2
    visitor.post(f"{place}/choice", {"design": menu[1]})
    assert visitor.get(f"{place}/files/design.json").json()["design"] == int(menu[1])
    assert "Taken: alternative 1" in visitor.get(place).text
    assert visitor.post(f"{place}/choice", {"design": 10**6}).status_code == 404


@pytest.mark.parametrize(
    "part", ["result/maps", "result/why", "compare", "report", "compare/steps.json", "panels/2"]
)
def test_every_part_of_the_end_is_shown(ended, part):
    visitor, place = ended
    found = visitor.get(f"{place}/{part}")
    assert found.status_code == 200
    if part == "compare/steps.json":
        assert found.json()["safe"] and found.json()["fullest"] <= 1.0 + 1e-5


def test_the_questionnaire_is_kept_and_exported(ended):
    visitor, place = ended
    assert visitor.get(f"{place}/files/questionnaire.json").status_code == 404
    visitor.post(f"{place}/opinion", {"balance": "4", "speed": "5", "remark": "<b>fast</b>"})
    assert "&lt;b&gt;fast&lt;/b&gt;" in visitor.get(place).text
    found = visitor.get(f"{place}/files/questionnaire.json").json()["answers"]
    assert (found["balance"], found["speed"], found["priority"], found["remark"]) == (
        4,
        5,
        None,
        "<b>fast</b>",
    )
    assert visitor.post(f"{place}/opinion", {"balance": "9"}).status_code == 422


def test_a_failure_changes_the_map(ended):
    visitor, place = ended
    normal, failed = (visitor.get(f"{place}/panels/1{query}").text for query in ("", "?failed=0"))
    assert "of the demand is carried" in failed and "of the demand is carried" not in normal
    assert failed.count('class="arc failed"') == 6  # both directions on three maps
    assert visitor.get(f"{place}/panels/1?failed=999").status_code == 400


def test_answers_can_be_undone_and_changed(visitor):
    place = visitor.begin(queries="6")
    first = visitor.token(place)
    visitor.answer(place, best=["0"])
    visitor.answer(place, said="equal")
    assert "Question 3 of 6" in visitor.get(place).text
    visitor.post(f"{place}/undo")
    assert "Question 2 of 6" in visitor.get(place).text
    changed = visitor.post(f"{place}/answers/1", {"best": ["1", "2"]})
    assert changed.status_code == 303
    assert re.search(r"1\. about best: B and C", visitor.get(place).text)
    visitor.post(f"{place}/undo")
    assert visitor.token(place) == first


def test_an_answer_to_an_earlier_question_is_refused(visitor):
    place = visitor.begin()
    token = visitor.token(place)
    assert visitor.post(f"{place}/answer", {"token": token, "said": "0"}).status_code == 303
    for stale in (token, "", "0" * 16):
        again = visitor.post(f"{place}/answer", {"token": stale, "said": "0"})
        assert again.status_code == 409 and "answered before" in again.text
    assert "Question 2 of 4" in visitor.get(place).text


@pytest.mark.parametrize(
    "said", [{}, {"said": "3"}, {"said": "x"}, {"best": ["7"]}, {"best": ["a"]}, {"said": "0-odd"}]
)
def test_what_is_no_answer_changes_nothing(visitor, said):
    place = visitor.begin()
    assert visitor.answer(place, **said).status_code in (400, 422)
    assert "Question 1 of 4" in visitor.get(place).text


def test_stopping_takes_the_design_and_can_be_taken_back(visitor):
    place = visitor.begin()
    visitor.answer(place, said="0")
    visitor.post(f"{place}/stop")
    assert "Your design" in visitor.get(place).text
    assert visitor.answer(place, said="0").status_code == 409
    visitor.post(f"{place}/undo")
    assert "Question 2 of 4" in visitor.get(place).text


@pytest.mark.parametrize("scenario", ["bw", "nf"])
def test_every_scenario_reaches_its_end(visitor, scenario):
    place = visitor.begin(scenario=scenario, question="pair", queries="3", flows="30")
    for _ in range(2):
        assert "is better" in visitor.get(place).text
        visitor.answer(place, said="1")
    visitor.answer(place, said="unsure")
    assert "Your design" in visitor.get(place).text
    assert visitor.get(f"{place}/panels/1?failed=0").status_code == 200
    assert visitor.get(f"{place}/report").status_code == 200


@pytest.mark.parametrize("learner", ["voting", "no-prune", "objective-only"])
def test_every_learner_asks_in_the_app(visitor, learner):
    place = visitor.begin(learner=learner)
    for _ in range(4):
        if "Your design" in visitor.get(place).text:
            break
        visitor.answer(place, said="0")
    assert "Your design" in visitor.get(place).text


def test_where_all_demand_fits_there_is_nothing_to_decide(visitor):
    place = visitor.begin(load="0.5")
    assert "There is nothing to decide" in visitor.get(place).text


def test_what_cannot_be_built_is_said_and_can_be_tried_again(visitor):
    visitor.get("/")
    place = visitor.post("/dialogues", {"scenario": "ospf", "network": "b4"}).headers["location"]
    end = time.monotonic() + 60.0
    while "could be prepared" not in (page := visitor.get(place).text):
        assert time.monotonic() < end, page
        time.sleep(0.1)
    assert "all links of B4 have the same latency" in page.replace("b4", "B4")
    assert visitor.post(f"{place}/retry").status_code == 303


def test_limits_leave_out_designs_and_are_kept(visitor, client):
    place = visitor.begin()
    page = visitor.get(place).text
    low, high = map(float, re.findall(r'placeholder="([\d.]+) to ([\d.]+)"', page)[0])
    assert "throughput, at least" in page and "latency, at most" in page
    limit = (low + 3 * high) / 4
    found = visitor.post(f"{place}/limits", {"limits": [f"{limit:.3f}", ""]})
    limited = visitor.opened(found.headers["location"])
    page = visitor.get(limited).text
    assert f"Only designs with throughput at least {limit:.4g}" in page
    assert float(re.findall(r'placeholder="([\d.]+) to', page)[0]) >= limit - 0.01
    assert "Only designs with" not in visitor.get(place).text
    visitor.answer(limited, said="equal")
    assert "Begin with these limits" not in visitor.get(limited).text
    for wrong in (["1e9", ""], ["x", ""]):
        assert visitor.post(f"{place}/limits", {"limits": wrong}).status_code == 400


def test_interfaces_of_routers_are_named_by_their_owner(weights):
    visitor, place = weights
    lines = visitor.get(f"{place}/files/frr-costs.txt").text
    assert "interface to-" in lines and "placeholders" in lines
    table = visitor.get(f"{place}/files/interfaces.csv").text
    titles, *rows = table.splitlines()
    own = [row.rpartition(",")[0] + f",swp{i}" for i, row in enumerate(rows)]
    assert visitor.post(f"{place}/interfaces", {"table": "\n".join([titles, *own])}).status_code == 303
    lines = visitor.get(f"{place}/files/frr-costs.txt").text
    assert f"interface swp{len(rows) - 1}\n" in lines and "placeholders" not in lines
    assert visitor.post(f"{place}/interfaces", {"table": "a,b,c"}).status_code == 400
    visitor.post(f"{place}/interfaces", {"table": ""})
    assert "placeholders" in visitor.get(f"{place}/files/frr-costs.txt").text


def test_a_dialogue_about_link_weights_begins_in_a_first_pool_and_moves(weights, client):
    visitor, place = weights
    conversations = client.app.state.parts.conversations
    key = place.rpartition("/")[2]
    owner = conversations.database.entry(key).owner
    with conversations.alone(key, owner) as (found, _):
        rooms, state = conversations.rooms.opened(found.wish)
        shown = {d for e in found.dialogue.exchanges for d in e.query.designs}
        tables = [found.room.solved(design).tables["links"] for design in shown]
    assert all(row["weight"] >= 1 for rows in tables for row in rows)
    assert len(rooms) == 2 or state.state in ("building", "waiting")
    assert visitor.get(f"{place}/compare").status_code == 200
