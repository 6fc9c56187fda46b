"""Keys, wrapping and the policy call, without HTTP."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from lab.errors import ServiceError
from lab.model.plane import Policy
from lab.services.kms import documents, operations, policies, vault
from lab.services.kms.operations import Request
from lab.services.kms.state import Instance
from lab.services.reply import Reply

Run = Callable[[Instance, Request], Reply]


class Drawer:
    """Random bytes that are not: each draw differs from all before."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._count = 0

    def __call__(self, size: int) -> bytes:
        """Return ``size`` bytes never returned before."""
        self._count += 1
        return self._count.to_bytes(size, "big")


DRAW = Drawer()


@pytest.fixture
def keys() -> Instance:
    """An initialised instance without keys."""
    return Instance(name="keys", guid="g", crn="crn:v1:x:g::", account="a", region="us-south", master=bytes(32))


def request(key: str = "", body: Any = None, prefer: str = "", **query: str) -> Request:
    """Return a request at the epoch by subject ``s``."""
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return Request(subject="s", now=0.0, draw=DRAW, key=key, query=query, body=data, prefer=prefer)


def creation(**fields: Any) -> dict[str, Any]:
    """Return the body of a root key's creation."""
    resource = {"type": documents.KEY, "name": "k", "extractable": False, **fields}
    return {"metadata": {"collectionType": documents.KEY, "collectionTotal": 1}, "resources": [resource]}


def created(keys: Instance, **fields: Any) -> dict[str, Any]:
    """Create a key and return its document."""
    reply = operations.create_key(keys, request(body=creation(**fields)))
    assert (reply.status, reply.media) == (201, documents.KEY)
    return resources(reply)[0]


def resources(reply: Reply) -> list[dict[str, Any]]:
    """Return the resources of a collection, whose total must be right."""
    document = json.loads(reply.body)
    found: list[dict[str, Any]] = document.get("resources", [])
    assert document["metadata"]["collectionTotal"] == len(found)
    return found


def refused(run: Run, keys: Instance, asked: Request) -> ServiceError:
    """Return the refusal of an operation."""
    with pytest.raises(ServiceError) as caught:
        run(keys, asked)
    return caught.value


def test_material_is_stored_wrapped_only(keys: Instance) -> None:
    """Neither the material nor the master key stands anywhere in the stored key."""
    material = b"0123456789abcdef0123456789abcdef"
    key = keys.keys[created(keys, payload=base64.b64encode(material).decode())["id"]]
    assert material not in key.wrapped
    assert b"payload" not in key.document
    assert vault.unseal(bytes(32), key.wrapped) == material


def test_listing_is_ordered_paged_and_without_material(keys: Instance) -> None:
    """Ids ascend, pages do not overlap, an offset past the end has no resources member."""
    ids = sorted(created(keys, name=f"k{n}", extractable=n % 2 == 0)["id"] for n in range(7))
    pages = [resources(operations.list_keys(keys, request(limit="3", offset=str(at)))) for at in (0, 3, 6)]
    assert ids == [key["id"] for page in pages for key in page]
    assert all("payload" not in key for page in pages for key in page)
    assert b"resources" not in operations.list_keys(keys, request(offset="7")).body


