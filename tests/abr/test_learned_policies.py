"""Learned policies: they answer with valid rungs, draw from what they say, and come back from disk unchanged."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from netwright.core import registry
from netwright.core.documents import sealed
from netwright.core.errors import ConfigError, DataError, FormatError
from netwright.core.policy import Policy
from netwright.core.task import load_attribute
from netwright.evaluation.baselines import ready_policy
from netwright.tasks.abr.baselines import learned, pensieve, ppo
from netwright.tasks.abr.baselines.bba import Bba
from netwright.tasks.abr.baselines.learned import Critic, Design, LearnedPolicy
from netwright.tasks.abr.batch import Sessions, Starts
from netwright.tasks.abr.generator import synth_traces, synth_video
from tests.saved import rehashed

RELATIVE = Design(
    "relative", pensieve.DESIGN.inputs, lambda n: pensieve.Network(learned.N_STEPS), relative=True
)
DESIGNS = (ppo.DESIGN, pensieve.DESIGN, RELATIVE)
TRACES = synth_traces("t", 40, seed=5)
VIDEO = synth_video("v", np.random.default_rng(0))


def sessions(video=VIDEO) -> Sessions:
    n = len(TRACES)
    return Sessions(
        TRACES,
        [video],
        Starts(
            trace_of=np.arange(n), video_of=np.zeros(n, dtype=np.int64), start_rows=np.ones(n, dtype=np.int64)
        ),
    )


def random_actor(design: Design) -> torch.nn.Module:
    """A network with opinions: as built, all answers are about alike."""
    torch.manual_seed(0)
    actor = design.actor(6)
    with torch.no_grad():
        for parameter in actor.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.3)
    return actor.requires_grad_(False)


@pytest.fixture(params=DESIGNS, ids=lambda d: d.name)
def policy(request) -> LearnedPolicy:
    return LearnedPolicy(request.param, random_actor(request.param), 6)


def test_it_is_a_policy_that_plays_whole_sessions(policy):
    assert isinstance(policy, Policy)
    playing = sessions()
    while not playing.done:
        levels = policy.act(playing.observe())
        assert levels.dtype == np.int64
        playing.step(levels)


def test_probabilities_sum_to_one_and_the_likeliest_is_chosen(policy):
    playing = sessions()
    for _ in range(5):
        seen = playing.observe()
        chances = np.exp(policy.log_probabilities(seen))
        assert chances.shape == (40, 6)
        assert chances.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
        levels = policy.act(seen)
        assert (levels == chances.argmax(axis=1)).all()
        if policy.design.relative:
            apart = np.abs(np.arange(6) - seen.last_level[:, None])
            assert (chances[apart > 1] == 0.0).all()
        playing.step(levels)


def test_down_keep_and_up_stop_at_the_ends_of_the_ladder():
    steps = np.log(np.array([[0.5, 0.2, 0.3]] * 3))
    found = np.exp(learned._of_levels(steps, np.array([0, 1, 2]), 3))
    assert found == pytest.approx(np.array([[0.7, 0.3, 0.0], [0.5, 0.2, 0.3], [0.0, 0.5, 0.5]]))
    assert RELATIVE.levels(np.array([0, 1, 2]), np.array([0, 1, 2]), 3).tolist() == [0, 1, 2]


def test_drawn_answers_follow_the_probabilities(policy):
    policy.greedy = False
    assert policy.name.endswith("-sampled")
    seen = sessions().observe()
    policy.reset(np.random.default_rng(1))
    n_draws = 400
    drawn = np.stack([policy.act(seen) for _ in range(n_draws)])
    shares = (drawn[:, :, None] == np.arange(6)).mean(axis=0)
    assert np.abs(shares - np.exp(policy.log_probabilities(seen))).max() < 5.0 * 0.5 / n_draws**0.5
    policy.reset(np.random.default_rng(1))
    assert (np.stack([policy.act(seen) for _ in range(3)]) == drawn[:3]).all()


def test_one_session_is_answered_as_in_a_batch(policy):
    together = policy.log_probabilities(sessions().observe())
    alone = [policy.log_probabilities(sessions().only(b).observe())[0] for b in range(6)]
    assert np.exp(alone) == pytest.approx(np.exp(together[:6]), abs=1e-5)


def test_another_ladder_is_refused_in_one_sentence(policy):
    four = synth_video("four", np.random.default_rng(0), bitrates_kbps=(300.0, 750.0, 1200.0, 1850.0))
    with pytest.raises(ConfigError, match="was trained for 6 rungs and cannot choose among 4; train one"):
        policy.act(sessions(four).observe())


def test_only_a_policy_with_its_critic_tells_values(policy):
    playing = sessions()
    with pytest.raises(ConfigError, match="has no critic"):
        policy.value(playing.observe(), playing.future_log_bandwidth())
    policy.critic = Critic(6)
    found = policy.value(playing.observe(), playing.future_log_bandwidth())
    assert found.shape == (40,)
    assert (policy.value(playing.observe(), playing.future_log_bandwidth() + 1.0) != found).any()


@pytest.fixture
def folder(tmp_path):
    learned.save(tmp_path / "x", ppo.DESIGN, random_actor(ppo.DESIGN), Critic(6), {"n_levels": 6, "seed": 3})
    return tmp_path / "x"


def test_saved_and_loaded_it_answers_bit_for_bit(folder, tmp_path):
    seen = sessions().observe()
    expected = LearnedPolicy(ppo.DESIGN, random_actor(ppo.DESIGN), 6).log_probabilities(seen)
    shutil.copytree(folder, tmp_path / "copy")
    before = torch.random.get_rng_state()
    back = ppo.load(tmp_path / "copy")
    assert (torch.random.get_rng_state() == before).all()
    assert (back.log_probabilities(seen) == expected).all()
    assert back.greedy
    assert not ppo.load_sampled(folder).greedy
    playing = sessions()
    assert np.isfinite(back.value(seen, playing.future_log_bandwidth())).all()


def test_without_its_critic_a_folder_still_serves_for_acting(folder):
    tensors = load_file(folder / "model.safetensors")
    save_file({k: v for k, v in tensors.items() if k.startswith("actor.")}, folder / "model.safetensors")
    rehashed(folder)
    assert ppo.load(folder).critic is None


def test_damaged_folders_are_named(folder, tmp_path):
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-9])
    with pytest.raises(DataError, match=r"model\.safetensors: its SHA-256"):
        ppo.load(folder)
    rehashed(folder)
    with pytest.raises(DataError, match=r"model\.safetensors: damaged"):
        ppo.load(folder)
    weights.unlink()
    with pytest.raises(DataError, match=r"model\.safetensors: no such file"):
        ppo.load(folder)
    save_file({"actor.other": torch.zeros(3)}, weights)
    rehashed(folder)
    with pytest.raises(FormatError, match="weights and description do not fit"):
        ppo.load(folder)
    with pytest.raises(FormatError, match="holds ppo, not pensieve"):
        pensieve.load(folder)
    document = json.loads((folder / "netwright.json").read_text())
    for wrong in (True, 0, 6.0, "6", 10**6, None):
        (folder / "netwright.json").write_text(json.dumps(sealed(document | {"n_levels": wrong})))
        with pytest.raises(DataError, match=r"netwright\.json: .*n_levels"):
            ppo.load(folder)
    (folder / "netwright.json").write_text(json.dumps(sealed(document | {"files": {}})))
    with pytest.raises(DataError, match="lists no SHA-256"):
        ppo.load(folder)
    (folder / "netwright.json").write_text(json.dumps(document | {"format_version": 99}))
    with pytest.raises(FormatError, match="format_version is 99"):
        ppo.load(folder)
    with pytest.raises(DataError, match="no saved model there"):
        ppo.load(tmp_path)


SHIPPED = ("ppo", "pensieve", "genet")


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_answer_without_any_training(name, generated):
    task = registry.task("abr")
    policy = ready_policy(task, name, generated, seed=0, progress=lambda line: pytest.fail(line))
    assert policy.critic is None
    found = load_attribute(task.evaluate)(policy, task.setting("unseen1"), generated, name=name)
    rule = load_attribute(task.evaluate)(Bba(), task.setting("unseen1"), generated, name="bba")
    assert found.mean > rule.mean + 0.1


def test_all_shipped_weights_together_are_small():
    files = [p for p in learned.SHIPPED.rglob("*") if p.is_file()]
    assert len(files) == 2 * len(SHIPPED)
    assert sum(p.stat().st_size for p in files) < 5e6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "expected"),
    [("default", 1.10), ("unseen1", 2.28), ("unseen2", 0.915), ("unseen3", 1.90), ("norway", 0.90)],
)
def test_ppo_reaches_its_targets_on_real_traces(real, setting, expected):
    task = registry.task("abr")
    assert load_attribute(task.evaluate)(ppo.load(), task.setting(setting), real, name="ppo").mean >= expected
