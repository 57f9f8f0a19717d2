"""RL_Collect of Fig. 9 (Wu et al. 2024): play a task's environments with policies and store the episodes.

Every policy plays the same sessions, so that their returns can be compared session by session. Sessions come in blocks;
a block under one policy is the unit of work, is written as soon as it is complete, and depends on its seed alone:
the experience does not depend on the worker or on interruptions.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.adaptation.environment import Collector, DescribedCollector, EncodingCollector
from netwright.adaptation.offline import experience as storage
from netwright.adaptation.offline.experience import Experience
from netwright.adaptation.offline.ragged import Column, concatenated
from netwright.core.array_files import RawArray
from netwright.core.documents import read_document, write_document
from netwright.core.errors import ConfigError, UnknownNameError
from netwright.core.files import replacing, sha256_of_file
from netwright.core.identity import RunIdentity, data_sha256
from netwright.core.locks import locked
from netwright.core.notes import note
from netwright.core.policy import (
    AnyObs,
    AnyPolicy,
    LookaheadPolicy,
    RaggedPolicy,
    StochasticPolicy,
    name_of,
)
from netwright.core.seeding import generator
from netwright.core.task import Task, load_attribute
from netwright.core.trained_for import Conditions, TrainedPolicy, remark
from netwright.core.types import TaskData
from netwright.execution import Executor, SerialExecutor
from netwright.rl.environment import running

BLOCK = 256  # sessions of one unit of work
PLAN = "plan.json"
MODEL_DOCUMENT = "netwright.json"  # lists the SHA-256 of a saved model's files


@dataclass(frozen=True)
class Plan:
    """What is to be collected.

    Attributes:
        policies: each a baseline's name or a folder of a saved model; `sampled:` before either samples the action
            instead of taking the best, `noisy:SHARE:` before any makes an epsilon-random policy.
        place: one of the collector's training environments.
        sessions: number of sessions of each policy.
        seed: of sessions, policies and noise.
        labels: policies whose mean probabilities are kept for every visited state.
    """

    policies: tuple[str, ...]
    place: str
    sessions: int
    seed: int = 0
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.policies:
            raise ConfigError("no policy given; pass at least one --policy.")
        if len(set(self.policies)) < len(self.policies):
            raise ConfigError(
                "a policy is named twice; name each once, and raise the number of sessions instead."
            )
        if self.sessions < 1:
            raise ConfigError(f"the number of sessions must be at least 1, got {self.sessions}.")

    @property
    def units(self) -> list[tuple[int, int]]:
        """(block, policy) pairs in the order of the experience: policy by policy."""
        n_blocks = -(-self.sessions // BLOCK)
        return [(block, policy) for policy in range(len(self.policies)) for block in range(n_blocks)]


def rl_collect(
    task: Task,
    data_folder: Path | str | None,
    plan: Plan,
    *,
    out: Path | str,
    executor: Executor | None = None,
    resume: bool = False,
    progress: Callable[[str], None] = lambda line: None,
) -> Experience:
    """Collect an experience and write it to `out`; complete parts survive an interruption in `<out>.partial`.

    Args:
        task: a task of decisions.
        data_folder: of real data; without one, data are generated from the plan's seed.
        plan: policies, training environment and number of sessions.
        out: folder of the experience.
        executor: where the work is done; in this process by default.
        resume: continue the collection in `<out>.partial`; a complete one of the same plan, data and models is read.
        progress: called with one line from time to time.

    Raises:
        BusyError: another process collects there.
        ConfigError: `out` is taken, or holds an unfinished collection and `resume` is not set, or that one is of
            another plan, other data or other models; a policy or training environment that does not exist.
    """
    out, data_folder = Path(out), None if data_folder is None else Path(data_folder)
    with locked(parts_folder(out)):
        return _collected(task, data_folder, plan, out, executor or SerialExecutor(), resume, progress)


def _collected(
    task: Task,
    data_folder: Path | None,
    plan: Plan,
    out: Path,
    executor: Executor,
    resume: bool,
    progress: Callable[[str], None],
) -> Experience:
    reference = _collector_of(task)
    work = partial(_unit, task=task, folder=data_folder, plan=plan)
    collector = _collector(reference, task.load_data, data_folder, plan.seed)
    if plan.place not in collector.training_environments:
        raise UnknownNameError("training environment", plan.place, collector.training_environments)
    policies = {name: named_policy(task, name, collector) for name in (*plan.policies, *plan.labels)}
    if isinstance(collector, DescribedCollector):
        _note_limits(collector, plan.place, policies)
    identity = plan_identity(task, plan, _data(task.load_data, data_folder, plan.seed))
    if resume and _is_complete(out, identity):
        progress(f"{out} is complete; nothing to resume")
        return storage.read(out)
    parts = _ready_parts(out, identity, resume)
    todo = [unit for unit in plan.units if not _part(parts, unit).is_dir()]
    done, started = len(plan.units) - len(todo), time.monotonic()
    for unit, part in zip(todo, executor.map(work, todo), strict=True):
        storage.write(_part(parts, unit), part)
        done += 1
        progress(
            f"{done}/{len(plan.units)}: {plan.policies[unit[1]]}, {part.n_episodes} sessions, mean reward "
            f"{part.returns.mean():.3f} ({time.monotonic() - started:.0f} s)"
        )
    collected = storage.merge([storage.read(_part(parts, unit)) for unit in plan.units])
    with replacing(out) as temporary:
        storage.write(temporary, collected)
        write_document(temporary / PLAN, identity)
    shutil.rmtree(parts)
    return collected


def _note_limits(collector: DescribedCollector, place: str, policies: Mapping[str, AnyPolicy]) -> None:
    """Note that only generated episodes are played, and which policies were trained for other conditions."""
    if collector.generated_only(place):
        note(f"{place}: there are no measured training data, all episodes are generated (synthetic)")
    here = collector.conditions(place)
    for name, policy in policies.items():
        clause = remark(policy, here)
        if clause:
            note(f"{place}: {name} {clause}")


def plan_identity(task: Task, plan: Plan, data: TaskData) -> RunIdentity:
    """What makes a collection: its plan, the data, and the saved models that decide or label."""
    named = [_innermost(task, name) for name in (*plan.policies, *plan.labels)]
    folders = [name for name in named if name not in task.policies and Path(name).is_dir()]
    settings = {k: v for k, v in asdict(plan).items() if k != "seed"}
    return RunIdentity.made(
        kind="collect",
        task=task.name,
        method=plan.place,
        config=settings,
        seed=plan.seed,
        data=data_sha256(data),
        models={name: sha256_of_file(Path(name) / MODEL_DOCUMENT) for name in folders},
    )


def _innermost(task: Task, name: str) -> str:
    """The baseline or folder within a plan's name, read as `named_policy` does."""
    kind, _, rest = name.partition(":")
    if kind == "noisy":
        return _innermost(task, rest.partition(":")[2])
    if kind == "sampled":
        return _innermost(task, rest)
    if name.endswith("-sampled") and name not in task.policies:
        return _innermost(task, name.removesuffix("-sampled"))
    return name


