"""Cluster job scheduling (CJS): which stage of which job should a cluster's free executors work on?"""

from netwright.core.task import DemoPart, PolicySpec, Task
from netwright.tasks.cjs.recipes import RECIPES
from netwright.tasks.cjs.settings import SETTINGS

_RULES = "netwright.tasks.cjs.baselines.ruled"
_DECIMA = "netwright.tasks.cjs.baselines.decima"
_EVOLVED = "netwright.tasks.cjs.baselines.es_rule"

_POLICIES = (
    PolicySpec("fifo", "jobs in order of arrival", f"{_RULES}:fifo"),
    PolicySpec(
        "fifo-half", "FIFO, at most half of the executors for a job: the paper's FIFO", f"{_RULES}:fifo_half"
    ),
    PolicySpec("fair", "equal shares of the executors", f"{_RULES}:fair"),
    PolicySpec(
        "fair-plus",
        "shares of 1.5 times the equal one, the job with the least work first",
        f"{_RULES}:fair_plus",
    ),
    PolicySpec(
        "fair-plus-c",
        "fair-plus, executors that will leave a job not counted as its own",
        f"{_RULES}:fair_plus_c",
    ),
    PolicySpec("sjf-cp", "all executors for the shortest job, its critical path first", f"{_RULES}:sjf_cp"),
    PolicySpec("weighted-fair", "shares in proportion to (work left)^0.25", f"{_RULES}:weighted_fair"),
    PolicySpec(
        "es-rule",
        "caps and order of jobs by eleven numbers found by evolution",
        f"{_EVOLVED}:load",
        f"{_EVOLVED}:train",
        shipped=True,
    ),
    PolicySpec(
        "es-planner",
        "es-rule, and what is clearly better in simulated futures",
        "netwright.tasks.cjs.baselines.es_planner:load",
        costly=True,
    ),
    PolicySpec(
        "distilled",
        "a small network that imitates look-ahead",
        "netwright.tasks.cjs.baselines.distilled:load",
        "netwright.tasks.cjs.baselines.distilled_training:train",
        shipped=True,
    ),
    PolicySpec(
        "decima",
        "Decima's graph neural network, trained here, drawing from its probabilities",
        f"{_DECIMA}:load",
        f"{_DECIMA}_training:train",
        shipped=True,
    ),
    PolicySpec("decima-greedy", "decima, taking its likeliest answers", f"{_DECIMA}:load_greedy"),
    PolicySpec("decima-published", "decima with the published weights", f"{_DECIMA}:published"),
    PolicySpec("random", "any job, any number of executors", f"{_RULES}:random"),
)

TASK = Task(
    name="cjs",
    title="cluster job scheduling",
    kind="decision",
    metric="jct",
    unit="seconds",
    lower_is_better=True,
    settings=SETTINGS,
    policies={p.name: p for p in _POLICIES},
    recipes=RECIPES,
    load_data="netwright.tasks.cjs.data:load",
    evaluate="netwright.tasks.cjs.evaluation:evaluate",
    adapter="netwright.tasks.cjs.adapter:adapter",
    collector="netwright.tasks.cjs.collector:collector",
    conditions="netwright.tasks.cjs.collector:conditions",
    trial="netwright.tasks.cjs.evaluation:trial",
    report="netwright.tasks.cjs.figures:figures",
    verify="netwright.tasks.cjs.golden:verify",
    reference_policy="fair",
    area="netwright.tasks.cjs.area:AREA",
    demo=DemoPart(
        title="Cluster job scheduling: which job gets the free executors",
        run="netwright.experiments.cjs.demo:run",
        use="Replay Spark event logs of your own under other schedulers, and see what they would have saved.",
        command="netwright compare cjs --data my-data --set jobs=my-event-log --setting default --policy fifo "
        "--policy es-rule --out my-report",
        order=40,
    ),
    documentation="docs/tasks/cjs.md",
    training_defaults={
        "iterations": 1500,
        "warm_start": 0.9,
        "batch_size": 32,
        "learning_rate": 2e-3,
        "weight_decay": 0.0,
        "lora_dropout": 0.0,
        "encoder_dropout": 0.0,
        "average": 0.99,
        "evaluate_every": 300,
        "rank": 32,
    },
    online_defaults={
        "iterations": 20,
        "advantages": "vine",
        "batch_size": 8,
        "joined_batch_size": 4,
        "minibatch_size": 2,
        "gamma": 0.97,
        "reward_threshold": -1e6,
        "return_scale": 100.0,
        "vine_share": 0.1,
        "vine_limit": 100.0,
        "evaluate_every": 5,
        "learning_rate": 1e-4,
        "ent_coef": 0.003,
        "final_ent_coef": 0.0005,
    },
)
