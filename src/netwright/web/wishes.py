"""What a dialogue is about: scenario, network, traffic and learner, as chosen on the start page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from netwright.core.errors import ConfigError, FormatError
from netwright.core.reading import read_text
from netwright.core.seeding import generator
from netwright.core.types import JsonView
from netwright.synthesis.setup import Setup
from netwright.wan import catalog
from netwright.wan.demands import Demands, demands_of, gravity
from netwright.wan.instance import InstanceConfig, traffic
from netwright.wan.load_facts import LoadFacts
from netwright.wan.pools import spec_of
from netwright.wan.selection import Network, Wanted
from netwright.web.settings import FIRST_STAGE
from netwright.web.uploads import Uploads

GRAVITY, OWN = "gravity", "own"
Key = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class Wish(BaseModel):
    """The choices of the start page; uploads are given by their keys.

    Attributes:
        network: a name of the catalog, or the key of an upload.
        demands: "gravity", "own" (those that came with the network), or the key of a table.
        load: utilization of the busiest link on shortest paths; None for the default, 0 leaves demands unscaled.
        limits: of metrics by name, see `synthesis.limits.within`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    scenario: Annotated[str, Field(max_length=40)]
    network: Annotated[str, Field(max_length=40)]
    demands: Literal["gravity", "own"] | Key = GRAVITY
    load: Annotated[float | None, Field(ge=0.0, le=100.0)] = None
    flows: Annotated[int | None, Field(ge=1, le=100_000)] = None
    classes: Annotated[int | None, Field(ge=0, le=8)] = None
    tunnels: Annotated[str | None, Field(pattern=r"^[kd][1-9]$")] = None
    failures: Key | None = None
    today: Key | None = None
    objectives: Literal[300, 1000] = 1000
    learner: Annotated[str, Field(max_length=40)] = "bayes"
    question: Annotated[str, Field(max_length=20)] = "tick"
    queries: Annotated[int, Field(ge=1, le=20)] = 10
    limits: Annotated[dict[Annotated[str, Field(max_length=80)], float], Field(max_length=40)] = {}

    @classmethod
    def of(cls, values: JsonView) -> Wish:
        """The wish of a form's or document's values; missing and empty ones take their defaults.

        Raises:
            ConfigError: names the first invalid value.
        """
        try:
            return cls.model_validate({k: v for k, v in values.items() if v not in ("", None)})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"][:1]) or "the form"
            raise ConfigError(f"{place}: {first['msg'].lower()}; correct the form.") from None

    def limited(self, limits: Mapping[str, float]) -> Wish:
        """The same wish with other limits."""
        return self.model_copy(update={"limits": dict(limits)})

    def setup(self) -> Setup:
        """Settings of the dialogue; the seed is common, so that equal histories have equal questions."""
        question = self.question if self.learner == "bayes" else "auto"
        return Setup(learner=self.learner, question=question, n_queries=self.queries)

    def wanted(self, uploads: Uploads, n: int | None = None) -> Wanted:
        """The pool that this needs, of `n` objectives."""
        return Wanted(self.scenario, self._network(uploads), n or self.objectives, data=uploads.data)

    def stages(self) -> tuple[int, ...]:
        """Sizes of the pools to build in turn; designs of the first are in the last, so a dialogue can move."""
        return (FIRST_STAGE, self.objectives)

    def key(self, n: int) -> str:
        """Identifies a pool of `n` objectives for this network and traffic."""
        parts = self.model_dump(include={"scenario", "network", "demands", "load", "flows", "classes"})
        parts |= {"tunnels": self.tunnels, "failures": self.failures, "limits": self.limits, "n": n}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _network(self, uploads: Uploads) -> Network:
        known = self.network in catalog.TOPOLOGIES
        place = self.network if known else str(uploads.network(uploads.checked(self.network)))
        failures = None if self.failures is None else uploads.document(uploads.checked(self.failures))
        return Network(
            place, self._table(uploads), self.load, self.flows, self.tunnels, self.classes, failures
        )

    def _table(self, uploads: Uploads) -> Path | None:
        if self.demands == GRAVITY:
            return None
        key = self.network if self.demands == OWN else self.demands
        path = uploads.table(key)
        if not path.is_file():
            raise ConfigError("the network's file contains no demands; choose the gravity model or a table.")
        return path

    def today_file(self, uploads: Uploads) -> Path | None:
        """The `design.json` in use, if one was uploaded."""
        return None if self.today is None else uploads.document(uploads.checked(self.today))

    def load_facts(self, uploads: Uploads) -> LoadFacts:
        """The load of the network, without computing tunnels."""
        spec = spec_of(
            self.scenario,
            self._network(uploads).place() or "",
            data=uploads.data,
            **self._network(uploads).overrides(),  # type: ignore[arg-type]
        )
        topology = uploads.topology(self.network)
        return LoadFacts.of_demands(
            topology, traffic(spec.instance, topology, self._demands(spec.instance, uploads))
        )

    def _demands(self, config: InstanceConfig, uploads: Uploads) -> Demands:
        topology, table = uploads.topology(self.network), self._table(uploads)
        if table is None:
            return gravity(topology, generator(config.seed, 0))
        return demands_of(read_text(table), table, topology)


def saved_wish(document: JsonView) -> Wish:
    """The wish of a saved dialogue.

    Raises:
        FormatError: it is from another release.
    """
    try:
        return Wish.of(document)
    except ConfigError as error:
        raise FormatError(
            f"the dialogue was started by another release ({error}); start a new one."
        ) from None
