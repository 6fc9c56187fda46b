"""Keys as answers show them, and which of them a listing shows. Reads the instance, changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from lab.services.kms import documents
from lab.services.kms.documents import Malformed
from lab.services.kms.state import LISTED, Instance, Key, KeyState

_LISTING = "Keys could not be retrieved"
_MODE = "CBC_PAD"
_DEFAULT_LIMIT, _MOST = 200, 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a listing asks for: a page, and which states, kinds and names."""

    limit: int = _DEFAULT_LIMIT
    offset: int = 0
    states: frozenset[KeyState] = LISTED
    extractable: bool | None = None
    search: str = ""

    @classmethod
    def asked(cls, query: Mapping[str, str]) -> Listing:
        """Return what ``query`` asks for; known clients send ``state`` empty when they mean nothing by it.

        Assumed: an order or a filter that the lab does not offer is refused rather than passed over.
        """
        if not query:
            return EVERYTHING
        if unknown := [name for name in ("sort", "filter") if query.get(name)]:
            raise Malformed(_LISTING, "INVALID_QUERY_PARAM_ERR", detail=unknown[0])
        return cls(
            limit=_number(query, "limit", _DEFAULT_LIMIT, 1, _MOST),
            offset=_number(query, "offset", 0, 0, None),
            states=_states(query.get("state", "")),
            extractable=_flag(query, "extractable"),
            search=query.get("search", ""),
        )

    def matching(self, instance: Instance) -> Iterator[Key]:
        """Yield the keys that are asked for, whatever the page, in the order of their ids."""
        states, keys = self.states, map(instance.keys.__getitem__, instance.ids)
        found: Iterator[Key] = (key for key in keys if key.state in states)
        if self.extractable is not None:
            found = (key for key in found if key.extractable is self.extractable)
        return filter(self._named, found) if self.search else found

    def page(self, instance: Instance) -> Iterator[Key]:
        """Yield the keys on the page that is asked for."""
        return islice(self.matching(instance), self.offset, self.offset + self.limit)

    def _named(self, key: Key) -> bool:
        """Match name, alias or id, as ``not:``, ``exact:``, ``name:``, ``alias:`` and ``escape:`` narrow it."""
        text, prefixes = self.search.lower(), set()
        while (prefix := text.partition(":")[0]) in _PREFIXES and ":" in text:
            text = text.partition(":")[2]
            if prefix == "escape":
                break
            prefixes.add(prefix)
        names = [] if "alias" in prefixes and "name" not in prefixes else [key.name]
        names += [] if "name" in prefixes and "alias" not in prefixes else key.aliases
        names += [] if prefixes & {"name", "alias"} else [key.id]
        exact = "exact" in prefixes
        found = any(text == name.lower() if exact else text in name.lower() for name in names)
        return found != ("not" in prefixes)


EVERYTHING = Listing()
_PREFIXES = frozenset({"not", "exact", "name", "alias", "escape"})


def shown(key: Key) -> Key:
    """Return ``key`` with its document as it is now; its material is never in it."""
    return replace(key, document=documents.encode(_document(key, "")))


def with_payload(key: Key, material: str) -> bytes:
    """Return the document of a standard key together with its ``material`` (base64)."""
    return documents.encode(_document(key, material))


def _document(key: Key, payload: str) -> documents.KeyDocument:
    return documents.KeyDocument(
        id=key.id,
        type=documents.KEY,
        name=key.name,
        aliases=list(key.aliases),
        description=key.description,
        tags=list(key.tags),
        state=int(key.state),
        expirationDate=key.expires,
        extractable=key.extractable,
        crn=key.crn,
        imported=key.imported,
        creationDate=key.created,
        createdBy=key.created_by,
        lastUpdateDate=key.deleted or key.created,
        keyVersion=documents.Version(id=key.version, creationDate=key.created),
        keyRingID="default",
        algorithmType="AES",
        algorithmMetadata=documents.AlgorithmMetadata(bitLength=str(key.bits), mode=_MODE),
        algorithmBitSize=key.bits,
        algorithmMode=_MODE,
        dualAuthDelete={"enabled": False},
        deleted=key.state is KeyState.DESTROYED,
        deletionDate=key.deleted,
        deletedBy=key.deleted_by,
        payload=payload,
    )


def _number(query: Mapping[str, str], name: str, default: int, least: int, most: int | None) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) < least or (most and int(text) > most):
        raise Malformed(_LISTING, "INVALID_QUERY_PARAM_ERR", detail=name)
    return int(text)


def _flag(query: Mapping[str, str], name: str) -> bool | None:
    text = query.get(name, "").lower()
    if text not in ("", "true", "false"):
        raise Malformed(_LISTING, "INVALID_QUERY_PARAM_ERR", detail=name)
    return {"": None, "true": True, "false": False}[text]


def _states(text: str) -> frozenset[KeyState]:
    if not text:
        return LISTED
    try:
        return frozenset(KeyState(int(part)) for part in text.split(","))
    except ValueError as error:
        raise Malformed(_LISTING, "INVALID_QUERY_PARAM_ERR", detail="state") from error
