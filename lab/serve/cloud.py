"""The emulated cloud of one lab: its services' state, its keys, clock, log and sabotage switches.

What the operator of the lab does (accounts, provisioning, initialisation, deletion) is a method here; what
callers do comes through the doors. It opens no socket.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec

from lab.model.endpoint import INSTANCE_SURFACES
from lab.model.plane import Plane, Surface
from lab.serve import log, messages
from lab.serve.clock import Clock, system
from lab.services.iam import state as iam
from lab.services.iam.operations import Issuer
from lab.services.kms import policies, rules
from lab.services.kms import state as kms
from lab.services.kms.vault import MASTER_BYTES
from lab.services.tokens import Bearer, Verifier

OPERATOR = "pelab-operator"
_SCHEME = "bearer "


class Cloud:
    """The services of a lab. Making one draws the key that signs tokens, so it is made after the fork."""

    __slots__ = (
        "accounts",
        "clock",
        "console_side",
        "doors",
        "draw",
        "enforced_on",
        "instances",
        "issuer",
        "sink",
        "verifier",
    )

    def __init__(self, sink: log.Sink, *, clock: Clock = system, draw: Callable[[int], bytes] = os.urandom) -> None:
        """Start empty; ``sink`` takes log lines, ``draw`` gives random bytes."""
        key = ec.generate_private_key(ec.SECP256R1())
        self.sink, self.clock, self.draw = sink, clock, draw
        self.accounts, self.instances = iam.Store(), kms.Store()
        self.issuer, self.verifier = Issuer(self.accounts, key=key, draw=draw), Verifier(key.public_key())
        self.doors: dict[str, dict[tuple[Surface, Plane], messages.Door]] = {}
        """Where each instance is asked for, by its id."""
        self.console_side = Plane.PUBLIC
        """The side on which the console asks key management; sabotage turns it."""
        self.enforced_on = {*INSTANCE_SURFACES, Surface.CONSOLE, Surface.TKE}
        """The surfaces whose requests the network access policy is asked about; sabotage takes one away, or all."""

    def bearer(self, authorization: str) -> tuple[Bearer | None, rules.Level]:
        """Return whom an ``authorization`` header stands for and what he may do; (None, NOTHING) where it does not."""
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            return None, rules.Level.NOTHING
        bearer = self.verifier.bearer(authorization[len(_SCHEME) :].strip(), now=self.clock())
        if bearer is None:
            return None, rules.Level.NOTHING
        return bearer, rules.level(self.accounts.roles(bearer.account, bearer.subject))

    def obey(self, asked: messages.Operation) -> None:
        """Do what the lab's operator asks.

        Raises:
            LookupError, ValueError: It names something unknown, or something that cannot be.
        """
        match asked:
            case messages.Account():
                self.account(asked)
            case messages.Provision():
                self.provision(asked)
            case messages.Initialise():
                self.initialise(asked.guid)
            case messages.Delete():
                self.delete(asked.guid)
            case messages.Restore():
                self.restore(asked.guid)

    def account(self, asked: messages.Account) -> None:
        """Create or replace an account."""
        roles = {subject: frozenset(names) for subject, names in asked.roles.items()}
        for name in set().union(*roles.values()) - rules.LEVELS.keys():
            raise ValueError(f"no role named {name!r}; there are: {', '.join(rules.LEVELS)}")
        self.accounts.put(iam.Account(name=asked.name, id=asked.account_id, api_keys=asked.api_keys, roles=roles))

    def provision(self, asked: messages.Provision) -> None:
        """Create an instance; naming its network here is the other way to set the policy (page, step 2)."""
        at = datetime.fromtimestamp(self.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        instance = kms.Instance(
            name=asked.instance,
            guid=asked.guid,
            crn=asked.crn,
            account=asked.account,
            region=asked.region,
            policy=policies.provisioned(asked.allowed_network, by=OPERATOR, at=at),
        )
        self.instances.put(instance)
        self.doors[asked.guid] = {(door.surface, door.plane): door for door in asked.doors}

    def initialise(self, guid: str) -> None:
        """Draw the instance's master key. It is drawn once: a second time would orphan every key."""
        instance = self._instance(guid)
        if instance.deleted:
            raise ValueError(f"instance {instance.name!r} is deleted")
        if instance.master is None:
            instance.master = self.draw(MASTER_BYTES)

    def delete(self, guid: str) -> None:
        """Delete the instance: it is not found, its policy is not enforced; what it holds is kept for a restore."""
        self._instance(guid).deleted = True

    def restore(self, guid: str) -> None:
        """Bring a deleted instance back, with all that it held."""
        self._instance(guid).deleted = False

    def _instance(self, guid: str) -> kms.Instance:
        instance = self.instances.by_guid(guid)
        if instance is None:
            raise LookupError(f"no instance with id {guid!r}")
        return instance
