"""Whom a call asks: an endpoint variable leads where a client would take it, and a slip in it is named."""

from __future__ import annotations

import pytest

from lab import Call, Plane, catalogue
from lab.errors import ModelError
from lab.model.aim import aimed

WORLD = catalogue.load_topology("single_account").world()
PRIVATE = "https://api.private.us-south.hs-crypto.cloud.ibm.com:9042"


@pytest.mark.parametrize(
    "address,name,plane",
    [
        (None, "key-protect/public/us-south", Plane.PUBLIC),
        (PRIVATE, "kms/private/keys", Plane.PRIVATE),
        (PRIVATE.replace(".private", ""), "kms/public/keys", Plane.PUBLIC),
        ("https://ep11.private.us-south.hs-crypto.cloud.ibm.com:9043", "ep11/private/keys", Plane.PRIVATE),
    ],
)
def test_a_variable_leads_to_the_endpoint_that_it_names(address: str | None, name: str, plane: Plane) -> None:
    """Unset leads to Key Protect; the plane is that of the name."""
    call = Call.kp("vsi-1", "keys", address=address)
    door = aimed(WORLD, call)
    assert door is not None
    assert (door.name, door.plane, call.plane) == (name, plane, plane)


@pytest.mark.parametrize(
    "address,name",
    [
        (None, "tke/public/us-south"),
        ("https://tke.us-south.hs-crypto.cloud.ibm.com", "tke/public/us-south"),
        ("https://tke.private.us-south.hs-crypto.cloud.ibm.com", "tke/private/us-south"),
    ],
)
def test_tkes_variable_unset_is_public(address: str | None, name: str) -> None:
    """The page says so of this variable, and not of the other."""
    door = aimed(WORLD, Call.tke("vsi-1", "keys", address=address))
    assert door is not None
    assert door.name == name


def test_without_a_scheme_no_request_is_made() -> None:
    """The instance document's values have none."""
    assert aimed(WORLD, Call.kp("vsi-1", "keys", address=PRIVATE.removeprefix("https://"))) is None


@pytest.mark.parametrize(
    "address,why",
    [
        (PRIVATE.replace("9042", "9052"), "no endpoint of this world"),
        (PRIVATE.replace("9042", "90420"), "no endpoint of this world"),
        *((PRIVATE + more, "says more than https://, host and port") for more in ("/", "/no/such/path", "/?x#y", "?x")),
        (PRIVATE.replace("https://", "https://user:pw@"), "no endpoint of this world"),
        (PRIVATE.replace("https", "http"), "no endpoint of this world"),
        (PRIVATE.replace("us-south", "us-suoth").removeprefix("https://"), "no endpoint of this world"),
        ("", "no endpoint of this world"),
        ("https://private.iam.cloud.ibm.com", "no endpoint of this world that the tool could ask"),
    ],
)
def test_a_slip_in_an_address_is_named_with_the_nearest_endpoint(address: str, why: str) -> None:
    """A port, scheme or region that the world does not have is a slip of the author's, not an outcome."""
    with pytest.raises(ModelError, match=why) as caught:
        aimed(WORLD, Call.kp("vsi-1", "keys", address=address))
    assert "call/KP_PRIVATE_ADDR" in str(caught.value)
    assert "https://" in str(caught.value)
