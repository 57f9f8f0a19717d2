import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.adaptation.config import TrainingConfig
from netwright.cli.fields import customized, parsed
from netwright.core.errors import ConfigError
from netwright.core.task import Setting
from tests.cli.toy import ToyConfig

SETTING = Setting("default", "", ToyConfig())


@pytest.mark.parametrize(
    ("assignment", "field", "value"),
    [
        ("offset=2", "offset", 2.0),
        ("offset=-0.5", "offset", -0.5),
        ("count=20", "count", 20),
        ("side=right", "side", "right"),
        ("flip=true", "flip", True),
        ("scales=[1, 2]", "scales", (1, 2)),
    ],
)
def test_a_value_is_read_by_the_type_of_its_field(assignment, field, value):
    changed = customized(SETTING, [assignment])
    assert getattr(changed.config, field) == value
    assert type(getattr(changed.config, field)) is type(value)
    assert changed.name == f"default[{assignment}]"


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("count=many", r"--set count=many: input should be a valid integer"),
        ("count=2.5", r"--set count=2.5: input should be a valid integer"),
        ("side=up", r"--set side=up: input should be 'left' or 'right'"),
        ("flip=perhaps", r"--set flip=perhaps: input should be a valid boolean"),
        (
            "cuont=2",
            r"unknown field of ToyConfig 'cuont'; did you mean 'count'\? there is count, flip",
        ),
        ("count", r"--set needs KEY=VALUE, got 'count'"),
        ("=2", r"--set needs KEY=VALUE"),
        ("count=0", r"ToyConfig.count must be at least 1, got 0"),
    ],
)
def test_a_wrong_assignment_is_named(assignment, message):
    with pytest.raises(ConfigError, match=message):
        customized(SETTING, [assignment])


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 10**9), st.booleans())
def test_what_is_set_is_what_is_there(offset, count, flip):
    changed = customized(SETTING, [f"offset={offset!r}", f"count={count}", f"flip={flip}"])
    assert changed.config == ToyConfig(offset=offset, count=count, flip=flip)


def test_nothing_set_changes_nothing():
    assert customized(SETTING, []) is SETTING


def test_dashes_are_underscores():
    assert parsed(TrainingConfig, ["batch-size=4", "max_layers=null"]) == {
        "batch_size": 4,
        "max_layers": None,
    }


def test_a_field_given_twice_is_refused_under_either_name():
    with pytest.raises(ConfigError, match="--set batch_size is given twice; keep one"):
        parsed(TrainingConfig, ["batch-size=2", "batch_size=4"])
