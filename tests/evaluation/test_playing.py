"""Comparing: checked before anything is played, equal settings once, what is done is kept, what cannot be is shown."""

import json
from dataclasses import replace

import pytest

import netwright
from netwright.core.errors import ConfigError, DataError, NotApplicableError, UnknownNameError
from netwright.core.locks import BusyError, locked
from netwright.evaluation import playing
from netwright.evaluation.playing import kept_beside, play
from netwright.evaluation.subjects import Subject
from tests.cli import toy
from tests.cli.toy import TOY, Constant

played: list[tuple[str, str]] = []
SHIFTED = TOY.settings["shifted"]


def evaluate(policy, setting, data, *, name):
    played.append((setting.name, name))
    if isinstance(policy, Broken) and setting.name == "shifted":
        raise policy.error
    return toy.evaluate(policy, setting, data, name=name)


def trial(setting, data):
    if setting.config.count > len(data.values):
        raise DataError("too few values for the setting.")

    def once(policy):
        if isinstance(policy, Picky) and setting.config.offset:
            raise NotApplicableError("Picky knows no offset; use zero.")

    return once


class Picky(Constant):
    """Cannot play a setting with an offset."""


class Broken(Constant):
    """Fails in the second setting."""

    def __init__(self, error):
        super().__init__(2.0)
        self.error = error


TASK = replace(TOY, evaluate=f"{__name__}:evaluate", trial=f"{__name__}:trial")
DATA = toy.load_data(None, seed=0)


@pytest.fixture(autouse=True)
def _nothing_played():
    played.clear()


def subject(name, policy, **changes):
    return Subject(name, policy, 0, **({"identity": name} | changes))


def test_a_policy_that_cannot_play_is_one_row_and_the_others_are_played(caplog):
    found = netwright.compare(TASK, policies=["one", Picky()], data=DATA)
    assert [(e.setting, e.policy) for e in found.evaluations] == [
        ("default", "zero"),
        ("default", "one"),
        ("default", "Picky"),
        ("shifted", "zero"),
        ("shifted", "one"),
    ]
    [row] = found.to_json()["not_applicable"]
    assert row == {
        "setting": "shifted",
        "policy": "Picky",
        "reason": "Picky knows no offset; use zero.",
        "role": "baseline",
        "lacks": None,
    }
    assert any("Picky is not applicable" in r.message for r in caplog.records)
    assert ("shifted", "Picky") not in played


def test_one_that_is_found_out_only_in_play_is_a_row_too():
    broken = subject("broken", Broken(NotApplicableError("not this one.")))
    found = play(TASK, [subject("zero", Constant()), broken], list(TASK.settings.values()), DATA)
    assert [(one.setting, one.policy) for one in found.not_applicable] == [("shifted", "broken")]
    assert len(found.evaluations) == 3


def test_where_nothing_can_be_played_the_reason_is_the_error():
    with pytest.raises(ConfigError, match="nothing can be compared: Picky knows no offset"):
        play(TASK, [subject("picky", Picky())], [SHIFTED], DATA)


def test_a_wrong_setting_or_name_is_refused_before_anything_is_played_or_trained(monkeypatch):
    wrong = replace(SHIFTED, config=replace(SHIFTED.config, count=99))
    with pytest.raises(DataError, match="too few values"):
        netwright.compare(TASK, settings=["default", wrong], policies=["mean"], data=DATA)
    with pytest.raises(UnknownNameError, match="'one'"):
        netwright.compare(TASK, policies=["oen"], data=DATA)
    with pytest.raises(UnknownNameError, match="'default'"):
        netwright.compare(TASK, settings=["defautl"], data=DATA)
    assert played == []


def test_settings_of_equal_configurations_are_played_once(caplog):
    twin = replace(TASK.settings["default"], name="twin")
    found = netwright.compare(TASK, settings=["default", twin, "shifted"], policies=["one"], data=DATA)
    assert [(e.setting, e.policy) for e in found.evaluations][2:4] == [("twin", "zero"), ("twin", "one")]
    assert found.evaluations[0].per_episode == found.evaluations[2].per_episode
    assert played == [(s, p) for s in ("default", "shifted") for p in ("zero", "one")]
    assert any("twin: the same as default here, tested once" in r.message for r in caplog.records)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), DataError("damaged."), RuntimeError("a fault")])
def test_what_was_finished_is_kept_and_not_played_again(tmp_path, error):
    settings, folder = list(TASK.settings.values()), tmp_path / "r.partial"
    one, two = subject("one", Constant(1.0)), subject("two", Broken(error))
    with pytest.raises(type(error)):
        play(TASK, [one, two], settings, DATA, folder=folder)
    assert played == [("default", "one"), ("default", "two"), ("shifted", "one"), ("shifted", "two")]
    played.clear()
    told = []
    again = play(
        TASK, [one, subject("two", Constant(2.0))], settings, DATA, folder=folder, progress=told.append
    )
    assert played == [("shifted", "two")]
    assert any("reusing 3 of 4 evaluations" in line for line in told)
    assert again == play(TASK, [one, subject("two", Constant(2.0))], settings, DATA)


