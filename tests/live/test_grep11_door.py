"""GREP11's doors in the cloud process, over the loopback device: faults, clients that misbehave, and the end."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Iterator

import pytest
from h2.connection import H2Connection

from lab.errors import ProbeFailed
from lab.grep11 import Ckr, Status, unpacked
from lab.measure import grep11, grpc
from lab.measure.requests import Credentials, HttpRequest
from lab.model.call import Operation
from lab.model.plane import Plane, Surface
from lab.serve import messages
from lab.serve.exchange import BODY_LIMIT
from tests.live.cloud_process import GUID, CloudProcess

PUBLIC, PRIVATE = "ep11/public/keys", "ep11/private/keys"


@pytest.fixture
def cloud() -> Iterator[CloudProcess]:
    """A cloud process with IAM, and an initialised instance under private-only with its doors on both planes."""
    process = CloudProcess()
    process.open(Surface.IAM, Plane.PUBLIC)
    process.provision(allowed_network="private-only")
    for plane in Plane:
        process.open(Surface.EP11, plane, "keys")
    yield process
    process.close()


def request(cloud: CloudProcess) -> grep11.GrpcRequest:
    """Return the plainest call, as the owner makes it."""
    return grep11.crypto(Operation.LIST_MECHANISMS, Credentials(token=cloud.token(), guid=GUID))


BUDGET_S = 20
"""How long an answer is waited for: a door that waits for more than it may take must fail a test, not hold it up."""


def ask(cloud: CloudProcess, door: str, asked: HttpRequest, *, authority: str = "localhost") -> grpc.GrpcAnswer:
    """Make one call at a door over a connection of its own."""

    async def call() -> grpc.GrpcAnswer:
        context = ssl.create_default_context(cadata=cloud.ca_pem)
        context.set_alpn_protocols([grpc.ALPN])
        port = cloud.doors[door].port
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
        try:
            async with asyncio.timeout(BUDGET_S):
                return await grpc.call(reader, writer, authority, asked)
        finally:
            writer.transport.abort()

    return asyncio.run(call())


def code(answer: grpc.GrpcAnswer) -> tuple[Status, Ckr]:
    """Return how a call was refused."""
    return Status(answer.status), unpacked(answer.details)[0]


NOT_AUTHENTICATED = (Status.UNAUTHENTICATED, Ckr.CKR_IBM_GREP11_NOT_AUTHENTICATED)


def test_the_plane_is_the_listeners(cloud: CloudProcess) -> None:
    """What the caller claims changes nothing; the log says what decided."""
    asked = request(cloud)
    claims = {"x-forwarded-for": "10.65.0.66", "x-real-ip": "10.65.0.66"}
    claimed = grep11.GrpcRequest(method="POST", path=asked.path, headers={**asked.headers, **claims})
    assert ask(cloud, PRIVATE, asked).status == Status.OK
    for authority in ("localhost", "ep11.private.us-south.hs-crypto.cloud.ibm.com:9043"):
        assert code(ask(cloud, PUBLIC, claimed, authority=authority)) == NOT_AUTHENTICATED
    line = cloud.log()[-1]
    assert (line["plane"], line["rule"], line["status"]) == ("public", "policy.private-only", 16)
    assert (line["surface"], line["door"], line["operation"]) == ("ep11", PUBLIC, "list-mechanisms")


def test_the_policy_can_be_left_unasked_on_this_surface_only(cloud: CloudProcess) -> None:
    """Sabotage of one API: the other one still asks."""
    cloud.done(messages.Fault, name="ignore-policy", target="ep11")
    assert ask(cloud, PUBLIC, request(cloud)).status == Status.OK
    kms = cloud.connection("kms/public/keys")
    kms.request("GET", "/api/v2/keys", headers=cloud.headers())
    assert kms.getresponse().status == 401
    kms.close()
    again = cloud.ask(messages.Fault, name="ignore-policy", target="iam")
    assert isinstance(again, messages.Failed), "a surface without a policy"


def test_a_closed_listener_ends_its_connections_and_no_other(cloud: CloudProcess) -> None:
    """Who is connected hears of it; the next one is refused; the other plane serves."""
    context = ssl.create_default_context(cadata=cloud.ca_pem)
    context.set_alpn_protocols([grpc.ALPN])
    port = cloud.doors[PUBLIC].port
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as open_before,
    ):
        assert open_before.recv(9), "the server's settings"
        cloud.done(messages.Fault, name="close-listener", target=PUBLIC)
        while open_before.recv(1 << 16):
            pass  # what was on its way before the end
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert ask(cloud, PRIVATE, request(cloud)).status == Status.OK


def test_close_ends_the_process_whatever_a_client_holds(cloud: CloudProcess) -> None:
    """A client that is connected and silent keeps nobody waiting."""
    context = ssl.create_default_context(cadata=cloud.ca_pem)
    port = cloud.doors[PUBLIC].port
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as open_before,
    ):
        assert open_before.recv(9), "the server's settings"
        cloud.done(messages.Close)
        assert cloud.process.wait(10) == 0


BROKEN = {
    "no-message": b"",
    "half-a-prefix": b"\x00\x00",
    "shorter-than-said": struct.pack("!?I", False, 9) + b"x",
    "compressed": struct.pack("!?I", True, 1) + b"x",
    "no-protobuf": struct.pack("!?I", False, 1) + b"\xff",
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_message_that_is_none_is_answered_or_the_call_ends(
    cloud: CloudProcess, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In GREP11's form where anything came; the door goes on serving and prints nothing."""
    asked = request(cloud)

    class Raw:
        size = grpc._PREFIX.size

        @staticmethod
        def pack(*_said: object) -> bytes:
            return BROKEN[case]

    empty = grep11.GrpcRequest(method="POST", path=asked.path, headers=asked.headers)
    with monkeypatch.context() as patched:
        patched.setattr(grpc, "_PREFIX", Raw)
        if case == "no-message":
            with pytest.raises(grpc.BrokenCall):
                ask(cloud, PRIVATE, empty)
        else:
            unreadable = (Status.UNKNOWN, Ckr.CKR_IBM_GREP11_CANNOT_UNMARSHAL)
            assert code(ask(cloud, PRIVATE, empty)) == unreadable
            assert code(ask(cloud, PUBLIC, empty)) == NOT_AUTHENTICATED, "the door is asked first"
    assert ask(cloud, PRIVATE, asked).status == Status.OK


