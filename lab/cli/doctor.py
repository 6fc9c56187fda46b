"""``pelab doctor``: what this machine can do, and the command that mends each gap."""

from __future__ import annotations

import click

from lab.cli.arguments import JSON
from lab.cli.status import Status


@click.command("doctor")
@JSON
def command(*, as_json: bool) -> Status:
    """Say what this machine can do, and the fix for what it cannot.

    Ends with 0 when labs can be brought up here, with 3 when something is missing.
    """
    from lab.live.preflight import checks

    found = checks()
    if as_json:
        from lab.report import json

        click.echo(json.text(json.checkup(found)))
    else:
        from lab.report import checkup as drawn
        from lab.report.screen import screen

        drawn.show(screen(), found)
    return Status.AGREED if all(check.ok for check in found) else Status.CANNOT