@pytest.mark.parametrize(
    "query,names",
    [
        pytest.param({"state": ""}, {"alpha", "beta"}, id="empty-state-means-living"),
        pytest.param({"state": "5"}, {"gone"}, id="destroyed"),
        pytest.param({"state": "1,5"}, {"alpha", "beta", "gone"}, id="several-states"),
        pytest.param({"extractable": "true"}, {"beta"}, id="standard-keys"),
        pytest.param({"search": "ALP"}, {"alpha"}, id="search"),
        pytest.param({"search": "not:alp"}, {"beta"}, id="search-not"),
        pytest.param({"search": "exact:alp"}, set(), id="search-exact"),
        pytest.param({"search": "alias:first"}, {"alpha"}, id="search-alias"),
    ],
)
def test_listing_filters(keys: Instance, query: dict[str, str], names: set[str]) -> None:
    """States, kinds and names narrow a listing, and the count is the listing's."""
    created(keys, name="alpha", aliases=["first"])
    created(keys, name="beta", extractable=True)
    operations.delete_key(keys, request(created(keys, name="gone")["id"]))
    assert names == {key["name"] for key in resources(operations.list_keys(keys, request(**query)))}
    assert operations.count_keys(keys, request(**query)).headers == ((b"key-total", str(len(names)).encode()),)


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "5001"}, {"offset": "-1"}, {"state": "x"}, {"sort": "id"}])
def test_listing_refuses_what_it_cannot_do(keys: Instance, query: dict[str, str]) -> None:
    """A wrong or unknown wish is said, not passed over."""
    assert refused(operations.list_keys, keys, request(**query)).code == "INVALID_QUERY_PARAM_ERR"


def test_standard_keys_come_with_their_payload_and_root_keys_without(keys: Instance) -> None:
    """Extractable means that the material comes out, by id and by alias."""
    payload = base64.b64encode(b"anything at all").decode()
    standard = created(keys, extractable=True, payload=payload, aliases=["mine"])
    root = created(keys)
    assert payload == standard["payload"] == resources(operations.get_key(keys, request("mine")))[0]["payload"]
    assert "payload" not in root
    assert "payload" not in resources(operations.get_key(keys, request(root["id"])))[0]
    assert "payload" not in resources(operations.get_metadata(keys, request(standard["id"])))[0]


def test_minimal_creation_shows_the_id_only(keys: Instance) -> None:
    """``Prefer: return=minimal`` is obeyed."""
    reply = operations.create_key(keys, request(body=creation(), prefer="return=minimal"))
    assert [list(resource) for resource in resources(reply)] == [["id"]]


@pytest.mark.parametrize(
    "body,code",
    [
        pytest.param(b"", "NO_BODY_ERR", id="no-body"),
        pytest.param(b"{", "BAD_BODY_ERR", id="broken"),
        pytest.param(b"\xff", "BAD_BODY_ERR", id="not-utf-8"),
        pytest.param(creation(surprise=1), "BAD_BODY_ERR", id="unknown-field"),
        pytest.param({**creation(), "resources": []}, "BAD_BODY_ERR", id="no-resource"),
        pytest.param({**creation(), "resources": creation()["resources"] * 2}, "BAD_BODY_ERR", id="two-resources"),
        pytest.param(creation(payload="?"), "INVALID_FIELD_ERR", id="not-base64"),
        pytest.param(creation(payload="AAAA"), "INVALID_FIELD_ERR", id="no-root-key's-size"),
    ],
)
def test_creation_refuses(keys: Instance, body: Any, code: str) -> None:
    """Each malformed creation has the product's code, and creates nothing."""
    error = refused(operations.create_key, keys, request(body=body))
    assert (error.status, error.code) == (400, code)
    assert not keys.keys


def test_every_key_has_a_material_of_its_own(keys: Instance) -> None:
    """Drawn anew for each: two standard keys, which show theirs, differ."""
    shown = [created(keys, extractable=True)["payload"] for _ in range(2)]
    assert len({*shown, base64.b64encode(bytes(32)).decode()}) == 3


def test_wrap_and_unwrap(keys: Instance) -> None:
    """What was wrapped comes back, twice the same plaintext gives two ciphertexts."""
    key = created(keys)["id"]
    secret = base64.b64encode(b"secret").decode()
    first, second = (
        json.loads(operations.wrap(keys, request(key, {"plaintext": secret, "aad": ["a", "b"]})).body) for _ in "12"
    )
    assert first["ciphertext"] != second["ciphertext"]
    assert "plaintext" not in first
    assert base64.b64decode(first["ciphertext"]).startswith(b'{"ciphertext":"')
    back = operations.unwrap(keys, request(key, {"ciphertext": first["ciphertext"], "aad": ["a", "b"]}))
    assert secret == json.loads(back.body)["plaintext"]
    assert (back.media, back.status) == (documents.UNWRAP, 200)


