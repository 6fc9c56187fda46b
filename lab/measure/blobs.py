"""The blobs: EP11 keys in the clients' hands, what their requests need, and whether the answers to them are true.

An instance keeps none of them, so they are held by name alone: a step may show one to another instance.
"""

from __future__ import annotations

from dataclasses import replace

from lab.errors import ProbeFailed
from lab.measure import grep11
from lab.measure.grep11 import GrpcRequest, HeldBlob
from lab.measure.requests import Answered, Credentials
from lab.model.call import Call, Operation


class Blobs:
    """EP11 keys by name, as one rehearsal knows them."""

    def __init__(self) -> None:
        """Hold nothing."""
        self._held: dict[str, HeldBlob] = {}
        self._secret = grep11.fresh_secret()

    def held(self, call: Call) -> HeldBlob | None:
        """Return the key that ``call`` is about, None if no step made it."""
        return self._held.get(call.key or "")

    def request(self, call: Call, credentials: Credentials) -> GrpcRequest:
        """Return the request of ``call``; ProbeFailed for a decryption of what nobody encrypted."""
        held = self.held(call)
        if call.operation is Operation.DECRYPT and held is not None and not held.ciphered:
            raise ProbeFailed(f"nothing was encrypted by {call.key} yet: encrypt before you decrypt")
        secret = None
        if call.operation is Operation.ENCRYPT:
            secret = self._secret = grep11.fresh_secret()
        return grep11.crypto(call.operation, credentials, held=held, secret=secret)

    def take(self, call: Call, observed: Answered) -> None:
        """Take in the answer to a call that was served; ProbeFailed if it is not what its operation gives."""
        name, held = call.key or "", self.held(call)
        match call.operation:
            case Operation.LIST_MECHANISMS:
                grep11.check_mechanisms(observed)
            case Operation.GENERATE_KEY:
                self._held[name] = grep11.generated_in(observed)
            case Operation.ENCRYPT if held is not None:
                ciphered = grep11.ciphered_in(observed, self._secret)
                self._held[name] = replace(held, secret=self._secret, ciphered=ciphered)
            case Operation.DECRYPT if held is not None:
                grep11.check_decrypted(observed, held)
            case _:
                return
