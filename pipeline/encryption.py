"""Encryption at rest: columns that hold words of calls are sealed with the owner's keys.

A sealed value is a Fernet token (AES-128 in CBC mode with an HMAC-SHA256: https://github.com/fernet/spec)
behind a mark. What was stored before there was a key, or with an older key, stays readable.
"""

from typing import Any

from cryptography.fernet import InvalidToken, MultiFernet
from sqlalchemy import Engine, LargeBinary, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from pipeline.errors import SettingsError

SEALED = "sealed:"
"""What a sealed value begins with; nothing else that we store in these columns does."""


def seal_with(engine: Engine, keys: MultiFernet | None) -> None:
    """Seals what is written through the engine from now on, and opens what is read; None: plain."""
    engine.dialect.callscore_keys = keys  # type: ignore[attr-defined]


class SealedText(TypeDecorator[str]):
    """Text that is sealed in the database where there are keys."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        keys = _keys(dialect)
        if value is None or keys is None:
            return value
        return SEALED + keys.encrypt(value.encode()).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or not value.startswith(SEALED):
            return value
        return _open(value.removeprefix(SEALED).encode(), dialect).decode()


class SealedBytes(TypeDecorator[bytes]):
    """Bytes that are sealed in the database where there are keys."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        keys = _keys(dialect)
        if value is None or keys is None:
            return value
        return SEALED.encode() + keys.encrypt(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> bytes | None:
        if value is None or not bytes(value).startswith(SEALED.encode()):
            return value
        return _open(bytes(value).removeprefix(SEALED.encode()), dialect)


def _keys(dialect: Dialect) -> MultiFernet | None:
    return getattr(dialect, "callscore_keys", None)


def _open(token: bytes, dialect: Dialect) -> bytes:
    keys = _keys(dialect)
    if keys is None:
        raise SettingsError(
            "what is stored is encrypted, and there is no key; set encryption_key or "
            "encryption_key_file"
        )
    try:
        return keys.decrypt(token)
    except InvalidToken:
        raise SettingsError(
            "what is stored is encrypted with another key; put the old one behind the new one"
        ) from None