def test_wrap_without_plaintext_draws_a_key(keys: Instance) -> None:
    """The data encryption key comes back with its ciphertext, and unwraps to itself."""
    key = created(keys)["id"]
    drawn = json.loads(operations.wrap(keys, request(key, {})).body)
    assert len(base64.b64decode(drawn["plaintext"])) == 32
    back = json.loads(operations.unwrap(keys, request(key, {"ciphertext": drawn["ciphertext"]})).body)
    assert drawn["plaintext"] == back["plaintext"]


@pytest.mark.parametrize("aad", [[], ["a"], ["ab"], ["a", "b", ""], ["b", "a"], ["a,b"]])
def test_unwrap_wants_the_same_additional_data(keys: Instance, aad: list[str]) -> None:
    """No two lists of additional data are taken for each other."""
    key = created(keys)["id"]
    sealed = json.loads(operations.wrap(keys, request(key, {"aad": ["a", "b"]})).body)["ciphertext"]
    error = refused(operations.unwrap, keys, request(key, {"ciphertext": sealed, "aad": aad}))
    assert (error.status, error.code) == (422, "UNPROCESSABLE_CIPHERTEXT_ERR")


def test_unwrap_wants_the_same_key_and_an_untouched_ciphertext(keys: Instance) -> None:
    """Another key, or a changed bit, is refused; text that is no base64 is a bad field."""
    key, other = created(keys)["id"], created(keys)["id"]
    sealed = json.loads(operations.wrap(keys, request(key, {})).body)["ciphertext"]
    changed = base64.b64encode(base64.b64decode(sealed).replace(b'"iv":"', b'"iv":"A', 1)).decode()
    short = base64.b64encode(b'{"ciphertext":"AA==","iv":"AAAAAAAAAAAAAAAA","handle":""}').decode()
    for asked in (request(other, {"ciphertext": sealed}), request(key, {"ciphertext": changed})):
        assert refused(operations.unwrap, keys, asked).status == 422
    assert refused(operations.unwrap, keys, request(key, {"ciphertext": short})).status == 422
    assert refused(operations.unwrap, keys, request(key, {"ciphertext": "?"})).code == "INVALID_FIELD_ERR"


def test_standard_keys_do_not_wrap(keys: Instance) -> None:
    """Actions are for root keys."""
    key = created(keys, extractable=True)["id"]
    assert refused(operations.wrap, keys, request(key, {})).code == "KEY_ROOT_REQ_ERR"


def test_deleting_destroys_the_material(keys: Instance) -> None:
    """A deleted key is gone for every use; its metadata stays; deleting again is 410."""
    key = created(keys)["id"]
    assert operations.delete_key(keys, request(key)).status == 204
    assert keys.keys[key].wrapped == b""
    metadata = resources(operations.get_metadata(keys, request(key)))[0]
    assert (metadata["deleted"], metadata["state"], metadata["deletedBy"]) == (True, 5, "s")
    again = refused(operations.delete_key, keys, request(key))
    assert (again.status, again.code) == (410, "KEY_DELETED_ERR")
    assert refused(operations.get_key, keys, request(key)).status == 410
    assert refused(operations.wrap, keys, request(key, {})).code == "KEY_ACTION_INVALID_STATE_ERR"


def test_deleting_shows_the_key_when_asked(keys: Instance) -> None:
    """``Prefer: return=representation`` answers 200 with the key as it now is."""
    reply = operations.delete_key(keys, request(created(keys)["id"], prefer="return=representation"))
    assert (reply.status, resources(reply)[0]["deleted"]) == (200, True)


def test_unknown_key(keys: Instance) -> None:
    """404 with the product's text and code, and the lab's rule."""
    error = refused(operations.get_key, keys, request("nothing"))
    assert (error.status, error.code, error.rule) == (404, "KEY_NOT_FOUND_ERR", "key.unknown")


