"""The broker: tells an account's callers where their instance is. Pure; it asks no network access policy.

Assumed: that the policy leaves it alone, that it tells of instances that are not initialised, and its errors.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from lab.errors import ServiceError
from lab.services.kms import api, rules
from lab.services.kms.rules import Level
from lab.services.kms.state import Instance
from lab.services.reply import Reply

PATH = "/crypto_v2/instances/{instance}"
OPERATION = "get-instance"
_encode = msgspec.json.Encoder().encode


def answer(
    instance: Instance | None,
    endpoints: Mapping[str, Mapping[str, str]],
    *,
    account: str | None,
    level: Level,
    named: str,
) -> api.Answer:
    """Return the instance document, or the refusal.

    Args:
        instance: The instance of the broker's region that the request names, if there is one.
        endpoints: Its endpoints, host and port without a scheme, by surface and plane.
        account: The account of a genuine, living token; None without one.
        level: What the token's subject may do; any role may ask.
    """
    try:
        found = rules.known(instance, account=account, named=named)
        rules.require(level, Level.READER)
        rules.there(found)
    except ServiceError as problem:
        return api.Answer(reply=api.refusal(problem), rule=problem.rule, instance=named)
    body = _encode({"instance_id": found.guid, **endpoints})
    return api.Answer(reply=Reply(body=body), rule=rules.SERVED, instance=named)
