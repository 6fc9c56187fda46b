"""Which URL a client is given: an instance's own doors, and those that all instances or all of a region share. Pure."""

from __future__ import annotations

from lab.errors import ModelError, Problem, nearest
from lab.model.endpoint import endpoints
from lab.model.plane import Plane, Surface
from lab.model.world import World


def url(world: World, service: str, plane: Plane, surface: Surface) -> str:
    """Return the URL of an instance's ``surface`` on ``plane``, or of the shared ``service`` of that name.

    What the instances of a region share (broker, TKE, Key Protect) is of an instance its region's.

    Raises:
        ModelError: There is none, or one in each of several regions.
    """
    instance = world.instances.get(service)
    said, where = (service, "endpoint/service") if instance is None else (surface.value, "endpoint/surface")
    doors = [door for door in endpoints(world) if door.plane is plane and door.instance in {None, service}]
    found = [door for door in doors if door.surface.value == said]
    if instance is not None:
        found = [door for door in found if door.region == instance.region] or found  # IAM is in one region for all
    if not found:
        known = {door.surface.value for door in doors} | (set() if instance is not None else {*world.instances})
        raise ModelError(Problem(where=where, text=f"no {plane.value} endpoint of {said!r}", hint=nearest(said, known)))
    if len(found) > 1:
        regions, one = ", ".join(door.region for door in found), next(iter(world.instances))
        text = f"each region has a {plane.value} endpoint of {service!r} of its own: {regions}"
        hint = f'that of an instance: lab.endpoint("{one}", "{plane.value}", surface="{service}")'
        raise ModelError(Problem(where=where, text=text, hint=hint))
    return found[0].url
