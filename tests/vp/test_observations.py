"""No viewport policy answers a history that is not finite."""

from dataclasses import replace

import numpy as np
import pytest

from netwright.core.errors import DataError
from netwright.core.registry import task
from netwright.core.task import load_attribute
from netwright.tasks.vp.policy import WindowPolicy
from netwright.tasks.vp.windows import windows

SPECS = task("vp").policies


@pytest.mark.parametrize("name", [n for n, spec in SPECS.items() if spec.train is None])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rules_refuse(generated, name, value):
    chosen = windows(generated, task("vp").setting("default").config).take(np.arange(3))
    angles = chosen.traces.angles_deg.copy()
    angles[chosen.traces.offset[chosen.trace[1]] + chosen.start[1] - 1, 2] = value
    spoilt = replace(chosen, traces=replace(chosen.traces, angles_deg=angles))
    policy = load_attribute(SPECS[name].factory)()
    policy.reset(np.random.default_rng(0))
    assert np.isfinite(policy.predict(chosen)).all()
    with pytest.raises(DataError):
        policy.predict(spoilt)


def test_learned_ones_share_the_check_of_the_rules():
    from netwright.tasks.vp.adapter import AdaptedViewportPolicy
    from netwright.tasks.vp.baselines.track import Track

    for kind in (AdaptedViewportPolicy, Track):
        assert issubclass(kind, WindowPolicy)
        assert kind.predict is WindowPolicy.predict
