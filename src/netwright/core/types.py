"""Types shared by all packages."""

from __future__ import annotations

from collections.abc import Mapping

Json = dict[str, object]
"""A JSON object: plain values by name."""

JsonView = Mapping[str, object]
"""A JSON object that is only read."""

TaskData = object
"""Data of a task; only the task itself knows their class."""
