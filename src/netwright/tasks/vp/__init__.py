"""Viewport prediction (VP): where will the viewer of a 360-degree video look in the next seconds?"""

from netwright.core.task import PolicySpec, Task
from netwright.tasks.vp.recipes import RECIPES
from netwright.tasks.vp.settings import SETTINGS

_BASELINES = "netwright.tasks.vp.baselines"

_POLICIES = (
    PolicySpec("last-value", "no motion: the last viewport stays", f"{_BASELINES}.last_value:LastValue"),
)

TASK = Task(
    name="vp",
    title="viewport prediction",
    kind="prediction",
    metric="mae",
    unit="degrees",
    lower_is_better=True,
    settings=SETTINGS,
    policies={p.name: p for p in _POLICIES},
    recipes=RECIPES,
    load_data="netwright.tasks.vp.data:load",
    evaluate="netwright.tasks.vp.evaluation:evaluate",
    adapter="netwright.tasks.vp.adapter:adapter",
    report="netwright.tasks.vp.figures:figures",
    reference_policy="last-value",
    training_defaults={},
)
