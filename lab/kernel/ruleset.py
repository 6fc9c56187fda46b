"""The packet filters of a namespace, as the kernel says itself: every table, chain and rule of every family, in words.

The words are like nft's. They are made from the kernel's expressions alone and share nothing with
``lab.kernel.expressions``, which encodes: a mistake there shows here. What has no word is shown as its bytes. Looks,
changes nothing.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from lab.kernel.netlink import DUMP, NetlinkSocket, attribute, attributes, dump

_GETTABLE, _GETCHAIN, _GETRULE, _GETSET, _GETELEMENTS = 1, 4, 7, 10, 13
_FAMILIES: Final = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
_HOOKS: Final = ("prerouting", "input", "forward", "output", "postrouting")
_METAS: Final = {3: "mark", 6: "iifname", 7: "oifname", 15: "nfproto", 16: "l4proto"}
_PAYLOADS: Final = {
    (1, 12, 4): "ip saddr",
    (1, 16, 4): "ip daddr",
    (2, 0, 1): "icmp type",
    (2, 13, 1): "tcp flags",
}
_OPERATORS: Final = ("", "!= ", "< ", "<= ", "> ", ">= ")
_REJECTS: Final = {(2, 1): "port-unreachable", (2, 2): "host-unreachable", (2, 3): "admin-prohibited"}
_VERDICTS: Final = {0: "drop", 1: "accept"}
_REGISTER: Final = struct.pack(">I", 1)
_ZERO: Final = bytes(4)
_NUMBERS: Final = {2: "=H", 4: "=I"}
_ZONE_SET: Final = {2: struct.pack(">I", 17), 3: b"\0", 4: _REGISTER}
_SOURCE_NAT: Final = {1: _ZERO, 2: struct.pack(">I", 2), 3: _REGISTER, 4: _REGISTER, 7: struct.pack(">I", 1)}
_NAMES_OF_LINKS: Final = (struct.pack(">I", 41), struct.pack(">I", 16))

Parts = dict[int, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """Tables, chains and sets that no rule uses, each in words; and the rules, chain by chain in their order."""

    tables: tuple[str, ...]
    chains: tuple[str, ...]
    rules: tuple[str, ...]
    unused_sets: tuple[str, ...]


def ruleset(opened: NetlinkSocket) -> Ruleset:
    """Return the packet filters of the namespace of a netfilter socket; ``OSError`` when the kernel gives none.

    A rule reads ``FAMILY TABLE CHAIN: MATCHES STATEMENTS [comment ID]``; a set in it is spelt out.
    """
    tables, chains, rules = [], [], []
    for family, parts in _asked(opened, _GETTABLE):
        flags = parts.get(2, _ZERO)
        tables.append(f"{family} {_text(parts[1])}" + f" flags {flags.hex()}" * (flags != _ZERO))
    for family, parts in _asked(opened, _GETCHAIN):
        chains.append(f"{family} {_text(parts[1])} {_chain(parts)}")
    sets = dict(_sets(opened))
    used: set[tuple[str, str, str]] = set()
    for family, parts in _asked(opened, _GETRULE):
        table, chain = _text(parts.pop(1)), _text(parts.pop(2))
        words = []
        for word in _words(parts.pop(4, b"")):
            if word.startswith("@"):
                key = (family, table, word[1:])
                used.add(key)
                word = sets.get(key, word)  # noqa: PLW2901 - the same word, spelt out
            words.append(word)
        note = parts.pop(7, b"")
        if note[:1] == b"\0" and note[1:2] == bytes((len(note) - 2,)):
            words.append(f"comment {_text(note[2:])}")
        elif note:
            parts[7] = note
        for kind in (3, 6):  # the rule's handle, and that of the one before
            parts.pop(kind, None)
        rules.append(" ".join((f"{family} {table} {chain}:", *words, *_rest(parts))))
    unused = [f"{' '.join(key)} {text}" for key, text in sets.items() if key not in used]
    return Ruleset(tables=tuple(tables), chains=tuple(chains), rules=tuple(rules), unused_sets=tuple(unused))


def _asked(opened: NetlinkSocket, kind: int, *parts: bytes, family: int = 0) -> list[tuple[str, Parts]]:
    """Return family and attributes of each answer to a request for a list; all families unless one is named."""
    body = struct.pack("=BBH", family, 0, 0) + b"".join(parts)
    asked = struct.pack("=IHHII", 16 + len(body), 10 << 8 | kind, DUMP | 1, 0, 0) + body
    return [
        (_FAMILIES.get(body[0], str(body[0])), dict(attributes(body, 4, len(body)))) for body in dump(opened, asked)
    ]


def _text(data: bytes) -> str:
    """Return a text that ends in zeros."""
    return data.rstrip(b"\0").decode()


def _inner(data: bytes) -> Parts:
    """Return the attributes inside an attribute."""
    return dict(attributes(data, 0, len(data)))


def _rest(parts: Parts) -> Iterator[str]:
    """Yield attributes that have no word here."""
    yield from (f"attribute {kind} {data.hex()}" for kind, data in sorted(parts.items()))


def _chain(parts: Parts) -> str:
    """Return a chain in words: ``NAME type TYPE hook HOOK priority NUMBER policy POLICY``."""
    words = [_text(parts[3])]
    if 4 in parts:
        hook = _inner(parts[4])
        number, priority = struct.unpack(">I", hook.pop(1))[0], struct.unpack(">i", hook.pop(2))[0]
        name = _HOOKS[number] if number < len(_HOOKS) else str(number)
        policy = _VERDICTS.get(struct.unpack(">I", parts[5])[0], parts[5].hex())
        words.append(f"type {_text(parts[7])} hook {name} priority {priority} policy {policy}")
        words += _rest(hook)
    if (flags := struct.unpack(">I", parts.get(10, _ZERO))[0]) & ~1:
        words.append(f"flags {flags:#x}")
    return " ".join(words)


def _sets(opened: NetlinkSocket) -> Iterator[tuple[tuple[str, str, str], str]]:
    """Yield each set's family, table and name, and its elements in words."""
    for family, parts in _asked(opened, _GETSET):
        table, name = parts[1], parts[2]
        number = next((number for number, text in _FAMILIES.items() if text == family), 0)
        words: list[str] = []
        for _, answer in _asked(opened, _GETELEMENTS, attribute(1, table), attribute(2, name), family=number):
            listed = answer.get(3, b"")
            words += (_element(element) for _, element in attributes(listed, 0, len(listed)))
        text = " ".join(("{", *[", ".join(sorted(words))] * bool(words), "}"))
        flags = parts.get(3, _ZERO)
        if (parts[4], parts[5]) != _NAMES_OF_LINKS or flags != _ZERO:
            text += f" of type {parts[4].hex()}/{parts[5].hex()} flags {flags.hex()}"
        yield (family, _text(table), _text(name)), text


