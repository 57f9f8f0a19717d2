"""OSPF weights on real routers: FRR in network namespaces takes the exported costs and finds our shortest paths."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from netwright.wan import topology as topologies
from netwright.wan.router_config import frr_costs, interface_names
from netwright.wan.scenarios.ospf.routing import loads, network

FRR = Path("/usr/lib/frr")
ZEBRA = "log file /dev/null\nip forwarding\n"
QUICK = (
    " ip ospf area 0\n ip ospf network point-to-point\n ip ospf hello-interval 1\n ip ospf dead-interval 4\n"
    " ip ospf retransmit-interval 1\n"
)
CONVERGED_S = 40.0

# A square with a diagonal: weights 1, 1 against 2 make two equal paths from a to c.
SQUARE = topologies.from_links(
    "square",
    ["a", "b", "c", "d"],
    [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2)],
    [10.0] * 5,
    [1.0] * 5,
)
WEIGHTS = {("a", "b"): 10, ("b", "c"): 10, ("c", "d"): 10, ("d", "a"): 10, ("a", "c"): 20, ("c", "b"): 25}


def weights_of(chosen) -> np.ndarray:
    """Weight of each arc; an arc without one has that of the other direction."""
    found = []
    for a, b in SQUARE.arcs.tolist():
        ends = (SQUARE.nodes[a], SQUARE.nodes[b])
        found.append(chosen.get(ends, chosen.get(ends[::-1])))
    return np.array(found, dtype=np.int64)


def run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


class Lab:
    """Four routers in namespaces, joined by the links of `SQUARE`; loopback 10.9.0.N is node N."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.tag = folder, f"nw{os.getpid() % 100000}"
        self.daemons: list[subprocess.Popen[bytes]] = []
        self.names = interface_names(SQUARE)

    def space(self, node: int) -> str:
        return f"{self.tag}{SQUARE.nodes[node]}"

    def inside(self, node: int, *words: str) -> str:
        return run("ip", "netns", "exec", self.space(node), *words)

    def build(self, costs: dict[str, str]) -> None:
        for node in range(SQUARE.n_nodes):
            run("ip", "netns", "add", self.space(node))
            self.inside(node, "ip", "link", "set", "lo", "up")
            self.inside(node, "ip", "address", "add", f"10.9.0.{node}/32", "dev", "lo")
            self.inside(node, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        for i, arcs in enumerate(SQUARE.links):
            self.join(i, *(int(end) for end in SQUARE.arcs[arcs[0]]))
        for node, name in enumerate(SQUARE.nodes):
            self.start(node, costs[name])

    def join(self, number: int, a: int, b: int) -> None:
        ends = [(a, self.name(a, b), 1), (b, self.name(b, a), 2)]
        left, right = f"{self.tag}l{number}"[:15], f"{self.tag}r{number}"[:15]
        run("ip", "link", "add", left, "type", "veth", "peer", "name", right)
        for temporary, (node, name, host) in zip((left, right), ends, strict=True):
            run("ip", "link", "set", temporary, "netns", self.space(node), "name", name)
            self.inside(node, "ip", "address", "add", f"10.8.{number}.{host}/30", "dev", name)
            self.inside(node, "ip", "link", "set", name, "up")

    def name(self, a: int, b: int) -> str:
        return self.names[SQUARE.nodes[a], SQUARE.nodes[b]]

    def start(self, node: int, costs: str) -> None:
        place = self.folder / SQUARE.nodes[node]
        place.mkdir()
        (place / "zebra.conf").write_text(ZEBRA)
        towards = [name for (a, _), name in self.names.items() if a == SQUARE.nodes[node]]
        ospf = "".join(f"interface {name}\n{QUICK}exit\n" for name in towards)
        ospf += "interface lo\n ip ospf area 0\nexit\n" + costs
        ospf += (
            f"router ospf\n ospf router-id 10.9.0.{node}\n maximum-paths 8\n timers throttle spf 10 50 500\n"
        )
        ospf += " timers throttle lsa all 0\n timers lsa min-arrival 0\n"
        (place / "ospfd.conf").write_text(ospf)
        for path in (place, *place.iterdir()):
            shutil.chown(path, "frr", "frr")
        for daemon in ("zebra", "ospfd"):
            options = [
                "-A",
                "127.0.0.1",
                "-P",
                "0",
                "--vty_socket",
                str(place),
                "-z",
                str(place / "zserv.api"),
            ]
            options += ["-i", str(place / f"{daemon}.pid"), "-f", str(place / f"{daemon}.conf")]
            command = ["ip", "netns", "exec", self.space(node), str(FRR / daemon), *options]
            self.daemons.append(
                subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
            self.wait(lambda: (place / "zserv.api").exists())

    def routes(self, node: int) -> dict[str, tuple[int, set[str]]]:
        """Cost and outgoing interfaces by destination, as OSPF computed them."""
        place = str(self.folder / SQUARE.nodes[node])
        command = ["vtysh", "--vty_socket", place, "--config_dir", place, "-c", "show ip route ospf json"]
        found = json.loads(self.inside(node, *command) or "{}")
        return {
            prefix: (
                each[0]["metric"],
                {hop["interfaceName"] for hop in each[0]["nexthops"] if hop.get("fib")},
            )
            for prefix, each in found.items()
            if prefix.startswith("10.9.0.") and each[0].get("selected")
        }

    def wait(self, holds) -> None:
        end = time.monotonic() + CONVERGED_S
        while not holds():
            assert time.monotonic() < end, "the routers did not converge"
            time.sleep(0.1)

    def remove(self) -> None:
        for daemon in self.daemons:
            daemon.kill()
            daemon.wait()
        for node in range(SQUARE.n_nodes):
            subprocess.run(["ip", "netns", "del", self.space(node)], capture_output=True)


@pytest.fixture
def lab(tmp_path) -> Iterator[Lab]:
    """Namespaces need root, and FRR its daemons and user."""
    able = os.geteuid() == 0 and (FRR / "ospfd").exists() and shutil.which("vtysh") and shutil.which("ip")
    if not able or subprocess.run(["ip", "netns", "list"], capture_output=True).returncode:
        pytest.skip("needs root, iproute2 and FRR; on Debian: apt-get install frr iproute2")
    for parent in (tmp_path, *tmp_path.parents):
        if parent.owner() == "root" and parent != Path("/tmp") and parent.is_relative_to("/tmp"):
            parent.chmod(0o755)
    found = Lab(tmp_path)
    yield found
    found.remove()


def distances(weights: np.ndarray) -> np.ndarray:
    """Cost of the shortest path between all nodes, by Floyd and Warshall; (n, n)."""
    found = np.full((SQUARE.n_nodes,) * 2, np.inf)
    np.fill_diagonal(found, 0.0)
    for (a, b), weight in zip(SQUARE.arcs.tolist(), weights, strict=True):
        found[a, b] = weight
    for k in range(SQUARE.n_nodes):
        found = np.minimum(found, found[:, [k]] + found[[k]])
    return found


def test_routers_with_the_exported_costs_use_our_paths_and_loads(lab):
    weights = weights_of(WEIGHTS)
    rows = [
        {"from": SQUARE.nodes[a], "to": SQUARE.nodes[b], "weight": int(w)}
        for (a, b), w in zip(SQUARE.arcs.tolist(), weights, strict=True)
    ]
    lab.build(frr_costs(SQUARE, {"links": rows}))
    nodes = range(SQUARE.n_nodes)
    far = distances(weights)

    def expected(node: int) -> dict[str, tuple[int, set[str]]]:
        found = {}
        for target in nodes:
            if target != node:
                hops = {
                    lab.name(node, b)
                    for (a, b), w in zip(SQUARE.arcs.tolist(), weights, strict=True)
                    if a == node and w + far[b, target] == far[node, target]
                }
                found[f"10.9.0.{target}/32"] = (int(far[node, target]), hops)
        return found

    lab.wait(lambda: all(lab.routes(node) == expected(node) for node in nodes))

    demand = np.random.default_rng(0).uniform(1.0, 5.0, (4, 4)) * (1.0 - np.eye(4))
    tail, head = SQUARE.arcs.T
    ours = loads(network(tail, head, SQUARE.capacity, SQUARE.latency_ms, demand), weights)
    np.testing.assert_allclose(loads_of_routers(lab, demand), ours, rtol=1e-9)


def loads_of_routers(lab: Lab, demand: np.ndarray) -> np.ndarray:
    """Traffic of each arc if every router splits it evenly over the interfaces of its routes; (A,)."""
    routes = [lab.routes(node) for node in range(SQUARE.n_nodes)]
    arc_of = {(a, lab.name(a, b)): (e, b) for e, (a, b) in enumerate(SQUARE.arcs.tolist())}
    found = np.zeros(SQUARE.n_arcs)

    def send(node: int, target: int, volume: float) -> None:
        if node == target:
            return
        interfaces = routes[node][f"10.9.0.{target}/32"][1]
        for interface in interfaces:
            arc, after = arc_of[node, interface]
            found[arc] += volume / len(interfaces)
            send(after, target, volume / len(interfaces))

    for source, target in np.argwhere(demand > 0.0).tolist():
        send(source, target, float(demand[source, target]))
    return found
