"""What a client program on a host finds in its environment: an API key, and where IAM, the console and an instance are.

It decides nothing: whether the host reaches what is named here is for the network and the service to say.
"""

from __future__ import annotations

from lab.model.endpoint import broker, console, ep11, iam, kms, tke
from lab.model.plane import Plane
from lab.model.world import Host, World


def of(world: World, host: Host, api_key: str) -> dict[str, str]:
    """Return the variables of a session on ``host``, whose account's key is ``api_key``.

    Values are key, id and URLs, and for EP11 host and port, which is what clients of gRPC take.
    The instance is the one that is meant where nobody says which (``World.instance_for``).
    """
    environment = {
        "IBMCLOUD_API_KEY": api_key,
        "PELAB_IAM_PUBLIC": iam(Plane.PUBLIC).url,
        "PELAB_IAM_PRIVATE": iam(Plane.PRIVATE).url,
        "PELAB_CONSOLE": console().url,
    }
    if (instance := world.instance_for(host)) is not None:
        environment["KP_INSTANCE_ID"] = instance.guid
        environment["PELAB_KMS_PUBLIC"] = kms(instance, Plane.PUBLIC).url
        environment["PELAB_KMS_PRIVATE"] = kms(instance, Plane.PRIVATE).url
        environment["PELAB_EP11_PUBLIC"] = ep11(instance, Plane.PUBLIC).authority
        environment["PELAB_EP11_PRIVATE"] = ep11(instance, Plane.PRIVATE).authority
        environment["PELAB_TKE_PUBLIC"] = tke(instance.region, Plane.PUBLIC).url
        environment["PELAB_TKE_PRIVATE"] = tke(instance.region, Plane.PRIVATE).url
        environment["PELAB_BROKER"] = broker(instance.region).url
    return environment
