"""Decima's network for one cluster, compiled, with its decisions; tests pin it to `decima_network`."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from torch import nn

from netwright.tasks.cjs.baselines.decima_graph import N_FEATURES, N_JOB_FEATURES, Graph, Singles, graph_of
from netwright.tasks.cjs.baselines.decima_network import ENCODING, SCORING, WIDTH, DecimaNetwork
from netwright.tasks.cjs.compiled import compiled, kernel
from netwright.tasks.cjs.durations import mixed
from netwright.tasks.cjs.graphs import Ints
from netwright.tasks.cjs.kernels import decide
from netwright.tasks.cjs.observation import Observation, observe
from netwright.tasks.cjs.state import State

SLOPE = np.float32(0.2)
_EXECUTORS_FROM = N_JOB_FEATURES + 2 * WIDTH


class Layers(NamedTuple):
    """Three linear layers: weights (inputs, outputs) and biases."""

    first: Singles
    first_bias: Singles
    second: Singles
    second_bias: Singles
    third: Singles
    third_bias: Singles


class Weights(NamedTuple):
    """All parameters of the network, by its parts."""

    prep: Layers
    message: Layers
    update: Layers
    job: Layers
    cluster: Layers
    stage: Layers
    executors: Layers


def packed(network: DecimaNetwork) -> Singles:
    """(20802,) the parameters of a network in one array, which is passed to compiled code fast."""
    encoder = network.encoder
    parts = (
        encoder.node_encoder.mlp_prep,
        encoder.node_encoder.mlp_msg,
        encoder.node_encoder.mlp_update,
        encoder.dag_encoder.mlp,
        encoder.global_encoder.mlp,
        network.stage_policy_network.mlp_score,
        network.exec_policy_network.mlp_score,
    )
    linears = [layer for part in parts for layer in part if isinstance(layer, nn.Linear)]
    arrays = [values.detach().cpu().numpy().T for one in linears for values in (one.weight, one.bias)]
    return np.concatenate([array.ravel() for array in arrays])


@compiled
def unpacked(parameters: Singles) -> Weights:
    """The parts of `packed`, as views of it."""
    prep, at = layers_at(parameters, 0, (N_FEATURES, *ENCODING, WIDTH))
    message, at = layers_at(parameters, at, (WIDTH, *ENCODING, WIDTH))
    update, at = layers_at(parameters, at, (WIDTH, *ENCODING, WIDTH))
    job, at = layers_at(parameters, at, (N_FEATURES + WIDTH, *ENCODING, WIDTH))
    cluster, at = layers_at(parameters, at, (WIDTH, *ENCODING, WIDTH))
    stage, at = layers_at(parameters, at, (N_FEATURES + 3 * WIDTH, *SCORING, 1))
    executors, at = layers_at(parameters, at, (_EXECUTORS_FROM + 1, *SCORING, 1))
    return Weights(prep, message, update, job, cluster, stage, executors)


@compiled
def layers_at(parameters: Singles, at: int, sizes: tuple[int, int, int, int]) -> tuple[Layers, int]:
    """Three layers between these sizes whose parameters begin at a place, and where they end."""
    first, at = matrix_at(parameters, at, sizes[0], sizes[1])
    first_bias, at = matrix_at(parameters, at, 1, sizes[1])
    second, at = matrix_at(parameters, at, sizes[1], sizes[2])
    second_bias, at = matrix_at(parameters, at, 1, sizes[2])
    third, at = matrix_at(parameters, at, sizes[2], sizes[3])
    third_bias, at = matrix_at(parameters, at, 1, sizes[3])
    return Layers(first, first_bias[0], second, second_bias[0], third, third_bias[0]), at


@compiled
def matrix_at(parameters: Singles, at: int, rows: int, columns: int) -> tuple[Singles, int]:
    """A matrix whose elements begin at a place, and where they end."""
    end = at + rows * columns
    return parameters[at:end].reshape(rows, columns), end


@kernel
def linear(x: Singles, weight: Singles, bias: Singles, out: Singles) -> None:
    """`out = x @ weight + bias` by rows."""
    for row in range(len(x)):
        for j in range(len(bias)):
            out[row, j] = bias[j]
        for i in range(len(weight)):
            value = x[row, i]
            for j in range(len(bias)):
                out[row, j] += value * weight[i, j]


@kernel
def leaky(x: Singles) -> None:
    """Leaky rectifier in place."""
    for row in range(x.shape[0]):
        for j in range(x.shape[1]):
            x[row, j] = max(x[row, j], SLOPE * x[row, j])


@kernel
def squash(x: Singles) -> None:
    """Hyperbolic tangent in place."""
    for row in range(x.shape[0]):
        for j in range(x.shape[1]):
            x[row, j] = math.tanh(x[row, j])


@compiled
def encoded(layers: Layers, x: Singles) -> Singles:
    """(R, 16) rows through three layers with leaky rectifiers."""
    first = np.empty((len(x), len(layers.first_bias)), dtype=np.float32)
    second = np.empty((len(x), len(layers.second_bias)), dtype=np.float32)
    third = np.empty((len(x), len(layers.third_bias)), dtype=np.float32)
    linear(x, layers.first, layers.first_bias, first)
    leaky(first)
    linear(first, layers.second, layers.second_bias, second)
    leaky(second)
    linear(second, layers.third, layers.third_bias, third)
    return third


@compiled
def scored(layers: Layers, first: Singles) -> Singles:
    """(R,) scores of rows whose first layer (R, 64) is done, without its activation, which is done in place."""
    second = np.empty((len(first), len(layers.second_bias)), dtype=np.float32)
    third = np.empty((len(first), 1), dtype=np.float32)
    squash(first)
    linear(first, layers.second, layers.second_bias, second)
    squash(second)
    linear(second, layers.third, layers.third_bias, third)
    return third[:, 0].copy()


class Encoded(NamedTuple):
    """Embeddings of one cluster's stages, of its jobs, and of itself."""

    nodes: Singles  # (N, 16)
    jobs: Singles  # (A, 16)
    cluster: Singles  # (1, 16)


