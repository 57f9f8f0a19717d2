"""Adapt, save, load, resume: on a toy task with a two-layer backbone, so that each run takes a second."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from netwright.adaptation.api import Adapted, adapt, finetune_online
from netwright.adaptation.config import TrainingConfig
from netwright.adaptation.models.adapted import AutoregressiveModel
from netwright.adaptation.saved_model import assemble, role_of
from netwright.adaptation.trainer import learning_rate_at
from netwright.core.documents import sealed
from netwright.core.errors import ConfigError, DataError, FormatError, NetwrightError, UnknownNameError
from netwright.core.locks import BusyError, locked
from netwright.evaluation import api as evaluation
from netwright.llm.backbones import build_backbone, llama_config
from tests.adaptation import toy
from tests.adaptation.toy import load
from tests.saved import rehashed

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> str:
    return toy.small_backbone(tmp_path_factory.mktemp("backbone") / "model")


@pytest.fixture(scope="module")
def adapted(backbone: str, tmp_path_factory: pytest.TempPathFactory) -> Adapted:
    return run(tmp_path_factory.mktemp("adapted") / "out", backbone, iterations=120)


def run(
    out: Path, backbone: str, *, resume: bool = False, recipe: str = "once", data: str = "toy", **options: Any
) -> Adapted:
    return adapt(
        toy.TASK, data, out=out, backbone=backbone, recipe=recipe, seed=3, options=options, resume=resume
    )


def answers(model: Adapted) -> np.ndarray:
    inputs, _ = toy.examples(np.random.default_rng(9), 33)
    return model.policy.act(inputs)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return {f"{p.name}/{k}": v for p in sorted(folder.glob("*.safetensors")) for k, v in load_file(p).items()}


def assert_same_weights(one: Path, other: Path) -> None:
    a, b = weights(one), weights(other)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_adaptation_learns(adapted: Adapted) -> None:
    found = evaluation.test(toy.TASK, adapted, "default", object())
    untrained = np.abs(toy.examples(np.random.default_rng(2), 64)[1]).mean()  # a fresh head answers zero
    assert found.mean < 0.5 * untrained
    assert found.policy == adapted.name


def test_frozen_weights_are_those_of_the_backbone_and_files_are_as_documented(
    adapted: Adapted, backbone: str
) -> None:
    names = {p.name for p in adapted.folder.iterdir()}
    assert names == {
        "adapter_model.safetensors",
        "adapter_config.json",
        "encoder_head.safetensors",
        "netwright.json",
        "training.jsonl",
    }
    assert adapted.info["backbone"]["sha256"] == build_backbone(backbone).weights_hash()
    saved = weights(adapted.folder)
    assert any("lora_A" in k for k in saved)
    assert not any(k.endswith("q_proj.weight") for k in saved)


def test_cost_is_reported(adapted: Adapted) -> None:
    cost = adapted.info["cost"]
    assert 0 < cost["trainable_parameters"] < cost["parameters"]
    assert cost["steps"] == 120
    assert cost["peak_rss_mib"] > 10
    assert cost["seconds_per_step"] > 0


def test_log_has_a_line_for_each_look(adapted: Adapted) -> None:
    lines = [json.loads(line) for line in (adapted.folder / "training.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(10, 121, 10))
    assert lines[-1]["validation"] < lines[0]["validation"]


def test_a_loaded_model_answers_bit_for_bit(adapted: Adapted) -> None:
    assert np.array_equal(answers(adapted), answers(load(adapted.folder, toy.TASK)))


@pytest.mark.parametrize("recipe", ["once", "steps"])
@pytest.mark.parametrize("options", [{"method": "full"}, {"targets": "all-linear", "accumulation": 2}])
def test_other_methods_save_and_load(
    tmp_path: Path, backbone: str, recipe: str, options: dict[str, Any]
) -> None:
    model = run(tmp_path / "out", backbone, recipe=recipe, **options)
    assert answers(model).shape == (33, 3, 1)
    assert np.array_equal(answers(model), answers(load(model.folder, toy.TASK)))


def test_the_control_without_a_backbone(tmp_path: Path) -> None:
    model = run(tmp_path / "out", "none")
    assert model.name == "adapted:none"
    assert not (model.folder / "adapter_model.safetensors").exists()
    assert np.array_equal(answers(model), answers(load(model.folder, toy.TASK)))


def test_full_fine_tuning_changes_the_backbone_and_lora_does_not(tmp_path: Path, backbone: str) -> None:
    full = run(tmp_path / "full", backbone, method="full")
    assert full.info["cost"]["trainable_fraction"] == 1.0
    tuned = load_file(full.folder / "backbone.safetensors")
    base = build_backbone(backbone).model
    assert base is not None
    assert any(not torch.equal(v, tuned[k]) for k, v in base.state_dict().items())


def test_gradient_checkpointing_changes_nothing_but_memory(tmp_path: Path, backbone: str) -> None:
    plain = run(tmp_path / "plain", backbone, lora_dropout=0.0)
    saving = run(tmp_path / "saving", backbone, lora_dropout=0.0, gradient_checkpointing=True)
    assert answers(saving) == pytest.approx(answers(plain), abs=1e-5)


def test_lower_precision_weights_adapt_save_and_load(tmp_path: Path, backbone: str) -> None:
    model = adapt(
        toy.TASK,
        "toy",
        out=tmp_path / "out",
        backbone=backbone,
        dtype="bfloat16",
        options={"warm_start": 0.5},
    )
    assert model.info["backbone"]["dtype"] == "bfloat16"
    assert np.isfinite(answers(model)).all()
    assert np.array_equal(answers(model), answers(load(model.folder, toy.TASK)))


@pytest.mark.parametrize("wrong", [{"device": "quantum"}, {"device": "cuda:99"}, {"dtype": "int3"}])
def test_unknown_devices_and_types(tmp_path: Path, backbone: str, wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        adapt(toy.TASK, "toy", out=tmp_path / "out", backbone=backbone, **wrong)


def test_same_seed_same_weights(tmp_path: Path, backbone: str) -> None:
    one = run(tmp_path / "one", backbone)
    assert_same_weights(one.folder, run(tmp_path / "two", backbone).folder)


@pytest.mark.parametrize("warm_start", [0.0, 0.34, 0.5])
def test_ctrl_c_then_resume_gives_the_weights_of_an_uninterrupted_run(
    tmp_path: Path, backbone: str, warm_start: float
) -> None:
    options = {"warm_start": warm_start}
    whole = run(tmp_path / "whole", backbone, **options)

    def interrupt(line: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        adapt(
            toy.TASK,
            "toy",
            out=tmp_path / "cut",
            backbone=backbone,
            seed=3,
            options=options,
            progress=interrupt,
        )
    assert not (tmp_path / "cut").exists()
    with pytest.raises(ConfigError, match="--resume"):
        run(tmp_path / "cut", backbone)
    with pytest.raises(ConfigError, match=r"another config\.learning_rate"):
        run(tmp_path / "cut", backbone, resume=True, learning_rate=0.5)
    resumed = run(tmp_path / "cut", backbone, resume=True, **options)
    assert_same_weights(whole.folder, resumed.folder)
    assert [
        x["step"] for x in map(json.loads, (resumed.folder / "training.jsonl").read_text().splitlines())
    ] == [10, 20, 30]
    assert not (tmp_path / "cut.partial").exists()


KILLED = """
import os, signal
from pathlib import Path
from netwright.adaptation.api import adapt
from tests.adaptation import toy
from tests.adaptation.toy import load
import torch
torch.set_num_threads(1)
def die(line):
    if line.startswith("step 20/"):
        os.kill(os.getpid(), signal.SIGKILL)
