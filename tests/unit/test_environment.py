"""The environment of a host: what real clients read there, for owners, neighbours and worlds without an instance."""

from __future__ import annotations

from lab.describe import environment
from lab.describe.builder import Builder
from lab.model.world import World


def two_accounts(*owners: str) -> World:
    """Return accounts acme and rival with a VSI each, and an instance ``OWNER-keys`` of each of ``owners``."""
    builder = Builder()
    for name in ("acme", "rival"):
        builder.account(name)
        builder.vsi(f"{name}-vsi", account=name)
    for owner in owners:
        builder.crypto_instance(f"{owner}-keys", account=owner)
    return builder.world()


def instance_of(world: World, host: str) -> str:
    """Return the id of the instance that a client on ``host`` is pointed to."""
    return environment.of(world, world.hosts[host], "key")["KP_INSTANCE_ID"]


def test_a_host_is_pointed_to_its_accounts_first_instance() -> None:
    """Whoever else's instances were said before."""
    world = two_accounts("rival", "acme")
    assert instance_of(world, "acme-vsi") == world.instances["acme-keys"].guid
    assert instance_of(world, "rival-vsi") == world.instances["rival-keys"].guid


def test_a_host_whose_account_owns_no_instance_is_pointed_to_the_worlds_first() -> None:
    """A neighbour's client can try what is not his without being told where it is."""
    world = two_accounts("acme")
    assert instance_of(world, "rival-vsi") == world.instances["acme-keys"].guid


def test_clients_of_grpc_are_given_host_and_port() -> None:
    """A scheme is nothing that they take; the port is the one after key management's, the name EP11's own."""
    world = two_accounts("acme")
    found = environment.of(world, world.hosts["acme-vsi"], "key")
    assert found["PELAB_EP11_PUBLIC"] == "ep11.us-south.hs-crypto.cloud.ibm.com:9043"
    assert found["PELAB_EP11_PRIVATE"] == "ep11.private.us-south.hs-crypto.cloud.ibm.com:9043"
    assert found["PELAB_KMS_PRIVATE"] == "https://api.private.us-south.hs-crypto.cloud.ibm.com:9042"


def test_clients_are_given_the_broker_of_their_instances_region() -> None:
    """An instance is discovered where it is."""
    builder = Builder()
    builder.vsi("vsi-1", account=builder.account("acme"))
    builder.crypto_instance("keys", account="acme", region="eu-de")
    found = environment.of(builder.world(), builder.world().hosts["vsi-1"], "key")
    assert found["PELAB_BROKER"] == "https://eu-de.broker.hs-crypto.cloud.ibm.com"


def test_without_any_instance_there_is_still_iam() -> None:
    """The key, the console and both IAM endpoints; no variable is there and empty."""
    world = two_accounts()
    found = environment.of(world, world.hosts["acme-vsi"], "key")
    assert found == {
        "IBMCLOUD_API_KEY": "key",
        "PELAB_CONSOLE": "https://cloud.ibm.com",
        "PELAB_IAM_PUBLIC": "https://iam.cloud.ibm.com",
        "PELAB_IAM_PRIVATE": "https://private.iam.cloud.ibm.com",
    }