def test_clients_that_speak_something_else_leave_the_door_open(cloud: CloudProcess) -> None:
    """No TLS, HTTP/1.1 in TLS, another service's path: the door goes on serving and prints nothing about it."""
    asked = request(cloud)
    door = cloud.doors[PRIVATE]
    with socket.create_connection((door.addresses[0], door.port)) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        plain.recv(100)
    context = ssl.create_default_context(cadata=cloud.ca_pem)
    with (
        socket.create_connection((door.addresses[0], door.port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        secure.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        while secure.recv(1 << 16):
            pass  # settings, and the end
    elsewhere = grep11.GrpcRequest(method="POST", path="/grep11.Keystore/List", headers=asked.headers)
    other = ask(cloud, PRIVATE, elsewhere)
    assert other.status == Status.UNIMPLEMENTED
    with pytest.raises(ProbeFailed, match="no answer of GREP11"):
        grep11.showed(other.status, other.details)
    for method, path in (("GET", asked.path), ("POST", "/grep11.Crypto/NoSuch")):
        wrong = grep11.GrpcRequest(method=method, path=path, headers=asked.headers)
        if method == "GET":
            with pytest.raises(grpc.BrokenCall, match="HTTP status 405"):
                ask(cloud, PRIVATE, wrong)
        else:
            assert ask(cloud, PRIVATE, wrong).status == Status.UNIMPLEMENTED
    assert ask(cloud, PRIVATE, asked).status == Status.OK


def test_a_message_that_is_longer_than_anyone_may_send_is_not_waited_for(
    cloud: CloudProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may not come in cannot fill the memory: its length is looked at, and the call answered before it came."""
    asked, whole = request(cloud), H2Connection.send_data
    begun = struct.pack("!?I", False, BODY_LIMIT + 1) + b"x"
    with monkeypatch.context() as patched:
        patched.setattr(H2Connection, "send_data", lambda self, stream, _data, **_how: whole(self, stream, begun))
        assert code(ask(cloud, PRIVATE, asked)) == (Status.UNKNOWN, Ckr.CKR_IBM_GREP11_CANNOT_UNMARSHAL)
        assert code(ask(cloud, PUBLIC, asked)) == NOT_AUTHENTICATED, "the door is asked first"
    assert ask(cloud, PRIVATE, asked).status == Status.OK
