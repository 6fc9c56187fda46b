"""Which URL a test's client is given, where instances share a door."""

from __future__ import annotations

import pytest

from lab import Builder, ModelError, Plane, Topology, World, catalogue, topology
from lab.model.plane import Surface
from lab.testing.endpoints import url


@topology
class TwoRegions(Topology):
    """An instance in each of two regions."""

    def build(self, b: Builder) -> None:
        """Say what stands in it."""
        account = b.account("acme")
        b.crypto_instance("near", account=account)
        b.crypto_instance("far", account=account, region="eu-de")


@pytest.fixture(scope="module")
def world() -> World:
    """Return a world of two regions."""
    return catalogue.world_of(TwoRegions())


@pytest.mark.parametrize("service", ["tke", "broker", "key-protect"])
def test_what_each_region_has_is_no_ones_by_its_name_alone(world: World, service: str) -> None:
    """With two regions it is told how to say which, and the hint works for either."""
    with pytest.raises(ModelError) as told:
        url(world, service, Plane.PUBLIC, Surface.KMS)
    assert str(told.value) == (
        f"endpoint/service: each region has a public endpoint of {service!r} of its own: us-south, eu-de "
        f'(that of an instance: lab.endpoint("near", "public", surface="{service}"))'
    )
    assert "us-south" in url(world, "near", Plane.PUBLIC, Surface(service))
    assert "eu-de" in url(world, "far", Plane.PUBLIC, Surface(service))


def test_what_all_regions_share_is_the_same_for_every_instance(world: World) -> None:
    """IAM and the console are in one region, and the instances of every region's."""
    for surface in (Surface.IAM, Surface.CONSOLE):
        shared = url(world, surface.value, Plane.PUBLIC, Surface.KMS)
        assert url(world, "far", Plane.PUBLIC, surface) == url(world, "near", Plane.PUBLIC, surface) == shared