options = {{"checkpoint_seconds": 0.0}}
adapt(toy.TASK, "toy", out=Path({out!r}), backbone={backbone!r}, seed=3, options=options, progress=die)
"""


def test_kill_then_resume_gives_the_weights_of_an_uninterrupted_run(tmp_path: Path, backbone: str) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        whole = run(tmp_path / "whole", backbone, checkpoint_seconds=0.0)
        script = KILLED.format(out=str(tmp_path / "cut"), backbone=backbone)
        killed = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
        assert killed.returncode == -signal.SIGKILL
        assert not (tmp_path / "cut").exists()
        resumed = run(tmp_path / "cut", backbone, resume=True, checkpoint_seconds=0.0)
    finally:
        torch.set_num_threads(threads)
    assert_same_weights(whole.folder, resumed.folder)


def test_a_backbone_that_joins_late_leaves_the_start_as_it_was(tmp_path: Path, backbone: str) -> None:
    late = run(tmp_path / "late", backbone, warm_start=0.67, encoder_dropout=0.0)
    alone = run(tmp_path / "alone", backbone, warm_start=0.99, encoder_dropout=0.0)
    looks = [(m.folder / "training.jsonl").read_text().splitlines() for m in (late, alone)]
    validation = [[json.loads(line)["validation"] for line in lines] for lines in looks]
    assert validation[0][:2] == validation[1][:2]
    assert validation[0][2] != validation[1][2]
    assert not load_file(alone.folder / "encoder_head.safetensors")["gate"].any()
    assert load_file(late.folder / "encoder_head.safetensors")["gate"].any()


def test_the_autoregressive_mode_trains_with_the_backbone_from_the_start(
    tmp_path: Path, backbone: str
) -> None:
    late = run(tmp_path / "late", backbone, recipe="steps", iterations=6, warm_start=0.5)
    whole = run(tmp_path / "whole", backbone, recipe="steps", iterations=6, warm_start=0.0)
    assert_same_weights(late.folder, whole.folder)


def test_resuming_a_complete_run_just_loads_it(adapted: Adapted, backbone: str) -> None:
    again = run(adapted.folder, backbone, resume=True, iterations=120)
    assert np.array_equal(answers(adapted), answers(again))


def test_a_complete_run_of_other_settings_is_not_taken_for_this_one(adapted: Adapted, backbone: str) -> None:
    with pytest.raises(ConfigError, match=r"another config\.iterations"):
        run(adapted.folder, backbone, resume=True, iterations=60)
    with pytest.raises(ConfigError, match="another backbone"):
        run(adapted.folder, "none", resume=True, iterations=120)
    with pytest.raises(ConfigError, match="another method"):
        run(adapted.folder, backbone, resume=True, iterations=120, recipe="steps")


@pytest.mark.parametrize("what", ["backbone", "recipe"])
def test_an_unfinished_run_of_another_origin_is_not_continued_with(
    tmp_path: Path, backbone: str, what: str
) -> None:
    def interrupt(line: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        adapt(toy.TASK, "toy", out=tmp_path / "cut", backbone=backbone, seed=3, progress=interrupt)
    other = tmp_path / "other"
    torch.manual_seed(8)
    AutoModel.from_config(llama_config(32, 2, 2, 48)).save_pretrained(other)
    changed = {"backbone": str(other)} if what == "backbone" else {"backbone": backbone, "recipe": "steps"}
    with pytest.raises(ConfigError, match=f"another {'method' if what == 'recipe' else what}"):
        run(tmp_path / "cut", resume=True, **changed)


OTHER_RUNS: dict[str, dict[str, Any]] = {
    "seed": {"seed": 4},
    "data": {"data": "other"},
    r"backbone\.dtype": {"dtype": "bfloat16"},
    r"config\.rank": {"options": {"rank": 5}},
    r"config\.learning_rate": {"options": {"learning_rate": 2e-3}},
    "method": {"recipe": "steps"},
    r"backbone\.name": {"backbone": "none"},
}


@pytest.mark.parametrize("finished", [True, False])
def test_resume_continues_with_the_very_same_run_only(tmp_path: Path, backbone: str, finished: bool) -> None:
    stop = iter([finished])

    def started(line: str) -> None:
        if not next(stop, True):
            os.kill(os.getpid(), signal.SIGINT)

    def again(**changes: Any) -> Adapted:
        words = {"data": "toy", "backbone": backbone, "seed": 3, "resume": True} | changes
        options = {"iterations": 20} | words.pop("options", {})
        return adapt(toy.TASK, words.pop("data"), out=tmp_path / "out", options=options, **words)

    with contextlib.suppress(KeyboardInterrupt):
        again(progress=started)
    assert (tmp_path / "out").exists() == finished
    for place, changes in OTHER_RUNS.items():
        with pytest.raises(ConfigError, match=f"has another .*{place}"):
            again(**changes)
    before = torch.get_num_threads()
    assert again().info["identity"]["machine"]["threads"] == before


def test_another_number_of_threads_is_said_at_resume(
    tmp_path: Path, backbone: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(line: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        adapt(toy.TASK, "toy", out=tmp_path / "out", backbone=backbone, progress=interrupt)
    now = torch.get_num_threads()
    monkeypatch.setattr(torch, "get_num_threads", lambda: now + 3)
    adapt(toy.TASK, "toy", out=tmp_path / "out", backbone=backbone, resume=True)
    assert f"was made with threads {now}, now {now + 3}" in caplog.text


def test_a_damaged_checkpoint_is_refused(tmp_path: Path, backbone: str) -> None:
    def interrupt(line: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        adapt(toy.TASK, "toy", out=tmp_path / "out", backbone=backbone, progress=interrupt)
    folder = tmp_path / "out.partial" / "checkpoint"
    tensors = (folder / "tensors.safetensors").read_bytes()
    (folder / "tensors.safetensors").write_bytes(tensors[:-1] + bytes([tensors[-1] ^ 64]))
    with pytest.raises(DataError, match="SHA-256"):
        adapt(toy.TASK, "toy", out=tmp_path / "out", backbone=backbone, resume=True)
    (folder / "tensors.safetensors").write_bytes(tensors)
    state = json.loads((folder / "state.json").read_text())
    for value in (True, -1, 2.5):
        (folder / "state.json").write_text(json.dumps(changed(state, ("state", "step"), value)))
        with pytest.raises(DataError, match=r"state\.json: state\.step"):
            adapt(toy.TASK, "toy", out=tmp_path / "out", backbone=backbone, resume=True)


def test_two_processes_do_not_train_one_model(tmp_path: Path) -> None:
    with locked(tmp_path / "out.partial"), pytest.raises(BusyError, match=f"process {os.getpid()} on"):
        adapt(toy.TASK, "toy", out=tmp_path / "out", backbone="none")


def test_a_control_is_stored_as_such(tmp_path: Path) -> None:
    model = adapt(toy.TASK, "toy", out=tmp_path / "out", backbone="none", options={"iterations": 2})
    assert model.info["role"] == "control"
    assert [role_of(name) for name in ("tiny", "random:tiny", "shuffled:x", "m/none")] == [
        "adapted",
        "control",
        "control",
        "adapted",
    ]


def test_a_backbone_in_a_folder_is_found_from_any_working_folder(
    tmp_path: Path, backbone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(backbone).parent)
    model = run(tmp_path / "out", f"./{Path(backbone).name}", iterations=2)
    monkeypatch.chdir(tmp_path)
    assert np.array_equal(answers(load(tmp_path / "out", toy.TASK)), answers(model))


def test_what_tensorboard_wrote_stays(tmp_path: Path, backbone: str) -> None:
    events = tmp_path / "out.partial" / "tensorboard" / "events"
    events.parent.mkdir(parents=True)
    events.write_text("events")
    run(tmp_path / "out", backbone, iterations=2, resume=True)
    assert (tmp_path / "out" / "tensorboard" / "events").read_text() == "events"


def test_the_time_left_is_not_foretold_from_updates_without_the_backbone(
    tmp_path: Path, backbone: str
) -> None:
    lines: list[str] = []
    adapt(
        toy.TASK,
        "toy",
        out=tmp_path / "out",
        backbone=backbone,
        options={"warm_start": 0.5, "iterations": 20, "evaluate_every": 5},
        progress=lines.append,
    )
    ends = [line.split(":")[-1].partition(" ")[2] for line in lines]
    assert ends == ["until the backbone joins", "left", "left", "left"]


def test_patience_stops_early(tmp_path: Path, backbone: str) -> None:
    model = run(tmp_path / "out", backbone, iterations=5000, learning_rate=1e-9, evaluate_every=1, patience=3)
    assert model.info["cost"]["steps"] < 100


def test_what_stands_at_out_is_not_lost(adapted: Adapted, backbone: str) -> None:
    with pytest.raises(ConfigError, match="exists already"):
        run(adapted.folder, backbone)


def test_a_loss_that_is_not_finite_is_reported(tmp_path: Path, backbone: str) -> None:
    with pytest.raises(DataError, match="not finite"):
        run(tmp_path / "out", backbone, data="poisoned")
    assert run(
        tmp_path / "out", backbone
    ).folder.is_dir()  # nothing was learned, so nothing stands in the way


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"iterations": 0}, ConfigError),
        ({"learning_rate": float("nan")}, ConfigError),
        ({"encoder_dropout": 1.0}, ConfigError),
        ({"method": "lorra"}, UnknownNameError),
        ({"alpha": float("nan")}, ConfigError),
        ({"alpha": -1.0}, ConfigError),
        ({"rank": 10**6}, ConfigError),
        ({"max_layers": 0}, ConfigError),
        ({"iteration": 5}, UnknownNameError),
    ],
)
def test_bad_options(options: dict[str, Any], error: type[NetwrightError]) -> None:
    with pytest.raises(error):
        TrainingConfig.from_options(options)


def changed(document: Any, place: tuple[str, ...], value: Any) -> Any:
    """A copy of a document with one entry replaced."""
    if not place:
        return value
    return document | {place[0]: changed(document.get(place[0]), place[1:], value)}


class TestDamagedModels:
    @pytest.fixture
    def folder(self, adapted: Adapted, tmp_path: Path) -> Path:
        import shutil

        return Path(shutil.copytree(adapted.folder, tmp_path / "copy"))

    def edit(self, folder: Path, **changes: Any) -> None:
        path = folder / "netwright.json"
        path.write_text(json.dumps(sealed(json.loads(path.read_text()) | changes)))

    def test_a_changed_document_is_refused(self, folder: Path) -> None:
        path = folder / "netwright.json"
        whole = json.loads(path.read_text())
        alpha = changed(whole, ("training", "alpha"), 400.0)
        for document in (alpha, {k: v for k, v in alpha.items() if k != "sha256"}):
            path.write_text(json.dumps(document))
            with pytest.raises(DataError, match=r"netwright\.json: not as it was written"):
                load(folder, toy.TASK)

    def test_not_a_model(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no saved model"):
            load(tmp_path)

    def test_description_without_what_is_needed(self, folder: Path) -> None:
        path = folder / "netwright.json"
        whole = json.loads(path.read_text())
        for absent in ("task", "kind", "recipe", "backbone", "training"):
            path.write_text(json.dumps({k: v for k, v in whole.items() if k != absent}))
            with pytest.raises(DataError, match="lacks"):
                load(folder, toy.TASK)

    def test_unknown_format(self, folder: Path) -> None:
        self.edit(folder, format_version=99)
        with pytest.raises(FormatError, match="format_version is 99"):
            load(folder, toy.TASK)

    def test_other_task(self, folder: Path) -> None:
        self.edit(folder, task="vp")
        with pytest.raises(FormatError, match="not 'toy'"):
            load(folder, toy.TASK)

    def test_other_backbone(self, folder: Path, tmp_path: Path) -> None:
        about = json.loads((folder / "netwright.json").read_text())["backbone"]
        self.edit(folder, backbone=about | {"sha256": "0" * 64})
        with pytest.raises(FormatError, match="other weights"):
            load(folder, toy.TASK)

    @pytest.mark.parametrize(
        ("place", "value"),
        [
            (("training", "rank"), True),
            (("training", "rank"), 4.0),
            (("training", "rank"), 0),
            (("training", "alpha"), "4"),
            (("training", "ranks"), 4),
            (("training", "method"), "lorra"),
            (("training", "learning_rate"), True),
            (("seed",), True),
            (("seed",), -1),
            (("role",), "teacher"),
            (("name",), None),
            (("backbone", "seed"), 0.5),
            (("backbone", "sha256"), "0"),
            (("backbone", "dtype"), 16),
            (("adapter",), []),
            (("adapter",), {"unit": 2.0, "more": 1}),
            (("validation",), 0.5),
            (("files",), {}),
            (("files", "encoder_head.safetensors"), "0" * 64),
            (("identity", "seed"), True),
            (("unknown",), 1),
        ],
    )
    def test_changed_documents(self, folder: Path, place: tuple[str, ...], value: Any) -> None:
        path = folder / "netwright.json"
        whole = json.loads(path.read_text())
        path.write_text(json.dumps(sealed(changed(whole, place, value))))
        with pytest.raises(NetwrightError, match=r"netwright\.json|encoder_head"):
            load(folder, toy.TASK)

    @pytest.mark.parametrize("word", ["NaN", "Infinity", "1e999"])
    def test_numbers_that_are_not_finite(self, folder: Path, word: str) -> None:
        path = folder / "netwright.json"
        for key in ("learning_rate", "kept", "seconds"):
            text = re.sub(rf'"{key}": [^,]+', f'"{key}": {word}', path.read_text(), count=1)
            (folder / "other.json").write_text(text)
            assert word in text
            kept = path.read_text()
            path.write_text(text)
            with pytest.raises(DataError, match=r"netwright\.json"):
                load(folder, toy.TASK)
            path.write_text(kept)

    @pytest.mark.parametrize(
        "name",
        ["encoder_head.safetensors", "adapter_model.safetensors", "adapter_config.json", "training.jsonl"],
    )
    @pytest.mark.parametrize("bit", [0, 6])
    def test_a_flipped_bit(self, folder: Path, name: str, bit: int) -> None:
        path = folder / name
        content = bytearray(path.read_bytes())
        content[-1] ^= 1 << bit  # the exponent's byte of the last tensor's last number, in a file of tensors
        path.write_bytes(content)
        with pytest.raises(DataError, match=rf"{name}: its SHA-256"):
            load(folder, toy.TASK)

    def test_a_model_of_an_earlier_release_is_read_and_that_it_is_unchecked_is_said(
        self, folder: Path, adapted: Adapted, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = folder / "netwright.json"
        document = json.loads(path.read_text())
        for later in ("files", "role", "identity"):
            del document[later]
        path.write_text(json.dumps(document | {"format_version": 1}))
        again = load(folder, toy.TASK)
        assert np.array_equal(answers(again), answers(adapted))
        assert again.info["role"] == "adapted"
        assert "without hashes of its files" in caplog.text

    def test_truncated_tensors(self, folder: Path) -> None:
        path = folder / "encoder_head.safetensors"
        path.write_bytes(path.read_bytes()[:200])
        with pytest.raises(DataError, match="SHA-256"):
            load(folder, toy.TASK)
        rehashed(folder)
        with pytest.raises(DataError, match="damaged"):
            load(folder, toy.TASK)

    def test_missing_tensors(self, folder: Path) -> None:
        (folder / "adapter_model.safetensors").unlink()
        with pytest.raises(DataError, match=r"adapter_model\.safetensors: no such file"):
            load(folder, toy.TASK)

    def test_other_shape(self, folder: Path) -> None:
        path = folder / "encoder_head.safetensors"
        tensors = load_file(path)
        tensors["head.layers.1.bias"] = torch.zeros(5)
        save_file(tensors, path)
        rehashed(folder)
        with pytest.raises(FormatError, match="has shape"):
            load(folder, toy.TASK)

    def test_unknown_tensor(self, folder: Path) -> None:
        path = folder / "encoder_head.safetensors"
        save_file(load_file(path) | {"other": torch.zeros(1)}, path)
        rehashed(folder)
        with pytest.raises(FormatError, match="unknown tensor 'other'"):
            load(folder, toy.TASK)


def test_the_autoregressive_mode_answers_the_same_with_and_without_a_cache(backbone: str) -> None:
    model = assemble(
        build_backbone(backbone), toy.ToyAdapter("steps", False), TrainingConfig(rank=4), seed=0
    ).eval()
    assert isinstance(model, AutoregressiveModel)
    torch.nn.init.normal_(model.head.last.weight)  # a fresh head answers zero whatever it reads
    series, _ = toy.examples(np.random.default_rng(0), 5)
    inputs = {k: torch.from_numpy(v) for k, v in series.items()}
    with torch.inference_mode():
        cached = model(inputs)
        model.cached = False
        recomputed = model(inputs)
        taught = model.training_answer(inputs, cached)
    assert cached.std() > 0
    torch.testing.assert_close(cached, recomputed, atol=1e-5, rtol=0)
    torch.testing.assert_close(
        cached, taught, atol=1e-5, rtol=0
    )  # fed its own answers, the teacher changes nothing


@given(
    step=st.integers(0, 999),
    warmup=st.floats(0, 0.5),
    iterations=st.integers(1, 1000),
    start=st.integers(0, 500),
)
def test_the_learning_rate_stays_between_zero_and_its_peak(
    step: int, warmup: float, iterations: int, start: int
) -> None:
    config = TrainingConfig(iterations=iterations, warmup=warmup)
    rate = learning_rate_at(min(step, iterations - 1), config, start=start)
    assert 0 <= rate <= config.learning_rate
    assert (rate == 0) == (min(step, iterations - 1) < start)


def test_a_complete_run_keeps_its_name(adapted: Adapted, backbone: str) -> None:
    with pytest.raises(ConfigError, match=r"is complete, and its model is named adapted:\S+; drop --name"):
        adapt(
            toy.TASK,
            "toy",
            out=adapted.folder,
            backbone=backbone,
            recipe="once",
            seed=3,
            options={"iterations": 120},
            resume=True,
            label="other",
        )


@pytest.mark.parametrize("label", ["\x1b[31mred", "a" * 300, "two\nlines"])
def test_a_label_that_cannot_be_shown_is_refused_before_training(tmp_path: Path, label: str) -> None:
    with pytest.raises(ConfigError, match="1 to 200 printable characters"):
        adapt(toy.TASK, "toy", out=tmp_path / "out", backbone="none", label=label, progress=pytest.fail)


@pytest.mark.parametrize("name", ["", "ev\x1b[31mil", "a" * 300, "\u202etxt"])
def test_a_saved_name_that_cannot_be_shown_is_refused(adapted: Adapted, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(adapted.folder, folder)
    document = json.loads((folder / "netwright.json").read_text())
    (folder / "netwright.json").write_text(json.dumps(sealed({**document, "name": name})))
    with pytest.raises(DataError, match=r"netwright\.json: name "):
        load(folder, toy.TASK)


def test_predictions_have_no_online_phase(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no online phase"):
        finetune_online(toy.TASK, "toy", tmp_path / "start", out=tmp_path / "out")
