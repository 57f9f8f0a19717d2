import json

import numpy as np
import pytest

from netwright.core.errors import DataError
from netwright.core.task import Setting
from netwright.tasks.vp import metrics
from netwright.tasks.vp.angles import wrapped_deg
from netwright.tasks.vp.baselines.last_value import LastValue
from netwright.tasks.vp.dataset import Split, TraceSet, VpData
from netwright.tasks.vp.evaluation import evaluate
from netwright.tasks.vp.policy import ViewportPolicy, WindowPolicy
from netwright.tasks.vp.settings import SETTINGS, VpConfig
from netwright.tasks.vp.windows import windows


@pytest.fixture
def turning() -> VpData:
    """Two viewers: one turns 1 degree a sample (through the half turn), one keeps still for fewer samples."""
    rows = np.zeros((106 + 91, 3))
    rows[:106, 2] = wrapped_deg(150.0 + np.arange(106))
    traces = TraceSet("T", rows, np.zeros(197), np.array([0, 106, 197]), np.array([1, 1]), np.array([4, 5]))
    split = Split(videos={"test": (1,), "train": ()}, users={"test": (4, 5), "train": ()})
    return VpData(sets={"T": traces}, splits={"T": split}, source="hand", synthetic=True)


def test_by_hand(turning):
    setting = Setting("mine", "", VpConfig(dataset="T", history=4, horizon=3))
    got = evaluate(LastValue(), setting, turning, name="last-value")
    assert got.episodes == ("T/video1/user4", "T/video1/user5")
    assert got.weights == (2.0, 1.0)
    assert got.per_episode == pytest.approx((2.0 / 3.0, 0.0))  # errors of yaw 1, 2, 3; of roll and pitch 0
    assert got.mean == pytest.approx(4.0 / 9.0)
    assert (got.task, got.setting, got.policy, got.metric, got.unit) == (
        "vp", "mine", "last-value", "mae", "degrees",
    )  # fmt: skip
    assert got.detail["by_axis"] == pytest.approx({"roll": 0.0, "pitch": 0.0, "yaw": 4.0 / 3.0})
    assert got.detail["by_horizon"] == pytest.approx([2.0 / 9.0, 4.0 / 9.0, 6.0 / 9.0])
    assert got.detail["great_circle_deg"] == pytest.approx(4.0 / 3.0)
    assert got.detail["within_30_deg"] == 1.0
    assert got.detail["groups"] == ["T/user4", "T/user5"]
    assert got.detail["per_window"] == pytest.approx([0.6667, 0.6667, 0.0])
    assert got.config["history"] == 4
    assert got.config["data"] == "hand"
    assert got.config["synthetic"] is True
    example = got.detail["examples"][0]
    assert (example["episode"], example["start"]) == ("T/video1/user4", 30)
    assert np.shape(example["history"]) == (4, 3)
    assert np.shape(example["future"]) == np.shape(example["answer"]) == (3, 3)
    json.dumps(got.to_json(), allow_nan=False)


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=str)
def test_the_mean_is_over_all_windows(generated, setting):
    chosen = windows(generated, setting.config)
    got = evaluate(LastValue(), setting, generated, name="last-value")
    assert got.mean == pytest.approx(metrics.mae(LastValue().predict(chosen), chosen.future_deg()))
    assert sum(got.weights) == len(chosen) == len(got.detail["per_window"])
    assert got.mean == pytest.approx(np.mean(got.detail["per_window"]), abs=1e-4)


class Answering(WindowPolicy):
    def __init__(self, answer):
        self.answer = answer

    def predict(self, windows):
        return self.answer(windows)


def test_answers_that_are_none_are_refused(generated):
    setting = SETTINGS["default"]
    short = Answering(lambda w: w.future_deg()[:, :-1])
    broken = Answering(lambda w: w.future_deg() * np.nan)
    assert isinstance(short, ViewportPolicy)
    with pytest.raises(DataError, match=r"policy 'short' in setting 'default': answered an array of shape"):
        evaluate(short, setting, generated, name="short")
    with pytest.raises(DataError, match=r"policy 'broken' in setting 'default': answered NaN"):
        evaluate(broken, setting, generated, name="broken")


def test_damaged_data_are_refused(turning):
    turning.sets["T"].angles_deg[32, 1] = np.inf  # in the future of the first window
    with pytest.raises(DataError, match=r"T/video1/user4: sample 32 holds NaN or infinity"):
        evaluate(LastValue(), Setting("s", "", VpConfig(dataset="T")), turning, name="x")


@pytest.mark.parametrize(
    ("setting", "mae", "great_circle"),
    [
        ("default", 9.539, None),
        ("unseen1", 11.140, None),
        ("unseen2", 11.122, 23.3),
        ("unseen3", 13.715, 29.2),
    ],
)
def test_last_value_on_real_traces(real, setting, mae, great_circle):
    """Reference: measured independently on the same windows (18 viewers of Jin2022, 9 of Wu2017)."""
    got = evaluate(LastValue(), SETTINGS[setting], real, name="last-value")
    assert got.mean == pytest.approx(mae, abs=0.001)
    if great_circle is not None:
        assert got.detail["great_circle_deg"] == pytest.approx(great_circle, abs=0.06)
    assert not got.config["synthetic"]
