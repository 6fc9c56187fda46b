"""The numbers of gRPC and of PKCS #11 that GREP11 uses here, by the names that their own headers give them."""

from __future__ import annotations

from enum import IntEnum

_IBM = 0x80000000


class Status(IntEnum):
    """gRPC's status codes, as far as they are told apart."""

    OK = 0
    UNKNOWN = 2
    NOT_FOUND = 5
    UNIMPLEMENTED = 12
    UNAUTHENTICATED = 16


class Ckr(IntEnum):
    """PKCS #11 return values, IBM's own included: ``Grep11Error.Code``."""

    CKR_OK = 0x0
    CKR_GENERAL_ERROR = 0x5
    CKR_DATA_LEN_RANGE = 0x21
    CKR_ENCRYPTED_DATA_INVALID = 0x40
    CKR_ENCRYPTED_DATA_LEN_RANGE = 0x41
    CKR_FUNCTION_NOT_SUPPORTED = 0x54
    CKR_KEY_SIZE_RANGE = 0x62
    CKR_MECHANISM_INVALID = 0x70
    CKR_MECHANISM_PARAM_INVALID = 0x71
    CKR_TEMPLATE_INCOMPLETE = 0xD0
    CKR_TOKEN_NOT_PRESENT = 0xE0
    CKR_IBM_BLOB_ERROR = _IBM + 0x10004
    CKR_IBM_WK_NOT_INITIALIZED = _IBM + 0x10009
    CKR_IBM_GREP11_NOT_AUTHENTICATED = _IBM + 0x40001
    CKR_IBM_GREP11_CANNOT_UNMARSHAL = _IBM + 0x40003


class Mechanism(IntEnum):
    """The mechanisms that the lab's instances have."""

    CKM_AES_KEY_GEN = 0x1080
    CKM_AES_CBC = 0x1082
    CKM_AES_CBC_PAD = 0x1085


CKA_VALUE_LEN = 0x161
"""The attribute that says how long a key shall be, in bytes."""
