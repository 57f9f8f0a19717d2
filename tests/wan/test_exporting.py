"""A chosen design as files, for every scenario: what is exported is what was chosen."""

import csv
import errno
import hashlib
import itertools
import json
import os
import stat

import pytest

from netwright.core.errors import DataError, FormatError, OutputError
from netwright.wan import pools
from netwright.wan.exporting import as_csv, changes, figures, solved, today_of, write_design
from netwright.wan.registry import scenario, scenario_names

NETWORK = "a b 10 1\nb c 10 2\nc d 5 1\nd a 10 3\na c 5 6\nb d 10 4\n"


@pytest.fixture(scope="module", params=scenario_names())
def chosen(request, tmp_path_factory):
    """A small pool of each scenario, its file, its instance."""
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "net.txt").write_text(NETWORK)
    path = folder / "pool.parquet"
    spec = pools.spec_of(request.param, str(folder / "net.txt"), n=30)
    pool = pools.Builder().obtain(spec, path)
    return pool, path, pools.instance_of(pool)


def test_exported_designs_have_the_metrics_that_were_shown(chosen):
    pool, path, instance = chosen
    for design in range(0, pool.n_designs, 3):
        found = solved(pool, path, instance, design)
        assert list(found.metrics.values()) == pytest.approx(pool.design(design).metrics, rel=1e-3, abs=1e-3)


def test_links_carry_no_more_than_tunnels_put_on_them(chosen):
    pool, path, instance = chosen
    tables = solved(pool, path, instance, 0).tables
    assert len(tables["links"]) == instance.topology.n_arcs
    if "tunnels" in tables:
        load = dict.fromkeys(((row["from"], row["to"]) for row in tables["links"]), 0.0)
        for row in tables["tunnels"]:
            stops = row["path"].split(" - ")
            for hop in itertools.pairwise(stops):
                load[hop] += row["carried"]
        assert [row["load"] for row in tables["links"]] == pytest.approx(list(load.values()), abs=1e-6)
        assert max(row["utilization"] for row in tables["links"]) <= 1.0 + 1e-6


def _scenario(pool):
    return scenario(pool.provenance["scenario"])


def test_what_operators_ask_for(chosen):
    pool, path, instance = chosen
    tables = solved(pool, path, instance, 0).tables
    found = figures(tables, today_of(_scenario(pool), instance, None))
    fullest = max(row["utilization"] for row in tables["links"])
    assert found["worst link (%)"] == pytest.approx(100.0 * fullest)
    assert ("starved flows" in found) == ("tunnels" in tables)
    assert changes(tables, tables) == 0


def test_files_say_what_the_design_is(chosen, tmp_path):
    pool, path, instance = chosen
    found = solved(pool, path, instance, 0)
    files = write_design(tmp_path, {"metrics": dict(found.metrics)}, found.tables)
    assert {file.name for file in files} == {f"{name}.csv" for name in found.tables} | {"design.json"}
    rows = list(csv.DictReader((tmp_path / "links.csv").read_text().splitlines()))
    assert [float(row["utilization"]) for row in rows] == [r["utilization"] for r in found.tables["links"]]
    again = today_of(_scenario(pool), instance, tmp_path / "design.json")
    assert again is not None
    assert changes(found.tables, again) == 0


@pytest.mark.parametrize(
    "document",
    [{"format_version": 2}, {"format_version": 1}, {"format_version": 1, "tables": {"links": 3}}, []],
)
def test_a_file_that_is_no_design_of_the_network_is_refused(chosen, tmp_path, document):
    pool, _path, instance = chosen
    (tmp_path / "today.json").write_text(json.dumps(document))
    with pytest.raises(FormatError, match=r"today\.json"):
        today_of(_scenario(pool), instance, tmp_path / "today.json")


def test_tunnels_are_matched_by_flow_and_path_and_not_by_their_order(chosen, tmp_path):
    pool, path, instance = chosen
    tables = solved(pool, path, instance, 0).tables
    turned = {name: list(reversed(rows)) for name, rows in tables.items()}
    write_design(tmp_path, {}, turned)
    again = today_of(_scenario(pool), instance, tmp_path / "design.json")
    assert again is not None
    assert changes(tables, again) == 0
    name, column = ("tunnels", "share_of_demand") if "tunnels" in tables else ("links", "weight")
    fewer = {**turned, name: turned[name][:-1]} if name == "tunnels" else turned
    moved = [{**row, column: row[column] + 1.0} if i < 2 else row for i, row in enumerate(fewer[name])]
    gone = abs(turned[name][-1][column]) > 1e-4 if name == "tunnels" else False
    assert changes(tables, {**turned, name: moved}) == 2 + gone


