"""What all pages of the running site share."""

import os
import secrets
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from tempfile import NamedTemporaryFile
from threading import Lock
from typing import Any, TypeVar

from cachetools import LRUCache
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from pipeline.errors import SettingsError
from pipeline.redaction.redact import redact_text
from pipeline.settings import Settings
from pipeline.store import Store

_T = TypeVar("_T")
SECRET_FILE = "site-secret"
SHORTEST_SECRET = 32  # characters, as the setting demands
KEPT = 256
"""Pieces of pages; the largest are some 300 kB."""
TRIES_PER_NAME = RateLimitItemPerMinute(5)
TRIES_PER_ADDRESS = RateLimitItemPerMinute(20)


@dataclass(frozen=True)
class Site:
    """The open database, the settings, the secret that signs cookies, the limit on sign-ins.

    It keeps what was made last for the overview: figures and charts.
    """

    store: Store
    settings: Settings
    secret: str
    _limiter: MovingWindowRateLimiter = field(
        default_factory=lambda: MovingWindowRateLimiter(MemoryStorage())
    )
    _made: LRUCache[Hashable, Any] = field(default_factory=lambda: LRUCache(KEPT))
    _making: Lock = field(default_factory=Lock)

    def may_try(self, name: str, address: str) -> bool:
        """Counts a try to sign in, and says whether it is not one too many."""
        by_name = self._limiter.hit(TRIES_PER_NAME, f"name {name}")
        by_address = self._limiter.hit(TRIES_PER_ADDRESS, f"address {address}")
        return by_name and by_address

    def hide(self, comment: str) -> str:
        """A comment as it is stored: what the settings hide of calls people may type again."""
        return redact_text(comment, self.settings.redact)

    def made_once(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """What ``make`` gives; the next time the same, while it is among those last asked for."""
        with self._making:  # one at a time: many may ask for the same at once
            if key not in self._made:
                self._made[key] = make()
            made: _T = self._made[key]
            return made


def read_secret(settings: Settings) -> str:
    """The secret that signs cookies: kept beside the database, for the owner's eyes only.

    Raises SettingsError where it can be neither read nor made.
    """
    if settings.site_secret is not None:
        return settings.site_secret.get_secret_value()
    path = settings.data_dir.absolute() / SECRET_FILE
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            with NamedTemporaryFile("w", dir=path.parent, encoding="ascii") as file:
                file.write(secrets.token_urlsafe(48))
                file.flush()
                os.fsync(file.fileno())
                with suppress(FileExistsError):  # another server of this folder was first
                    os.link(file.name, path)
        secret = path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be read or made ({error.strerror}); allow it, or set site_secret"
        ) from None
    if len(secret) < SHORTEST_SECRET:
        # Anybody could sign cookies with an empty one.
        raise SettingsError(f"{path}: damaged; delete it (everybody signs in anew)")
    return secret
