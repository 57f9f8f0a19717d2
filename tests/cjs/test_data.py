"""Job profiles: read, generated, converted; and what is refused."""

import json
import shutil

import numpy as np
import pytest

from netwright.cli.main import main
from netwright.core.errors import ConfigError, DataError, FormatError, NetwrightError, UnknownNameError
from netwright.datasets.check import check
from netwright.tasks.cjs import tpch
from netwright.tasks.cjs.data import load
from netwright.tasks.cjs.generator import WORK_S, generate
from netwright.tasks.cjs.graphs import cycle, longest_paths, topological_order
from netwright.tasks.cjs.job_files import read_jobs
from netwright.tasks.cjs.originals import read_tree
from netwright.tasks.cjs.workload import FIRST, FRESH, REST, WARMUP_MS, Durations, Workload
from tests.cjs.small import profile, workload


def test_every_published_stage_is_read_as_on_record(real, real_folder):
    for known in json.loads((real_folder / "cjs" / "tpch_checks.json").read_text()):
        found = real.profile(tpch.profile_name(known["query"], known["size"]))
        stage = known["stage"]
        assert found.n_tasks[stage] == known["num_tasks"]
        assert found.mean_ms[stage] == pytest.approx(known["rough_duration_ms"])
    assert len(real.profiles) == 154
    assert real.table.n_tasks.size == 1414


def test_the_jobs_of_a_seed_are_those_of_the_published_simulator(real):
    drawn = real.workload(np.random.default_rng(1), 10)
    assert drawn.names[:2] == ("q11-20g", "q19-100g")  # recorded in golden/native0.json.gz
    assert drawn.arrival_ms[1] == pytest.approx(7711.328603132108)


