"""Conversions of the areas without rows of their own, and the reader of published pickle streams."""

from __future__ import annotations

import io
import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from local_site import Site, tar_gz

from netwright.core.errors import DataError
from netwright.datasets.check import check
from netwright.datasets.fetch import fetch
from netwright.datasets.plain_values import object_of_npy, plain_values
from netwright.datasets.sources import FLEXILE, GENET, NETLLM, TOPOLOGY_ZOO
from netwright.tasks.abr import area as abr
from netwright.tasks.cjs import area as cjs
from netwright.wan import area as wan

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.integers() | st.text(), inner)
    ),
    max_leaves=20,
)


@given(value=PLAIN, protocol=st.sampled_from((3, 4, 5)))
def test_plain_values_come_back(value: Any, protocol: int) -> None:
    assert plain_values(pickle.dumps(value, protocol), "x") == value


class _Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("made-by-a-hostile-stream",)


@pytest.mark.parametrize("protocol", [2, 4])
def test_nothing_in_a_stream_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    stream = pickle.dumps([_Hostile()], protocol)
    if protocol == 2:
        (named,) = plain_values(stream, "x")
        assert named.name == f"{os.mkdir.__module__} mkdir"
    else:
        with pytest.raises(DataError, match="x: not a stream of plain values"):
            plain_values(stream, "x")
    assert list(tmp_path.iterdir()) == []


@given(cut=st.integers(0, 40))
def test_cut_stream_is_refused(cut: int) -> None:
    stream = pickle.dumps({"a": list(range(40))}, 2)
    with pytest.raises(DataError, match="not a stream of plain values"):
        plain_values(stream[:cut], "x")


def test_npy_of_another_kind_is_refused() -> None:
    stream = io.BytesIO()
    np.save(stream, np.arange(3))
    for content in (stream.getvalue(), b"", b"text"):
        with pytest.raises(DataError, match="x: not a zero-dimensional object array"):
            object_of_npy(content, "x")


def test_start_rows_go_to_the_traces_in_sorted_order() -> None:
    folder = "adaptive_bitrate_streaming/data/traces/test/fcc-test"
    files = {f"{folder}/{name}": b"" for name in ("b", "a", "c")}
    made = abr.start_rows(files | {f"{folder}/mahimahi_ptrs.pkl": pickle.dumps([5, 6, 7], 2)})
    assert json.loads(*made.values())["start_ptr"] == {"a": 5, "b": 6, "c": 7}
    for wrong in ([5, 6], [5, 6, "x"], {"a": 1}):
        with pytest.raises(DataError, match="not a list of 3 whole numbers"):
            abr.start_rows(files | {f"{folder}/mahimahi_ptrs.pkl": pickle.dumps(wrong, 2)})
    with pytest.raises(DataError, match="holds no"):
        abr.start_rows(files)


def _graphml(edges: list[tuple[int, int]], places: dict[int, tuple[float, float]]) -> bytes:
    nodes = sorted({n for edge in edges for n in edge})
    data = {
        n: f'<data key="d1">{places[n][0]}</data><data key="d2">{places[n][1]}</data>' if n in places else ""
        for n in nodes
    }
    return (
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
        '<key attr.name="Latitude" for="node" id="d1"/><key attr.name="Longitude" for="node" id="d2"/><graph>'
        + "".join(f'<node id="{n}">{data[n]}</node>' for n in nodes)
        + "".join(f'<edge source="{a}" target="{b}"/>' for a, b in edges)
        + "</graph></graphml>"
    ).encode()


def test_preparation_of_a_graph_by_hand() -> None:
    # A square with a doubled edge, a self loop and a tail of two nodes; node 3 has no position.
    edges = [(0, 1), (1, 2), (2, 3), (3, 0), (1, 0), (2, 2), (2, 4), (4, 5)]
    places = {0: (0.0, 0.0), 1: (0.0, 1.0), 2: (2.0, 1.0), 4: (9.0, 9.0), 5: (9.0, 9.0)}
    made = wan.topology("Square", _graphml(edges, places))
    assert [(link["a"], link["b"], link["parallel_in_zoo"]) for link in made["links"]] == [
        (0, 1, 2),
        (0, 3, 1),
        (1, 2, 1),
        (2, 3, 1),
    ]
    assert [(n["lat"], n["lon"], n["position_known"]) for n in made["nodes"]][3] == (1.0, 0.5, False)
    assert made["links"][0]["length_km"] == 111.2  # one degree on a sphere of 6371 km
    assert [link["length_known"] for link in made["links"]] == [True, False, True, False]


def test_graphs_that_are_none() -> None:
    for content, message in (
        (b"<graphml", "not a graph of the Topology Zoo"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><x/>', "declares XML entities"),
        (_graphml([(0, 1), (1, 2), (2, 0)], {}), "no node of known position"),
    ):
        with pytest.raises(DataError, match=message):
            wan.topology("X", content)


def test_incomplete_profiles_and_foreign_weights_are_named() -> None:
    with pytest.raises(DataError, match=r"TPC-H query 1 of 2g is incomplete"):
        cjs.pack_profiles({})
    with pytest.raises(DataError, match="not a torch file"):
        cjs.pack_weights({"cluster_job_scheduling/models/decima/model.pt": b"x"})


def test_real_areas_are_made_from_their_originals(real_data: Path, site: Site, tmp_path: Path) -> None:
    """Archives with the original files, in the places that the repositories have or in any other one."""
    netllm, genet, zoo, flexile = {}, {}, {}, {}
    for path in (real_data / "cjs" / "tpch_original").rglob("*.npy"):
        netllm[f"cluster_job_scheduling/data/tpch/{path.parent.name}/{path.name}"] = path.read_bytes()
    netllm["cluster_job_scheduling/models/decima/model.pt"] = (real_data / "cjs/decima/model.pt").read_bytes()
    start = json.loads((real_data / "abr/traces/netllm-fcc-test.start_ptr.json").read_text())["start_ptr"]
    test_traces = "adaptive_bitrate_streaming/data/traces/test/fcc-test"
    netllm[f"{test_traces}/mahimahi_ptrs.pkl"] = pickle.dumps([start[name] for name in sorted(start)], 2)
    for path in (real_data / "abr/traces/netllm-fcc-test").iterdir():
        netllm[f"{test_traces}/{path.name}"] = path.read_bytes()
    for path in (p for p in (real_data / "abr").glob("*/*/*") if p.parent.name != "netllm-fcc-test"):
        (genet if path.parent.name.startswith("genet") else netllm)[f"any/{path.parent.name}/{path.name}"] = (
            path.read_bytes()
        )
    for path in (real_data / "wan/zoo").iterdir():
        zoo[f"graphml/{path.name}"] = path.read_bytes()
    for path in (real_data / "wan/flexile").iterdir():
        flexile[f"_data/{path.name.partition('_')[0]}/{path.name}"] = path.read_bytes()
    for source, files in ((NETLLM, netllm), (GENET, genet), (TOPOLOGY_ZOO, zoo), (FLEXILE, flexile)):
        site.files[f"/{source.url_path}"] = tar_gz(files)
    results = {r.area: r for r in fetch(tmp_path, ["abr", "cjs", "wan"], base_url=site.url)}
    assert {name: r.failed for name, r in results.items()} == {"abr": {}, "cjs": {}, "wan": {}}
    assert {name: len(r.made) for name, r in results.items()} == {"abr": 1109, "cjs": 471, "wan": 30}
    assert list(results["wan"].not_public) == ["demands/abilene_36x5min.csv"]
    assert check(tmp_path).errors == []
