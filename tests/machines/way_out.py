"""A network with nothing in it but an HTTP proxy, which knows Debian's and Python's mirrors under other names.

A program there that does not ask the proxy reaches nobody; one that asks it for a mirror's own name is refused.
"""

from __future__ import annotations

import http.server
import os
import shutil
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from lab.kernel import namespaces

PORT: Final = 3128
_MIRRORS: Final = {
    "debian.test": os.environ.get("APT_MIRROR", "http://deb.debian.org/debian").removesuffix("/debian"),
    "index.test": os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/").removesuffix("/simple"),
}
_FILES: Final = "files.pythonhosted.org"
"""Where the index says that its files are: reached through a tunnel, as whatever is encrypted."""
_PATIENCE_S: Final = 120


@dataclass(frozen=True, slots=True)
class WayOut:
    """The network, for as long as its descriptor is open, and what was asked of its proxy."""

    network: int
    asked: list[str]

    @property
    def environment(self) -> dict[str, str]:
        """What whoever is in that network has to be told."""
        proxy = f"http://127.0.0.1:{PORT}"
        return {
            "http_proxy": proxy,
            "https_proxy": proxy,
            "no_proxy": "localhost",
            "APT_MIRROR": "http://debian.test/debian",
            "PIP_INDEX_URL": "http://index.test/simple",
            "PIP_TRUSTED_HOST": "index.test",
        }


@contextmanager
def way_out() -> Iterator[WayOut]:
    """Make the network, and serve its proxy until the end."""
    made: list[tuple[int, socket.socket]] = []
    # namespaces are a thread's: this one ends, and leaves the network and a listener in it
    maker = threading.Thread(target=lambda: made.append(_network()))
    maker.start()
    maker.join()
    ((network, listener),) = made
    asked: list[str] = []
    server = http.server.ThreadingHTTPServer(
        ("", 0), type("Proxy", (_Proxy,), {"asked": asked}), bind_and_activate=False
    )
    server.socket.close()
    server.socket = listener
    server.daemon_threads = True
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield WayOut(network, asked)
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
        os.close(network)


def _network() -> tuple[int, socket.socket]:
    """Leave for a new network; return its descriptor and a listener in it."""
    namespaces.unshare(namespaces.NEWNET)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY), socket.create_server(("127.0.0.1", PORT))


class _Proxy(http.server.BaseHTTPRequestHandler):
    """Fetches from the mirrors by their other names, and makes tunnels to the index's files."""

    asked: list[str]

    def do_GET(self) -> None:
        """Fetch a page from a mirror and hand it on."""
        self.asked.append(self.path)
        name, _, rest = self.path.removeprefix("http://").partition("/")
        if name not in _MIRRORS:
            self.send_error(403, f"there is no way to {name}")
            return
        kept = {name: self.headers[name] for name in ("Accept", "Range") if name in self.headers}
        wanted = urllib.request.Request(f"{_MIRRORS[name]}/{rest}", headers=kept)
        try:
            with urllib.request.urlopen(wanted, timeout=_PATIENCE_S) as answer:
                self.send_response(answer.status)
                for word in ("Content-Type", "Content-Length", "Last-Modified"):
                    if word in answer.headers:
                        self.send_header(word, answer.headers[word])
                self.end_headers()
                shutil.copyfileobj(answer, self.wfile)
        except urllib.error.HTTPError as error:
            self.send_error(error.code)

    def do_CONNECT(self) -> None:
        """Make a tunnel."""
        self.asked.append(self.path)
        name, _, port = self.path.rpartition(":")
        if name != _FILES:
            self.send_error(403, f"there is no way to {name}")
            return
        with socket.create_connection((name, int(port)), timeout=_PATIENCE_S) as far:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_pour, args=(far, self.connection))
            back.start()
            _pour(self.connection, far)
            back.join()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as the base calls it
        """Say nothing: what was asked is kept."""


def _pour(source: socket.socket, target: socket.socket) -> None:
    """Hand on what ``source`` says until it has said all."""
    try:
        while said := source.recv(65536):
            target.sendall(said)
        target.shutdown(socket.SHUT_WR)
    except OSError:  # either side may hang up at any time: then the tunnel is over
        source.close()
