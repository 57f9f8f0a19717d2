"""Test several subjects in several settings: all are checked first, and each result is stored when complete."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from netwright.core.documents import Document, JsonObject, plain, read_document, write_document
from netwright.core.errors import ConfigError, NetwrightError, NotApplicableError
from netwright.core.identity import data_sha256
from netwright.core.locks import locked
from netwright.core.notes import note
from netwright.core.palette import Role
from netwright.core.policy import AnyPolicy
from netwright.core.results import Evaluation
from netwright.core.task import Setting, Task, load_attribute
from netwright.core.types import TaskData
from netwright.evaluation.baselines import fingerprint
from netwright.evaluation.subjects import Progress, Subject, evaluate, key

Try = Callable[[AnyPolicy], None]


@dataclass(frozen=True)
class NotApplicable:
    """A policy that cannot handle a setting, and the reason; `lacks` as for `Subject`."""

    setting: str
    policy: str
    reason: str
    role: Role = "baseline"
    lacks: str | None = None


@dataclass(frozen=True)
class Played:
    """Evaluations, setting by setting, and the pairs that could not be tested."""

    evaluations: tuple[Evaluation, ...]
    not_applicable: tuple[NotApplicable, ...]


class SavedEvaluation(Document):
    """An `Evaluation` on disk."""

    task: str
    setting: str
    policy: str
    metric: str
    unit: str
    per_episode: tuple[float, ...]
    weights: tuple[float, ...]
    episodes: tuple[str, ...]
    seconds: Annotated[float, Field(ge=0)]
    config: JsonObject
    detail: JsonObject
    role: Role | None


class Kept:
    """Cache of finished evaluations in a folder, by the hash of their inputs; inactive without a folder."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.n_reused = 0

    def get(self, name: str) -> Evaluation | None:
        """The evaluation of that hash; None if it is missing or damaged."""
        path = self._path(name)
        if path is None or not path.is_file():
            return None
        try:
            found = read_document(path, SavedEvaluation, remedy="it will be tested again")
            evaluation = Evaluation(
                **{entry: getattr(found, entry) for entry in SavedEvaluation.model_fields}
            )
        except NetwrightError as error:
            note(str(error))
            return None
        self.n_reused += 1
        return evaluation

    def put(self, name: str, evaluation: Evaluation) -> None:
        """Store a finished evaluation."""
        path = self._path(name)
        if path is not None:
            try:
                document = SavedEvaluation.of(plain(asdict(evaluation)), path, remedy="return plain values")
            except (TypeError, ValueError, NetwrightError) as error:
                note(f"{evaluation.policy} in {evaluation.setting} cannot be stored: {error}")
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            write_document(path, document)

    def _path(self, name: str) -> Path | None:
        return self.folder / f"{name}.json" if self.folder is not None and name else None


@contextmanager
def kept_beside(out: Path) -> Iterator[Path]:
    """Lock the folder `<out>.partial` for finished evaluations; log a note about its content if the work fails.

    Raises:
        BusyError: another process writes to the same folder.
    """
    partial = out.with_name(out.name + ".partial")
    with locked(partial):
        try:
            yield partial
        except NetwrightError:
            if partial.is_dir():
                note(f"{partial} holds the finished evaluations; repeat the command to continue")
            raise


def tries_of(task: Task, settings: Sequence[Setting], data: TaskData) -> dict[str, Try]:
    """For each setting a function that asks a policy for one decision; empty for a task without `trial`.

    Raises:
        NetwrightError: a setting does not fit the data.
    """
    if task.trial is None:
        return {}
    return {setting.name: load_attribute(task.trial)(setting, data) for setting in settings}


def play(
    task: Task,
    subjects: Sequence[Subject],
    settings: Sequence[Setting],
    data: TaskData,
    *,
    tries: Mapping[str, Try] | None = None,
    folder: Path | None = None,
    progress: Progress = lambda line: None,
) -> Played:
    """Test every subject in every setting.

    Each subject makes one decision in each setting before the tests start. Settings of equal configurations are tested
    once.

    Args:
        tries: result of `tries_of` for these settings, if already available.
        folder: cache of finished evaluations.

    Raises:
        ConfigError: no subject can handle any of the settings.
    """
    refused = _refused(subjects, tries_of(task, settings, data) if tries is None else tries, settings)
    kept, data_hash = Kept(folder), data_sha256(data) if folder is not None else ""
    played: dict[tuple[int, str], Evaluation] = {}
    evaluations = []
    for setting in settings:
        for index, subject in enumerate(subjects):
            if (setting.name, index) in refused:
                continue
            config = index, fingerprint(setting.config)
            try:
                found = played.get(config) or _evaluated(task, subject, setting, data, kept, data_hash)
            except NotApplicableError as error:
                refused[setting.name, index] = _reason(setting, subject, error)
                continue
            if config in played:
                note(f"{setting.name}: the same as {found.setting} here, tested once")
            played.setdefault(config, found)
            evaluations.append(replace(found, setting=setting.name))
            progress(f"{setting.name}: {subject.name} {found.mean:.3f} {task.unit} ({found.seconds:.1f} s)")
    if kept.n_reused:
        progress(f"reusing {kept.n_reused} of {len(evaluations)} evaluations from {folder}")
    if not evaluations:
        reason = next(iter(refused.values())).reason if refused else "no policy was given"
        raise ConfigError(f"nothing can be compared: {reason.rstrip('.')}.")
    return Played(tuple(evaluations), tuple(refused.values()))


def _evaluated(
    task: Task, subject: Subject, setting: Setting, data: TaskData, kept: Kept, data_hash: str
) -> Evaluation:
    name = key(task, subject, setting, data_hash) if kept.folder is not None else ""
    found = kept.get(name)
    if found is None:
        found = evaluate(task, subject, setting, data)
        kept.put(name, found)
    return found


def _refused(
    subjects: Sequence[Subject], tries: Mapping[str, Try], settings: Sequence[Setting]
) -> dict[tuple[str, int], NotApplicable]:
    """Ask each subject for one decision in each setting; returns the pairs that are not applicable."""
    found = {}
    for setting in (s for s in settings if s.name in tries):
        for index, subject in enumerate(subjects):
            try:
                tries[setting.name](subject.policy)
            except NotApplicableError as error:
                found[setting.name, index] = _reason(setting, subject, error)
    return found


def _reason(setting: Setting, subject: Subject, error: NotApplicableError) -> NotApplicable:
    note(f"{setting.name}: {subject.name} is not applicable: {error}")
    return NotApplicable(setting.name, subject.name, str(error), subject.role, subject.lacks)