def named_policy(task: Task, name: str, collector: Collector) -> AnyPolicy:
    """The policy that a plan means by this name.

    Raises:
        UnknownNameError: neither a baseline nor a folder.
        ConfigError: an invalid share, or `sampled:` for a deterministic policy.
    """
    kind, _, rest = name.partition(":")
    if kind == "noisy":
        share, _, inner = rest.partition(":")
        try:
            probability = float(share)
        except ValueError:
            probability = -1.0
        if not 0.0 <= probability <= 1.0 or not inner:
            raise ConfigError(
                f"policy {name!r}: write noisy:SHARE:POLICY with a share in 0..1, as noisy:0.1:mpc."
            )
        return EpsilonRandom(named_policy(task, inner, collector), probability, collector)
    if kind == "sampled" or (name.endswith("-sampled") and name not in task.policies):
        plain = rest if kind == "sampled" else name.removesuffix("-sampled")
        found = named_policy(task, plain, collector)
        if not isinstance(found, StochasticPolicy):
            raise ConfigError(f"policy {plain!r} has no probabilities to sample from; drop `sampled`.")
        found.greedy = False
        return found
    if name in task.policies:
        ready: AnyPolicy = load_attribute(task.policy(name).factory)()
        return ready
    if Path(name).is_dir():
        from netwright.adaptation.api import load

        return load(Path(name), task).policy
    raise UnknownNameError(f"{task.name} policy (or folder)", name, task.policies)


