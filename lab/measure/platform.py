"""The doors that instances share: what a browser asks of the console, and clients of the broker and of TKE.

The console's paths are the lab's own (docs/rules.md marks them assumed); its bodies are key management's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from lab.errors import ProbeFailed
from lab.measure import requests, tke
from lab.measure.asked import Asked
from lab.measure.requests import Credentials, HttpRequest
from lab.model.call import Call, Operation
from lab.model.endpoint import Endpoint, doors_of, of_instance
from lab.model.plane import Plane, Surface
from lab.model.world import Instance

_ITEMS: Final = {
    Operation.LIST: "keys",
    Operation.CREATE: "keys",
    Operation.GET_POLICY: "network-policy",
    Operation.SET_POLICY: "network-policy",
    Operation.GET_INSTANCE: "overview",
}


def request(surface: Surface, operation: Operation, credentials: Credentials, **about: Any) -> HttpRequest:
    """Return the request for ``operation`` to ``surface``, which is key management, the console, the broker or TKE.

    ``about`` says what the operation is about, as for ``requests.key_management``.
    """
    if surface is Surface.TKE:
        return tke.request(operation, credentials)
    if operation is Operation.GET_INSTANCE:
        path = f"/crypto_v2/instances/{credentials.guid}"
        headers = {"authorization": f"Bearer {credentials.token}", "accept": "application/json"}
        asked = HttpRequest(method="GET", path=path, headers=headers)
    else:
        asked = requests.key_management(operation, credentials, **about)
    return _in_a_browser(asked, operation, credentials) if surface is Surface.CONSOLE else asked


def _in_a_browser(asked: HttpRequest, operation: Operation, credentials: Credentials) -> HttpRequest:
    """Return ``asked`` as the console is asked for it: the instance is named in the path alone."""
    if operation not in _ITEMS:
        raise ProbeFailed(f"{operation.value} is no operation of the console")
    query = asked.path.partition("?")[2] if operation is Operation.LIST else ""
    path = f"/services/hs-crypto/{credentials.guid}/{_ITEMS[operation]}" + f"?{query}" * bool(query)
    headers = {name: value for name, value in asked.headers.items() if name != "bluemix-instance"}
    return replace(asked, path=path, headers=headers)


def behind(call: Call, instance: Instance) -> tuple[Endpoint, HttpRequest]:
    """Return which door the console must ask for ``call``, and with what: as a client on the internet."""
    surface = Surface.BROKER if call.operation is Operation.GET_INSTANCE else Surface.KMS
    asked = request(surface, call.operation, Credentials(token="", guid=instance.guid))
    return of_instance(instance, surface, Plane.PUBLIC), asked


def check_document(asked: Asked) -> str:
    """Return what is wrong with an instance document: it must tell the instance's own endpoints, and no others."""
    instance = asked.world.instances[asked.call.instance]
    wanted: dict[str, Any] = {"instance_id": instance.guid}
    for door in doors_of(instance):
        wanted.setdefault(door.surface.value, {})[door.plane.value] = door.authority
    told = requests.document(asked.observed)
    wrong = next((name for name in (*wanted, *told) if told.get(name) != wanted.get(name)), None)
    if wrong is None:
        return ""
    return f"the document says {wrong} {told.get(wrong)}, and that of {instance.name} is {wanted.get(wrong)}"
