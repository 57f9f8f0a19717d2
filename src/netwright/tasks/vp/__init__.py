"""Viewport prediction (VP): where will the viewer of a 360-degree video look in the next seconds?"""

from netwright.core.task import DemoPart, PolicySpec, Task
from netwright.tasks.vp.recipes import RECIPES
from netwright.tasks.vp.settings import SETTINGS

_BASELINES = "netwright.tasks.vp.baselines"

_POLICIES = (
    PolicySpec("last-value", "no motion: the last viewport stays", f"{_BASELINES}.last_value:LastValue"),
    PolicySpec("velocity", "mean velocity of the history, as published", f"{_BASELINES}.velocity:Velocity"),
    PolicySpec(
        "velocity-unwrapped", "the same across the half turn of yaw", f"{_BASELINES}.velocity:unwrapped"
    ),
    PolicySpec(
        "velocity-damped", "the last step's velocity, dying down", f"{_BASELINES}.velocity:DampedVelocity"
    ),
    PolicySpec(
        "linear-regression",
        "a least-squares line through the history, as published",
        f"{_BASELINES}.linear_regression:LinearRegression",
    ),
    PolicySpec(
        "linear-regression-unwrapped",
        "the same across the half turn of yaw",
        f"{_BASELINES}.linear_regression:unwrapped",
    ),
    PolicySpec(
        "linear-l1",
        "a linear map of the history, trained with L1",
        f"{_BASELINES}.linear_l1:load",
        f"{_BASELINES}.linear_l1:train",
    ),
    PolicySpec(
        "mlp",
        "a small residual network with the inputs of a recipe: the baseline to beat",
        f"{_BASELINES}.mlp:load",
        f"{_BASELINES}.mlp:train",
    ),
    PolicySpec(
        "track",
        "TRACK: recurrent networks for position, content if there is any, and their fusion",
        f"{_BASELINES}.track:load",
        f"{_BASELINES}.track:train",
    ),
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
    trial="netwright.tasks.vp.evaluation:trial",
    conditions="netwright.tasks.vp.trained_for:conditions",
    report="netwright.tasks.vp.figures:figures",
    reference_policy="last-value",
    area="netwright.tasks.vp.area:AREA",
    demo=DemoPart(
        title="Viewport prediction: where will a viewer look?",
        run="netwright.experiments.vp.demo:run",
        use="Predict where viewers of 360-degree video will look from their head motion so far, with one adapted model "
        "in place of a predictor for each data set.",
        command="netwright adapt vp --data my-data --backbone tiny --out my-model",
        order=30,
    ),
    documentation="docs/tasks/vp.md",
    training_defaults={
        "iterations": 2400,
        "warm_start": 0.8,
        "batch_size": 256,
        "learning_rate": 1e-3,
        "lora_dropout": 0.0,
        "encoder_dropout": 0.1,
        "evaluate_every": 300,
        "rank": 32,
    },
)
