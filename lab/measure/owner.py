"""The owner: asks an instance with its own account's token, from beside the doors, past every edge.

What the owner is told is the yardstick for what others are refused: a door that does not answer its owner refuses
everybody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from ipaddress import IPv4Address
from typing import Final

from lab.describe.plan import WITNESS_PRIVATE, WITNESS_PUBLIC
from lab.measure import grep11, requests
from lab.measure.grep11 import HeldBlob, Secret
from lab.measure.observation import Observation
from lab.measure.probe import Prober
from lab.measure.requests import Credentials, HeldKey
from lab.model.call import Operation
from lab.model.endpoint import ep11, kms
from lab.model.plane import Plane, Surface
from lab.model.world import Instance

WITNESSES: Final[Mapping[Plane, str]] = {Plane.PRIVATE: WITNESS_PRIVATE, Plane.PUBLIC: WITNESS_PUBLIC}


class Owner:
    """Asks as the owner of instances. ``token`` returns a token of an account."""

    def __init__(self, prober: Prober, token: Callable[[str], Awaitable[str]]) -> None:
        """Keep who asks."""
        self._prober, self._token = prober, token

    async def credentials(self, instance: Instance) -> Credentials:
        """Return what the owner's requests carry."""
        return Credentials(token=await self._token(instance.account), guid=instance.guid)

    async def ask(
        self,
        instance: Instance,
        operation: Operation = Operation.LIST,
        *,
        plane: Plane = Plane.PRIVATE,
        node: str = "",
        at: IPv4Address | None = None,
        held: HeldKey | None = None,
        other_data: bool = False,
    ) -> Observation:
        """Return what the owner is told at the instance's door on ``plane``.

        Args:
            node: Who asks; by default the plane's witness.
            at: At which of the door's addresses; by default as the name says.
        """
        door, credentials = kms(instance, plane), await self.credentials(instance)
        request = requests.key_management(operation, credentials, held=held, other_data=other_data)
        return await self._prober.ask(node or WITNESSES[plane], door.names[0], door.port, request, at=at)

    async def crypto(
        self,
        instance: Instance,
        operation: Operation = Operation.LIST_MECHANISMS,
        *,
        plane: Plane = Plane.PRIVATE,
        node: str = "",
        at: IPv4Address | None = None,
        held: HeldBlob | None = None,
        secret: Secret | None = None,
    ) -> Observation:
        """Return what the owner is told at the instance's EP11 door on ``plane``; ``node`` and ``at`` as above."""
        door, credentials = ep11(instance, plane), await self.credentials(instance)
        request = grep11.crypto(operation, credentials, held=held, secret=secret)
        return await self._prober.ask(node or WITNESSES[plane], door.names[0], door.port, request, at=at)

    async def plainest(
        self,
        instance: Instance,
        surface: Surface,
        *,
        plane: Plane = Plane.PRIVATE,
        node: str = "",
        at: IPv4Address | None = None,
    ) -> Observation:
        """Return what the owner is told where he asks for the least that ``surface`` can be asked."""
        if surface is Surface.EP11:
            return await self.crypto(instance, plane=plane, node=node, at=at)
        return await self.ask(instance, plane=plane, node=node, at=at)

    async def policy(self, instance: Instance) -> Observation:
        """Return the owner's reading of the network access policy at the private door."""
        return await self.ask(instance, Operation.GET_POLICY)
