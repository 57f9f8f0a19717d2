"""Checks of the contracts, for this project's own tests and for packages that bring tasks, policies or scenarios.

Like scikit-learn's `check_estimator`: each runs a thing through what the library will ask of it and raises an
`AssertionError` whose sentence says what is wrong.

    from netwright.testing import check_task
    check_task("my-task")
"""

from netwright.testing.scenarios import check_scenario
from netwright.testing.tasks import check_policy, check_task

__all__ = ["check_policy", "check_scenario", "check_task"]
