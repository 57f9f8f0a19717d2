"""Robust model predictive control: the rungs of the next five chunks, planned at a cautious guess of the bandwidth.

Source: Yin, Jindal, Sekar, Sinopoli, "A control-theoretic approach for dynamic adaptive video streaming over
HTTP" (SIGCOMM 2015), RobustMPC. The guess is the harmonic mean of the last five throughputs over one plus the
largest of the last five relative errors of that guess.

`mpc` weighs all plans of five chunks. `mpc-reference` repeats what the published code does: a plan moves by
one rung at a time, it is made with the sizes of the chunks after those that it decides on, and the errors of
a session's end count at the start of the next, so that results depend on the order of the traces.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from netwright.tasks.abr.media import Floats, Ints
from netwright.tasks.abr.metrics import chunk_qoe
from netwright.tasks.abr.observation import Observation, check_finite

HORIZON = 5
N_ERRORS = 5


class Mpc:
    """Robust MPC over all plans of `HORIZON` chunks; the error history is that of the session."""

    in_order = False
    reach: int | None = None  # how many rungs a plan may move at a time
    sizes_ahead = 0  # by how many chunks the sizes that it plans with are off

    def __init__(self) -> None:
        self.reset(np.random.default_rng(0))

    def reset(self, rng: np.random.Generator) -> None:
        """Forget all errors."""
        self._errors = np.zeros((0, N_ERRORS))  # (B, 5) of the guess, newest last
        self._guess_mbps = np.zeros(0)  # (B,) 0 before the first one

    def act(self, obs: Observation) -> Ints:
        """(B,) rungs: the first of the best plan, the higher one of equal plans."""
        check_finite(obs)
        if len(self._guess_mbps) != obs.n:
            self._errors, self._guess_mbps = np.zeros((obs.n, N_ERRORS)), np.zeros(obs.n)
        self._forget_ended(obs)
        rate_mbps = self._cautious_rate(obs.throughputs_mbps)
        levels: Ints = best_first_levels(
            np.minimum(HORIZON, obs.n_left),
            obs.next_sizes_mb[:, self.sizes_ahead :],
            rate_mbps / 8.0,
            obs.buffer_s,
            obs.last_level,
            np.round(obs.bitrates_mbps * 1000.0, 3),
            obs.chunk_s,
            obs.rebuffer_weight,
            obs.change_weight,
            obs.n_levels if self.reach is None else self.reach,
        )
        return levels

    def _forget_ended(self, obs: Observation) -> None:
        """Clear the errors of sessions that have seen at most one chunk: those are new."""
        new = obs.throughputs_mbps[:, -2] == 0.0
        self._errors[new] = 0.0
        self._guess_mbps[new] = 0.0

    def _cautious_rate(self, throughputs_mbps: Floats) -> Floats:
        """(B,) Mbit/s; notes the error of the last guess, and the new one."""
        last = throughputs_mbps[:, -1]
        seen = last > 0.0
        error = np.zeros(len(last))
        known = seen & (self._guess_mbps > 0.0)
        error[known] = np.abs(self._guess_mbps[known] - last[known]) / last[known]
        self._errors = np.concatenate([self._errors[:, 1:], error[:, None]], axis=1)
        recent = throughputs_mbps[:, -5:]
        inverse = np.divide(1.0, recent, out=np.zeros_like(recent), where=recent > 0.0)
        total, count = np.zeros(len(last)), (recent > 0.0).sum(axis=1)
        for column in inverse.T:
            total = total + column
        mean = np.divide(1.0, total / np.maximum(count, 1), out=np.full(len(last), 1e-3), where=seen)
        self._guess_mbps = np.where(seen, mean, 0.0)
        cautious: Floats = mean / (1.0 + self._errors.max(axis=1))
        return cautious


class MpcReference(Mpc):
    """RobustMPC with the three deviations of the published code, to reproduce its numbers."""

    in_order = True
    reach = 1
    sizes_ahead = 1

    def _forget_ended(self, obs: Observation) -> None:
        """Errors are kept for the next session."""


@njit(cache=True)
def best_first_levels(
    horizons: Ints,  # (B,) chunks to plan
    sizes_mb: Floats,  # (B, horizon or more, L)
    rate_mbytes: Floats,  # (B,) guessed bandwidth in 10^6 bytes/s
    buffer_s: Floats,  # (B,)
    last_level: Ints,  # (B,)
    bitrates_kbps: Floats,  # (B, L)
    chunk_s: Floats,  # (B,)
    rebuffer_weight: Floats,  # (B,)
    change_weight: Floats,  # (B,)
    reach: int,
) -> Ints:
    """(B,) first rung of the plan with the best QoE at the guessed bandwidth; of equal plans the highest.

    Depth-first search, highest rungs first. A branch ends when it cannot reach the best plan so far even if
    the video never stalled again.
    """
    n, n_levels = bitrates_kbps.shape
    found = np.zeros(n, dtype=np.int64)
    level = np.zeros(HORIZON + 1, dtype=np.int64)  # by depth: rung that is tried
    before = np.zeros(HORIZON + 1, dtype=np.int64)  # rung of the chunk before
    buffer = np.zeros(HORIZON + 1)
    stalled_s = np.zeros(HORIZON + 1)
    rates_kbps = np.zeros(HORIZON + 1)  # sums over the plan so far
    changes_kbps = np.zeros(HORIZON + 1)
    hope = np.zeros((HORIZON, n_levels))  # (chunks left, rung): most that the rest can add
    for b in range(n):
        horizon, kbps = horizons[b], bitrates_kbps[b]
        if horizon == 0:
            continue
        w_stall, w_change = rebuffer_weight[b], change_weight[b]
        if b == 0 or w_change != change_weight[b - 1] or (kbps != bitrates_kbps[b - 1]).any():
            _fill_hope(hope, kbps, w_change)
        best, depth = -np.inf, 0
        level[0] = min(last_level[b] + reach, n_levels - 1) + 1
        before[0] = last_level[b]
        buffer[0] = buffer_s[b]
        stalled_s[0] = rates_kbps[0] = changes_kbps[0] = 0.0
        while depth >= 0:
            level[depth] -= 1
            q, p = level[depth], before[depth]
            if q < max(p - reach, 0):
                depth -= 1
                continue
            download_s = sizes_mb[b, depth, q] / rate_mbytes[b]
            stalls_s, left_s = stalled_s[depth], buffer[depth] - download_s
            if left_s < 0.0:
                stalls_s += download_s - buffer[depth]
                left_s = 0.0
            rates = rates_kbps[depth] + kbps[q]
            changes = changes_kbps[depth] + abs(kbps[q] - kbps[p])
            reward = chunk_qoe(rates / 1000.0, stalls_s, changes / 1000.0, w_stall, w_change)
            if reward + hope[horizon - 1 - depth, q] < best:
                continue
            if depth == horizon - 1:
                if reward > best:
                    best, found[b] = reward, level[0]
                continue
            depth += 1
            level[depth] = min(q + reach, n_levels - 1) + 1
            before[depth] = q
            buffer[depth] = left_s + chunk_s[b]
            stalled_s[depth], rates_kbps[depth], changes_kbps[depth] = stalls_s, rates, changes
    return found


@njit(cache=True)
def _fill_hope(hope: Floats, kbps: Floats, change_weight: float) -> None:
    """hope[r, q]: the most that r chunks after one at rung q can add to the QoE if nothing stalls."""
    n_left, n_levels = hope.shape
    for r in range(1, n_left):
        for q in range(n_levels):
            most = -np.inf
            for m in range(n_levels):  # the highest rung of the rest
                gain = chunk_qoe(r * kbps[m], 0.0, abs(kbps[m] - kbps[q]), 0.0, change_weight) / 1000.0
                most = max(most, gain)
            hope[r, q] = most + 1e-9  # rounding must not cut off an equal plan
