"""The paper's settings of adaptive bitrate streaming (Table 3, Wu et al. 2024), and three more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from netwright.core.task import Setting
from netwright.tasks.abr.media import QoE, Rules


@dataclass(frozen=True, slots=True)
class AbrConfig:
    """What is played over what, and by which rules.

    Attributes:
        traces: name of the trace set.
        video: name of the video.
        start: at the published start row of each trace (row 1 where none is published), or all at row 1.
        clean: only traces that share neither a log nor a window of bandwidth with the published training set.
        training: which training data go with this setting: cleared of all that the tests hold, or as published.
        rtt_ms, buffer_cap_s, noise: see `Rules`. `noise_seed` draws the noise.
        rebuffer, change, count_first: see `QoE`.
    """

    traces: str = "fcc-test"
    video: str = "video1"
    start: Literal["published", "first"] = "published"
    clean: bool = False
    training: Literal["leak-free", "published"] = "leak-free"
    rtt_ms: float = 80.0
    buffer_cap_s: float = 60.0
    noise: float = 0.0
    noise_seed: int = 0
    rebuffer: float = 4.3
    change: float = 1.0
    count_first: bool = False

    def __post_init__(self) -> None:
        self.rules, self.qoe  # noqa: B018  (their own checks)

    @property
    def rules(self) -> Rules:
        """How the players behave."""
        return Rules(rtt_ms=self.rtt_ms, buffer_cap_s=self.buffer_cap_s, noise=self.noise)

    @property
    def qoe(self) -> QoE:
        """Weights of the viewers' QoE."""
        return QoE(rebuffer=self.rebuffer, change=self.change, count_first=self.count_first)


SETTINGS = {
    s.name: s
    for s in (
        Setting("default", "video 1 over 100 FCC traces", AbrConfig()),
        Setting(
            "unseen1",
            "video 1 over 200 synthetic traces (Genet's, in place of SynthTrace)",
            AbrConfig(traces="synthetic-test"),
        ),
        Setting("unseen2", "video 2 over 100 FCC traces", AbrConfig(video="video2")),
        Setting(
            "unseen3",
            "video 2 over 200 synthetic traces (Genet's, in place of SynthTrace)",
            AbrConfig(traces="synthetic-test", video="video2"),
        ),
        Setting(
            "default-clean",
            "default, only the 19 traces without overlap with the published training set",
            AbrConfig(clean=True),
        ),
        Setting("norway", "video 1 over 184 Norway 3G traces", AbrConfig(traces="norway-test")),
        Setting(
            "default-published",
            "default, with the published training set, which holds 81 of its 100 traces' logs",
            AbrConfig(training="published"),
        ),
    )
}
