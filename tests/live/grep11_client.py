"""What an application on a host does with gRPC's own library: a key's whole use at each line that it reads.

Run inside a host as a program of its own. Arguments: the EP11 endpoint (host:port), IAM's URL. For each line on its
standard input it prints one JSON line: what came of it, and how often its one channel has connected so far.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import urllib.request
from typing import Any

import grpc

from lab.grep11 import grep11_pb2 as pb

IV = b"sixteen bytes iv"
DETAILS = "grpc-status-details-bin"
HEARD_S = 10


def token(iam: str) -> str:
    """Return an access token for the host's API key."""
    form = "grant_type=urn:ibm:params:oauth:grant-type:apikey&apikey=" + os.environ["IBMCLOUD_API_KEY"]
    answer: dict[str, str] = json.load(urllib.request.urlopen(f"{iam}/identity/token", data=form.encode()))
    return answer["access_token"]


class Crypto:
    """The functions of GREP11 over one channel."""

    def __init__(self, channel: Any, bearer: str) -> None:
        """Call over ``channel`` with ``bearer``."""
        self._channel, self._metadata = channel, [("authorization", f"Bearer {bearer}")]

    def call(self, function: str, asked: Any, answer: Any) -> Any:
        """Return the answer to one call."""
        method = self._channel.unary_unary(
            f"/grep11.Crypto/{function}",
            request_serializer=type(asked).SerializeToString,
            response_deserializer=answer.FromString,
        )
        return method(asked, metadata=self._metadata, timeout=10)

    def life(self) -> dict[str, object]:
        """List what can be done, make a key, encrypt, and decrypt by the fields of old clients."""
        mechanisms = self.call("GetMechanismList", pb.GetMechanismListRequest(), pb.GetMechanismListResponse).Mechs
        template = {0x161: pb.AttributeValue(AttributeI=32)}
        generation = pb.GenerateKeyRequest(Mech=pb.Mechanism(Mechanism=0x1080), Template=template)
        key = self.call("GenerateKey", generation, pb.GenerateKeyResponse)
        padded = pb.Mechanism(Mechanism=0x1085, ParameterB=IV)
        encryption = pb.EncryptSingleRequest(Mech=padded, Plain=b"secret", Key=key.Key)
        sealed = self.call("EncryptSingle", encryption, pb.EncryptSingleResponse).Ciphered
        decryption = pb.DecryptSingleRequest(Mech=padded, Ciphered=sealed, KeyBytes=key.KeyBytes)
        plain = self.call("DecryptSingle", decryption, pb.DecryptSingleResponse).Plain
        return {"mechanisms": [hex(one) for one in mechanisms], "plain": plain.decode(), "sealed": len(sealed)}


def refusal(error: Any) -> dict[str, object]:
    """Return what a refused call says: the status, and the one Grep11Error in its details."""
    told = pb.StatusDetails.FromString(dict(error.trailing_metadata())[DETAILS])
    (detail,) = told.Details
    found = pb.Grep11Error()
    detail.Unpack(found)
    return {"status": error.code().name, "code": hex(found.Code), "detail": found.Detail, "text": error.details()}


def main() -> None:
    """Answer each line that comes."""
    authority, iam = sys.argv[1:]
    connected: list[object] = []
    heard = threading.Event()  # gRPC tells of its channel from a thread of its own, and maybe after the first answer

    def note(state: object) -> None:
        connected.append(state)
        heard.set()

    with grpc.secure_channel(authority, grpc.ssl_channel_credentials()) as channel:
        channel.subscribe(lambda state: note(state) if state is grpc.ChannelConnectivity.READY else None)
        crypto = Crypto(channel, token(iam))
        for _ in sys.stdin:
            try:
                told = crypto.life()
            except grpc.RpcError as error:
                told = refusal(error)
            heard.wait(HEARD_S)
            print(json.dumps({**told, "connected": len(connected)}), flush=True)


main()
