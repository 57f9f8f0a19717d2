from collections.abc import Callable

import pytest

import netwright.experiments
from netwright.core.registry import Registry
from netwright.experiments import catalog

EXPERIMENT = """
NAME = "{name}"
SUMMARY = "measures {name}"
def run(data_folder, results_folder, progress):
    progress("measuring")
    results_folder.mkdir(parents=True, exist_ok=True)
    (results_folder / "{name}.jsonl").write_text(repr(data_folder))
"""


def _install(monkeypatch, folder):
    for name in ("second", "first"):
        (folder / f"toy_{name}.py").write_text(EXPERIMENT.format(name=name))
    (folder / "toy_helper.py").write_text("VALUE = 1\n")
    monkeypatch.setattr(netwright.experiments, "__path__", [str(folder)])
    monkeypatch.setattr(catalog, "experiments", catalog.experiments.__wrapped__)
    monkeypatch.setattr(catalog, "EXPERIMENTS", Registry("experiment", Callable, catalog._find))


def test_experiments_are_found_by_their_files(cli, monkeypatch, tmp_path):
    _install(monkeypatch, tmp_path)
    assert cli("experiments", "--list", "--json").document == {
        "experiments": [
            {"name": "first", "summary": "measures first"},
            {"name": "second", "summary": "measures second"},
        ]
    }
    assert "measures second" in cli("experiments").out


def test_an_experiment_writes_into_the_results_folder(cli, monkeypatch, tmp_path):
    _install(monkeypatch, tmp_path)
    monkeypatch.delenv("NETWRIGHT_DATA", raising=False)
    run = cli("experiments", "first", "second", "--results", tmp_path / "r", "--json")
    assert run.document == {"done": ["first", "second"], "results": str(tmp_path / "r")}
    assert "measuring" in run.err
    assert sorted(p.name for p in (tmp_path / "r").iterdir()) == ["first.jsonl", "second.jsonl"]


def test_nothing_runs_when_one_name_is_wrong(cli, monkeypatch, tmp_path):
    _install(monkeypatch, tmp_path)
    run = cli("experiments", "first", "secnod", "--results", tmp_path / "r")
    assert run.code == 2
    assert "did you mean 'second'" in run.err
    assert not (tmp_path / "r").exists()


def test_parts_of_an_experiment_are_chosen_by_a_pattern(cli, monkeypatch, tmp_path):
    parts = EXPERIMENT.replace("results_folder, progress", "results_folder, progress, only=None").replace(
        "repr(data_folder)", "' '.join(p for p in ('ab-1', 'ab-2', 'c') if only is None or only(p))"
    )
    (tmp_path / "toy_parts.py").write_text(parts.format(name="parts"))
    _install(monkeypatch, tmp_path)
    results = tmp_path / "r"
    cli("experiments", "parts", "--only", "ab-*", "--results", results)
    assert (results / "parts.jsonl").read_text() == "ab-1 ab-2"
    cli("experiments", "parts", "--results", results)
    assert (results / "parts.jsonl").read_text() == "ab-1 ab-2 c"
    run = cli("experiments", "parts", "first", "--only", "c", "--results", results)
    assert (results / "parts.jsonl").read_text() == "ab-1 ab-2 c"  # refused before anything ran
    assert run.code == 2
    assert "first has no parts; omit --only" in run.err


@pytest.mark.parametrize("name", ["abr", "design"])
def test_a_pattern_that_no_part_matches_is_refused(cli, tmp_path, name):
    run = cli("experiments", name, "--only", "nothing", "--results", tmp_path / "r", "--data", tmp_path)
    assert run.code == 2
    assert "has no such part" in run.err
    assert not (tmp_path / "r").exists()


def test_the_real_catalog_holds_no_helper_module():
    assert not {"catalog", "policies"} & set(catalog.experiments())


def test_the_demo_prints_the_path_of_its_report(cli, stand_in, tmp_path):
    calls = []

    def run(out, *, short, progress):
        progress("adapting")
        calls.append((out, short))
        return out / "index.html"

    stand_in("netwright.experiments.demo", run=run)
    shown = cli("demo", "--out", tmp_path, "--short")
    assert f"report: {tmp_path / 'index.html'}" in shown.out
    assert "synthetic" in shown.out
    assert "adapting" in shown.err
    assert cli("demo", "--out", tmp_path, "--json").document["report"] == str(tmp_path / "index.html")
    assert calls == [(tmp_path, True), (tmp_path, False)]


def test_a_name_of_an_earlier_release_still_works():
    for earlier, name in catalog.RENAMED.items():
        assert catalog.experiment(earlier).name == name
