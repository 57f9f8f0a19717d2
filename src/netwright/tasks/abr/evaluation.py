"""Testing a policy on every trace of a setting (`Test` of Fig. 9, Wu et al. 2024)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np

from netwright.core.errors import DataError
from netwright.core.notes import note
from netwright.core.policy import ClairvoyantPolicy, OneByOnePolicy, SequentialPolicy
from netwright.core.results import Evaluation
from netwright.core.task import Setting
from netwright.tasks.abr.batch import Outcomes, Sessions, Starts
from netwright.tasks.abr.dataset import AbrData, log_of
from netwright.tasks.abr.media import Floats, Ints, Trace, Video
from netwright.tasks.abr.metrics import normalised_qoe
from netwright.tasks.abr.observation import BitratePolicy
from netwright.tasks.abr.overlap import connected
from netwright.tasks.abr.playback import Playback, bandwidth_samples, by_variability
from netwright.tasks.abr.reference import optimum_qoe
from netwright.tasks.abr.settings import AbrConfig
from netwright.tasks.abr.units import TIMES_TOP_RUNG

MOST_ROWS_PER_CHUNK = 1e6  # more are a slip of units, and would take hours


@dataclass(frozen=True, eq=False)
class Rollout:
    """B sessions that a policy played, T decisions each; QoE is its three factors, weighted.

    Attributes:
        elapsed_s: from the decision to the chunk's last byte.
        buffer_s: left to play when the next chunk may be requested.
    """

    levels: Ints  # (B, T)
    bitrate_mbps: Floats  # (B, T)
    rebuffer_s: Floats  # (B, T)
    change_mbps: Floats  # (B, T)
    qoe: Floats  # (B, T)
    elapsed_s: Floats  # (B, T)
    buffer_s: Floats  # (B, T)


def rollout(policy: BitratePolicy, sessions: Sessions, rng: np.random.Generator) -> Rollout:
    """Play sessions to their end.

    A `SequentialPolicy` that is in order plays them one by one and observes the end of each; a `OneByOnePolicy` plays
    each by itself, and the session waits for its decisions; a `ClairvoyantPolicy` gets the sessions with their
    traces first.

    Args:
        policy: under test; it is reset once, before the first decision.
        sessions: fresh ones; they are played to their end unless the policy is `in_order`.
        rng: for the policy.
    """
    policy.reset(rng)
    if isinstance(policy, ClairvoyantPolicy):
        policy.foresee(sessions.copy())
    in_order = isinstance(policy, SequentialPolicy) and policy.in_order
    apart = isinstance(policy, OneByOnePolicy) and policy.one_by_one
    if not (in_order or apart):
        return _play(policy, sessions)
    played = []
    for index, own in enumerate(rng.spawn(sessions.n)):
        if apart:
            policy.reset(own)
        one = sessions.only(index)
        played.append(_play(policy, one))
        if in_order:
            policy.act(one.observe())
    return Rollout(**{f.name: np.concatenate([getattr(p, f.name) for p in played]) for f in fields(Rollout)})


def _play(policy: BitratePolicy, sessions: Sessions) -> Rollout:
    levels, outcomes, elapsed_s = [], [], []
    while not sessions.done:
        levels.append(np.asarray(policy.act(sessions.observe())))
        waited_s: Floats | float = 0.0
        if isinstance(policy, OneByOnePolicy):
            waited_s = policy.decision_seconds
            sessions.wait(waited_s)
        outcomes.append(sessions.step(levels[-1]))
        elapsed_s.append(waited_s + outcomes[-1].delay_ms / 1000.0)
    return Rollout(
        levels=np.stack(levels, axis=1).astype(np.int64),
        elapsed_s=np.stack(elapsed_s, axis=1),
        **{
            name: np.stack([getattr(o, name) for o in outcomes], axis=1)
            for name in ("bitrate_mbps", "rebuffer_s", "change_mbps", "qoe", "buffer_s")
        },
    )


def sessions_of(config: AbrConfig, data: AbrData) -> Sessions:
    """The sessions of a setting, one for each of its traces."""
    traces = data.clean(config.traces) if config.clean else data.traces(config.traces)
    starts = data.start_rows.get(config.traces, {}) if config.start == "published" else {}
    video = data.video(config.video)
    _check_fit(traces, video, f"trace set {config.traces!r}")
    return Sessions(
        traces,
        [video],
        Starts(
            trace_of=np.arange(len(traces)),
            video_of=np.zeros(len(traces), dtype=np.int64),
            start_rows=[starts.get(trace.name, 1) for trace in traces],
        ),
        rules=config.rules,
        qoe=config.qoe,
        rng=np.random.default_rng(config.noise_seed),
    )


def _check_fit(traces: Sequence[Trace], video: Video, where: str) -> None:
    """Note traces that are hardly in Mbit/s beside this ladder; refuse those on which a chunk takes forever."""
    top_mbps = video.bitrates_kbps[-1] / 1000.0
    largest_bits = 8.0 * float(video.sizes_bytes.max())
    fast = [t.name for t in traces if float(np.median(t.bandwidths_mbps)) > TIMES_TOP_RUNG * top_mbps]
    for trace in traces:
        lap_bits = float((trace.bandwidths_mbps[1:] * np.diff(trace.times_s)).sum()) * 1e6
        if largest_bits / lap_bits * trace.n_rows > MOST_ROWS_PER_CHUNK:
            raise DataError(
                f"{where}: a chunk of video {video.name!r} would take {largest_bits / lap_bits:.2g} rounds of trace "
                f"{trace.name!r}; check the units of both."
            )
    if fast:
        note(
            f"{where}: half of the time over {TIMES_TOP_RUNG:g} times the top rung of {top_mbps:g} Mbit/s in "
            f"{len(fast)} of {len(traces)} traces, such as {fast[0]}; if the bandwidths are in kbit/s, state it in "
            "format.json"
        )


def trial(setting: Setting, data: AbrData) -> Callable[[BitratePolicy], None]:
    """A function that lets a policy decide once in a setting; raises `NotApplicableError` for one that cannot.

    A clairvoyant policy is not tried: planning takes it as long as playing.
    """
    config: AbrConfig = setting.config
    first = sessions_of(config, data).only(0).observe()

    def decide(policy: BitratePolicy) -> None:
        if not isinstance(policy, ClairvoyantPolicy):
            policy.reset(np.random.default_rng(0))
            policy.act(first)

    return decide


def evaluate(policy: BitratePolicy, setting: Setting, data: AbrData, *, name: str) -> Evaluation:
    """QoE of a policy in a setting; an episode is a trace.

    Args:
        policy: under test.
        setting: its config (an `AbrConfig`) says what is played over what.
        data: traces and videos.
        name: the policy's name in the result.

    Returns:
        Mean QoE per chunk of each trace (Appendix A.6; the first chunk is left out unless the setting counts
        it), and in `detail`: the means of its factors `bitrate_mbps`, `rebuffer_s`, `change_mbps`, these by
        trace in `by_episode`, `groups` (the log that each trace is cut from), `playbacks` (over the steadiest, a
        middling and the most variable trace, see `Playback`), and of the offline optimum, which knows each trace,
        `optimum` by trace and `share_of_optimum` (mean QoE over mean optimum).
    """
    config: AbrConfig = setting.config
    sessions = sessions_of(config, data)
    began = time.perf_counter()
    played = rollout(policy, sessions.copy(), np.random.default_rng(0))
    seconds = time.perf_counter() - began
    factors = {
        factor: _per_session(getattr(played, factor), sessions.first, factor, config.count_first)
        for factor in ("qoe", "bitrate_mbps", "rebuffer_s", "change_mbps")
    }
    traces = sessions.traces.traces
    qoe = factors.pop("qoe")
    optimum = _optimum(sessions, config.count_first)
    n_chunks = sessions.n_decisions + config.count_first
    return Evaluation(
        task="abr",
        setting=setting.name,
        policy=name,
        metric="qoe",
        unit="per chunk",
        per_episode=tuple(qoe.tolist()),
        weights=(float(n_chunks),) * len(traces),
        episodes=tuple(trace.name for trace in traces),
        seconds=seconds,
        config=asdict(config) | {"data": data.source, "synthetic": data.synthetic},
        detail={
            **({"share_of_optimum": normalised_qoe(qoe, optimum)} if optimum.mean() > 0.0 else {}),
            "optimum": optimum.round(6).tolist(),
            **{factor: float(values.mean()) for factor, values in factors.items()},
            "by_episode": {factor: values.round(6).tolist() for factor, values in factors.items()},
            "playbacks": [
                _playback(sessions, played, i, float(qoe[i])).to_json() for i in by_variability(traces)
            ],
            "groups": [f"log {label}" for label in connected(traces, [log_of(t.name) for t in traces])],
        },
    )


def _playback(sessions: Sessions, played: Rollout, index: int, qoe: float) -> Playback:
    """One of the sessions over time, with the first chunk if it has been downloaded."""
    trace, first = sessions.traces.traces[sessions.trace_of[index]], sessions.first
    series = {
        name: getattr(played, name)[index] for name in ("bitrate_mbps", "elapsed_s", "buffer_s", "rebuffer_s")
    }
    if first is not None:
        begun = {name: getattr(first, name) for name in ("bitrate_mbps", "buffer_s", "rebuffer_s")}
        begun["elapsed_s"] = first.delay_ms / 1000.0
        series = {name: np.concatenate([begun[name][index : index + 1], v]) for name, v in series.items()}
    chunk_s = float(sessions.videos.chunk_s[sessions.video_of[index]])
    seconds = float(series["rebuffer_s"].sum() + chunk_s * len(series["buffer_s"]))
    bandwidth, step_s = bandwidth_samples(trace, int(sessions.start_rows[index]), seconds)
    return Playback(trace.name, chunk_s, **series, bandwidth_mbps=bandwidth, qoe=qoe, step_s=step_s)


def _optimum(sessions: Sessions, count_first: bool) -> Floats:
    """(B,) mean QoE per chunk of the offline optimum."""
    optimum = optimum_qoe(sessions)
    if count_first and sessions.first is not None:
        optimum = (optimum * sessions.n_decisions + sessions.first.qoe) / (sessions.n_decisions + 1)
    return optimum


def _per_session(values: Floats, first: Outcomes | None, name: str, count_first: bool) -> Floats:
    """(B,) mean over the chunks of each session."""
    if count_first and first is not None:
        values = np.concatenate([getattr(first, name)[:, None], values], axis=1)
    means: Floats = values.mean(axis=1)
    return means
