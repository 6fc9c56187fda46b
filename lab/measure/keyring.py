"""The keyring: the keys that steps created, what their requests need, and whether the answers to them are true."""

from __future__ import annotations

from dataclasses import replace

from lab.errors import ProbeFailed
from lab.measure import requests
from lab.measure.blobs import Blobs
from lab.measure.requests import Answered, Credentials, HeldKey, HttpRequest
from lab.model.call import Call, Operation
from lab.model.plane import Surface


class Keyring:
    """Keys by instance and name, as one rehearsal knows them. A status is no answer: documents are looked at here."""

    def __init__(self) -> None:
        """Hold nothing."""
        self._keys: dict[tuple[str, str], HeldKey] = {}
        self._secret = ""
        self.blobs = Blobs()
        """The keys of EP11, which instances do not hold."""

    def held(self, call: Call) -> HeldKey | None:
        """Return the key that ``call`` is about, None if no step created it."""
        return self._keys.get((call.instance, call.key or ""))

    def request(self, call: Call, credentials: Credentials) -> HttpRequest:
        """Return the request of ``call``; ProbeFailed for an unwrap of what nobody wrapped."""
        if call.surface is Surface.EP11:
            return self.blobs.request(call, credentials)
        held = self.held(call) or self._anothers(call)
        if call.operation is Operation.UNWRAP and held is not None and not held.ciphertext:
            raise ProbeFailed(f"nothing was wrapped by {call.key} yet: wrap before you unwrap")
        if call.operation is Operation.WRAP:
            self._secret = requests.fresh_secret()
        return requests.key_management(
            call.operation, credentials, name=call.key or "", held=held, policy=call.policy, secret=self._secret
        )

    def _anothers(self, call: Call) -> HeldKey | None:
        """Return another instance's key of that name: who asks for what is not his asks for something that exists."""
        return next((key for (_, name), key in self._keys.items() if name == call.key), None)

    def take(self, call: Call, observed: Answered) -> None:
        """Take in the answer to a call that was served; ProbeFailed if it is not what its operation gives."""
        if call.surface is Surface.EP11:
            self.blobs.take(call, observed)
            return
        place, held = (call.instance, call.key or ""), self.held(call)
        match call.operation:
            case Operation.CREATE:
                self._keys[place] = requests.created_in(observed)
            case Operation.LIST:
                own = {key for (name, _), key in self._keys.items() if name == call.instance and not key.deleted}
                requests.check_listing(observed, own, set(self._keys.values()) - own)
            case Operation.GET if held is not None:
                requests.check_key(observed, held)
            case Operation.WRAP if held is not None:
                sealed = requests.ciphertext_in(observed, self._secret)
                self._keys[place] = replace(held, plaintext=self._secret, ciphertext=sealed)
            case Operation.UNWRAP if held is not None:
                requests.check_unwrapped(observed, held)
            case Operation.DELETE if held is not None:
                self._keys[place] = replace(held, deleted=True)
            case _:
                return