class EpsilonRandom:
    """An epsilon-random policy: at a share of the decisions a random action replaces that of the policy inside."""

    def __init__(self, policy: AnyPolicy, share: float, collector: Collector) -> None:
        self.policy, self.share, self.collector = policy, share, collector
        self.rng = np.random.default_rng(0)

    @property
    def trained_for(self) -> Conditions:
        """Those of the policy inside."""
        return self.policy.trained_for if isinstance(self.policy, TrainedPolicy) else {}

    def reset(self, rng: np.random.Generator) -> None:
        """As the policy inside."""
        inner, self.rng = rng.spawn(2)
        self.policy.reset(inner)

    def act(self, obs: AnyObs) -> NDArray[np.int64]:
        """(B,) the policy's choices, some of them replaced."""
        chosen = np.asarray(self.policy.act(obs))
        drawn = self.collector.random_actions(obs, self.rng)
        replaced = self.rng.random(len(chosen)) < self.share
        return np.where(replaced.reshape(-1, *(1,) * (chosen.ndim - 1)), drawn, chosen)

    def keep(self, rows: NDArray[np.int64]) -> None:
        """As the policy inside, see `RaggedPolicy`."""
        if isinstance(self.policy, RaggedPolicy):
            self.policy.keep(rows)


def _unit(unit: tuple[int, int], *, task: Task, folder: Path | None, plan: Plan) -> Experience:
    block, index = unit
    collector = _collector(_collector_of(task), task.load_data, folder, plan.seed)
    n = min(BLOCK, plan.sessions - block * BLOCK)
    environment = collector.environment(plan.place, generator(plan.seed, block), n)
    policy = named_policy(task, plan.policies[index], collector)
    teachers = [named_policy(task, name, collector) for name in plan.labels]
    for i, player in enumerate((policy, *teachers)):
        player.reset(generator(plan.seed, block, index, i))
        if isinstance(player, LookaheadPolicy):
            player.watch(environment)
    rows: list[dict[str, Column]] = []
    episodes: list[NDArray[np.int64]] = []
    while not environment.done:
        episodes.append(running(environment))
        observation = environment.observe()
        row: dict[str, Column] = {
            storage.OBSERVATION + k: v for k, v in collector.columns(observation).items()
        }
        row[storage.PRIVILEGED] = environment.privileged().astype(np.float32)
        if teachers:
            row |= _labels(teachers, observation, collector)
        actions = np.asarray(policy.act(observation))
        row[storage.ACTION] = _stored(collector, observation, actions)
        rewards, components = environment.step(actions)
        row[storage.REWARD] = rewards.astype(np.float32)
        row[storage.COMPONENTS] = components.astype(np.float32)
        rows.append(row)
        for player in (policy, *teachers):
            _keep(player, episodes[-1], running(environment))
    episode = np.concatenate(episodes)
    order = np.argsort(episode, kind="stable")  # decision by decision becomes episode by episode
    lengths = np.bincount(episode, minlength=n)
    return Experience(
        columns={name: concatenated([row[name] for row in rows])[order] for name in rows[0]},
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        policy=np.zeros(n, dtype=np.int32),
        where=np.zeros(n, dtype=np.int32),
        seed=np.full(n, plan.seed, dtype=np.int64),
        session=block * BLOCK + np.arange(n, dtype=np.int64),
        policies=(plan.policies[index],),
        places=(plan.place,),
        info={"task": task.name, "components": list(collector.components), "data": collector.provenance()},
    )


