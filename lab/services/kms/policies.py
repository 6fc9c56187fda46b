"""The instance's policy call: ``allowedNetwork`` read and set, as the key-management API offers it.

What the policy then refuses is ``lab.services.kms.rules``' part.
"""

from __future__ import annotations

import msgspec

from lab.model.plane import Policy
from lab.services.kms import documents
from lab.services.kms.documents import Malformed, PolicyResource
from lab.services.kms.operations import Request
from lab.services.kms.state import Instance, PolicyRecord
from lab.services.reply import Reply

ALLOWED_NETWORK = "allowedNetwork"
_OTHERS = frozenset({"allowedIP", "dualAuthDelete", "keyCreateImportAccess", "metrics", "rotation"})
_SETTING = "Instance policy could not be created"
_GETTING = "Instance policy could not be retrieved"
_decoder = msgspec.json.Decoder(documents.Policies)


class _Attributes(msgspec.Struct, frozen=True, kw_only=True):
    allowed_network: str


class _Data(msgspec.Struct, frozen=True, kw_only=True):
    enabled: bool
    attributes: _Attributes


class _Resource(msgspec.Struct, frozen=True, kw_only=True):
    createdBy: str  # noqa: N815
    creationDate: str  # noqa: N815
    updatedBy: str  # noqa: N815
    lastUpdated: str  # noqa: N815
    policy_type: str
    policy_data: _Data


def get_policy(instance: Instance, request: Request) -> Reply:
    """Return the policies that were ever set; one that is switched off is still listed."""
    asked = request.query.get("policy", "")
    if asked and asked != ALLOWED_NETWORK and asked not in _OTHERS:
        raise Malformed(_GETTING, "INVALID_QUERY_PARAM_ERR", detail="policy")
    record = instance.policy
    if record is None or asked in _OTHERS:
        return Reply(body=documents.collection(documents.POLICY, []))
    data = _Data(enabled=record.enabled, attributes=_Attributes(allowed_network=record.allowed.value))
    resource = _Resource(
        createdBy=record.created_by,
        creationDate=record.created,
        updatedBy=record.updated_by,
        lastUpdated=record.updated,
        policy_type=ALLOWED_NETWORK,
        policy_data=data,
    )
    return Reply(body=documents.collection(documents.POLICY, [documents.encode(resource)]))


def set_policy(instance: Instance, request: Request) -> Reply:
    """Set the policy; it holds for every request whose check comes after this one's."""
    asked = documents.received(_decoder, request.body, _SETTING)
    resource = _only(asked, request.query.get("policy", ""))
    before, now = instance.policy, request.time
    instance.policy = PolicyRecord(
        enabled=resource.policy_data.enabled,
        allowed=_allowed(resource, before),
        created=before.created if before else now,
        created_by=before.created_by if before else request.subject,
        updated=now,
        updated_by=request.subject,
    )
    return Reply(status=204)


def provisioned(allowed_network: str | None, *, by: str, at: str) -> PolicyRecord | None:
    """Return the policy of a new instance: none unless its network was named when it was provisioned."""
    if allowed_network is None:
        return None
    return PolicyRecord(
        enabled=True, allowed=Policy(allowed_network), created=at, created_by=by, updated=at, updated_by=by
    )


def _only(asked: documents.Policies, query: str) -> PolicyResource:
    """Return the one policy that the request sets; other policies of the product are not offered here."""
    if asked.metadata.collectionTotal != len(asked.resources):
        raise Malformed(_SETTING, "COLLECTION_TOTAL_MISMATCH_ERR")
    if query and len(asked.resources) != 1:
        raise Malformed(_SETTING, "NUM_COLLECTION_RESOURCE_ERR")
    if query and asked.resources[0].policy_type != query:
        raise Malformed(_SETTING, "BODY_QUERY_PARAM_MISMATCH_ERR")
    kinds = [resource.policy_type for resource in asked.resources]
    if unknown := [kind for kind in kinds if kind != ALLOWED_NETWORK and kind not in _OTHERS]:
        raise Malformed(_SETTING, "BAD_BODY_ERR", detail=f"policy_type {unknown[0]!r}")
    if others := [kind for kind in kinds if kind in _OTHERS]:
        raise Malformed(_SETTING, "FEATURE_RESTRICTED_ERR", status=403, detail=others[0])
    if len(kinds) != 1:
        raise Malformed(_SETTING, "BAD_BODY_ERR", detail="only one of each policy can be created")
    return asked.resources[0]


def _allowed(resource: PolicyResource, before: PolicyRecord | None) -> Policy:
    named, data = resource.policy_data.attributes.allowed_network, resource.policy_data
    if not named and not data.enabled:
        # Assumed: switching off without naming a network keeps the one that was named before.
        return before.allowed if before else Policy.PUBLIC_AND_PRIVATE
    try:
        return Policy(named)
    except ValueError as error:
        raise Malformed(_SETTING, "BAD_BODY_ERR", detail=f"allowed_network {named!r}") from error
