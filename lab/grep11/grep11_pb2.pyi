from google.protobuf import any_pb2 as _any_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AttributeValue(_message.Message):
    __slots__ = ("AttributeB", "AttributeTF", "AttributeI")
    ATTRIBUTEB_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTETF_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTEI_FIELD_NUMBER: _ClassVar[int]
    AttributeB: bytes
    AttributeTF: bool
    AttributeI: int
    def __init__(self, AttributeB: _Optional[bytes] = ..., AttributeTF: _Optional[bool] = ..., AttributeI: _Optional[int] = ...) -> None: ...

class KeyBlob(_message.Message):
    __slots__ = ("KeyBlobID", "Version", "TxID", "Attributes", "KeyBlobs")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: AttributeValue
        def __init__(self, key: _Optional[int] = ..., value: _Optional[_Union[AttributeValue, _Mapping]] = ...) -> None: ...
    KEYBLOBID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TXID_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    KEYBLOBS_FIELD_NUMBER: _ClassVar[int]
    KeyBlobID: bytes
    Version: int
    TxID: bytes
    Attributes: _containers.MessageMap[int, AttributeValue]
    KeyBlobs: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, KeyBlobID: _Optional[bytes] = ..., Version: _Optional[int] = ..., TxID: _Optional[bytes] = ..., Attributes: _Optional[_Mapping[int, AttributeValue]] = ..., KeyBlobs: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Mechanism(_message.Message):
    __slots__ = ("Mechanism", "ParameterB")
    MECHANISM_FIELD_NUMBER: _ClassVar[int]
    PARAMETERB_FIELD_NUMBER: _ClassVar[int]
    Mechanism: int
    ParameterB: bytes
    def __init__(self, Mechanism: _Optional[int] = ..., ParameterB: _Optional[bytes] = ...) -> None: ...

class Grep11Error(_message.Message):
    __slots__ = ("Code", "Detail", "Retry")
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    Code: int
    Detail: str
    Retry: bool
    def __init__(self, Code: _Optional[int] = ..., Detail: _Optional[str] = ..., Retry: _Optional[bool] = ...) -> None: ...

class StatusDetails(_message.Message):
    __slots__ = ("Code", "Message", "Details")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    Code: int
    Message: str
    Details: _containers.RepeatedCompositeFieldContainer[_any_pb2.Any]
    def __init__(self, Code: _Optional[int] = ..., Message: _Optional[str] = ..., Details: _Optional[_Iterable[_Union[_any_pb2.Any, _Mapping]]] = ...) -> None: ...

class GetMechanismListRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetMechanismListResponse(_message.Message):
    __slots__ = ("Mechs",)
    MECHS_FIELD_NUMBER: _ClassVar[int]
    Mechs: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, Mechs: _Optional[_Iterable[int]] = ...) -> None: ...

class GenerateKeyRequest(_message.Message):
    __slots__ = ("Mech", "Template")
    class TemplateEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: AttributeValue
        def __init__(self, key: _Optional[int] = ..., value: _Optional[_Union[AttributeValue, _Mapping]] = ...) -> None: ...
    MECH_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    Mech: Mechanism
    Template: _containers.MessageMap[int, AttributeValue]
    def __init__(self, Mech: _Optional[_Union[Mechanism, _Mapping]] = ..., Template: _Optional[_Mapping[int, AttributeValue]] = ...) -> None: ...

class GenerateKeyResponse(_message.Message):
    __slots__ = ("KeyBytes", "CheckSum", "Key")
    KEYBYTES_FIELD_NUMBER: _ClassVar[int]
    CHECKSUM_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    KeyBytes: bytes
    CheckSum: bytes
    Key: KeyBlob
    def __init__(self, KeyBytes: _Optional[bytes] = ..., CheckSum: _Optional[bytes] = ..., Key: _Optional[_Union[KeyBlob, _Mapping]] = ...) -> None: ...

class EncryptSingleRequest(_message.Message):
    __slots__ = ("KeyBytes", "Mech", "Plain", "Key")
    KEYBYTES_FIELD_NUMBER: _ClassVar[int]
    MECH_FIELD_NUMBER: _ClassVar[int]
    PLAIN_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    KeyBytes: bytes
    Mech: Mechanism
    Plain: bytes
    Key: KeyBlob
    def __init__(self, KeyBytes: _Optional[bytes] = ..., Mech: _Optional[_Union[Mechanism, _Mapping]] = ..., Plain: _Optional[bytes] = ..., Key: _Optional[_Union[KeyBlob, _Mapping]] = ...) -> None: ...

class EncryptSingleResponse(_message.Message):
    __slots__ = ("Ciphered",)
    CIPHERED_FIELD_NUMBER: _ClassVar[int]
    Ciphered: bytes
    def __init__(self, Ciphered: _Optional[bytes] = ...) -> None: ...

class DecryptSingleRequest(_message.Message):
    __slots__ = ("KeyBytes", "Mech", "Ciphered", "Key")
    KEYBYTES_FIELD_NUMBER: _ClassVar[int]
    MECH_FIELD_NUMBER: _ClassVar[int]
    CIPHERED_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    KeyBytes: bytes
    Mech: Mechanism
    Ciphered: bytes
    Key: KeyBlob
    def __init__(self, KeyBytes: _Optional[bytes] = ..., Mech: _Optional[_Union[Mechanism, _Mapping]] = ..., Ciphered: _Optional[bytes] = ..., Key: _Optional[_Union[KeyBlob, _Mapping]] = ...) -> None: ...

class DecryptSingleResponse(_message.Message):
    __slots__ = ("Plain",)
    PLAIN_FIELD_NUMBER: _ClassVar[int]
    Plain: bytes
    def __init__(self, Plain: _Optional[bytes] = ...) -> None: ...
