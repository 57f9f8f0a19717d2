"""Adaptive bitrate streaming (ABR): at which bitrate should a player ask for the next chunk of a video?"""

from netwright.core.task import PolicySpec, Task
from netwright.tasks.abr.settings import SETTINGS

_BASELINES = "netwright.tasks.abr.baselines"

_POLICIES = (PolicySpec("bba", "the fuller the buffer, the higher the bitrate", f"{_BASELINES}.bba:Bba"),)

TASK = Task(
    name="abr",
    title="adaptive bitrate streaming",
    kind="decision",
    metric="qoe",
    unit="per chunk",
    lower_is_better=False,
    settings=SETTINGS,
    policies={p.name: p for p in _POLICIES},
    recipes={},
    load_data="netwright.tasks.abr.data:load",
    evaluate="netwright.tasks.abr.evaluation:evaluate",
    adapter="netwright.tasks.abr.adapter:adapter",
    reference_policy="bba",
)