def test_a_strangers_design_is_refused_with_the_link_that_differs(chosen, tmp_path):
    pool, path, instance = chosen
    tables = solved(pool, path, instance, 0).tables
    rows = tables["links"]
    for links, words in (
        ([{**rows[0], "to": "z"}, *rows[1:]], r"another network \(the link a -> "),
        (rows[1:], "only in this network"),
        ([*rows, {**rows[0], "from": "y"}], "only in the design"),
    ):
        write_design(tmp_path, {}, {**tables, "links": links})
        with pytest.raises(FormatError, match=words):
            today_of(_scenario(pool), instance, tmp_path / "design.json")
    name = "tunnels" if "tunnels" in tables else "links"
    write_design(tmp_path, {}, {**tables, name: [tables[name][0], *tables[name]]})
    with pytest.raises(FormatError, match=r"row 2 of its .* occurs twice"):
        today_of(_scenario(pool), instance, tmp_path / "design.json")
    if name == "tunnels":
        other = [{**row, "source": row["target"]} for row in tables[name]]
        write_design(tmp_path, {}, {**tables, name: other})
        with pytest.raises(FormatError, match="other demands"):
            today_of(_scenario(pool), instance, tmp_path / "design.json")


def test_a_changed_table_is_refused_unless_its_hash_was_removed(chosen, tmp_path):
    pool, path, instance = chosen
    tables = solved(pool, path, instance, 0).tables
    write_design(tmp_path, {}, tables)
    file = tmp_path / "design.json"
    document = json.loads(file.read_text())
    name, column = ("tunnels", "share_of_demand") if "tunnels" in tables else ("links", "weight")
    document["tables"][name][0][column] += 1.0
    file.write_text(json.dumps(document))
    with pytest.raises(FormatError, match=f"its {name} are not those that netwright wrote"):
        today_of(_scenario(pool), instance, file)
    del document["files"]
    file.write_text(json.dumps(document))
    again = today_of(_scenario(pool), instance, file)
    assert again is not None
    assert changes(tables, again) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_file_is_written_where_a_number_is_none(tmp_path, value):
    folder = tmp_path / "d"
    tables = {"links": [{"from": "a", "to": "b", "load": 1.0}, {"from": "b", "to": "a", "load": value}]}
    with pytest.raises(
        DataError, match=r"tables, links 2, load: (nan|inf) is not a valid result; nothing was written"
    ):
        write_design(folder, {}, tables)
    assert not folder.exists()


def test_a_design_is_whole_or_not_there(tmp_path, monkeypatch):
    """The disk is full at the last file: the design of before stands with all of its files."""
    folder, rows = tmp_path / "d", [{"from": "a", "to": "b", "load": 1.0}]
    write_design(folder, {"n": 1}, {"tunnels": rows, "links": rows})
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    real, calls = os.fsync, []

    def full(handle):
        calls.append(handle)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        write_design(folder, {"n": 2}, {"tunnels": [*rows, *rows], "links": [*rows, *rows]})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    calls.clear()
    with pytest.raises(OutputError, match="No space left"):
        write_design(tmp_path / "new", {"n": 2}, {"tunnels": rows, "links": rows})
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_designs_are_private_and_name_the_hashes_of_their_tables(chosen, tmp_path):
    pool, path, instance = chosen
    for folder in (tmp_path, tmp_path / "new"):
        files = write_design(folder, {}, solved(pool, path, instance, 0).tables)
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        hashes = json.loads((folder / "design.json").read_text())["files"]
        assert hashes == {
            file.name: hashlib.sha256(file.read_bytes()).hexdigest()
            for file in files
            if file.suffix == ".csv"
        }


@pytest.mark.parametrize("name", ["=1+1", "+x", "-x", "@sum", "'=x"])
def test_names_that_spreadsheets_take_for_formulas_are_escaped(name):
    (row,) = csv.DictReader(as_csv([{"from": name, "to": "b-=c", "load": -1.5}]).splitlines())
    assert row == {"from": f"'{name}", "to": "b-=c", "load": "-1.5"}


def test_csv_of_no_rows_is_empty():
    assert as_csv([]).strip() == ""


def test_a_design_with_a_flow_of_another_network_is_refused(chosen, tmp_path):
    pool, path, instance = chosen
    tables = solved(pool, path, instance, 0).tables
    if "tunnels" not in tables:
        pytest.skip("no tunnels")
    rows = tables["tunnels"]
    for end in ("source", "target"):
        write_design(tmp_path, {}, {**tables, "tunnels": [rows[0], {**rows[1], end: "x"}, *rows[2:]]})
        with pytest.raises(
            FormatError, match=r"row 2 of its tunnels has the node 'x', which this network lacks"
        ):
            today_of(_scenario(pool), instance, tmp_path / "design.json")


@pytest.mark.parametrize("found", [None, 3, "x", ["mcf"], "the other"])
def test_a_design_of_another_kind_of_scenario_is_refused(chosen, tmp_path, found):
    pool, path, instance = chosen
    own = pool.provenance["scenario"]
    other = "mcf" if own == "ospf" else "ospf"
    tables = solved(pool, path, instance, 0).tables
    write_design(tmp_path, {"scenario": other if found == "the other" else found}, tables)
    with pytest.raises(FormatError, match=f"from which no changes of {own} can be counted"):
        today_of(_scenario(pool), instance, tmp_path / "design.json")
    write_design(tmp_path, {"scenario": own}, tables)
    assert today_of(_scenario(pool), instance, tmp_path / "design.json") is not None