@pytest.mark.parametrize(
    "change",
    [
        {"data": toy.load_data(None, seed=1)},
        {"identity": "another model"},
        {"config": replace(TOY.settings["default"].config, count=3)},
        {"seed": 5},
        {"name": "other"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_nothing_kept_is_taken_for_another_evaluation(tmp_path, change):
    default = TASK.settings["default"]
    play(TASK, [subject("one", Constant(1.0))], [default], DATA, folder=tmp_path)
    played.clear()
    same = {"name": "one", "policy": Constant(1.0), "seed": 0, "identity": "one"}
    other = Subject(**same | {k: v for k, v in change.items() if k in same})
    setting = replace(default, config=change.get("config", default.config))
    play(TASK, [other], [setting], change.get("data", DATA), folder=tmp_path)
    assert len(played) == 1


def test_a_policy_of_unknown_making_is_never_kept(tmp_path):
    for _ in range(2):
        netwright.compare(TASK, settings=["default"], policies=[Constant(3.0)], data=DATA, partial=tmp_path)
    assert played.count(("default", "Constant")) == 2
    assert played.count(("default", "zero")) == 1


def test_a_damaged_kept_evaluation_is_played_again(tmp_path, caplog):
    default = TASK.settings["default"]
    first = play(TASK, [subject("one", Constant(1.0))], [default], DATA, folder=tmp_path)
    [path] = tmp_path.glob("*.json")
    document = json.loads(path.read_text())
    for wrong in ("{", json.dumps(document | {"per_episode": [1.0]}), json.dumps(document | {"seconds": -1})):
        path.write_text(wrong)
        assert play(TASK, [subject("one", Constant(1.0))], [default], DATA, folder=tmp_path) == first
    assert len(played) == 4


def test_a_second_comparison_into_the_same_folder_is_refused(tmp_path):
    with locked(tmp_path / "r.partial"), pytest.raises(BusyError), kept_beside(tmp_path / "r"):
        pass


def test_roles_are_stored_and_not_read_from_names():
    methods = [
        subject("zero", Constant(0.0)),
        subject("mine", Constant(1.0), role="adapted"),
        subject("adapted:theirs", Constant(2.0), role="control"),
        subject("oracle", Constant(3.0), role="clairvoyant"),
    ]
    found = play(TASK, methods, [TASK.settings["default"]], DATA)
    assert {e.policy: e.to_json()["role"] for e in found.evaluations}["mine"] == "adapted"
    from netwright.evaluation.comparison import compare

    [setting] = compare(TASK, found.evaluations)
    assert {m.policy: (m.kind, m.clairvoyant) for m in setting.methods} == {
        "mine": ("adapted", False),
        "adapted:theirs": ("control", False),
        "zero": ("baseline", False),
        "oracle": ("baseline", True),
    }
    assert "oracle" not in {m.policy for m in setting.rivals}


def test_test_takes_names_objects_and_folders(tmp_path):
    (tmp_path / "values.json").write_text("[1.0, 3.0, 5.0, 7.0]")
    by_name = netwright.test(TASK, "one", "default", tmp_path)
    by_object = netwright.test(TASK, Constant(1.0), TASK.setting("default"), toy.load_data(tmp_path, seed=0))
    assert by_name.per_episode == by_object.per_episode == (0.0, 2.0, 4.0, 6.0)
    with pytest.raises(ConfigError, match="no such folder"):
        netwright.compare(TASK, data=str(tmp_path / "nothing"))


def test_results_that_json_does_not_know_are_not_kept_but_shown(tmp_path, caplog):
    found = play(TASK, [subject("one", Constant(1.0))], [TASK.settings["default"]], DATA).evaluations[0]
    playing.Kept(tmp_path).put("x", replace(found, detail={"array": object()}))
    assert not list(tmp_path.iterdir())
    assert any("cannot be stored" in r.message for r in caplog.records)


def test_an_unknown_option_of_compare_is_refused():
    with pytest.raises(TypeError, match="unknown options: progres"):
        netwright.compare(TASK, settings=["default"], policies=["one"], data=DATA, progres=print)


def test_what_a_control_lacks_is_stored_with_its_evaluations():
    about = {"backbone": {"name": "none"}}
    named = subject("chosen", Constant(1.0), role="control", info=about)
    found = play(TASK, [named, subject("rule", Constant(2.0))], [SHIFTED], DATA).evaluations
    assert [one.config.get("lacks") for one in found] == ["the backbone", None]