def _element(element: bytes) -> str:
    """Return an element of a set of links' names."""
    parts = _inner(element)
    key = _inner(parts.pop(1, b"")).get(1, b"")
    try:
        name = _text(key)
    except UnicodeDecodeError:  # a key of another type
        name = key.hex()
    return " ".join((name, *_rest(parts)))


@lru_cache(maxsize=1024)  # what bytes mean never changes
def _words(expressions: bytes) -> tuple[str, ...]:
    """Return a rule's matches and statements in words; ``@NAME`` stands for a set."""
    words: list[str] = []
    loaded, mask = "", b""
    for _, expression in attributes(expressions, 0, len(expressions)):
        whole = _inner(expression)
        name, parts = _text(whole[1]), _inner(whole.get(2, b""))
        if load := _load(name, parts):
            loaded, mask = load, b""
        elif name == "bitwise" and not mask and _masks(parts):
            mask = _inner(parts[4])[1]
        elif name == "cmp" and parts.get(1) == _REGISTER:
            value = _inner(parts[3])[1]
            compared = _number(value) if loaded == "mark" and not mask else _compared(value, mask)
            words += (loaded, _OPERATORS[struct.unpack(">I", parts[2])[0]] + compared)
        elif name == "lookup" and _looks_up(parts):
            words += (loaded + f" & {mask.hex()}" * bool(mask), f"@{_text(parts[1])}")
        elif name == "meta" and parts == {2: struct.pack(">I", 3), 3: _REGISTER}:
            words.append(f"mark set {loaded}" + f" & {mask.hex()}" * bool(mask))
        elif name == "ct" and parts == _ZONE_SET and not mask:
            words.append(f"ct original zone set {loaded}")
        elif name == "nat" and parts == _SOURCE_NAT and loaded.isdecimal() and not mask:
            words.append(f"snat ip to {socket.inet_ntoa(struct.pack('=I', int(loaded)))}")
        else:
            words.append(_statement(name, parts))
    return tuple(words)


