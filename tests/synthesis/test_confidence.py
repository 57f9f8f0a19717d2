"""What the Bayesian learner says about itself: hypotheses on the operator, renewal of particles, assessment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from netwright.core.errors import UnknownNameError
from netwright.synthesis.answer_models import by_chance, possible_answers
from netwright.synthesis.bayes import Bayes, BayesConfig
from netwright.synthesis.learner import Assessment, Confidence, weighted_percentiles
from netwright.synthesis.look_ahead import Rivals, information_about_doubt
from netwright.synthesis.operators import KINDS, operators
from netwright.synthesis.pool import quality
from netwright.synthesis.posterior import Doubt, OperatorPrior, Posterior, by_metrics
from netwright.synthesis.queries import Answer, Exchange, Kind, Query
from netwright.synthesis.renewal import renewed
from netwright.synthesis.sampling import effective_number, systematic
from netwright.synthesis.teachers import Oracle
from tests.synthesis.problems import weighted_pool

POOL = weighted_pool(250)
CONFIG = BayesConfig(
    question="tick", n_particles=1000, n_samples=150, n_pairs=60, n_triples=60, n_candidates=24
)
PARTICLES = Bayes.sample(POOL, CONFIG, 0)


def _held(kind, n, seed=0, config=CONFIG):
    """A learner after `n` answers of an operator of this kind."""
    learner = Bayes(POOL, config, 0, PARTICLES)
    rng = np.random.default_rng(seed)
    answering = operators(kind, POOL, 1, rng)
    for asked in range(n):
        values = answering.values(asked / n)[0]
        query = learner.ask()
        learner.tell(
            query, Oracle(values, POOL.counts, random_share=answering.random_share, rng=rng).answer(query)
        )
    return learner, answering.values(1.0)[0]


def test_an_operator_of_the_template_is_believed_and_the_stated_quality_holds():
    stated, true = [], []
    for seed in range(3):
        learner, values = _held("template", 8, seed, replace(CONFIG, confirm_at=11))
        found = learner.assessment()
        assert found.confidence is Confidence.GOOD
        assert found.low <= found.quality <= found.high
        stated.append(found.quality)
        true.append(quality(values, POOL.counts)[learner.recommend()])
    assert np.mean(stated) == pytest.approx(np.mean(true), abs=0.03)


def test_an_operator_who_prefers_less_is_found_out():
    config = replace(CONFIG, confirm_at=11)
    found = [_held("opposite", 9, seed, config)[0].assessment() for seed in range(2)]
    assert all(each.confidence is Confidence.OTHERWISE for each in found)
    assert "do not follow these metrics" in found[0].text


def test_learned_ranges_widen_with_the_doubt():
    learner, _ = _held("template", 6)
    narrow = learner.learned()
    learner.doubt = Doubt(OperatorPrior(random=0.9), learner.doubt.opposite, np.full(2, 0.0))
    wide = learner.learned()
    assert ((wide.high - wide.low) > (narrow.high - narrow.low)).all()
    np.testing.assert_array_equal(wide.parameters, narrow.parameters)


def test_nothing_is_claimed_before_a_few_answers():
    learner = Bayes(POOL, CONFIG, 0, PARTICLES)
    assert learner.assessment().confidence is Confidence.UNCLEAR
    assert learner.assessment().text.startswith("not enough to tell yet")
    learner.tell(learner.ask(), Answer(()))
    assert learner.assessment().confidence is Confidence.UNCLEAR


@pytest.mark.parametrize(
    ("answers", "by_metrics", "low", "confidence"),
    [
        (5, 0.99, 0.9, Confidence.GOOD),
        (2, 0.99, 0.9, Confidence.UNCLEAR),
        (5, 0.99, 0.6, Confidence.UNCLEAR),
        (5, 0.6, 0.9, Confidence.UNCLEAR),
        (5, 0.4, 0.9, Confidence.OTHERWISE),
    ],
)
def test_states_of_confidence(answers, by_metrics, low, confidence):
    found = Assessment.of(answers, by_metrics, 0.95, low, 1.0)
    assert found.confidence is confidence
    assert (confidence is Confidence.OTHERWISE) != ("if you answer by these metrics" in found.text)


def test_one_earlier_question_is_repeated_in_mirrored_order_when_it_tells_most(monkeypatch):
    learner, _ = _held("template", 3, config=replace(CONFIG, confirm_at=10))
    new = (0, 1, 2)
    monkeypatch.setattr("netwright.synthesis.bayes.best_triple", lambda *_: (new, 0.0, -1.0))
    assert learner.ask().designs == new  # too early
    learner.tell(learner.ask(), Answer((0,)))
    repeated = learner.ask()
    assert repeated.designs[::-1] in [e.query.designs for e in learner.history]
    learner.tell(repeated, Answer((0,)))
    assert learner.ask().designs == new  # one repeat is enough


def test_who_forgets_follows_the_later_answers():
    models = by_metrics((0.02,), (0.0,), (1.0,), OperatorPrior(drifting=0.5))
    posterior = Posterior.of(PARTICLES, models)
    a, b = int(POOL.scores[:, 0].argmax()), int(POOL.scores[:, 0].argmin())
    for best in (0, 0, 0, 1, 1, 1):
        faded = np.exp(posterior._faded()).sum(0)
        np.testing.assert_allclose(faded, np.exp(posterior.log_weights).sum(0), rtol=1e-3)
        posterior = posterior.updated(Exchange(Query(Kind.COMPARE, (a, b)), Answer((best,))))
    standing = PARTICLES.standing(posterior.rows, np.array([a, b]))
    joint = posterior.joint / posterior.of_hypotheses()
    later = joint[standing[:, 1] > standing[:, 0]].sum(0)  # share that prefers b, by hypothesis
    forgetful = (models.memory < 1.0) & (models.noise > 0.05)
    assert later[forgetful].min() > 0.8
    assert later[(models.memory == 1.0) & (models.lapse > 0.1)].max() < 0.8
    assert np.exp(posterior.log_weights).sum() == pytest.approx(1.0, abs=1e-4)


def test_evidence_is_the_probability_of_the_answers():
    models = by_metrics((0.05, 0.2), (0.0,), (1.0,), OperatorPrior())
    query = Query(Kind.TICK, (3, 90, 160))
    after = [
        Posterior.of(PARTICLES, models).updated(Exchange(query, answer)).log_evidence
        for answer in possible_answers(query)
    ]
    assert np.exp(after).sum() == pytest.approx(1.0, abs=1e-3)
    np.testing.assert_allclose(by_chance(query).sum(1), 1.0)
    assert by_chance(query)[0].tolist() == pytest.approx([1 / 3] * 3 + [0.0] * 4)


def test_an_answer_that_all_operators_would_give_tells_nothing_about_them():
    query = Query(Kind.COMPARE, (0, 1), ties=False)
    even = np.full((2, 1, 4), 0.5, dtype=np.float32)
    sure = np.stack([np.full((1, 4), 0.99), np.full((1, 4), 0.01)]).astype(np.float32)
    shares = (0.8, 0.1, 0.1)
    rivals = Rivals(None, shares, 0.1)
    assert information_about_doubt(rivals, query, even, even)[0] == pytest.approx(0.0, abs=1e-6)
    told = information_about_doubt(rivals, query, sure, even)[0]
    against = information_about_doubt(rivals, query, sure, sure[::-1])[0]
    assert 0.0 < told < against


def test_less_of_two_metrics_cannot_be_told_from_increasing_returns():
    prior = OperatorPrior(opposite=0.1)
    assert prior.for_metrics(2).opposite == 0.0
    assert prior.for_metrics(3) == prior
    doubt = Doubt.of(PARTICLES, prior.for_metrics(2))
    posterior = Posterior.of(PARTICLES, by_metrics((0.05,), (0.0,), (1.0,), prior))
    worst, best = int(POOL.scaled.sum(1).argmin()), int(POOL.scaled.sum(1).argmax())
    against = Exchange(Query(Kind.COMPARE, (worst, best)), Answer((0,)))
    assert doubt.after(against).shares(posterior.after(against))[1] < 1e-6


def test_renewed_particles_are_many_and_tell_the_same():
    config = BayesConfig(**{**CONFIG.__dict__, "renew_below": 0.0})
    learner, values = _held("template", 7, config=config)
    old = learner.posterior
    assert effective_number(old.weights()) < 100.0
    new = renewed(old, learner.history, np.random.default_rng(0))
    assert effective_number(new.weights()) > 400.0
    np.testing.assert_allclose(new.of_hypotheses(), old.of_hypotheses(), atol=0.02)
    assert new.log_evidence == old.log_evidence
    assert len(np.unique(new.particles.parameters, axis=0)) > 200
    before, after = (
        old.particles.mean_rank(old.rows, old.weights()),
        new.particles.mean_rank(new.rows, new.weights()),
    )
    np.testing.assert_allclose(after, before, atol=0.05)
    assert quality(values, POOL.counts)[after.argmax()] > 0.95
    np.testing.assert_allclose(new.particles.parameters.sum(1), 1.0)


def test_particles_are_renewed_if_none_of_the_template_explains_the_answers():
    learner, _ = _held("template", 3)
    particles = learner.particles
    generic = np.arange(len(particles.parameters), len(particles))
    learner.posterior = Posterior.of(particles, learner.posterior.models, generic)
    learner.posterior = renewed(learner.posterior, learner.history, np.random.default_rng(0))
    assert len(learner.particles.parameters) == 0
    learner.__dict__.pop("_weights", None)
    learner.tell(learner.ask(), Answer((0,)))
    assert learner.recommend() is not None
    POOL.family.check(learner.learned().parameters)
    assert len(learner.likely_objectives(3, np.random.default_rng(0))) >= 1


def test_systematic_resampling_is_proportional():
    found = systematic(np.array([0.1, 0.0, 0.6, 0.3]), 1000, 0.3)
    assert np.bincount(found, minlength=4).tolist() == [100, 0, 600, 300]
    assert effective_number(np.array([0.5, 0.5, 0.0])) == pytest.approx(2.0)
    assert weighted_percentiles(np.array([3.0, 1.0, 2.0]), np.array([0.2, 0.2, 0.6]), (0.1, 0.9)) == (
        1.0,
        3.0,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_simulated_operators(kind):
    found = operators(kind, POOL, 6, np.random.default_rng(1))
    again = operators(kind, POOL, 6, np.random.default_rng(1))
    np.testing.assert_array_equal(found.values(0.5), again.values(0.5))
    assert found.first.shape == found.last.shape == (6, POOL.n_designs)
    assert np.isfinite(found.first).all()
    assert (found.first is not found.last) == (kind == "drifting")


def test_an_unknown_kind_of_operator_is_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'piecewise'"):
        operators("piecewis", POOL, 2, np.random.default_rng(0))
