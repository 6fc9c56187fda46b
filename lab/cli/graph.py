"""``pelab graph``: a topology drawn, and in it the way of one call."""

from __future__ import annotations

import click

from lab.cli.arguments import JSON, PLANE, SETTINGS, TOPOLOGY, Name, called_by, hosts, instances, parameters
from lab.model.call import Call
from lab.model.plane import Plane


@click.command("graph")
@TOPOLOGY
@SETTINGS
@click.option("--from", "source", type=Name("host", hosts), metavar="HOST", help="Draw the way of this host's call.")
@click.option("--to", "instance", type=Name("instance", instances), metavar="INSTANCE", help="Default: its account's.")
@PLANE
@click.option("--svg", "form", flag_value="svg", help="Print SVG.")
@click.option("--mermaid", "form", flag_value="mermaid", help="Print Mermaid, as Markdown pages show it.")
@JSON
def command(
    *,
    topology: str,
    settings: tuple[str, ...],
    source: str | None,
    instance: str | None,
    plane: str | None,
    form: str | None,
    as_json: bool,
) -> None:
    """Draw TOPOLOGY: accounts, hosts, edges, doors and instances; with --from the way of a call, and where it dies."""
    from lab.catalogue import load_topology
    from lab.report import explain
    from lab.report.graph.picture import picture

    if source is None and (instance or plane):
        raise click.UsageError("--to and --plane say whither a call goes; --from HOST says whose it is")
    if form and as_json:
        raise click.UsageError(f"--json and --{form} are two pictures; ask for one")
    world = load_topology(topology, **parameters(settings)).world()
    told = None
    if source is not None:
        host = world.host(source, where="--from")
        named = instance or called_by(world, host)
        told = explain.explain(world, Call(by=source, instance=named, plane=Plane(plane) if plane else host.own_plane))
    drawn = picture(topology, world, told)
    if as_json:
        from lab.report import json

        click.echo(json.text(json.graph(drawn)))
    elif form == "svg":
        from lab.report.graph import svg

        click.echo(svg.document(drawn))
    elif form == "mermaid":
        from lab.report.graph import mermaid

        click.echo(mermaid.document(drawn))
    else:
        from lab.report.graph import text
        from lab.report.screen import screen

        console = screen()
        text.show(console, drawn)
        if told is not None:
            console.print()
            explain.show(console, told)
