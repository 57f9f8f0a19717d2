"""Oracle runs: sharing work between truths changes no number."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.core.errors import ConfigError, UnknownNameError
from netwright.core.seeding import generator
from netwright.synthesis.bayes import BayesConfig
from netwright.synthesis.generic import sample_ces
from netwright.synthesis.learners import LEARNERS, learner_factory
from netwright.synthesis.pool import quality
from netwright.synthesis.setup import Setup
from netwright.synthesis.simulate import _TEACHER_STREAM, Simulation, simulate, truth_values
from netwright.synthesis.teachers import Oracle, SimulatedTeacher
from tests.synthesis.problems import weighted_pool

SMALL = BayesConfig(n_particles=400, n_samples=80, n_pairs=40, n_triples=30, n_candidates=16)
POOL, TRUTHS = weighted_pool(200).split(np.random.default_rng(0), 24)
VALUES = truth_values("template", POOL, TRUTHS, np.random.default_rng(0))


def _make(name):
    return learner_factory(name, POOL, question="triple", config=SMALL)


@pytest.mark.parametrize("name", LEARNERS.names())
@pytest.mark.parametrize("noise_percent", [0.0, 20.0])
def test_a_shared_tree_gives_what_single_dialogues_give(name, noise_percent):
    runs = simulate(
        _make(name), POOL, VALUES, n_queries=4, teacher=SimulatedTeacher(noise_percent=noise_percent), seed=3
    )
    for run in (0, 5, 23):
        learner = _make(name)(3)
        teacher = Oracle(
            VALUES[run], POOL.counts, noise_percent=noise_percent, rng=generator(3, _TEACHER_STREAM, run)
        )
        for depth in range(4):
            query = learner.ask()
            if query is not None:
                learner.tell(query, teacher.answer(query))
            expected = quality(VALUES[run], POOL.counts)[learner.recommend()]
            assert runs.quality[run, depth] == expected
    assert len(runs.question_seconds) <= 4 * 24


def test_more_learners_are_dealt_the_runs_in_turn():
    two = simulate(_make("no-prune"), POOL, VALUES, n_queries=3, n_learners=2)
    even = simulate(_make("no-prune"), POOL, VALUES[::2], n_queries=3)
    np.testing.assert_array_equal(two.quality[::2], even.quality)
    assert two.config["n_learners"] == 2


def test_noise_makes_it_harder_and_a_document_says_so():
    clean = simulate(_make("bayes"), POOL, VALUES, n_queries=5)
    noisy = simulate(_make("bayes"), POOL, VALUES, n_queries=5, teacher=SimulatedTeacher(noise_percent=60.0))
    assert clean.quality.mean(0)[-1] > noisy.quality.mean(0)[-1]
    document = noisy.to_json()
    assert len(document["median"]) == len(document["p10"]) == len(document["p90"]) == 5
    for name, q in (("p10", 10), ("median", 50), ("p90", 90)):
        assert document[name] == np.percentile(noisy.quality, q, axis=0).tolist()
    assert document["config"]["noise_percent"] == 60.0
    assert document["runs"] == 24
    assert all(a <= b <= c for a, b, c in zip(*(document[k] for k in ("p10", "median", "p90")), strict=True))


def test_with_a_wide_just_noticeable_difference_all_look_alike():
    runs = simulate(_make("bayes"), POOL, VALUES, n_queries=2, teacher=SimulatedTeacher(jnd_percent=100.0))
    assert runs.alike.all()


@pytest.mark.parametrize("kind", ["minimum", "power"])
def test_truths_outside_the_template_are_monotone(kind):
    values = truth_values(kind, POOL, TRUTHS, np.random.default_rng(2))
    assert values.shape == (24, POOL.n_designs)
    above = (POOL.scaled[:, None] >= POOL.scaled[None]).all(-1)
    for value in values:
        assert (value[:, None] >= value[None] - 1e-12)[above].all()


def test_progress_counts_every_run():
    seen = []
    simulate(_make("voting"), POOL, VALUES, n_queries=3, n_learners=24, progress=lambda *p: seen.append(p))
    assert seen[-1] == (24, 24)


def test_bad_names_are_named():
    with pytest.raises(UnknownNameError, match="voting"):
        learner_factory("votin", POOL)
    with pytest.raises(UnknownNameError, match="minimum"):
        truth_values("min", POOL, TRUTHS, np.random.default_rng(0))
    with pytest.raises(ConfigError, match="at least one query"):
        simulate(_make("voting"), POOL, VALUES, n_queries=0)


@pytest.mark.parametrize(
    ("field", "value"),
    [("learner", "elephant"), ("question", "riddle"), ("truths", "lies"), ("teacher", "noisy:101")],
)
def test_a_simulation_refuses_unknown_names_before_it_runs(field, value):
    with pytest.raises(ConfigError):
        Simulation(**{field: value})


def test_a_simulation_holds_its_truths_out_of_the_pool():
    plan = Simulation(learner="voting", teacher="jnd:5", queries=2, runs=8, seed=4)
    found = plan.run(POOL)
    rest, held_out = POOL.split(generator(4, 0), 8)
    values = truth_values("template", rest, held_out, generator(4, 1))
    again = simulate(
        learner_factory("voting", rest, question="auto", ties=True),
        rest,
        values,
        n_queries=2,
        teacher=SimulatedTeacher(jnd_percent=5.0),
        seed=4,
        n_learners=8,
    )
    np.testing.assert_array_equal(found.chosen, again.chosen)
    assert plan.to_json()["question"] == "propose and compare"


def test_truths_outside_the_template_are_what_they_say():
    """min_i (x_i + 0.02) / (w_i + 0.02), and sum_i w_i x_i^e_i, computed one by one."""
    m, n = len(POOL.group), len(TRUTHS)
    for kind in ("minimum", "power"):
        found, rng = truth_values(kind, POOL, TRUTHS, np.random.default_rng(5)), np.random.default_rng(5)
        weights = (10.0 if m == 2 else 100.0) ** rng.uniform(0.0, 1.0, (n, m))
        weights /= weights.sum(axis=1)[:, None]
        exponents = rng.uniform(0.2, 1.0, (n, m)) if kind == "power" else None
        for truth in (0, 7):
            for design in (0, 3, POOL.n_designs - 1):
                x, w = POOL.scaled[design], weights[truth]
                if exponents is None:
                    expected = min((x[i] + 0.02) / (w[i] + 0.02) for i in range(m))
                else:
                    expected = sum(w[i] * x[i] ** exponents[truth, i] for i in range(m))
                assert found[truth, design] == pytest.approx(expected)


def test_functions_of_constant_elasticity_lie_between_the_least_and_the_largest_metric():
    """Half of them are power means of the metrics; the others, of x / w with the weights w, likewise."""
    scaled = np.random.default_rng(0).random((30, 3))
    found = sample_ces(3, 400, np.random.default_rng(1)).values(scaled)
    rng = np.random.default_rng(1)
    weights = np.exp(rng.uniform(0.0, np.log(100.0), (400, 3)))
    weights /= weights.sum(axis=1)[:, None]
    raised = scaled[None] + 0.02
    means = (found >= raised.min(-1) - 1e-9) & (found <= raised.max(-1) + 1e-9)
    shares = raised / weights[:, None]
    ratios = (found >= shares.min(-1) - 1e-9) & (found <= shares.max(-1) + 1e-9)
    assert (means.all(1) | ratios.all(1)).all()
    assert 100 < means.all(1).sum() < 300


@pytest.mark.parametrize(
    "wrong", [{"n_candidates": 3}, {"n_particles": 0}, {"n_samples": 0}, {"n_pairs": 0}, {"n_triples": 0}]
)
def test_a_learner_without_particles_or_candidates_is_refused(wrong):
    with pytest.raises(ConfigError, match="at least 4 candidates"):
        BayesConfig(**wrong)


def test_a_single_question_is_never_spent_on_a_confirmation():
    assert Setup(n_queries=1).confirm_at is None
    assert Setup(n_queries=2).confirm_at == 2
    assert Setup().seed == 0


@pytest.mark.parametrize("learner", ["voting", "no-prune", "objective-only"])
@pytest.mark.parametrize("kind", [Simulation, Setup])
def test_a_question_that_a_learner_cannot_ask_is_refused(kind, learner):
    with pytest.raises(
        ConfigError, match=f"learner '{learner}' cannot be told to ask 'triple'; drop --question"
    ):
        kind(learner=learner, question="triple")
    assert kind(learner=learner).question == "auto"
    assert kind(learner="bayes", question="triple").question == "triple"
