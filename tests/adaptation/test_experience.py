"""Collecting experience: independent of workers and interruptions; whole on disk, or refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.adaptation.offline import collect as collecting
from netwright.adaptation.offline import experience as storage
from netwright.adaptation.offline import return_conditioning
from netwright.adaptation.offline.collect import Plan, rl_collect
from netwright.adaptation.offline.experience import ACTION, COMPONENTS, LABELS, REWARD, Experience, merge
from netwright.adaptation.offline.imitation import imitation_targets
from netwright.core.documents import sealed
from netwright.core.errors import ConfigError, DataError, FormatError, NetwrightError, UnknownNameError
from netwright.core.files import sha256_of_file
from netwright.core.locks import BusyError, locked
from netwright.rl.advantages import compress_rewards
from netwright.rl.critic import fitted_advantages
from tests.adaptation import toy_decisions as toy
from tests.elsewhere import Elsewhere

PLAN = Plan(("good", "bad", "noisy:0.3:good"), "house", 300, seed=4)


def made_up(lengths: list[int], seed: int = 0, n_policies: int = 2) -> Experience:
    """Episodes of random rewards; each session is met by every policy."""
    rng = np.random.default_rng(seed)
    n, episodes = sum(lengths), np.arange(len(lengths))
    components = rng.normal(size=(n, 2)).astype(np.float32)
    return Experience(
        columns={
            ACTION: rng.integers(0, 3, n).astype(np.int16),
            REWARD: components.sum(axis=1),
            COMPONENTS: components,
        },
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        policy=(episodes % n_policies).astype(np.int32),
        where=np.zeros(len(lengths), dtype=np.int32),
        seed=np.zeros(len(lengths), dtype=np.int64),
        session=episodes // n_policies,
        policies=tuple(f"p{i}" for i in range(n_policies)),
        places=("here",),
        info={"task": "toy", "components": ["one", "other"]},
    )


def same(one: Experience, other: Experience) -> bool:
    columns = one.columns.keys() == other.columns.keys() and all(
        np.array_equal(one.columns[k], other.columns[k]) for k in one.columns
    )
    rest = all(np.array_equal(getattr(one, k), getattr(other, k)) for k in ("offsets", *storage.EPISODES))
    return columns and rest and (one.policies, one.places) == (other.policies, other.places)


def test_every_policy_meets_the_same_sessions(tmp_path: Path) -> None:
    experience = rl_collect(toy.TASK, None, PLAN, out=tmp_path / "out")
    assert same(experience, storage.read(tmp_path / "out"))
    sessions = experience.same_session()
    assert np.array_equal(np.bincount(sessions), np.full(300, 3))
    numbers = experience.columns["observation.numbers"].reshape(3, 300, toy.STEPS, toy.DOORS)
    assert np.array_equal(numbers[0], numbers[1])
    assert np.array_equal(numbers[0], numbers[2])
    assert not np.array_equal(numbers[0, :44], numbers[0, 256:300])
    means = {k: v["mean_reward"] for k, v in experience.provenance()["policies"].items()}
    assert means["bad"] < 0 < means["noisy:0.3:good"] < means["good"]


def test_noise_is_as_frequent_as_asked(tmp_path: Path) -> None:
    experience = rl_collect(toy.TASK, None, PLAN, out=tmp_path / "out")
    actions = experience.columns[ACTION].reshape(3, -1)
    assert (actions[0] != actions[2]).mean() == pytest.approx(0.3 * 2 / 3, abs=0.03)


def test_the_worker_does_not_matter(tmp_path: Path) -> None:
    alone = rl_collect(toy.TASK, None, PLAN, out=tmp_path / "alone")
    shared = rl_collect(toy.TASK, None, PLAN, out=tmp_path / "shared", executor=Elsewhere())
    assert same(alone, shared)


def test_an_interrupted_collection_keeps_what_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = rl_collect(toy.TASK, None, PLAN, out=tmp_path / "whole")
    done: list[str] = []

    def interrupt(line: str) -> None:
        done.append(line)
        if len(done) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rl_collect(toy.TASK, None, PLAN, out=tmp_path / "cut", progress=interrupt)
    with pytest.raises(ConfigError, match="--resume"):
        rl_collect(toy.TASK, None, PLAN, out=tmp_path / "cut")
    with pytest.raises(ConfigError, match="another seed"):
        rl_collect(toy.TASK, None, replace(PLAN, seed=5), out=tmp_path / "cut", resume=True)
    later: list[str] = []
    resumed = rl_collect(toy.TASK, None, PLAN, out=tmp_path / "cut", resume=True, progress=later.append)
    assert same(whole, resumed)
    assert len(later) == len(PLAN.units) - 3
    assert not (tmp_path / "cut.partial").exists()


def test_labels_are_the_mean_of_the_teachers(tmp_path: Path) -> None:
    plan = replace(PLAN, policies=("bad",), labels=("good", "bad"))
    experience = rl_collect(toy.TASK, None, plan, out=tmp_path / "out")
    observed = {k: experience.columns[f"observation.{k}"] for k in ("sign", "numbers")}
    expected = np.mean([np.exp(rule.log_probabilities(observed)) for rule in (toy.good(), toy.bad())], axis=0)
    np.testing.assert_allclose(experience.columns[LABELS], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"policies": ()}, ConfigError),
        ({"policies": ("good", "good")}, ConfigError),
        ({"policies": ("nobody",)}, UnknownNameError),
        ({"policies": ("noisy:2:good",)}, ConfigError),
        ({"policies": ("noisy:much:good",)}, ConfigError),
        ({"policies": ("noisy:0.1:",)}, ConfigError),
        ({"policies": ("sampled:noisy:0.1:good",)}, ConfigError),
        ({"labels": ("noisy:0.1:good",)}, ConfigError),
        ({"place": "nowhere"}, UnknownNameError),
        ({"sessions": 0}, ConfigError),
    ],
)
def test_plans_that_cannot_be(
    tmp_path: Path, changes: dict[str, object], error: type[NetwrightError]
) -> None:
    with pytest.raises(error):
        rl_collect(
            toy.TASK,
            None,
            replace(PLAN, sessions=5, **changes) if "sessions" not in changes else replace(PLAN, **changes),
            out=tmp_path / "out",
        )
    assert not (tmp_path / "out").exists()


def test_what_stands_at_out_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    with pytest.raises(ConfigError, match="exists already"):
        rl_collect(toy.TASK, None, PLAN, out=tmp_path / "out")


def test_a_task_of_predictions_collects_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="learns from its data set"):
        rl_collect(replace(toy.TASK, collector=None), None, PLAN, out=tmp_path / "out")


def by_folder(folder: Path | None, *, seed: int) -> str:
    return f"data of {folder}"


def test_resuming_mixes_neither_data_nor_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = replace(toy.TASK, load_data="tests.adaptation.test_experience:by_folder")

    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    def resumed(plan: Plan, folder: str, **more: object) -> Experience:
        return rl_collect(task, Path(folder), plan, out=tmp_path / "out", resume=True, **more)  # type: ignore[arg-type]

    with pytest.raises(KeyboardInterrupt):
        resumed(PLAN, "one", progress=interrupt)
    with pytest.raises(
        ConfigError, match=r"out\.partial: the unfinished collection has another data; resume with"
    ):
        resumed(PLAN, "two")
    for change in ({"seed": 5}, {"place": "garden"}, {"sessions": 299}, {"labels": ("good",)}):
        with pytest.raises(ConfigError, match="has another"):
            resumed(replace(PLAN, **change), "one")
    with pytest.raises(ConfigError, match=r"has another config\.policies"):
        resumed(replace(PLAN, policies=PLAN.policies[:2]), "one")
    assert resumed(PLAN, "one").n_episodes == 900


def test_a_saved_model_that_decides_is_part_of_the_identity(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    document = tmp_path / "model" / "netwright.json"
    found = []
    for text in ("{}", "{ }"):
        document.write_text(text)
        plan = replace(PLAN, policies=(f"noisy:0.1:sampled:{document.parent}", "good"))
        found.append(collecting.plan_identity(toy.TASK, plan, "toy"))
    assert found[0].differences(found[1]) == [f"models.{document.parent}"]


def test_two_collections_of_one_folder_exclude_each_other(tmp_path: Path) -> None:
    with locked(collecting.parts_folder(tmp_path / "out")), pytest.raises(BusyError, match=str(os.getpid())):
        rl_collect(toy.TASK, None, PLAN, out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def columns_of(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / storage.COLUMNS, allow_pickle=False) as archive:
        return dict(archive)


def rewritten(folder: Path, change: Callable[[dict[str, np.ndarray]], object], *, rehashed: bool) -> None:
    """Change the arrays of a saved experience, and by request its hash as well, as a careful hand would."""
    columns = columns_of(folder)
    change(columns)
    np.savez(folder / storage.COLUMNS, allow_pickle=False, **columns)
    if rehashed:
        renew_hash(folder)


def renew_hash(folder: Path) -> None:
    document = json.loads((folder / storage.DESCRIPTION).read_text())
    document["files"] = {storage.COLUMNS: sha256_of_file(folder / storage.COLUMNS)}
    (folder / storage.DESCRIPTION).write_text(json.dumps(sealed(document)))


CHANGES = {
    "reward": lambda c: c.update(reward=c["reward"] * 1000),
    "action 99": lambda c: c["action"].__setitem__(3, 99),
    "action -1": lambda c: c["action"].__setitem__(3, -1),
    "actions are decimals": lambda c: c.update(action=c["action"].astype(np.float32)),
    "labels": lambda c: c["labels"].__setitem__((2, 0), -0.5),
    "labels sum": lambda c: c.update(labels=c["labels"] * 2),
    "nan": lambda c: c["components"].__setitem__((1, 1), np.nan),
    "inf": lambda c: c["reward"].__setitem__(0, np.inf),
    "policy": lambda c: c["episode.policy"].__setitem__(0, 9),
    "where": lambda c: c["episode.where"].__setitem__(0, -1),
    "offsets": lambda c: c["offsets"].__setitem__(1, 40),
    "offsets are decimals": lambda c: c.update(offsets=c["offsets"].astype(float)),
    "an episode less": lambda c: c.update({"episode.seed": c["episode.seed"][1:]}),
    "a row less": lambda c: c.update(reward=c["reward"][1:]),
    "text": lambda c: c.update(components=c["components"].astype("U8")),
    "a column less": lambda c: c.pop("reward"),
    "exponent": lambda c: (
        c["reward"].view(np.uint32).__setitem__(0, c["reward"].view(np.uint32)[0] ^ (1 << 29))
    ),
}
ONLY_BY_HASH = {
    "action 99"
}  # the number of choices is the task's: refused when the experience is learned from


class TestOnDisk:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        whole = made_up([3, 4, 3, 4])
        labels = np.full((14, 3), 1 / 3, dtype=np.float32)
        storage.write(tmp_path / "experience", replace(whole, columns={**whole.columns, LABELS: labels}))
        return tmp_path / "experience"

    @pytest.mark.parametrize("rehashed", [False, True], ids=["", "hash renewed"])
    @pytest.mark.parametrize("change", CHANGES)
    def test_changed_arrays_are_refused(self, folder: Path, change: str, rehashed: bool) -> None:
        rewritten(folder, CHANGES[change], rehashed=rehashed)
        if rehashed and change in ONLY_BY_HASH:
            with pytest.raises(DataError, match="decision 3 is action 99, there are 3 choices"):
                imitation_targets(
                    "clone",
                    storage.read(folder),
                    critic_inputs=np.zeros((14, 1), np.float32),
                    n_choices=3,
                    temperature=1.0,
                    seed=0,
                )
        else:
            with pytest.raises(DataError, match=r"columns\.npz|experience\.json"):
                storage.read(folder)

    @pytest.mark.parametrize(
        "change",
        [
            {"policies": ["p0"]},
            {"policies": "p0"},
            {"places": [1]},
            {"info": None},
            {"files": {}},
            {"files": {"columns.npz": "0" * 64}},
            {"files": {"columns.npz": True}},
            {"more": 1},
            {"summary": {"decisions": True, "episodes": 4, "places": ["here"], "seeds": [0], "policies": {}}},
        ],
    )
    def test_changed_documents_are_refused(self, folder: Path, change: dict[str, object]) -> None:
        file = folder / "experience.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | change))
        with pytest.raises(DataError, match=r"experience\.json|columns\.npz"):
            storage.read(folder)

    def test_the_earlier_format_is_read_with_its_hash(self, folder: Path) -> None:
        file, whole = folder / "experience.json", storage.read(folder)
        document = json.loads(file.read_text())
        earlier = {k: v for k, v in document.items() if k != "files"} | {
            "format_version": 1,
            "sha256": document["files"]["columns.npz"],
            "summary": whole.provenance(),
        }
        file.write_text(json.dumps(earlier))
        assert same(storage.read(folder), whole)
        file.write_text(json.dumps(earlier | {"sha256": "0" * 64}))
        with pytest.raises(DataError, match="SHA-256"):
            storage.read(folder)

    def test_none(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="netwright collect"):
            storage.read(tmp_path)

    def test_truncated(self, folder: Path) -> None:
        file = folder / "columns.npz"
        file.write_bytes(file.read_bytes()[:300])
        with pytest.raises(DataError, match="SHA-256"):
            storage.read(folder)

    def test_unknown_format(self, folder: Path) -> None:
        file = folder / "experience.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"format_version": 9}))
        with pytest.raises(FormatError, match="format_version is 9"):
            storage.read(folder)

    def test_no_pickle_is_ever_read(self, folder: Path) -> None:
        np.savez(folder / "columns.npz", allow_pickle=True, offsets=np.array([{"a": 1}], dtype=object))
        renew_hash(folder)
        with pytest.raises(DataError, match="damaged"):
            storage.read(folder)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.integers(0, 3))
def test_merging_what_was_taken_apart_gives_the_whole(lengths: list[int], seed: int) -> None:
    whole = made_up(lengths, seed)
    assert same(merge([whole.take(np.array([i])) for i in range(len(lengths))]), whole)


def test_merging_renumbers_the_policies() -> None:
    one, other = made_up([2, 3]), replace(made_up([4, 5]), policies=("p1", "p9"))
    merged = merge([one, other])
    assert merged.policies == ("p0", "p1", "p9")
    assert merged.policy.tolist() == [0, 1, 1, 2]


def test_experiences_that_do_not_fit_are_not_merged() -> None:
    one = made_up([2])
    wider = replace(one, columns={**one.columns, "observation.x": np.zeros((2, 3))})
    with pytest.raises(ConfigError, match=r"observation\.x"):
        merge([one, wider])
    with pytest.raises(ConfigError, match="different task"):
        merge([one, replace(one, info={**one.info, "task": "other"})])


@given(st.lists(st.integers(1, 6), min_size=1, max_size=6))
def test_returns_to_go_are_sums_to_the_end_of_the_episode(lengths: list[int]) -> None:
    experience = made_up(lengths)
    rewards = experience.columns[REWARD].astype(np.float64)
    expected = [
        rewards[t:end].sum()
        for begin, end in zip(experience.offsets, experience.offsets[1:], strict=False)
        for t in range(begin, end)
    ]
    np.testing.assert_allclose(return_conditioning.to_go(rewards, experience), expected, atol=1e-9)
    assert return_conditioning.left(experience).tolist() == [n - i for n in lengths for i in range(n)]


@pytest.mark.parametrize("kind", ["returns", "returns-published"])
def test_what_is_asked_for_follows_the_rewards_as_in_the_data(kind: return_conditioning.Kind) -> None:
    """With an episode's own return as the target and its rewards, the condition is that of the data."""
    experience = made_up([5, 5, 5, 5])
    conditioning, column = return_conditioning.fit(kind, experience)
    rewards = experience.columns[REWARD].astype(np.float64)
    asked = conditioning.start(1, 1.0)
    asked.now(np.array([5]), np.ones((1, 2)))
    own = return_conditioning.to_go(rewards, experience)
    if kind == "returns":
        asked._returns = own[:1].copy()
    else:
        low, high = rewards.min(), rewards.max()
        asked._returns = return_conditioning.to_go((rewards - low) / (high - low), experience)[:1] / 1000.0
    for t in range(5):
        np.testing.assert_allclose(asked.now(np.array([5 - t]), np.ones((1, 2)))[0], column[t], atol=1e-5)
        asked.update(rewards[t : t + 1])


