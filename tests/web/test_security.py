"""What strangers, other sites and wrong input can do to the app: nothing."""

from __future__ import annotations

import re
from importlib import resources

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from netwright.web.app import create_app
from netwright.web.settings import MAX_BODY_BYTES, Settings
from tests.web.conftest import Browser

WEB = resources.files("netwright.web")


def test_every_page_forbids_inline_scripts_and_framing(visitor):
    for place in ("/", "/login", "/d/nothing", "/static/app.css"):
        headers = visitor.get(place).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"


def test_templates_need_no_exception_from_that():
    for path in (WEB / "templates").iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:|<script(?![^>]*src=)", text), path.name
        assert "|safe" not in text.replace("""'aria-current="true"'|safe""", "").replace(
            """'aria-pressed="true"'|safe""", ""
        ).replace("""'aria-pressed="false"'|safe""", ""), path.name


def test_nothing_is_loaded_from_elsewhere():
    for folder in ("templates", "static"):
        for path in (WEB / folder).iterdir():
            if path.name.startswith("htmx"):
                continue
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"""(?:src|href|url|action)\s*[=(]\s*["']?(https?:)?//""", text), path.name


def test_the_cookie_is_out_of_reach_of_scripts_and_signed(client):
    found = Browser(client).get("/")
    cookie = found.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie
    forged = Browser(client, {"netwright": "x" + found.cookies["netwright"][1:]})
    assert "set-cookie" in forged.get("/").headers  # counts as new


def test_another_name_of_this_computer_is_refused(visitor):
    for host in ("evil.example", "127.0.0.1.evil.example", "", "[::2]"):
        assert visitor.get("/", headers={"host": host}).status_code == 400
    for host in ("localhost:8000", "[::1]:8000", "127.0.0.1"):
        assert visitor.get("/", headers={"host": host}).status_code == 200


CHANGES = ("answer", "undo", "stop", "answers/1", "choice", "opinion", "retry")
LOOKS = (
    "",
    "progress",
    "answers/1",
    "panels/1",
    "result/maps",
    "result/why",
    "compare",
    "report",
    "files/design.json",
)


def test_another_visitor_neither_reads_nor_changes_a_dialogue(client):
    owner, other = Browser(client), Browser(client)
    place = owner.begin()
    owner.answer(place, said="0")
    other.get("/")
    for part in LOOKS:
        assert other.get(f"{place}/{part}".rstrip("/")).status_code == 404, part
    for part in CHANGES:
        assert other.post(f"{place}/{part}", {"design": "0", "said": "0"}).status_code == 404, part
    assert "Question 2 of 4" in owner.get(place).text
    assert place.rpartition("/")[2] not in other.get("/").text


def test_another_site_cannot_change_anything(visitor):
    place = visitor.begin()
    token = visitor.token(place)
    answer = {"token": token, "said": "0"}
    for csrf in ("", "0" * 64, "\udcff"):
        assert (
            visitor.post(f"{place}/answer", {**answer, "csrf": csrf.encode("utf-8", "replace")}).status_code
            == 403
        )
    cross = visitor.post(f"{place}/answer", answer, headers={"sec-fetch-site": "cross-site"})
    assert cross.status_code == 403
    for part in (*CHANGES, "../../dialogues", "../../networks", "../../facts"):
        assert visitor.post(f"{place}/{part}", {"csrf": "wrong", "design": "0"}).status_code == 403, part
    assert "Question 1 of 4" in visitor.get(place).text


def test_a_password_is_needed_where_one_is_set(tmp_path):
    app = create_app(Settings(tmp_path, password="right horse"))
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as client:
        visitor = Browser(client)
        assert visitor.get("/").headers["location"] == "/login"
        assert visitor.get("/d/" + "a" * 22).headers["location"] == "/login"
        assert visitor.post("/login", {"password": "wrong"}).status_code == 401
        assert visitor.get("/").status_code == 303
        assert visitor.post("/login", {"password": "right horse"}).status_code == 303
        assert visitor.get("/").status_code == 200
        stranger = Browser(client)
        codes = [stranger.post("/login", {"password": str(i)}).status_code for i in range(25)]
        assert set(codes) == {401, 429} and codes[-1] == 429


def test_large_requests_are_refused(visitor):
    visitor.get("/")
    assert visitor.post("/networks", headers={"content-length": str(MAX_BODY_BYTES + 1)}).status_code == 413
    big = b"a b 1\n" * 800_000  # above the limit of a network's file
    found = visitor.post("/networks", files={"network_file": ("big.txt", big)})
    assert "above the limit of 4 MiB" in found.text
    many = "".join(f"n{i} n{i + 1} 1 1\n" for i in range(300)) + "n300 n0 1 1\n"
    found = visitor.post(
        "/networks", {"default_capacity": "1"}, files={"network_file": ("many.txt", many.encode())}
    )
    assert "301 nodes" in found.text


def test_a_full_disk_is_said_and_loses_no_answer(client):
    visitor = Browser(client)
    place = visitor.begin()
    visitor.answer(place, said="0")
    database = client.app.state.parts.conversations.database
    pages = database._connection.execute("PRAGMA page_count").fetchone()[0]
    database._connection.execute(f"PRAGMA max_page_count = {pages}")
    try:
        for _ in range(200):
            found = visitor.begin_only()
            if found.status_code != 303:
                break
        assert found.status_code == 507 and "No space left on device" in found.text
        assert "Question 2 of 4" in visitor.get(place).text
    finally:
        database._connection.execute("PRAGMA max_page_count = 1000000")
    visitor.answer(place, said="0")
    assert "Question 3 of 4" in visitor.get(place).text


FIELDS = (
    "scenario",
    "network",
    "key",
    "demands",
    "load",
    "flows",
    "classes",
    "tunnels",
    "queries",
    "objectives",
)
KNOWN = ["mcf", "ospf", "abilene", "upload", "own", "table", "k4", "1e999", "-1"]
WORDS = st.text(max_size=12) | st.sampled_from(KNOWN)


@settings(max_examples=25, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(form=st.dictionaries(st.sampled_from(FIELDS), WORDS, max_size=6), content=st.binary(max_size=80))
def test_no_form_of_the_start_page_breaks_the_server(client, form, content):
    visitor = Browser(client)
    visitor.get("/")
    form = {name: value.encode("utf-8", "replace") for name, value in form.items()}
    files = {"network_file": ("x.graphml", content), "demands_file": ("x.csv", content)}
    for place in ("/networks", "/facts"):
        assert visitor.post(place, form, files=files).status_code < 500


@pytest.fixture(scope="module")
def schema(client):
    """The app's OpenAPI document, which the server itself does not show."""
    return schemathesis.openapi.from_dict(client.app.openapi())


def test_requests_from_the_openapi_document_never_break_the_server(client, schema):
    visitor = Browser(client)
    visitor.get("/")
    headers = {"cookie": f"netwright={visitor.cookies['netwright']}", "x-csrf-token": visitor.csrf}
    for operation in schema.get_all_operations():
        check_operation(operation.ok(), client, headers)


def check_operation(operation, client, headers) -> None:
    @settings(
        max_examples=12,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def answered(case):
        request = case.as_transport_kwargs(base_url="http://127.0.0.1", headers=headers)
        response = client.request(**{k: v for k, v in request.items() if v is not None and k != "cookies"})
        assert response.status_code < 500, case

    answered()