def _load(name: str, parts: Parts) -> str:
    """Return in words what an expression loads into the one register that is used; empty when it loads nothing."""
    if parts.get(1) != _REGISTER:
        return ""
    if name == "meta" and parts.keys() == {1, 2}:
        key = struct.unpack(">I", parts[2])[0]
        return _METAS.get(key, f"meta {key}")
    if name == "payload" and parts.keys() == {1, 2, 3, 4}:
        place = struct.unpack(">III", parts[2] + parts[3] + parts[4])
        return _PAYLOADS.get(place, f"payload {place}")
    if name == "immediate" and parts.keys() == {1, 2} and (value := _inner(parts[2]).get(1)) is not None:
        return _number(value)
    return ""


def _number(value: bytes) -> str:
    """Return a value in the machine's order: a number where it may be one, else its bytes."""
    return str(struct.unpack(_NUMBERS[len(value)], value)[0]) if len(value) in _NUMBERS else value.hex()


def _masks(parts: Parts) -> bool:
    """Say whether a ``bitwise`` does nothing but mask the register."""
    plain = parts.get(1) == parts.get(2) == _REGISTER and parts.get(6, _ZERO) == _ZERO
    return plain and parts.keys() <= {1, 2, 3, 4, 5, 6} and not any(_inner(parts.get(5, b"")).get(1, b"\1"))


def _looks_up(parts: Parts) -> bool:
    """Say whether a ``lookup`` does nothing but look for the register in a set."""
    return parts.get(2) == _REGISTER and parts.get(5, _ZERO) == _ZERO and parts.keys() <= {1, 2, 4, 5}


def _compared(value: bytes, mask: bytes) -> str:
    """Return what was compared with: a prefix where it can be one, else a number."""
    if len(value) == 4:
        bits = struct.unpack(">I", mask)[0] if mask else 0xFFFF_FFFF
        if (bits | (bits - 1)) & 0xFFFF_FFFF == 0xFFFF_FFFF or not bits:  # ones, then zeros
            return f"{socket.inet_ntoa(value)}/{bits.bit_count()}"
    shown = f"& {mask.hex()} == " * bool(mask)
    return shown + value.hex()


def _statement(name: str, parts: Parts) -> str:
    """Return in words what an expression does."""
    if name == "counter" and parts.keys() <= {1, 2, 3}:
        return "counter"
    if name == "log" and parts.keys() <= {1, 2, 3, 4} and parts.get(4, b"\0\0") == b"\0\0":
        group, snap = struct.unpack(">H", parts[1])[0], struct.unpack(">I", parts.get(3, _ZERO))[0]
        return f"log group {group} prefix {_text(parts.get(2, b''))} snap {snap}"
    if name == "reject" and parts.keys() == {1, 2}:
        how = (struct.unpack(">I", parts[1])[0], parts[2][0])
        return f"reject with icmpx {_REJECTS[how]}" if how in _REJECTS else " ".join((name, *_rest(parts)))
    if name == "immediate" and parts.get(1) == _ZERO:
        verdict = _inner(_inner(parts[2]).get(2, b""))
        code = struct.unpack(">i", verdict.pop(1))[0]
        return " ".join((_VERDICTS.get(code, f"verdict {code}"), *(_text(chain) for chain in verdict.values())))
    return " ".join((name, *_rest(parts)))
