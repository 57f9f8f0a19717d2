"""Contract checks, for this project's tests and for packages that define tasks, policies or scenarios.

Similar to scikit-learn's `check_estimator`: each check uses an object as the library would and raises an
`AssertionError` that says what is wrong.

    from netwright.testing import check_task
    check_task("my-task")
"""

from netwright.testing.scenarios import check_scenario
from netwright.testing.tasks import check_policy, check_task

__all__ = ["check_policy", "check_scenario", "check_task"]
