"""Encryption at rest: columns that hold words of calls are sealed with the owner's keys.

A sealed value is a Fernet token (AES-128 in CBC mode with an HMAC-SHA256:
https://github.com/fernet/spec) behind a mark. What an older key sealed, and what was stored before
there was a key, stays readable.
"""

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import Engine, LargeBinary, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeDecorator

from pipeline.errors import SettingsError

SEALED = "\x02sealed:"
"""What a sealed value begins with."""
PLAIN = "\x02plain:"
"""Put before a plain value that would look like a marked one."""
NO_KEY = (
    "what is stored is encrypted, and there is no key; set encryption_key or encryption_key_file"
)
OTHER_KEY = (
    "what is stored is encrypted with another key; put that one behind yours (encryption_key, "
    "encryption_key_file)"
)


@dataclass(frozen=True, slots=True)
class Keys:
    """The first key seals; all of them open."""

    first: Fernet
    all: MultiFernet

    def seal(self, value: bytes) -> bytes:
        return SEALED.encode() + self.first.encrypt(value)

    def seal_anew(self, value: bytes) -> bytes:
        """A stored value as the first key seals it: the same one if it does already."""
        if not is_sealed(value):
            return self.seal(value.removeprefix(PLAIN.encode()))
        token = value.removeprefix(SEALED.encode())
        try:
            self.first.decrypt(token)
        except InvalidToken:
            return self.seal(open_sealed(value, self))
        return value


def new_key() -> str:
    """A fresh key, 32 random bytes in URL-safe base64."""
    return Fernet.generate_key().decode()


def read_keys(given: str | None, file: Path | None) -> Keys | None:
    """The keys of the settings: several with commas, or a file with one a line; None: no keys.

    Raises SettingsError, which never repeats a key.
    """
    if given is not None and file is not None:
        raise SettingsError("encryption_key and encryption_key_file are both set; leave one out")
    if given is None and file is None:
        return None
    name, parts = "encryption_key", (given or "").split(",")
    if file is not None:
        name, parts = f"encryption_key_file {file}", _read(file).split()
    keys = []
    for part in filter(None, map(str.strip, parts)):
        try:
            keys.append(Fernet(part))
        except ValueError:
            raise SettingsError(
                f"{name}: its key number {len(keys) + 1} is not one; callscore encrypt --new-key "
                "makes one"
            ) from None
    if not keys:
        raise SettingsError(f"{name}: there is no key in it; callscore encrypt --new-key")
    return Keys(keys[0], MultiFernet(keys))


def _read(file: Path) -> str:
    if not file.is_file():  # not named here: it may be a key itself
        wrong = "it names a folder" if file.is_dir() else "there is no such file"
        raise SettingsError(f"encryption_key_file: {wrong}; correct its path")
    try:
        mode = file.stat().st_mode
        text = file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"encryption_key_file {file}: cannot be read ({type(error).__name__})"
        ) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(
            f"encryption_key_file {file}: others may read it too; chmod 600 it, and change the key "
            "if they may have"
        )
    return text


def seal_with(engine: Engine, keys: Keys | None, *, sealing: bool = True) -> None:
    """Opens what is read through the engine; seals what is written, unless ``sealing`` is off."""
    engine.dialect.callscore_keys = keys  # type: ignore[attr-defined]
    engine.dialect.callscore_sealing = sealing  # type: ignore[attr-defined]


def seals(session: Session) -> bool:
    """Whether what the session writes is sealed."""
    return _sealing_keys(session.get_bind().dialect) is not None


def is_sealed(value: bytes) -> bool:
    return value.startswith(SEALED.encode())


def in_plain(value: bytes) -> bytes:
    """A value as it is stored unsealed."""
    marked = value.startswith((SEALED.encode(), PLAIN.encode()))
    return PLAIN.encode() + value if marked else value


def open_sealed(value: bytes, keys: Keys | None) -> bytes:
    """What a stored value holds. Raises SettingsError where no key opens it."""
    if not is_sealed(value):
        return value.removeprefix(PLAIN.encode())
    if keys is None:
        raise SettingsError(NO_KEY)
    try:
        return keys.all.decrypt(value.removeprefix(SEALED.encode()))
    except InvalidToken:
        raise SettingsError(OTHER_KEY) from None


class SealedText(TypeDecorator[str]):
    """Text that is sealed in the database where there are keys.

    In queries it can only be read: no condition on it, no order by it.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else _to_store(value.encode(), dialect).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or not value.startswith((SEALED, PLAIN)):
            return value
        return open_sealed(value.encode(), _keys(dialect)).decode()


class SealedBytes(TypeDecorator[bytes]):
    """Bytes that are sealed in the database where there are keys."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        return None if value is None else _to_store(value, dialect)

    def process_result_value(self, value: Any, dialect: Dialect) -> bytes | None:
        return None if value is None else open_sealed(bytes(value), _keys(dialect))


def _to_store(value: bytes, dialect: Dialect) -> bytes:
    keys = _sealing_keys(dialect)
    return in_plain(value) if keys is None else keys.seal(value)


def _sealing_keys(dialect: Dialect) -> Keys | None:
    return _keys(dialect) if getattr(dialect, "callscore_sealing", True) else None


def _keys(dialect: Dialect) -> Keys | None:
    return getattr(dialect, "callscore_keys", None)
