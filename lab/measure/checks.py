"""What withdraws a measurement: each check returns what is wrong, in words, or nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from lab.describe.plan import BACKBONE, INTERNET
from lab.measure import requests
from lab.measure.asked import Asked, arrived
from lab.measure.observation import Observation
from lab.measure.sightings import Sighting
from lab.model.call import Operation
from lab.model.endpoint import INSTANCE_SURFACES, Endpoint
from lab.model.outcome import Outcome
from lab.model.world import Host

_STANDS: Final = {"edge.": BACKBONE, "zone.": BACKBONE, "internet.": INTERNET}


def astray(asked: Asked) -> str:
    """Return what is wrong with where a call came from or where its name led, whatever became of it."""
    host = asked.world.hosts[asked.call.by]
    return impostor(host, asked.observed) or misled(asked.endpoint, asked.observed)


def answered(asked: Asked) -> str:
    """Return what is wrong with a call that somebody answered: it must be this call, at this door."""
    return astray(asked) or elsewhere(asked) or contradiction(asked) or anothers(asked)


def impostor(host: Host, observed: Observation) -> str:
    """Return what is wrong with packets that bear none of the caller's own addresses."""
    own = {nic.address.ip for nic in host.nics}
    for attempt in observed.attempts:
        for flow in attempt.flows:
            if flow.source not in own:
                return f"asked from {flow.source}, which is no address of {host.name}"
    return ""


def misled(endpoint: Endpoint, observed: Observation) -> str:
    """Return what is wrong with a name that did not lead to the endpoint's own addresses, in their order."""
    if not observed.resolved or observed.resolved == endpoint.addresses:
        return ""
    found, known = (", ".join(map(str, addresses)) for addresses in (observed.resolved, endpoint.addresses))
    return f"{observed.name} led to {found}; the addresses of {endpoint.name} are {known}"


def elsewhere(asked: Asked) -> str:
    """Return what is wrong with an answer to a question that was not seen to arrive at a door of its plane."""
    if arrived(asked.sightings, asked.call.plane, asked.observed.last.flow):
        return ""
    return f"answered, but nothing of it was seen to arrive at a door of the {asked.call.plane.value} plane"


def contradiction(asked: Asked) -> str:
    """Return where the service's own log contradicts what was asked and answered."""
    if asked.log is None:
        return "answered, and the services logged nothing of it"
    for name, value in _expected(asked):
        if asked.log.get(name) != value:
            return f"the service's log says {name} {asked.log.get(name)}, and it was {value}"
    return ""


def _expected(asked: Asked) -> Iterator[tuple[str, Any]]:
    """Yield what the log line of this very request must say."""
    call, status, flow = asked.call, asked.observed.status, asked.observed.last.flow
    allowed = served(asked.observed)
    yield "plane", call.plane.value
    yield "surface", asked.endpoint.surface.value
    yield "door", asked.endpoint.name
    yield "status", status
    yield "decision", "allow" if allowed else "deny"
    yield "method", asked.request.method
    yield "path", asked.request.path.partition("?")[0]
    if flow is not None:
        yield "caller", str(flow.source)
        yield "caller_port", flow.source_port
    if allowed:
        yield "rule", "door.served"
    if call.surface in INSTANCE_SURFACES:
        yield "instance", asked.world.instances[asked.endpoint.instance or call.instance].guid
        yield "subject", requests.claims_in(asked.credentials.token).get("iam_id")
    if call.operation is Operation.TOKEN and allowed:
        yield "subject", requests.claims_in(requests.token_in(asked.observed)).get("iam_id")


def anothers(asked: Asked) -> str:
    """Return what is wrong with a token that was given for another account than the caller's."""
    if asked.call.operation is not Operation.TOKEN or not served(asked.observed):
        return ""
    account = asked.world.accounts[asked.world.hosts[asked.call.by].account]
    given = requests.claims_in(requests.token_in(asked.observed)).get("account", {}).get("bss")
    return "" if given == account.id else f"the token is for account {given}, and {account.name} is {account.id}"


def misplaced(host: Host, sighting: Sighting | None) -> str:
    """Return what is wrong with a drop that another node reports than the one on which its rule stands for ``host``."""
    if sighting is None:
        return ""
    places = {**_STANDS, "gateway.": host.behind}
    stands = next((node for prefix, node in places.items() if sighting.rule.startswith(prefix)), None)
    if stands == sighting.place:
        return ""
    return f"{sighting.place} reports {sighting.rule}, which stands on {stands or 'no node'}"


def said(observed: Observation) -> str:
    """Return the product's text of a refusal, with its code; empty if there is none."""
    return observed.refusal or requests.message_in(observed)


def served(observed: Observation) -> bool:
    """Whether a call was served."""
    return observed.signature.outcome is Outcome.REACHED
