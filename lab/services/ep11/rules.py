"""How GREP11 says no: which gRPC status and which PKCS #11 code stand for each rule that refuses.

Who may enter is asked of the same instance in the same order as for key management (``lab.services.kms.rules``); what
is said here is only how the refusal looks.
"""

from __future__ import annotations

from collections.abc import Mapping

from lab.errors import ServiceError
from lab.grep11 import Ckr, Status
from lab.services.kms import rules

FOREIGN_BLOB = "key.foreign-blob"
UNSUPPORTED = "request.unsupported"
MALFORMED = rules.MALFORMED

_AT_THE_DOOR: Mapping[str, tuple[Status, Ckr]] = {
    rules.INSTANCE_DELETED: (Status.NOT_FOUND, Ckr.CKR_TOKEN_NOT_PRESENT),
    rules.NOT_INITIALISED: (Status.UNKNOWN, Ckr.CKR_IBM_WK_NOT_INITIALIZED),
}


class Refusal(Exception):
    """A call that is not served: gRPC status, PKCS #11 code, text, and the rule that decided (for the log)."""

    def __init__(self, code: Ckr, text: str, *, rule: str, status: Status = Status.UNKNOWN) -> None:
        """Keep the parts."""
        self.status, self.code, self.text, self.rule = status, code, text, rule
        super().__init__(text)


def refusal(problem: ServiceError) -> Refusal:
    """Return GREP11's form of a refusal by the door.

    Everything that the caller may not know apart (policy, role, token, account, instance) is one answer.
    """
    unknown = (Status.UNAUTHENTICATED, Ckr.CKR_IBM_GREP11_NOT_AUTHENTICATED)
    status, code = _AT_THE_DOOR.get(problem.rule, unknown)
    return Refusal(code, problem.message, rule=problem.rule, status=status)
