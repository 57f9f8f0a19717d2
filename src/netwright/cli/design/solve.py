"""`netwright design solve`: the best design for an objective with known parameters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from netwright.cli import options
from netwright.cli.design import options as inputs
from netwright.cli.inputs import output_folder
from netwright.cli.output import interruptible, print_facts, print_json, print_line, progress
from netwright.core.errors import ConfigError, UnknownNameError
from netwright.synthesis.problem import Array, ObjectiveFamily, Parameter, check_ranges
from netwright.wan.chunks import Work
from netwright.wan.exporting import DESIGN_FILE, today_of, write_design
from netwright.wan.figures import MAP_FILE, map_svg
from netwright.wan.instance import Instance
from netwright.wan.outcome import best_design
from netwright.wan.registry import scenario as scenario_named
from netwright.wan.selection import Wanted, built


def solve(
    network: inputs.NetworkOptions,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter",
            "--knob",
            metavar="NAME=VALUE",
            help="A parameter of the objective, such as latency-weight=0.4; repeat for each. Without any, the error "
            "message lists them.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", callback=options.writable, help="Folder to write the design into.")
    ] = Path("netwright-design"),
    today: inputs.Today = None,
    pool: inputs.PoolFile = None,
    data: options.Data = None,
    as_json: options.AsJson = False,
) -> None:
    """Find the best design for an objective whose parameters you know, without a dialogue."""
    folder = output_folder(out, DESIGN_FILE, fresh=True)
    wanted = Wanted(network.scenario, network.network(), pool=pool, data=data, say=progress)
    with interruptible("nothing was written."):
        name, instance, family = _problem(wanted, parameter or [])
        parameters = read_parameters(family.name, family.parameters, parameter or [])
        family.check(parameters)
        in_use = today_of(scenario_named(name), instance, today)
        found = best_design(name, instance, family, parameters, in_use)
        drawn = map_svg(instance.topology, found.tables)
        files = write_design(folder, found.document, found.tables, {MAP_FILE: drawn})
    if as_json:
        print_json({**found.document, "files": [str(path) for path in files]})
    else:
        print_facts(found.facts)
        print_line(f"files: {', '.join(str(path) for path in files)}")


def _problem(wanted: Wanted, given: Sequence[str]) -> tuple[str, Instance, ObjectiveFamily]:
    """The scenario's name, the instance and its family of objectives, from a pool or computed now.

    Where the parameters are known in advance, those given are checked before anything is computed.
    """
    if wanted.pool is not None:
        source = wanted.source()
        return source.pool.provenance["scenario"], source.instance, source.pool.family
    spec = wanted.spec()
    chosen = scenario_named(spec.scenario)
    if chosen.parameters:
        read_parameters(chosen.name, chosen.parameters, given)
    instance = built(spec, wanted.data, progress)
    reference = chosen.reference(instance, Work(progress=progress))
    return spec.scenario, instance, chosen.family(chosen.metrics(instance), reference)


def read_parameters(family: str, known: Sequence[Parameter], given: Sequence[str]) -> Array:
    """An objective (k,) from `NAME=VALUE` for each parameter; hyphens stand for spaces in a name.

    Args:
        family: name of the family, for errors.
        known: its parameters.
        given: what the user gave.

    Raises:
        ConfigError: a parameter is missing, unknown, repeated, not a number, or out of range.
    """
    names = {_plain(parameter.name): i for i, parameter in enumerate(known)}
    values = np.full(len(names), np.nan)
    for text in given:
        name, _, amount = text.partition("=")
        name = _plain(name)
        if name not in names:
            raise UnknownNameError(f"parameter of {family}", name, names)
        if not np.isnan(values[names[name]]):
            raise ConfigError(f"--parameter {name} is given twice; keep one.")
        try:
            values[names[name]] = float(amount)
        except ValueError:
            raise ConfigError(f"--parameter takes NAME=VALUE with a number, got {text!r}.") from None
        if not np.isfinite(values[names[name]]):
            raise ConfigError(f"--parameter {name} must be a finite number, got {amount!r}.")
    missing = [
        f"{_plain(parameter.name)} in {parameter.low:g} to {parameter.high:g}"
        for parameter, value in zip(known, values, strict=True)
        if np.isnan(value)
    ]
    if missing:
        raise ConfigError(f"give --parameter NAME=VALUE for {'; '.join(missing)}.")
    check_ranges(family, known, values)
    return values


def _plain(name: str) -> str:
    return name.strip().replace(" ", "-").replace("_", "-")
