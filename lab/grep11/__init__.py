"""GREP11 on the wire: messages, codes and names that the services and whoever measures them share; no decision.

``grep11_pb2.py`` and ``grep11_pb2.pyi`` are generated from ``grep11.proto`` by ``bin/grep11``.
"""

from __future__ import annotations

from lab.grep11.codes import Ckr, Mechanism, Status
from lab.grep11.errors import NotGrep11, packed, unpacked

SERVICE = "/grep11.Crypto/"
DETAILS = "grpc-status-details-bin"

__all__ = ["DETAILS", "SERVICE", "Ckr", "Mechanism", "NotGrep11", "Status", "packed", "unpacked"]