def test_regret_compares_within_a_session_only() -> None:
    experience = made_up([3] * 8)
    shifted = replace(
        experience,
        columns={
            **experience.columns,
            REWARD: experience.columns[REWARD] + np.repeat(experience.session, 3).astype(np.float32) * 10,
        },
    )
    _, column = return_conditioning.fit("regret", experience)
    _, same_column = return_conditioning.fit("regret", shifted)
    np.testing.assert_allclose(column, same_column, atol=1e-4)
    assert column.min() >= -2.0
    assert column.max() <= 3.0


def test_a_vector_is_asked_for_by_the_weights() -> None:
    """Policy 0 has more of the first component, policy 1 more of the other."""
    experience = made_up([4] * 40)
    components = experience.columns[COMPONENTS].copy()
    components[np.repeat(experience.policy == 0, 4), 0] += 2.0
    components[np.repeat(experience.policy == 1, 4), 1] += 2.0
    conditioning, column = return_conditioning.fit(
        "vector-returns", replace(experience, columns={**experience.columns, COMPONENTS: components})
    )
    assert column.shape == (160, 2)
    asked = conditioning.start(2, 1.0).now(np.array([4, 4]), np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert asked[0, 0] > 0 > asked[0, 1]
    assert asked[1, 1] > 0 > asked[1, 0]


def test_better_decisions_have_higher_advantages(tmp_path: Path) -> None:
    experience = rl_collect(toy.TASK, None, replace(PLAN, policies=("good", "bad")), out=tmp_path / "out")
    inputs = np.concatenate(
        [experience.columns[f"observation.{k}"] for k in ("sign", "numbers")]
        + [experience.columns["privileged"]],
        axis=1,
    )
    advantages = fitted_advantages(
        experience.offsets, inputs, compress_rewards(experience.columns[REWARD]), seed=0
    )
    good = np.repeat(experience.policy == 0, toy.STEPS)
    assert advantages[good].mean() > advantages[~good].mean() + 1.0


def test_a_name_of_many_parts_is_read_from_the_left() -> None:
    assert isinstance(
        collecting.named_policy(toy.TASK, "noisy:0.5:noisy:0.1:good", toy.DoorsCollector()).policy,
        collecting.EpsilonRandom,
    )


def test_a_complete_collection_is_not_collected_again(tmp_path: Path) -> None:
    plan, out, lines = replace(PLAN, sessions=5), tmp_path / "out", list[str]()
    made = rl_collect(toy.TASK, None, plan, out=out)
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    again = rl_collect(toy.TASK, None, plan, out=out, resume=True, progress=lines.append)
    assert lines == [f"{out} is complete; nothing to resume"]
    assert np.array_equal(made.returns, again.returns)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    with pytest.raises(ConfigError, match=r"the complete collection has another config\.sessions"):
        rl_collect(toy.TASK, None, replace(plan, sessions=6), out=out, resume=True)
    with pytest.raises(ConfigError, match="exists already"):
        rl_collect(toy.TASK, None, plan, out=out)
