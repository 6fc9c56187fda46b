"""What an application on a host does with the unmodified ``keyprotect`` SDK: one key's whole life, or one listing.

Run inside a host as a program of its own. Arguments: ``life`` or ``list``, IAM's URL.
The endpoint is KP_PRIVATE_ADDR's; without it, like ibmcloud kp, Key Protect's in the region.
Prints one JSON line: what was done, or the status and message of the error that the SDK raised.
"""

from __future__ import annotations

import io
import json
import os
import sys
from typing import Any

from ibm_cloud_sdk_core import ApiException
from ibm_cloud_sdk_core.authenticators import IAMAuthenticator
from keyprotect import IbmKeyProtectApiV2

KIND = "application/vnd.ibm.kms.{}+json"


def body(document: object) -> io.BytesIO:
    """Return a request's body as the SDK's examples make it."""
    return io.BytesIO(json.dumps(document).encode())


def life(service: Any, instance: str) -> dict[str, object]:
    """Create, list, wrap, unwrap and delete a root key."""
    kind = KIND.format("key")
    resource = {"type": kind, "name": "sdk-root-key", "extractable": False}
    creation = {"metadata": {"collectionType": kind, "collectionTotal": 1}, "resources": [resource]}
    key = service.create_key(instance, body(creation)).get_result().json()["resources"][0]["id"]
    listed = [found["id"] for found in service.get_keys(instance).get_result()["resources"]]
    wrapped = service.wrap_key(key, instance, key_action_wrap_body=body({"plaintext": "c2VjcmV0", "aad": ["x"]}))
    sealed = {"ciphertext": wrapped.get_result().json()["ciphertext"], "aad": ["x"]}
    plain = service.unwrap_key(key, instance, body(sealed)).get_result().json()["plaintext"]
    service.delete_key(key, instance)
    left = service.get_keys(instance).get_result().get("resources", [])
    return {"listed": listed == [key], "plaintext": plain, "left": [found["id"] for found in left]}


def main() -> None:
    """Do what the arguments say and print what came of it."""
    what, iam = sys.argv[1:]
    service = IbmKeyProtectApiV2(authenticator=IAMAuthenticator(os.environ["IBMCLOUD_API_KEY"], url=iam))
    service.set_service_url(os.environ.get("KP_PRIVATE_ADDR", "https://us-south.kms.cloud.ibm.com"))
    instance = os.environ["KP_INSTANCE_ID"]
    try:
        told = life(service, instance) if what == "life" else {"keys": len(listing(service, instance))}
    except ApiException as error:
        message = error.http_response.json()["resources"][0]["errorMsg"]
        told = {"status": error.status_code, "message": message}
    print(json.dumps(told))


def listing(service: Any, instance: str) -> list[object]:
    """Return the keys of the instance."""
    found: list[object] = service.get_keys(instance).get_result().get("resources", [])
    return found


main()
