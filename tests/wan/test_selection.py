"""Which pool and network are meant: options by name, what a pool's file determines, and where there is no choice."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from netwright.core.errors import ConfigError
from netwright.wan import settled as module
from netwright.wan.selection import Network, Source, Wanted, said
from netwright.wan.settled import _alike, settled
from tests.wan.small import with_flows


def test_given_options_are_named_as_on_the_command_line():
    assert Network().given() == []
    assert Network(topology="b4", load=0.0, flows=0).given() == ["--topology", "--load", "--flows"]


def test_files_are_known_by_their_absolute_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Network("abilene").place() == "abilene"
    assert Network().place() is None
    assert Network("net.json").place() == str(tmp_path / "net.json")
    found = Network(demands=Path("d.csv"), failures=Path("f.json"), classes=3).overrides()
    assert (found["demands"], found["failures"]) == (str(tmp_path / "d.csv"), str(tmp_path / "f.json"))
    assert found["n_classes"] == 3


@pytest.mark.parametrize(
    ("network", "load"),
    [
        (Network(), None),
        (Network(demands=Path("d.csv")), 0.0),
        (Network(demands=Path("d.csv"), load=2.0), 2.0),
        (Network(load=0.5), 0.5),
    ],
)
def test_demands_of_ones_own_are_not_scaled_unless_asked(network, load):
    assert network.overrides()["load"] == load


def test_options_that_a_pool_determines_are_refused():
    Wanted(None, Network(), pool=Path("p")).check_alone()
    with pytest.raises(ConfigError, match="--pool already determines --scenario, --load; drop one"):
        Wanted("mcf", Network(load=1.0), pool=Path("p")).check_alone()


@pytest.mark.parametrize(("scenario", "topology"), [(None, "b4"), ("mcf", None)])
def test_without_a_pool_scenario_and_topology_are_needed(scenario, topology):
    with pytest.raises(ConfigError, match="give --scenario and --topology, or --pool"):
        Wanted(scenario, Network(topology)).spec()


def test_the_load_is_said_and_an_implausible_one_noted(caplog):
    lines: list[str] = []
    instance = with_flows((0, 2, 0.5, 0))
    assert said(instance, lines.append) is instance
    assert lines == [
        "load: 1 flow, 0.5 in the unit of the capacities, in total; fullest link on shortest paths 50 % (A -> B)"
    ]
    assert caplog.messages == []
    said(with_flows((0, 2, 1e-6, 0)), lines.append)
    assert "hardly used" in caplog.messages[0]


@pytest.mark.parametrize(
    ("scores", "alike"),
    [
        ([[10.0, 5.0], [10.0, 5.0]], True),
        ([[10.0, 5.0], [10.0 + 0.9e-3, 5.0]], True),
        ([[10.0, 5.0], [10.0 + 1.1e-3, 5.0]], False),
        ([[0.5, 5.0], [0.5 + 0.9e-4, 5.0]], True),
        ([[0.5, 5.0], [0.5 + 1.1e-4, 5.0]], False),
        ([[10.0, 5.0], [10.0, 6.0]], False),
    ],
)
def test_designs_are_alike_within_a_share_of_the_largest_value(scores, alike):
    assert _alike(np.array(scores)) is alike


def source(instance, scores, *, scenario="mcf"):
    """A pool of these designs, one objective each."""

    class Pool(SimpleNamespace):
        def __len__(self):
            return len(scores)

    pool = Pool(scores=np.array(scores), provenance={"scenario": scenario})
    return Source(pool, Path("p"), instance)


@pytest.fixture
def described(monkeypatch):
    """Stand-ins that say which design was described."""
    monkeypatch.setattr(module, "described", lambda name, instance, share: ("share", share.tolist()))
    monkeypatch.setattr(module, "solved", lambda pool, path, instance, design: ("design", design))


DIFFERENT = [[90.0, -3.0], [50.0, -1.0]]
ALIKE = [[90.0, -3.0], [90.0, -3.0]]


def test_where_all_demand_fits_its_shortest_paths_are_the_design(described):
    found = settled(source(with_flows((0, 2, 1.0, 0), tunnels="k1"), DIFFERENT))
    assert (found.design, found.solved) == (None, ("share", [1.0]))
    assert found.reason == "all demand fits on its shortest paths (100 % on the fullest link)"


def test_where_demand_exceeds_a_link_there_is_something_to_decide(described):
    crowded = with_flows((0, 2, 1.01, 0), tunnels="k1")
    assert settled(source(crowded, DIFFERENT)) is None
    found = settled(source(crowded, ALIKE))
    assert (found.design, found.solved) == (0, ("design", 0))
    assert found.reason == "all 2 objectives have the same best design"


def test_scenarios_that_weigh_more_than_throughput_look_at_their_designs(described):
    fitting = with_flows((0, 2, 0.5, 0))
    assert settled(source(fitting, DIFFERENT, scenario="nf")) is None
    found = settled(source(fitting, ALIKE, scenario="nf"))
    assert found.reason.endswith("the same best design, all demand fits")
