"""``pelab explain``: the way of one call, the rule that decides, and what to mend first."""

from __future__ import annotations

from dataclasses import replace

import click
from click.core import ParameterSource

from lab.cli.arguments import JSON, MAYBE_INSTANCE, PLANE, SETTINGS, SOURCE, TOPOLOGY, Word, called_by, parameters
from lab.errors import ModelError, Problem, nearest
from lab.model.call import OPERATIONS, PLAINEST, Call, Operation
from lab.model.endpoint import PUBLIC_SURFACES
from lab.model.plane import Plane, Policy, Surface
from lab.model.variables import Variable


@click.command("explain")
@TOPOLOGY
@SOURCE
@MAYBE_INSTANCE
@click.option("--surface", type=Word(s.value for s in PLAINEST), default=Surface.KMS.value, show_default=True)
@click.option(
    "--operation", type=Word(o.value for o in Operation), help="Default: the surface's plainest, which looks."
)
@PLANE
@click.option(
    "--env", "variable", metavar="NAME[=URL]", help="A tool's endpoint variable, such as KP_PRIVATE_ADDR; alone: unset."
)
@SETTINGS
@JSON
def command(
    *,
    topology: str,
    source: str,
    instance: str | None,
    surface: str,
    operation: str | None,
    plane: str | None,
    variable: str | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Explain what a call of host SRC to INSTANCE (by default its account's) will meet, from the model alone."""
    from lab.catalogue import load_topology
    from lab.report import explain

    world = load_topology(topology, **parameters(settings)).world()
    named, context = instance or called_by(world, world.host(source)), click.get_current_context()
    if variable is not None:
        for given in ("surface", "plane"):
            if context.get_parameter_source(given) is ParameterSource.COMMANDLINE:
                raise click.UsageError(f"--{given} stands beside --env: the variable says both")
        call = _led(source, named, variable)
    else:
        api = Surface(surface)
        own = Plane.PUBLIC if api in PUBLIC_SURFACES else world.host(source).own_plane
        side = Plane(plane) if plane else own
        call = Call(by=source, instance=named, plane=side, surface=api, operation=PLAINEST[api])
    if operation is not None:
        call = _asking(call, Operation(operation))
    told = explain.explain(world, call)
    if as_json:
        from lab.report import json

        click.echo(json.text(json.explanation(told)))
        return
    from lab.report.screen import screen

    explain.show(screen(), told)


def _asking(call: Call, operation: Operation) -> Call:
    """Return ``call`` for another operation; UsageError if its surface has none such."""
    if operation not in OPERATIONS.get(call.surface, ()):
        theirs = next(surface.value for surface, known in OPERATIONS.items() if operation in known)
        raise click.UsageError(f"{call.surface.value} has no operation {operation.value}; it is of --surface {theirs}")
    policy = Policy.PRIVATE_ONLY if operation is Operation.SET_POLICY else None
    return replace(call.to(operation), policy=policy)


def _led(source: str, instance: str, variable: str) -> Call:
    """Return what the tool asks that reads the variable; ModelError if no tool does."""
    name, given, value = variable.partition("=")
    tools = {Variable.KP_PRIVATE_ADDR.value: Call.kp, Variable.TKE_PRIVATE_ADDR.value: Call.tke}
    if name not in tools:
        raise ModelError(
            Problem(where="--env", text=f"no tool reads {name!r}", hint=nearest(name, tools) or ", ".join(tools))
        )
    if given and not value:
        raise ModelError(Problem(where=f"--env {name}", text="is empty", hint=f"--env {name} alone: it is unset"))
    return tools[name](source, instance, address=value if given else None)