def policy_body(
    network: str | None = "private-only", *, enabled: bool = True, total: int = 1, kind: str = "allowedNetwork"
) -> dict[str, Any]:
    """Return the body of a policy call."""
    data: dict[str, Any] = {"enabled": enabled}
    if network is not None:
        data["attributes"] = {"allowed_network": network}
    metadata = {"collectionType": documents.POLICY, "collectionTotal": total}
    return {"metadata": metadata, "resources": [{"policy_type": kind, "policy_data": data}]}


@pytest.mark.parametrize("query", [{}, {"policy": "allowedNetwork"}], ids=["no-query", "query"])
def test_policy_is_set_and_shown(keys: Instance, query: dict[str, str]) -> None:
    """Never set shows nothing; set shows the setting; switched off still shows it."""
    assert b"resources" not in policies.get_policy(keys, request(**query)).body
    assert policies.set_policy(keys, request(body=policy_body(), **query)) == Reply(status=204)
    assert keys.policy is not None
    assert keys.policy.allowed is Policy.PRIVATE_ONLY
    shown = resources(policies.get_policy(keys, request(**query)))[0]
    assert shown["policy_data"] == {"enabled": True, "attributes": {"allowed_network": "private-only"}}
    assert shown["lastUpdated"] == "1970-01-01T00:00:00Z"
    policies.set_policy(keys, request(body=policy_body(None, enabled=False), **query))
    shown = resources(policies.get_policy(keys, request()))[0]
    assert shown["policy_data"] == {"enabled": False, "attributes": {"allowed_network": "private-only"}}


@pytest.mark.parametrize(
    "body,query,status,code",
    [
        pytest.param(policy_body(total=2), {}, 400, "COLLECTION_TOTAL_MISMATCH_ERR", id="total"),
        pytest.param(
            policy_body(), {"policy": "metrics"}, 400, "BODY_QUERY_PARAM_MISMATCH_ERR", id="query-says-another"
        ),
        pytest.param(
            {
                "metadata": {"collectionType": "", "collectionTotal": 2},
                "resources": policy_body()["resources"] * 2,
            },
            {"policy": "allowedNetwork"},
            400,
            "NUM_COLLECTION_RESOURCE_ERR",
            id="two-with-query",
        ),
        pytest.param(policy_body("nowhere"), {}, 400, "BAD_BODY_ERR", id="unknown-network"),
        pytest.param(policy_body(None), {}, 400, "BAD_BODY_ERR", id="enabled-without-network"),
        pytest.param(policy_body(kind="badName"), {}, 400, "BAD_BODY_ERR", id="unknown-policy"),
        pytest.param(policy_body(None, kind="dualAuthDelete"), {}, 403, "FEATURE_RESTRICTED_ERR", id="not-offered"),
        pytest.param(b"[]", {}, 400, "BAD_BODY_ERR", id="broken"),
    ],
)
def test_policy_call_refuses(keys: Instance, body: Any, query: dict[str, str], status: int, code: str) -> None:
    """Each malformed policy call has the product's code, and changes nothing."""
    error = refused(policies.set_policy, keys, request(body=body, **query))
    assert (error.status, error.code) == (status, code)
    assert keys.policy is None


def test_refusals_carry_reasons_and_the_unauthorised_one_does_not() -> None:
    """The product's error document, with a reason where there is a code."""
    malformed = json.loads(documents.error(documents.Malformed("Key could not be created", "NO_BODY_ERR")))
    reason = malformed["resources"][0]["reasons"][0]
    assert (reason["code"], reason["status"], reason["message"]) == ("NO_BODY_ERR", 400, "Missing body in request")
    plain = json.loads(documents.error(ServiceError(401, "Unauthorized: x")))
    assert plain["resources"] == [{"errorMsg": "Unauthorized: x"}]
    assert plain["metadata"] == {"collectionType": documents.ERROR, "collectionTotal": 1}