def _labels(teachers: Sequence[AnyPolicy], observation: AnyObs, collector: Collector) -> dict[str, Column]:
    """Mean probabilities of the labeling policies, or the actions of the only one that acts in several parts."""
    if len(teachers) == 1 and not isinstance(teachers[0], StochasticPolicy):
        actions = np.asarray(teachers[0].act(observation))
        if actions.ndim == 2:
            return {storage.TEACHER: _stored(collector, observation, actions)}
    return {storage.LABELS: np.mean([_probabilities(t, observation) for t in teachers], axis=0)}


def _stored(collector: Collector, observation: AnyObs, actions: RawArray) -> NDArray[np.int16]:
    """Actions as an experience keeps them."""
    if isinstance(collector, EncodingCollector):
        actions = collector.encoded(observation, actions)
    return np.asarray(actions.astype(np.int16))


def _keep(player: AnyPolicy, before: NDArray[np.int64], after: NDArray[np.int64]) -> None:
    """Let a policy forget the episodes that have ended."""
    if isinstance(player, RaggedPolicy) and len(after) < len(before):
        player.keep(np.flatnonzero(np.isin(before, after)))


def _probabilities(teacher: object, observation: AnyObs) -> NDArray[np.float32]:
    if not isinstance(teacher, StochasticPolicy):
        raise ConfigError(
            f"policy {name_of(teacher)!r} gives no probabilities and cannot label; name another in --label."
        )
    found: NDArray[np.float32] = np.exp(teacher.log_probabilities(observation)).astype(np.float32)
    return found


def _collector_of(task: Task) -> str:
    if task.collector is None:
        raise ConfigError(f"task {task.name!r} learns from its data set; nothing is collected for it.")
    return task.collector


@cache
def _collector(reference: str, loader: str, folder: Path | None, seed: int) -> Collector:
    """Made once in each worker process, because loading data takes seconds."""
    made: Collector = load_attribute(reference)(_data(loader, folder, seed))
    return made


@cache
def _data(loader: str, folder: Path | None, seed: int) -> TaskData:
    loaded: TaskData = load_attribute(loader)(folder, seed=seed)
    return loaded


def parts_folder(out: Path) -> Path:
    """Where an unfinished collection lives."""
    return out.with_name(out.name + ".partial")


def _is_complete(out: Path, identity: RunIdentity) -> bool:
    """Whether `out` holds the complete experience of this very plan.

    Raises:
        ConfigError: it holds that of another plan, other data or other models.
    """
    if not (out / PLAN).is_file():
        return False
    remedy = "choose another --out, or delete it first"
    kept = read_document(out / PLAN, RunIdentity, remedy=remedy)
    identity.check(kept, out, "complete collection", remedy, notes=False)
    return True


def _ready_parts(out: Path, identity: RunIdentity, resume: bool) -> Path:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} exists already; choose another --out, or delete it first.")
    parts = parts_folder(out)
    begun = parts.exists() and any(parts.iterdir())
    if begun and not resume:
        raise ConfigError(
            f"{parts} holds an unfinished collection; add --resume to continue it, or delete it."
        )
    if begun:
        kept = read_document(parts / PLAN, RunIdentity, remedy=f"delete {parts} to start again")
        identity.check(kept, parts, "unfinished collection", "resume with the same, or delete that folder")
    else:
        write_document(parts / PLAN, identity)
    return parts


def _part(parts: Path, unit: tuple[int, int]) -> Path:
    block, policy = unit
    return parts / f"policy{policy:03d}-block{block:05d}"


def summary(experience: Experience) -> Iterator[tuple[str, Mapping[str, float]]]:
    """For each policy its episodes and mean reward."""
    yield from experience.by_policy().items()