def test_the_published_tree_is_read_without_unpickling(real, real_folder, tmp_path):
    tree = tmp_path / "cjs" / "tpch_original"
    shutil.copytree(real_folder / "cjs" / "tpch_original", tree, copy_function=shutil.copyfile)
    for size in tpch.SIZES:
        tree.joinpath(size).chmod(0o755)
    found = load(tmp_path)
    for name, one in real.profiles.items():
        other = found.profile(name)
        assert one.edges.tolist() == other.edges.tolist()
        assert one.n_tasks.tolist() == other.n_tasks.tolist()
        assert (one.durations.values == other.durations.values).all()
    (tree / "2g" / "task_duration_1.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match=r"task_duration_1\.npy"):
        list(read_tree(tree))


def test_fresh_durations_are_taken_once_out_of_the_first_wave():
    stage = {
        "first": {5: [7, 7, 9], 2: [3], 10: [4]},
        "fresh": {5: [7], 2: [3], 10: [4]},
        "rest": {5: [1], 2: [], 10: []},
    }
    found = tpch.cleaned(stage)
    assert found["first"] == {5: [7, 9], 2: [], 10: [7, 9]}
    assert list(found["first"]) == [5, 2, 10]


def test_fallbacks_between_waves_and_levels():
    durations = Durations.of([{"fresh": {5: []}, "first": {5: [1.0, 2.0], 10: [3.0]}, "rest": {}}], "x")
    lists = durations.lists[0]
    assert lists[FRESH]["extra_ms"].tolist() == [WARMUP_MS] * 8
    assert lists[REST]["extra_ms"].tolist() == lists[FIRST]["extra_ms"].tolist() == [0.0] * 8
    assert [durations.values[one["start"]] for one in lists[FIRST]] == [1.0] + [
        3.0
    ] * 7  # levels above 10 are 10


@pytest.mark.parametrize("lists", [{"fresh": {}, "first": {}, "rest": {}}, {"first": {5: []}}])
def test_a_stage_without_durations_is_refused(lists):
    with pytest.raises(DataError, match="job x: stage 0 has no task durations"):
        Durations.of([lists], "job x")


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_durations_that_cannot_be_are_refused(value):
    with pytest.raises(DataError, match="finite numbers"):
        profile("bad", [1], duration_ms=value)


@pytest.mark.parametrize(
    ("n_tasks", "edges", "sentence"),
    [
        ([], [], "at least one stage"),
        ([1, 0], [], "one task or more"),
        ([1], [(0, 1)], "an edge names a stage"),
        ([1, 1, 1], [(0, 1), (1, 2), (2, 1)], r"stages (1 -> 2 -> 1|2 -> 1 -> 2) wait"),
        ([1], [(0, 0)], "stages 0 -> 0 wait"),
    ],
)
def test_bad_profiles_are_refused(n_tasks, edges, sentence):
    with pytest.raises(DataError, match=sentence):
        profile("bad", n_tasks, edges)


@pytest.mark.parametrize("times", [[0.0, -1.0], [5.0, 4.0], [0.0, float("nan")], [0.0]])
def test_bad_arrival_times_are_refused(times):
    with pytest.raises(DataError, match="arrival time"):
        workload([profile("a", [1]), profile("b", [1])], times)


def test_order_cycles_and_paths_of_a_graph():
    edges = np.array([(3, 0), (0, 1), (0, 2), (2, 1)])
    order = topological_order(4, edges)
    assert all(order.index(parent) < order.index(child) for parent, child in edges.tolist())
    assert cycle(4, edges) == []
    assert cycle(5, np.array([(4, 2), (2, 3), (3, 4), (4, 0)])) in ([2, 3, 4], [3, 4, 2], [4, 2, 3])
    assert longest_paths(np.array([1.0, 2.0, 3.0, 4.0]), edges).tolist() == [6.0, 2.0, 5.0, 10.0]


def test_generated_profiles_are_like_the_real_ones(generated):
    assert generated.synthetic
    assert list(generated.profiles) == [f"q{query}-{size}" for size in WORK_S for query in range(1, 23)]
    for size, work_s in WORK_S.items():
        mean_s = np.mean([generated.profile(f"q{query}-{size}").work_ms for query in range(1, 23)]) / 1000.0
        assert work_s / 2 < mean_s < work_s * 2.5, size
    stages = [p.n_stages for p in generated.profiles.values()]
    assert (min(stages), max(stages)) >= (2, 10)
    again, other = generate(seed=0), generate(seed=1)
    assert (again.table.durations.values == generated.table.durations.values).all()
    assert other.table.n_tasks.tolist() != generated.table.n_tasks.tolist()


@pytest.mark.parametrize(("n_jobs", "gap"), [(0, 1.0), (5, 0.0), (5, float("inf"))])
def test_workloads_that_cannot_be_are_refused(generated, n_jobs, gap):
    with pytest.raises(ConfigError, match="a workload needs jobs"):
        generated.workload(np.random.default_rng(0), n_jobs, gap)


def test_an_unknown_profile_is_named(generated):
    with pytest.raises(UnknownNameError, match="job profile 'q99-1g'"):
        generated.profile("q99-1g")


def _jobs():
    return {
        "format_version": 1,
        "jobs": [
            {"name": "late", "arrival_s": 10.0, "stages": [{"name": "only", "tasks": 2, "duration_s": 1.0}]},
            {
                "name": "etl",
                "arrival_s": 0.0,
                "stages": [
                    {"name": "read", "tasks": 3, "duration_s": [1.0, 2.0], "cold_duration_s": 4.0},
                    {"name": "join", "tasks": 1, "duration_s": 0.5, "parents": ["read", "read"]},
                ],
            },
        ],
    }


@pytest.fixture
def own_jobs(tmp_path):
    def write(change=None):
        document = _jobs()
        if change:
            change(document)
        path = tmp_path / "cjs" / "jobs" / "mine.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))
        return path

    return write


def test_own_jobs_are_read_in_order_of_arrival(own_jobs):
    found = read_jobs(own_jobs())
    assert isinstance(found, Workload)
    assert found.names == ("etl", "late")
    assert found.arrival_ms.tolist() == [0.0, 10_000.0]
    assert found.stages["n_tasks"].tolist() == [3, 1, 2]
    assert found.stages["mean_ms"].tolist() == [1500.0, 500.0, 1000.0]
    assert found.stages["unfinished_parents"].tolist() == [0, 1, 0]


def _stages(document):
    return document["jobs"][1]["stages"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda d: _stages(d)[1].update(parents=["raed"]),
            "stage 'join' has the parent 'raed', which is no stage",
        ),
        (
            lambda d: _stages(d)[0].update(parents=["join"]),
            "'read' -> 'join' -> 'read'|'join' -> 'read' -> 'join'",
        ),
        (lambda d: _stages(d)[1].update(name="read"), "two stages are named 'read'"),
        (lambda d: _stages(d)[0].update(tasks=0), r"jobs\.1\.stages\.0\.tasks"),
        (lambda d: _stages(d)[0].update(tasks=1.5), r"jobs\.1\.stages\.0\.tasks"),
        (lambda d: _stages(d)[0].update(duration_s=-1.0), r"jobs\.1\.stages\.0\.duration_s"),
        (lambda d: _stages(d)[0].update(duration_s=[]), r"jobs\.1\.stages\.0\.duration_s"),
        (lambda d: _stages(d)[0].update(color="red"), "unknown entry"),
        (lambda d: _stages(d)[0].pop("duration_s"), r"lacks jobs\.1\.stages\.0\.duration_s"),
        (lambda d: d.update(jobs=[]), "jobs"),
        (lambda d: d["jobs"][0].pop("arrival_s"), r"lacks jobs\.0\.arrival_s"),
    ],
)
def test_own_jobs_that_cannot_be_give_one_sentence(own_jobs, change, sentence):
    path = own_jobs(change)
    with pytest.raises(DataError, match=sentence) as raised:
        read_jobs(path)
    assert str(raised.value).startswith(f"{path}: ")


def test_own_jobs_of_another_format_are_refused(own_jobs):
    with pytest.raises(FormatError):
        read_jobs(own_jobs(lambda d: d.update(format_version=2)))


def test_a_folder_of_own_jobs_is_tested_on_and_checked(own_jobs, tmp_path, capsys):
    own_jobs()
    words = ["test", "cjs", "--policy", "fair", "--setting", "default", "--data", str(tmp_path), "--json"]
    assert main([*words, "--set", "jobs=mine", "--set", "n_executors=3"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["n_episodes"] == 6  # two jobs, three seeds
    assert main([*words, "--set", "jobs=other"]) == 2
    assert "unknown file of jobs 'other'" in capsys.readouterr().err
    assert check(tmp_path, ["cjs"]).errors == []
    own_jobs(lambda d: d.update(jobs=[]))
    (finding,) = check(tmp_path, ["cjs"]).errors
    assert finding.place.endswith("mine.json")


def test_a_damaged_archive_is_named(tmp_path):
    place = tmp_path / "cjs" / "tpch_npz"
    place.mkdir(parents=True)
    with pytest.raises(NetwrightError, match=r"2g\.npz: no such file; run `netwright data fetch cjs`"):
        load(tmp_path)
    (place / "2g.npz").write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"2g\.npz"):
        load(tmp_path)
    np.savez(place / "2g.npz", q1_adj=np.zeros((1, 1)))
    with pytest.raises(DataError, match="query 1 is not a job profile"):
        load(tmp_path)
    assert len(check(tmp_path, ["cjs"]).errors) == len(tpch.SIZES)
    with pytest.raises(DataError, match="no such folder"):
        load(tmp_path / "nowhere")
