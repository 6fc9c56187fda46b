"""The operations of key management on an instance that the door has let through.

Each takes the instance and the request and returns the reply, or raises the product's refusal. Time and
random bytes come with the request. None of them asks who the caller is or where the request came from.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
from msgspec import UNSET

from lab.errors import ServiceError
from lab.services.kms import documents, rules, vault
from lab.services.kms.documents import Malformed
from lab.services.kms.listing import Listing, shown, with_payload
from lab.services.kms.state import Instance, Key, KeyState
from lab.services.reply import Reply

_CREATING = "Key could not be created"
_WRAPPING = "Wrap with key could not be performed"
_UNWRAPPING = "Unwrap with key could not be performed"
_creations = msgspec.json.Decoder(documents.KeyCreations)
_wraps = msgspec.json.Decoder(documents.WrapRequest)
_unwraps = msgspec.json.Decoder(documents.UnwrapRequest)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What an operation needs to know of an HTTP request."""

    subject: str
    now: float
    draw: Callable[[int], bytes]
    key: str = ""
    query: Mapping[str, str] = {}
    body: bytes = b""
    prefer: str = ""

    @property
    def time(self) -> str:
        """The moment of the request as the product writes it."""
        return datetime.fromtimestamp(self.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def list_keys(instance: Instance, request: Request) -> Reply:
    """Return one page of the instance's keys, in the order of their ids."""
    listing = Listing.asked(request.query)
    return Reply(body=documents.collection(documents.KEY, (key.document for key in listing.page(instance))))


def count_keys(instance: Instance, request: Request) -> Reply:
    """Return how many keys a listing would go through, in a header."""
    total = sum(1 for _ in Listing.asked(request.query).matching(instance))
    return Reply(headers=((b"key-total", str(total).encode()),))


def create_key(instance: Instance, request: Request) -> Reply:
    """Create a key, or import the material that the request brings."""
    asked = documents.received(_creations, request.body, _CREATING)
    if asked.metadata.collectionTotal != 1:
        raise Malformed(_CREATING, "COLLECTION_TOTAL_MISMATCH_ERR")
    wanted = asked.resources[0]
    if clash := [alias for alias in wanted.aliases if alias in instance.aliases]:
        raise Malformed(_CREATING, "KEY_ALIAS_NOT_UNIQUE_ERR", status=409, detail=clash[0])
    material = _material(wanted) if wanted.payload else request.draw(vault.MATERIAL_BYTES)
    key_id, now = _identifier(request), request.time
    key = Key(
        id=key_id,
        name=wanted.name,
        crn=f"{instance.crn.rstrip(':')}:key:{key_id}",
        extractable=wanted.extractable,
        imported=bool(wanted.payload),
        bits=8 * len(material),
        wrapped=vault.seal(_master(instance), material),
        version=_identifier(request),
        created=now,
        created_by=request.subject,
        description=wanted.description,
        aliases=tuple(wanted.aliases),
        tags=tuple(wanted.tags),
        expires=wanted.expirationDate,
    )
    key = shown(key)
    instance.add(key)
    if "return=minimal" in request.prefer:
        body = documents.encode({"id": key.id})
    else:
        body = with_payload(key, base64.b64encode(material).decode()) if key.extractable else key.document
    return Reply(status=201, media=documents.KEY, body=documents.collection(documents.KEY, [body]))


def get_key(instance: Instance, request: Request) -> Reply:
    """Return a key; a standard key's material comes with it."""
    key = _found(instance, request)
    if key.state is KeyState.DESTROYED:
        # Assumed: the product documents this code for a second deletion only.
        raise Malformed("Key could not be retrieved", "KEY_DELETED_ERR", status=410, rule=rules.KEY_STATE)
    body = key.document
    if key.extractable:
        material = vault.unseal(_master(instance), key.wrapped)
        body = with_payload(key, base64.b64encode(material).decode())
    return Reply(body=documents.collection(documents.KEY, [body]))


def get_metadata(instance: Instance, request: Request) -> Reply:
    """Return a key without its material, also after its deletion."""
    return Reply(body=documents.collection(documents.KEY, [_found(instance, request).document]))


def delete_key(instance: Instance, request: Request) -> Reply:
    """Destroy a key: its material is dropped, its metadata stays."""
    key = _found(instance, request)
    if key.state is KeyState.DESTROYED:
        raise Malformed("Key could not be deleted", "KEY_DELETED_ERR", status=410, rule=rules.KEY_STATE)
    gone = replace(
        key,
        state=KeyState.DESTROYED,
        wrapped=b"",
        deleted=request.time,
        deleted_by=request.subject,
    )
    instance.replace(shown(gone))
    if "return=representation" not in request.prefer:
        return Reply(status=204)
    return Reply(body=documents.collection(documents.KEY, [instance.keys[key.id].document]))


def wrap(instance: Instance, request: Request) -> Reply:
    """Wrap the caller's plaintext with a root key, or a data encryption key drawn for the caller."""
    asked = documents.received(_wraps, request.body, _WRAPPING)
    key = _active_root(instance, request)
    if asked.plaintext:
        plaintext = _base64(asked.plaintext, _WRAPPING, "The field 'plaintext' must be: a base64 encoded key material")
    else:
        plaintext = request.draw(vault.MATERIAL_BYTES)
    sealed = vault.encrypt(
        vault.unseal(_master(instance), key.wrapped),
        plaintext,
        tuple(asked.aad),
        nonce=request.draw(vault.NONCE_BYTES),
        version=key.version,
    )
    drawn = UNSET if asked.plaintext else base64.b64encode(plaintext).decode()
    answer = documents.Wrapped(plaintext=drawn, ciphertext=sealed, keyVersion=documents.Version(id=key.version))
    return Reply(media=documents.WRAP, body=documents.encode(answer))


def unwrap(instance: Instance, request: Request) -> Reply:
    """Return the plaintext of a ciphertext that this key made with the same additional data."""
    asked = documents.received(_unwraps, request.body, _UNWRAPPING)
    key = _active_root(instance, request)
    _base64(
        asked.ciphertext,
        _UNWRAPPING,
        "The field 'ciphertext' must be: the original base64 encoded ciphertext from the wrap operation",
    )
    material = vault.unseal(_master(instance), key.wrapped)
    try:
        plaintext = vault.decrypt(material, asked.ciphertext, tuple(asked.aad), version=key.version)
    except vault.BadCiphertext as error:
        raise Malformed(_UNWRAPPING, "UNPROCESSABLE_CIPHERTEXT_ERR", status=422) from error
    answer = documents.Wrapped(
        plaintext=base64.b64encode(plaintext).decode(), keyVersion=documents.Version(id=key.version)
    )
    return Reply(media=documents.UNWRAP, body=documents.encode(answer))


def _found(instance: Instance, request: Request) -> Key:
    key = instance.find(request.key)
    if key is None:
        text = "Not Found: Key could not be retrieved: Please see 'reasons' for more details (KEY_NOT_FOUND_ERR)"
        raise ServiceError(404, text, code="KEY_NOT_FOUND_ERR", rule=rules.KEY_UNKNOWN)
    return key


def _active_root(instance: Instance, request: Request) -> Key:
    key, doing = _found(instance, request), "Action could not be performed on key"
    if key.extractable:
        raise Malformed(doing, "KEY_ROOT_REQ_ERR")
    if key.state is not KeyState.ACTIVE:
        raise Malformed(doing, "KEY_ACTION_INVALID_STATE_ERR", status=409, rule=rules.KEY_STATE)
    return key


def _material(wanted: documents.KeyCreation) -> bytes:
    material = _base64(wanted.payload, _CREATING, "The field 'payload' must be: a base64 encoded key material")
    if not wanted.extractable and len(material) not in vault.ROOT_SIZES:
        raise Malformed(_CREATING, "INVALID_FIELD_ERR", detail="The field 'payload' must be: 16, 24, or 32 bytes long")
    return material


def _base64(text: str, doing: str, detail: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(doing, "INVALID_FIELD_ERR", detail=detail) from error


def _identifier(request: Request) -> str:
    return str(uuid.UUID(bytes=request.draw(16), version=4))


def _master(instance: Instance) -> bytes:
    if instance.master is None:
        raise ServiceError(400, rules.UNINITIALISED_TEXT, rule=rules.NOT_INITIALISED)
    return instance.master