@compiled
def encode(weights: Weights, graph: Graph) -> Encoded:
    """The embeddings; see `decima_network.Encoder`."""
    n, n_jobs = len(graph.job), len(graph.caps)
    nodes = encode_nodes(weights, graph)
    both = np.concatenate((graph.features, nodes), axis=1)
    summands = encoded(weights.job, both)
    jobs = np.zeros((n_jobs, WIDTH), dtype=np.float32)
    for node in range(n):
        jobs[graph.job[node]] += summands[node]
    cluster = np.zeros((1, WIDTH), dtype=np.float32)
    of_jobs = encoded(weights.cluster, jobs)
    for a in range(n_jobs):
        cluster[0] += of_jobs[a]
    return Encoded(nodes, jobs, cluster)


@compiled
def encode_nodes(weights: Weights, graph: Graph) -> Singles:
    """(N, 16) embeddings of the stages; see `decima_network.NodeEncoder`."""
    n = len(graph.job)
    prepared = encoded(weights.prep, graph.features)
    h = prepared.copy()
    h[graph.leaves] = encoded(weights.update, prepared[graph.leaves])
    place = np.empty(n, dtype=np.int64)  # of a child's message, and of a parent's sum
    for number in range(len(graph.first_edge) - 1):
        edges = graph.edges[graph.first_edge[number] : graph.first_edge[number + 1]]
        children = distinct(edges[:, 1], place)
        messages = encoded(weights.message, h[children])
        child_place = place[edges[:, 1]]
        parents = distinct(edges[:, 0], place)
        received = np.zeros((len(parents), WIDTH), dtype=np.float32)
        for i in range(len(edges)):
            received[place[edges[i, 0]]] += messages[child_place[i]]
        updates = encoded(weights.update, received)
        for i in range(len(parents)):
            h[parents[i]] = prepared[parents[i]] + updates[i]
    return h


@compiled
def distinct(nodes: Ints, place: Ints) -> Ints:
    """The different ones of these nodes, in order of first appearance; `place[node]` becomes their place there."""
    found = np.empty(len(nodes), dtype=np.int64)
    n = 0
    for node in nodes:
        place[node] = -1
    for node in nodes:
        if place[node] < 0:
            place[node] = n
            found[n] = node
            n += 1
    return found[:n]


