"""Demands, failures and instances: laws of the model, and one sentence for each demand that cannot be."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import ConfigError, DataError
from netwright.core.files import write_json
from netwright.wan import catalog, demands, failures, instance
from netwright.wan.instance import InstanceConfig

DATA = os.environ.get("NETWRIGHT_DATA")
ABILENE = catalog.topology("abilene")


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 999), load=st.floats(0.1, 20.0))
def test_gravity_is_rank_one_and_scaled_to_the_load(seed, load):
    found = demands.scale_to_load(ABILENE, demands.gravity(ABILENE, np.random.default_rng(seed)), load)
    assert demands.shortest_path_utilization(ABILENE, found).max() == pytest.approx(load)
    n = ABILENE.n_nodes
    assert len(found) == n * (n - 1)
    volume = np.full((n, n), np.nan)
    volume[found.source, found.target] = found.volume
    # every 2 x 2 block off the diagonal of an outer product has determinant 0
    assert volume[0, 2] * volume[1, 3] == pytest.approx(volume[0, 3] * volume[1, 2])
    assert volume[4, 5] * volume[6, 7] == pytest.approx(volume[4, 7] * volume[6, 5])


def test_classes_are_of_equal_size():
    dealt = demands.gravity(ABILENE, np.random.default_rng(0)).in_classes(4, np.random.default_rng(1))
    sizes = np.bincount(dealt.classes)
    assert sizes.sum() == 110
    assert sizes.max() - sizes.min() <= 1
    with pytest.raises(ConfigError, match="cannot form 200 classes"):
        dealt.in_classes(200, np.random.default_rng(0))


def test_the_largest_flows_are_kept_in_their_order():
    every = demands.gravity(ABILENE, np.random.default_rng(0))
    few = every.largest(10)
    assert sorted(few.volume) == sorted(every.volume)[-10:]
    order = [list(every.volume).index(v) for v in few.volume]
    assert order == sorted(order)
    assert len(every.largest(1000)) == 110


def csv(tmp_path, text):
    path = tmp_path / "demands.csv"
    path.write_text(text)
    return path


def test_a_csv_file_by_names_and_numbers_with_classes(tmp_path):
    path = csv(tmp_path, "source,target,volume,class\nNew York,Chicago,5,1\n1,0,2.5,0\n2,3,0,0\n4,4,9,0\n")
    found = demands.read_csv(path, ABILENE)
    assert list(zip(found.source, found.target, found.volume, found.classes, strict=True)) == [
        (0, 1, 5.0, 1),
        (1, 0, 2.5, 0),
    ]
    assert found.n_classes == 2


def test_steps_are_averaged_or_chosen(tmp_path):
    path = csv(tmp_path, "step,src,dst,mbps\n0,0,1,10\n1,0,1,20\n1,1,0,8\n")
    assert demands.read_csv(path, ABILENE).volume.tolist() == [15.0, 4.0]
    assert demands.read_csv(path, ABILENE, step=1).volume.tolist() == [20.0, 8.0]
    with pytest.raises(DataError, match="no demand of step 7"):
        demands.read_csv(path, ABILENE, step=7)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            "source,target,volume\n0,1,2\n0,Nowhere,2\n",
            r"csv:3: demand between '0' and 'Nowhere', but 'Nowhere'",
        ),
        ("source,target,volume\n0,1,-2\n", r"csv:2: a demand needs a nonnegative volume"),
        ("source,target,volume\n0,1,much\n", r"csv:2: a demand's volume must be a finite number, got 'much'"),
        ("source,target,volume\n0,1,inf\n", r"csv:2: a demand's volume must be a finite number, got 'inf'"),
        ("source,target,volume\n0,1,2\n0,1,3\n", r"csv:3: this demand is a duplicate"),
        ("source,target\n0,1\n", "has no column 'volume'"),
        ("source,target,volume\n", "contains no demand"),
        ("source,target,volume\n0,1,0\n", "every demand is 0"),
    ],
)
def test_demands_that_cannot_be_are_named(tmp_path, rows, message):
    with pytest.raises(DataError, match=message):
        demands.read_csv(csv(tmp_path, rows), ABILENE)


def test_a_file_that_is_absent_or_no_text_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        demands.read_csv(tmp_path / "absent.csv", ABILENE)
    path = tmp_path / "binary.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not a text file"):
        demands.read_csv(path, ABILENE)


@pytest.mark.skipif(not DATA, reason="needs NETWRIGHT_DATA")
def test_the_measured_abilene_matrices_are_read():
    path = Path(DATA) / "wan" / "demands" / "abilene_36x5min.csv"
    first = demands.read_csv(path, ABILENE, step=0)
    assert first.volume.sum() == pytest.approx(2665, rel=1e-3)  # Mbit/s, as the data's description says
    made = instance.build(InstanceConfig("abilene", 2.0, "k4", demands=str(path)))
    assert demands.shortest_path_utilization(made.topology, made.demands).max() == pytest.approx(2.0)


def test_single_links_fail_in_both_directions():
    found = failures.single_links(ABILENE)
    assert len(found) == 14
    assert sorted(e for arcs in found for e in arcs) == list(range(28))
    for a, b in found:
        assert (ABILENE.arcs[a] == ABILENE.arcs[b][::-1]).all()


def test_failures_of_the_users_own(tmp_path):
    path = tmp_path / "failures.json"
    write_json(path, [[["New York", "Chicago"], ["Chicago", "Indianapolis"]]])
    (arcs,) = failures.read(path, ABILENE)
    assert {ABILENE.arc_name(e) for e in arcs} == {
        "New York -> Chicago",
        "Chicago -> New York",
        "Chicago -> Indianapolis",
        "Indianapolis -> Chicago",
    }
    write_json(path, [[["New York", "Denver"]]])
    with pytest.raises(DataError, match="the link New York - Denver, which does not exist"):
        failures.read(path, ABILENE)
    write_json(path, [[]])
    with pytest.raises(DataError, match="contains no link"):
        failures.read(path, ABILENE)
    write_json(path, {"links": 3})
    with pytest.raises(DataError, match="must hold lists of links"):
        failures.read(path, ABILENE)


def test_an_instance_is_known_by_what_it_is_made_of():
    config = InstanceConfig("abilene", 2.0, "k4")
    first = instance.build(config)
    assert instance.build(config).fingerprint == first.fingerprint
    for other in (
        {"load": 3.0},
        {"tunnels": "d3"},
        {"seed": 1},
        {"n_classes": 2},
        {"flows": 30},
        {"topology": "b4"},
    ):
        changed = instance.build(instance.with_overrides(config, other))
        assert changed.fingerprint != first.fingerprint
    assert first.describe()["n_tunnels"] == 440


def test_a_load_that_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="load must be above 0, or 0 to keep demands unscaled, got -1"):
        instance.build(InstanceConfig("abilene", -1.0, "k4"))
