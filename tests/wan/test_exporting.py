"""A chosen design as files, for every scenario: what is exported is what was chosen."""

import csv
import itertools
import json

import pytest

from netwright.core.errors import FormatError
from netwright.wan import pools
from netwright.wan.exporting import as_csv, changes, figures, solved, today_of, write_design
from netwright.wan.registry import scenario_names

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
        assert max(row["utilisation"] for row in tables["links"]) <= 1.0 + 1e-6


def test_what_operators_ask_for(chosen):
    pool, path, instance = chosen
    tables = solved(pool, path, instance, 0).tables
    found = figures(tables, today_of(tables, instance, None))
    fullest = max(row["utilisation"] for row in tables["links"])
    assert found["worst link (%)"] == pytest.approx(100.0 * fullest)
    assert ("starved flows" in found) == ("tunnels" in tables)
    assert changes(tables, tables) == 0


def test_files_say_what_the_design_is(chosen, tmp_path):
    pool, path, instance = chosen
    found = solved(pool, path, instance, 0)
    files = write_design(tmp_path, {"metrics": dict(found.metrics)}, found.tables)
    assert {file.name for file in files} == {f"{name}.csv" for name in found.tables} | {"design.json"}
    rows = list(csv.DictReader((tmp_path / "links.csv").read_text().splitlines()))
    assert [float(row["utilisation"]) for row in rows] == [r["utilisation"] for r in found.tables["links"]]
    again = today_of(found.tables, instance, tmp_path / "design.json")
    assert again is not None
    assert changes(found.tables, again) == 0


@pytest.mark.parametrize(
    "document",
    [{"format_version": 2}, {"format_version": 1}, {"format_version": 1, "tables": {"links": 3}}, []],
)
def test_a_file_that_is_no_design_of_the_network_is_refused(chosen, tmp_path, document):
    pool, path, instance = chosen
    (tmp_path / "today.json").write_text(json.dumps(document))
    with pytest.raises(FormatError, match=r"today\.json"):
        today_of(solved(pool, path, instance, 0).tables, instance, tmp_path / "today.json")


def test_csv_of_no_rows_is_empty():
    assert as_csv([]).strip() == ""