@compiled
def stage_logits(weights: Weights, graph: Graph, found: Encoded, choices: Ints) -> Singles:
    """(C,) scores of the stages that can be chosen."""
    x = np.empty((len(choices), N_FEATURES + 3 * WIDTH), dtype=np.float32)
    for row in range(len(choices)):
        node = choices[row]
        x[row, :N_FEATURES] = graph.features[node]
        x[row, N_FEATURES : N_FEATURES + WIDTH] = found.nodes[node]
        x[row, N_FEATURES + WIDTH : N_FEATURES + 2 * WIDTH] = found.jobs[graph.job[node]]
        x[row, N_FEATURES + 2 * WIDTH :] = found.cluster[0]
    first = np.empty((len(choices), len(weights.stage.first_bias)), dtype=np.float32)
    linear(x, weights.stage.first, weights.stage.first_bias, first)
    return scored(weights.stage, first)


@compiled
def executor_logits(weights: Weights, graph: Graph, found: Encoded, node: int, n_executors: int) -> Singles:
    """(cap,) scores of adding 1, 2, .. executors to the job of a stage."""
    job = graph.job[node]
    x = np.zeros((1, len(weights.executors.first)), dtype=np.float32)
    x[0, :N_JOB_FEATURES] = graph.features[node, :N_JOB_FEATURES]
    x[0, N_JOB_FEATURES : N_JOB_FEATURES + WIDTH] = found.jobs[job]
    x[0, N_JOB_FEATURES + WIDTH : _EXECUTORS_FROM] = found.cluster[0]
    shared = np.empty((1, len(weights.executors.first_bias)), dtype=np.float32)
    linear(x, weights.executors.first, weights.executors.first_bias, shared)
    first = np.empty((graph.caps[job], shared.shape[1]), dtype=np.float32)
    for k in range(len(first)):
        first[k] = shared[0] + weights.executors.first[_EXECUTORS_FROM] * np.float32(k / n_executors)
    return scored(weights.executors, first)


@compiled
def drawn(logits: Singles, u: float) -> int:
    """The place at which the cumulated softmax of logits passes `u` (0..1)."""
    shares = np.exp((logits - logits.max()).astype(np.float64))
    left = u * shares.sum()
    for i in range(len(shares) - 1):
        left -= shares[i]
        if left < 0.0:
            return i
    return len(shares) - 1


@compiled
def logprob(logits: Singles, place: int) -> float:
    """Logarithm of the softmax of logits at a place."""
    shifted = (logits - logits.max()).astype(np.float64)
    return float(shifted[place] - np.log(np.exp(shifted).sum()))


@compiled
def choose(parameters: Singles, obs: Observation, greedy: bool, memory: Ints) -> tuple[int, int, float]:
    """Place among the choices, number of executors, and the logarithm of the probability of both.

    Args:
        parameters: of the network, packed.
        obs: what is known.
        greedy: whether the likeliest answers are given; otherwise both are drawn.
        memory: seed, and number of decisions so far, which is counted here.
    """
    weights, graph = unpacked(parameters), graph_of(obs)
    found = encode(weights, graph)
    choices = np.flatnonzero(obs.schedulable)
    scores = stage_logits(weights, graph, found, choices)
    hashed = mixed(np.uint64(memory[0]), memory[1])
    memory[1] += 1
    choice = int(scores.argmax()) if greedy else drawn(scores, uniform(hashed, 0))
    counts = executor_logits(weights, graph, found, choices[choice], obs.n_executors)
    more = int(counts.argmax()) if greedy else drawn(counts, uniform(hashed, 1))
    return choice, 1 + more, logprob(scores, choice) + logprob(counts, more)


@kernel
def uniform(hashed: np.uint64, number: int) -> float:
    """A number from 0 to below 1 of a hash."""
    return float(mixed(hashed, number) >> np.uint64(11)) * 2.0**-53


@compiled
def play(s: State, parameters: Singles, greedy: bool, memory: Ints) -> None:
    """Play an episode to its end."""
    going = True
    while going:
        obs = observe(s)
        choice, n, _ = choose(parameters, obs, greedy, memory)
        going = decide(s, obs.stage[np.flatnonzero(obs.schedulable)[choice]], n)
