"""Adaptive bitrate streaming (ABR): at which bitrate should a player ask for the next chunk of a video?"""

from netwright.core.task import DemoPart, PolicySpec, Task
from netwright.tasks.abr.recipes import RECIPES
from netwright.tasks.abr.settings import SETTINGS

_BASELINES = "netwright.tasks.abr.baselines"

_POLICIES = (
    PolicySpec("bba", "the fuller the buffer, the higher the bitrate", f"{_BASELINES}.bba:Bba"),
    PolicySpec(
        "mpc-reference",
        "robust MPC as published: steps of one rung, sizes one chunk off, errors kept between sessions",
        f"{_BASELINES}.mpc:MpcReference",
    ),
    PolicySpec("mpc", "robust MPC over all plans of five chunks", f"{_BASELINES}.mpc:Mpc"),
    PolicySpec(
        "offline-optimum",
        "the best play with full knowledge of the future, which no player has",
        f"{_BASELINES}.offline_optimum:OfflineOptimum",
        clairvoyant=True,
    ),
    PolicySpec(
        "ppo",
        "a small network trained in the simulator: the baseline to beat",
        f"{_BASELINES}.ppo:load",
        f"{_BASELINES}.ppo:train",
        shipped=True,
    ),
    PolicySpec("ppo-sampled", "ppo, drawing from its probabilities", f"{_BASELINES}.ppo:load_sampled"),
    PolicySpec(
        "pensieve",
        "Pensieve's state, network and actions, trained by us",
        f"{_BASELINES}.pensieve:load",
        f"{_BASELINES}.pensieve:train",
        shipped=True,
    ),
    PolicySpec(
        "pensieve-sampled",
        "pensieve, drawing from its probabilities",
        f"{_BASELINES}.pensieve:load_sampled",
    ),
    PolicySpec(
        "genet",
        "Pensieve's network on GENET's curriculum of environments where it trails mpc",
        f"{_BASELINES}.genet:load",
        f"{_BASELINES}.genet:train",
        shipped=True,
    ),
    PolicySpec("genet-sampled", "genet, drawing from its probabilities", f"{_BASELINES}.genet:load_sampled"),
)

TASK = Task(
    name="abr",
    title="adaptive bitrate streaming",
    kind="decision",
    metric="qoe",
    unit="per chunk",
    lower_is_better=False,
    settings=SETTINGS,
    policies={p.name: p for p in _POLICIES},
    recipes=RECIPES,
    load_data="netwright.tasks.abr.data:load",
    evaluate="netwright.tasks.abr.evaluation:evaluate",
    adapter="netwright.tasks.abr.adapter:adapter",
    trial="netwright.tasks.abr.evaluation:trial",
    conditions="netwright.tasks.abr.trained_for:conditions",
    collector="netwright.tasks.abr.environment:collector",
    report="netwright.tasks.abr.figures:figures",
    verify="netwright.tasks.abr.golden:verify",
    reference_policy="bba",
    area="netwright.tasks.abr.area:AREA",
    demo=DemoPart(
        title="Adaptive bitrate: from experience to an adapted model",
        run="netwright.experiments.abr.demo:run",
        use="Play bitrate policies over bandwidth traces and videos of your own, see where each one stalls, and adapt "
        "a model to what the best of them do.",
        command="netwright compare abr --data my-data --set traces=my-traces --set video=my-video --setting default "
        "--policy bba --policy mpc --policy ppo --out my-report",
        order=20,
    ),
    documentation="docs/tasks/abr.md",
    training_defaults={
        "iterations": 1200,
        "warm_start": 0.9,
        "batch_size": 64,
        "learning_rate": 1e-3,
        "weight_decay": 0.0,
        "lora_dropout": 0.0,
        "encoder_dropout": 0.0,
        "average": 0.99,
        "evaluate_every": 100,
        "rank": 32,
    },
    online_defaults={
        "iterations": 100,
        "advantages": "vine",
        "gamma": 1.0,
        "epochs": 2,
        "average": 0.95,
        "ent_coef": 0.003,
        "final_ent_coef": 0.0005,
    },
)
