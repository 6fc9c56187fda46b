"""Furnishing: what the lab's operator tells the cloud about a world's accounts and instances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lab.describe.placing import controls
from lab.model.action import Action, DeleteInstance, Initialise, Provision, RestoreInstance
from lab.model.endpoint import Endpoint, broker, doors_of
from lab.model.world import Instance, World
from lab.serve import messages


def world(described: World, api_keys: Mapping[str, str]) -> Iterator[messages.Operation]:
    """Yield the requests that bring a fresh cloud into the state of ``described``.

    Args:
        api_keys: An API key for each account, by the account's name.
    """
    for account in described.accounts.values():
        keys = {api_keys[account.name]: f"iam-ServiceId-{account.name}"}
        yield messages.Account(id=0, name=account.name, account_id=account.id, api_keys=keys)
    for instance in (*described.instances.values(), *controls(described)):
        yield provision(described, instance)
        if instance.initialised:
            yield messages.Initialise(id=0, guid=instance.guid)
        if instance.deleted:
            yield messages.Delete(id=0, guid=instance.guid)


def change(before: World, after: World, action: Action) -> Iterator[messages.Operation]:
    """Yield the requests that carry ``action`` out; a first instance brings its account's control instance."""
    match action:
        case Provision():
            known = {instance.name for instance in controls(before)}
            for twin in controls(after):
                if twin.name not in known:
                    yield provision(after, twin)
                    yield messages.Initialise(id=0, guid=twin.guid)
            yield provision(after, after.instances[action.instance])
        case Initialise():
            yield messages.Initialise(id=0, guid=after.instances[action.instance].guid)
        case DeleteInstance():
            yield messages.Delete(id=0, guid=after.instances[action.instance].guid)
        case RestoreInstance():
            yield messages.Restore(id=0, guid=after.instances[action.instance].guid)
        case _:
            return  # the network's alone


def provision(described: World, instance: Instance) -> messages.Provision:
    """Return the request that provisions ``instance`` with its network access policy, uninitialised."""
    account = described.accounts[instance.account].id
    return messages.Provision(
        id=0,
        instance=instance.name,
        guid=instance.guid,
        crn=f"crn:v1:bluemix:public:hs-crypto:{instance.region}:a/{account}:{instance.guid}::",
        account=account,
        region=instance.region,
        allowed_network=instance.policy.value if instance.policy else None,
        doors=[door(endpoint) for endpoint in (*doors_of(instance), broker(instance.region))],
    )


def door(endpoint: Endpoint) -> messages.Door:
    """Return the description of a door for the cloud process."""
    return messages.Door(
        name=endpoint.name,
        surface=endpoint.surface,
        plane=endpoint.plane,
        region=endpoint.region,
        names=list(endpoint.names),
        addresses=[str(address) for address in endpoint.addresses],
        port=endpoint.port,
        instance=endpoint.instance,
    )
