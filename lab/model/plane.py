"""Planes, surfaces and the network access policy: the nouns that model, oracle and services share.

They carry no decision: what a policy refuses is said once in the oracle and once, apart, in the services.
"""

from __future__ import annotations

from enum import Enum


class Plane(Enum):
    """The side from which an endpoint is reached."""

    PUBLIC = "public"
    PRIVATE = "private"


class Surface(Enum):
    """An API of the product or of the platform around it."""

    KMS = "kms"
    EP11 = "ep11"
    TKE = "tke"
    IAM = "iam"
    KEY_PROTECT = "key-protect"
    """The key-management API of the provider's other service, which has no instance of this one."""
    RESOURCE_CONTROLLER = "resource-controller"
    BROKER = "broker"
    CONSOLE = "console"


class Policy(Enum):
    """The two settings of the network access policy (page: "Understanding the network access policy")."""

    PUBLIC_AND_PRIVATE = "public-and-private"
    PRIVATE_ONLY = "private-only"
