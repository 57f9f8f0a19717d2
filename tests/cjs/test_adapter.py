"""Scheduling from tokens: from collected experience to a saved model, whose every decision is valid."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.adaptation.api import adapt, load
from netwright.adaptation.models.decision import FactoredDecisionModel, StepwiseInference
from netwright.adaptation.offline import experience as storage
from netwright.adaptation.offline.collect import Plan, rl_collect
from netwright.core import registry
from netwright.core.errors import ConfigError
from netwright.core.task import Setting
from netwright.core.trained_for import Condition as Trained
from netwright.llm.backbones import build_backbone
from netwright.tasks.cjs import alternatives, features
from netwright.tasks.cjs import collector as places
from netwright.tasks.cjs.adapter import CjsAdapter, Wanted
from netwright.tasks.cjs.alternatives import Comparison
from netwright.tasks.cjs.baselines import es_rule, ruled
from netwright.tasks.cjs.cluster import Cluster, Rules
from netwright.tasks.cjs.collector import CjsCollector, Place
from netwright.tasks.cjs.environment import ClusterEnvironment
from netwright.tasks.cjs.evaluation import cluster_of, evaluate, play_together
from netwright.tasks.cjs.features import N_OPTIONS, Options, Packed
from netwright.tasks.cjs.imitation import Condition, relative_returns, targets
from netwright.tasks.cjs.observation import DECLINE
from netwright.tasks.cjs.recipes import RECIPES, CjsRecipe
from netwright.tasks.cjs.settings import CjsConfig
from tests.adaptation.toy import small_backbone
from tests.cjs.small import worlds

TASK = registry.task("cjs")
SMALL = Setting("small", "", CjsConfig(n_jobs=4, n_executors=8, seeds=(1, 2)))


@pytest.fixture(scope="module")
def experience_folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("collected") / "experience"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(places.PLACES, "short", Place("", (2, 5), (6, 10)))
        plan = Plan(("es-rule", "fair-plus", "noisy:0.5:es-rule"), "short", 3, labels=("es-rule",))
        rl_collect(TASK, None, plan, out=out)
    return out


@pytest.fixture(scope="module")
def costs_folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("costs") / "experience"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(places.PLACES, "alternatives", Place("", (2, 4), (6, 10), Comparison(30.0, 1, 0.5)))
        rl_collect(TASK, None, Plan(("es-rule",), "alternatives", 3, labels=("es-rule",)), out=out)
    return out


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return small_backbone(tmp_path_factory.mktemp("backbone"))


@pytest.fixture(scope="module")
def played(generated):
    """Observations and actions of one episode of the evolved rule."""
    cluster, policy, found = cluster_of(CjsConfig(n_jobs=6, n_executors=40), generated, 3), es_rule.load(), []
    while not cluster.done:
        found.append((cluster.observe(), policy.act([cluster.observe()])[0]))
        cluster.step(*map(int, found[-1][1]))
    return [obs for obs, _ in found], np.array([action for _, action in found])


def model(name, adapter, seed=0):
    torch.manual_seed(seed)
    made = FactoredDecisionModel(
        build_backbone(name, seed=0), adapter.modalities, adapter.head, window=adapter.window
    ).eval()
    for parameter in made.parameters():
        if parameter.requires_grad and parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    if made.gate is not None:
        torch.nn.init.ones_(made.gate)
    return made


def untrained(recipe=None, name="none", seed=0):
    adapter = CjsAdapter(recipe or CjsRecipe(), None, state={"condition": {}}, experience=None)
    return adapter.policy(StepwiseInference(model(name, adapter, seed)))


def test_choices_and_options_are_those_of_the_observation(played):
    observations, actions = played
    read = features.features(features.columns(observations))
    for row, obs in zip(read.choices, observations, strict=True):
        assert row[row >= 0].tolist() == obs.choices.tolist()
    options = read.options(actions[:, 0])
    for numbers, obs, (choice, n) in zip(options.numbers, observations, actions, strict=True):
        most = min(obs.committable, obs.demand[obs.choices[choice]])
        offered = numbers[numbers > 0]
        assert (offered[0], offered[-1], len(offered)) == (1, most, min(most, N_OPTIONS))
        assert (np.diff(offered) > 0).all()
        if most <= N_OPTIONS:
            assert min(n, most) in offered
    every = read.all_options()
    rows = np.arange(len(actions))
    assert (every.numbers[rows, actions[:, 0], : options.numbers.shape[1]] == options.numbers).all()
    assert np.isfinite(read.nodes).all()
    assert np.isfinite(every.features).all()


@given(st.integers(1, 5000), st.integers(1, 60), st.integers(1, 6000))
def test_options_rise_from_one_to_the_most_and_include_the_rules(most, keeps, room):
    numbers, described = features._options(np.array([[most, keeps, -0.5, 50.0, room]]))
    assert (numbers[0, 0], numbers[0, -1]) == (1, most)
    assert (np.diff(numbers[0]) > 0).all()
    assert np.isfinite(described).all()
    assert numbers[0][described[0, :, -1] > 0.0].tolist() == [min(room, most)]


def test_the_rules_decision_is_marked_where_a_model_may_read_it(played):
    observations, actions = played
    kept = features.columns(observations)
    read = features.features(kept)
    marked = read.nodes[read.choices + read.first[:, None], 27] * (read.choices >= 0)
    assert marked.argmax(axis=1).tolist() == actions[:, 0].tolist()
    assert (marked.sum(axis=1) == 1.0).all()
    options = read.options(actions[:, 0])
    numbers = options.numbers[np.arange(len(actions)), options.features[..., -1].argmax(axis=1)]
    assert (numbers == np.minimum(actions[:, 1], options.numbers.max(axis=1))).all()
    without = features.features(kept, rule=False)
    assert np.array_equal(without.nodes, read.nodes[:, :25])
    assert np.array_equal(without.options(actions[:, 0]).features, options.features[..., :8])


@pytest.mark.parametrize("attention", [0, 2])
def test_the_order_of_jobs_changes_no_choice(played, attention):
    observations, _ = played
    obs = max(observations, key=lambda o: len(o.job))
    order = np.random.default_rng(0).permutation(len(obs.job))
    kept = features.packed(obs, features.rule_parameters())
    moved, nodes = _reordered(kept, order)
    policy = untrained(CjsRecipe(attention=attention, rule=True))
    answers = []
    for one in (kept, moved):
        read = features.features({name: _row(value) for name, value in one._asdict().items()})
        answers.append(_scores(policy, one, read))
    first, second = answers
    schedulable = np.flatnonzero(kept.nodes[:, 6])
    place = {int(node): i for i, node in enumerate(np.flatnonzero(moved.nodes[:, 6]))}
    new = [place[int(np.flatnonzero(nodes == node)[0])] for node in schedulable]
    assert np.allclose(first, second[new], atol=1e-4)


def _row(value):
    return value[None] if value.ndim == 1 else features.Ragged.of([value])


def _reordered(kept, order):
    """The jobs in another order, and which node stands at each place."""
    ends = np.cumsum(kept.jobs[:, 0]).astype(int)
    nodes = np.concatenate([np.arange(ends[a] - int(kept.jobs[a, 0]), ends[a]) for a in order])
    place = np.argsort(nodes)
    cluster = kept.cluster.copy()
    if cluster[3] < len(order):
        cluster[3] = np.flatnonzero(order == cluster[3])[0]
    return Packed(kept.nodes[nodes], kept.jobs[order], place[kept.edges].astype(np.int32), cluster), nodes


def _scores(policy, kept, read):
    columns = {name: _row(value) for name, value in kept._asdict().items()}
    inputs = policy.adapter._inputs(columns, read, np.zeros((1, 0)), np.zeros(1), np.zeros((1, 2)))
    options = read.all_options()
    found = {}
    inputs |= {"numbers": options.features, "numbers_valid": options.numbers > 0}

    def choose(scores):
        found[len(found)] = scores[0].numpy()
        return scores.argmax(dim=-1)

    policy.inference.reset()
    policy.inference.decide(inputs, choose)
    return found[0]


@settings(max_examples=25, deadline=None)
@given(worlds(), st.integers(0, 5), st.booleans())
def test_every_decision_is_valid_and_episodes_end(world, seed, greedy):
    workload, rules = world
    policy = untrained(seed=seed)
    policy.greedy = greedy
    environment = ClusterEnvironment([Cluster(workload, Rules(**rules), n) for n in range(2)])
    play_together(policy, environment)
    assert all(np.isfinite(cluster.completion_ms).all() for cluster in environment.clusters)


@pytest.mark.parametrize("layout", ["fused", "paper"])
@pytest.mark.parametrize("name", ["none", "backbone"])
def test_step_by_step_equals_a_slice(name, layout, backbone, experience_folder):
    recipe = CjsRecipe("returns", layout=layout, window=3, slice_steps=7)
    adapter = CjsAdapter(recipe, None, state=None, experience=storage.read(experience_folder))
    made = model(backbone if name == "backbone" else name, adapter)
    history = adapter._history
    rows = np.arange(7)[None]
    history.draw = lambda rng, size, n_steps: (rows, np.ones(rows.shape, dtype=bool))
    inputs, goals = adapter.batch(np.random.default_rng(0), 1)
    tensors = {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in inputs.items()}
    with torch.no_grad():
        expected = made.training_answer(tensors, goals)
    inference = StepwiseInference(made)
    for t in range(7):
        row = np.array([t])
        kept = history.kept(row)
        read = features.features(kept, rule=adapter.recipe.rule)
        options = read.all_options()
        one = adapter._inputs(kept, read, history.condition(row), history.since_s[row], history.last[row])
        one |= {"numbers": options.features, "numbers_valid": options.numbers > 0}
        given_parts, seen = iter(["stage", "number"]), {}

        def choose(scores, t=t, given_parts=given_parts, seen=seen):
            part = next(given_parts)
            seen[part] = scores
            return tensors[f"action.{part}"][:, t]

        inference.decide(one, choose)
        for part, scores in seen.items():
            both = min(scores.shape[-1], expected[part].shape[-1])
            real = torch.isfinite(scores[0, :both])
            assert torch.allclose(scores[0, :both][real], expected[part][0, t, :both][real], atol=1e-3), part
            assert torch.isinf(expected[part][0, t, both:]).all()


def test_clusters_in_lock_step_are_scheduled_as_each_alone(generated, backbone):
    policy = untrained(CjsRecipe(window=3), backbone)
    together = ClusterEnvironment(
        [cluster_of(replace(SMALL.config, n_jobs=n), generated, n) for n in (2, 4, 3)]
    )
    play_together(policy, together)
    for n, ended in zip((2, 4, 3), together.clusters, strict=True):
        alone = cluster_of(replace(SMALL.config, n_jobs=n), generated, n)
        policy.reset(np.random.default_rng(0))
        play_together(policy, ClusterEnvironment([alone]))
        assert alone.completion_ms.tolist() == ended.completion_ms.tolist()


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_adapted_saved_and_loaded(
    recipe, experience_folder, costs_folder, generated, tmp_path
):
    options = {"iterations": 2, "batch_size": 2, "evaluate_every": 1}
    quick = {"validation_jobs": 1, "slice_steps": 4}
    made = adapt(
        TASK,
        generated,
        out=tmp_path / "model",
        backbone="none",
        recipe=recipe,
        recipe_options=quick,
        experience=[costs_folder if recipe == "costs" else experience_folder],
        options=options,
    )
    found = evaluate(made.policy, SMALL, generated, name="adapted")
    again = evaluate(load(tmp_path / "model").policy, SMALL, generated, name="adapted")
    assert found.per_episode == again.per_episode
    assert made.policy.trained_for["executors"].covers((8.0,))


def test_a_model_is_trained_for_all_executors_of_its_training_environment(experience_folder, monkeypatch):
    """Not only for the numbers that a few episodes happened to draw."""
    adapter = CjsAdapter(CjsRecipe(), None, state=None, experience=storage.read(experience_folder))
    monkeypatch.setitem(places.PLACES, "short", Place("", (2, 5), (5, 11)))
    assert adapter.trained_for() == {"executors": Trained(low=5.0, high=11.0)}


def test_imitation_follows_the_rule(experience_folder, generated, tmp_path):
    made = adapt(
        TASK,
        generated,
        out=tmp_path / "model",
        backbone="none",
        recipe="distill",
        recipe_options={"validation_jobs": 1, "rounds": 0},
        experience=[experience_folder],
        options={"iterations": 60, "batch_size": 8, "evaluate_every": 60, "warm_start": 0.0, "average": 0.9},
    )
    rule, same = es_rule.load(), []
    cluster = cluster_of(SMALL.config, generated, 1)
    while not cluster.done:
        obs = cluster.observe()
        (action,) = rule.act([obs])
        same.append(made.policy.act([obs])[0, 0] == action[0])
        cluster.step(*map(int, action))
    assert np.mean(same) > 0.7


def test_a_declined_decision_is_kept_and_not_imitated(played, experience_folder):
    observations, actions = played
    declined = np.where(np.arange(len(actions))[:, None] == 1, [DECLINE, 1], actions)
    encoded = CjsCollector.encoded(None, observations, declined)
    assert encoded[1, 0] == len(observations[1].choices)
    assert (np.delete(encoded, 1, axis=0) == np.delete(actions, 1, axis=0)).all()
    found = storage.read(experience_folder)
    adapter = CjsAdapter(CjsRecipe("advantage"), None, state=None, experience=found)
    rng = np.random.default_rng(0)
    wanted = adapter._history.wanted(rng, np.array([0]), np.array([True]), np.array([0]))
    assert wanted.weight[0] == 0.0
    assert wanted.made[0, 0] == 0


def test_alternatives_are_valid_and_compared_with_the_rule(generated):
    cluster, rule = cluster_of(CjsConfig(n_jobs=6, n_executors=10), generated, 4), es_rule.load()
    n_found = 0
    while not cluster.done:
        obs, before = cluster.observe(), cluster.completion_ms
        found = alternatives.alternatives(cluster.state, rule.parameters, 30_000.0, 1, 0.5)
        assert (found == alternatives.alternatives(cluster.state, rule.parameters, 30_000.0, 1, 0.5)).all()
        assert np.array_equal(before, cluster.completion_ms, equal_nan=True)
        (action,) = rule.act([obs])
        there = found[found[:, 0] >= 0]
        if len(there):
            n_found += 1
            most = np.minimum(obs.committable, obs.demand[obs.choices[there[:, 0].astype(int)]])
            assert (there[:, 1] >= 1).all()
            assert (there[:, 1] <= most).all()
            assert there[0].tolist() == [action[0], min(action[1], most[0]), 0.0]
            assert len({(a, n) for a, n, _ in there}) == len(there) > 1
        cluster.step(*map(int, action))
    assert n_found > 20


def test_what_costs_less_is_wanted_more(costs_folder):
    found = storage.read(costs_folder)
    made = targets(CjsRecipe("costs", imitation=0.5), found)
    costs = alternatives.costs_of(found.array("privileged"))
    labeled = costs[:, 0, 0] >= 0
    assert 0.2 < labeled.mean() < 0.8
    assert made.shares.sum(axis=1) == pytest.approx(1.0)
    for share, row in zip(made.shares[labeled], costs[labeled], strict=True):
        there = row[:, 0] >= 0
        assert (share[~there] == 0.0).all()
        assert (np.diff(share[there][np.argsort(row[there, 2])]) <= 1e-6).all()
    assert (made.weight == np.where(labeled, 1.0, 0.5)).all()
    assert (made.actions[~labeled, 0] == found.array("teacher")[~labeled]).all()
    trusting = targets(CjsRecipe("costs", trust=3.0), found)
    assert (trusting.shares[labeled, 0] >= made.shares[labeled, 0] - 1e-6).all()
    assert trusting.shares[labeled, 0].mean() > made.shares[labeled, 0].mean() + 0.05


def test_compared_actions_share_the_probability_whatever_their_number():
    options = Options(np.array([[1, 2, 3, 4]] * 2), np.zeros((2, 4, 1), dtype=np.float32))
    actions = np.array([[[0, 4], [2, 1], [0, 2]], [[1, 3], [0, 1], [0, 1]]])
    shares = np.array([[0.5, 0.3, 0.2], [1.0, 0.0, 0.0]], dtype=np.float32)
    weight = np.array([2.0, 1.0], dtype=np.float32)
    goals, masks = Wanted(actions, shares, weight, actions[:, 0]).goals(options, 3)
    mean = np.array([0.35, 0.0, 0.3])
    assert goals["stage"][0] == pytest.approx(2 * mean / mean.sum())
    assert goals["number"][0] == pytest.approx([0.0, 2 * 0.2 / 0.7, 0.0, 2 * 0.5 / 0.7])
    assert masks["stages_valid"].tolist() == [[True, False, True], [True, True, True]]
    assert masks["numbers_valid"].tolist() == [[False, True, False, True], [True] * 4]
    assert goals["stage"][1].tolist() == [0.0, 1.0, 0.0]
    assert goals["number"][1].tolist() == [0.0, 0.0, 1.0, 0.0]


def test_returns_are_relative_to_the_same_sequence(experience_folder):
    found = storage.read(experience_folder)
    relative, sequence = relative_returns(found), found.same_session()
    assert np.bincount(sequence, weights=relative) == pytest.approx(0.0, abs=1e-6)
    cost = -np.add.reduceat(found.array("reward").astype(float), found.offsets[:-1])
    for number in range(sequence.max() + 1):
        own = sequence == number
        assert (np.argsort(relative[own]) == np.argsort(-cost[own])).all()


def test_conditions_at_test_time():
    relative = Condition(kind="relative", quantiles=(-1.0, 0.0, 3.0))
    assert relative.start(2, 0.75).tolist() == [[1.5], [1.5]]
    assert (relative.after(np.ones((2, 1)), np.array([-5.0, 0.0])) == 1.0).all()
    published = Condition(kind="published", quantiles=(1.0, 2.0), low=-10.0, high=0.0)
    assert published.start(1, 0.5).tolist() == [[1.0]]
    assert published.after(np.ones((1, 1)), np.array([-5.0])).tolist() == [[0.9995]]
    assert Condition().start(3, 0.5).shape == (3, 0)


def test_labels_are_wanted_where_a_recipe_follows_them(experience_folder):
    found = storage.read(experience_folder)
    labels = targets(CjsRecipe("distill"), found)
    assert (labels.actions[:, 0] == found.array("teacher")).all()
    best = targets(CjsRecipe("clone"), found)
    chosen = np.repeat(found.of_policy("es-rule"), found.lengths)
    assert set(np.unique(best.weight)) == {0.0, 1.0}
    assert (best.actions[chosen, 0] == found.array("teacher")[chosen]).all()
    plain = replace(found, columns={k: v for k, v in found.columns.items() if k != "teacher"})
    with pytest.raises(ConfigError, match="needs labels"):
        targets(CjsRecipe("distill"), plain)


def test_policies_that_decline_are_collected(generated):
    environment = CjsCollector(generated).environment("short", np.random.default_rng(0), 2)
    policy, stored = ruled.fair_plus(), []
    for _ in range(200):
        seen = environment.observe()
        stored.append(CjsCollector(generated).encoded(seen, policy.act(seen)))
        environment.step(policy.act(seen))
    assert (np.concatenate(stored) >= 0).all()
