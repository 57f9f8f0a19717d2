"""The paper's four settings of viewport prediction (Table 2, Wu et al. 2024), and how windows are cut."""

from __future__ import annotations

from dataclasses import dataclass

from netwright.core.errors import ConfigError
from netwright.core.task import Setting

SAMPLE_RATE_HZ = 5.0


@dataclass(frozen=True, slots=True)
class VpConfig:
    """Which windows a model is tested on.

    Attributes:
        dataset: name of the traces, "Jin2022" or "Wu2017".
        history: samples that the model reads (hw).
        horizon: samples that it predicts (pw).
        split: "train", "valid" or "test".
        step: samples between the starts of consecutive windows of a trace.
        trim_head, trim_tail: samples at both ends of a trace where no window starts. The published code
            derives them from the default windows (3 * 10 and 3 * 20) and keeps them for all settings.
    """

    dataset: str = "Jin2022"
    history: int = 10
    horizon: int = 20
    split: str = "test"
    step: int = 15
    trim_head: int = 30
    trim_tail: int = 60

    def __post_init__(self) -> None:
        for name, value, low in (
            ("history", self.history, 1),
            ("horizon", self.horizon, 1),
            ("step", self.step, 1),
            ("trim_head", self.trim_head, self.history),
            ("trim_tail", self.trim_tail, self.horizon),
        ):
            if value < low:
                raise ConfigError(
                    f"VpConfig.{name} must be at least {low}, got {value}; a window needs its history before "
                    "and its horizon after the start."
                )


SETTINGS = {
    s.name: s
    for s in (
        Setting("default", "Jin2022, 2 s history, 4 s horizon", VpConfig()),
        Setting("unseen1", "Jin2022, 4 s history, 6 s horizon", VpConfig(history=20, horizon=30)),
        Setting("unseen2", "Wu2017, 2 s history, 4 s horizon", VpConfig(dataset="Wu2017")),
        Setting(
            "unseen3", "Wu2017, 4 s history, 6 s horizon", VpConfig(dataset="Wu2017", history=20, horizon=30)
        ),
    )
}
