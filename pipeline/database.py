"""Opening the database: address, connection manners, migrations, errors in plain words."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url, text
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from pipeline.encryption import Keys, seal_with
from pipeline.errors import SettingsError, TransientError
from pipeline.wipe import WIPED

# How long a writer waits for another process's write (each takes milliseconds).
BUSY_TIMEOUT_MS = 30_000
# Pauses between tries to reach a database that is away grow up to this.
LONGEST_WAIT_S = 5.0

# Mode of the files of an SQLite database: for their owner alone.
PRIVATE = 0o600

# One at a time brings the tables up to date; the number only has to be ours (PostgreSQL).
MIGRATION_LOCK = 0x63616C6C

_MAY_PASS = (exc.OperationalError, exc.InterfaceError, exc.InternalError, exc.TimeoutError)


def open_database(
    url: str,
    patience_s: float = 0.0,
    after_upgrade: Callable[[Connection], None] | None = None,
    keys: Keys | None = None,
) -> tuple[str, Engine]:
    """The name to show (without password) and an engine whose tables are up to date.

    ``keys`` seal what holds words of calls.

    So long a database that is away or locked is waited for, whenever it is turned to.
    """
    address = _parse(url)
    name = address.render_as_string(hide_password=True)
    if address.get_backend_name() == "sqlite":
        _prepare_folder(address, name)
        _keep_private(Path(address.database or ""))
    try:
        # hide_parameters: an error must not carry the words of a call.
        engine = create_engine(address, hide_parameters=True, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"database {name}: the driver {error.name!r} is not installed; install it with pip"
        ) from None
    seal_with(engine, keys)
    if engine.dialect.name == "sqlite":
        busy_timeout_ms = max(BUSY_TIMEOUT_MS, round(patience_s * 1000))
        event.listen(engine, "connect", partial(_set_up_sqlite, busy_timeout_ms))
        event.listen(engine, "begin", _begin_sqlite)
    if patience_s:
        event.listen(engine, "do_connect", partial(_connect_patiently, patience_s))
    try:
        with readable_errors(name):
            _migrate(engine, name, after_upgrade)
    except BaseException:
        engine.dispose()
        raise
    return name, engine


def patient(patience_s: float, error: type[Exception]) -> Retrying:
    """Calls what it is given, and again while that raises ``error``, until patience ends."""
    return Retrying(
        retry=retry_if_exception_type(error),
        stop=stop_after_delay(patience_s),
        wait=wait_exponential(multiplier=0.1, max=LONGEST_WAIT_S),
        reraise=True,
    )


@contextmanager
def readable_errors(name: str) -> Iterator[None]:
    """Database errors as ours: what may pass as TransientError, what will not as SettingsError."""
    try:
        yield
    except _MAY_PASS as error:
        cause = _cause(error)
        full = "full" in cause or "No space" in cause
        remedy = "make room on its disk" if full else "see that it can be reached"
        raise TransientError(f"database {name}: {cause}; {remedy}") from None
    except exc.DatabaseError as error:
        if type(error) is not exc.DatabaseError:
            raise
        raise SettingsError(
            f"database {name}: {_cause(error)}; restore it from a backup or name another"
        ) from None


def _parse(url: str) -> URL:
    try:
        address = make_url(url)
        dialect = address.get_dialect()
    except (exc.ArgumentError, exc.NoSuchModuleError, ValueError):
        raise SettingsError(
            "database address: not understood; expected one such as sqlite:///calls.db or "
            "postgresql+psycopg://user@host/name"
        ) from None
    except ModuleNotFoundError as error:
        raise SettingsError(f"database address: {error.name!r} is not installed") from None
    if dialect.is_async:
        raise SettingsError(
            f"database address: the driver {dialect.driver} is asynchronous; leave it out, or name "
            "a plain one such as postgresql+psycopg://"
        )
    if address.get_backend_name() == "sqlite" and address.database in (None, "", ":memory:"):
        raise SettingsError("database address: an SQLite database needs a file: sqlite:///calls.db")
    return address


def _prepare_folder(address: URL, name: str) -> None:
    folder = Path(address.database or "").absolute().parent
    try:
        # What is stored are the words of calls: for the user's own eyes.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"database {name}: folder {folder} cannot be made ({error.strerror}); name another"
        ) from None


def _keep_private(file: Path) -> None:
    """Nobody but its owner may read an SQLite database; what SQLite puts beside it goes by it."""
    # Where it cannot be made or changed, opening it says why, or it is another user's to change.
    with suppress(OSError):
        os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, PRIVATE))
    for path in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))):
        with suppress(OSError):
            if stat.S_IMODE(path.stat().st_mode) & ~PRIVATE:
                path.chmod(PRIVATE)


def _connect_patiently(
    patience_s: float, dialect: Any, _record: Any, arguments: Any, options: Any
) -> Any:
    """A connection; a database that is away is tried again until patience ends."""
    retry = patient(patience_s, dialect.loaded_dbapi.OperationalError)
    return retry(dialect.connect, *arguments, **options)


def _set_up_sqlite(busy_timeout_ms: int, connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, below
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {busy_timeout_ms}")
    cursor.execute("PRAGMA journal_mode = WAL")  # readers and a writer at the same time
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten with zeros
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    connection.exec_driver_sql(options.get("sqlite_begin", "BEGIN"))


def _migrate(engine: Engine, name: str, after_upgrade: Callable[[Connection], None] | None) -> None:
    """Brings the tables up to date, one process at a time."""
    from alembic import command
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", "pipeline:migrations")
    config.set_main_option("path_separator", "os")
    head = ScriptDirectory.from_config(config).get_current_head()
    with engine.execution_options(sqlite_begin="BEGIN IMMEDIATE").begin() as connection:
        if engine.dialect.name == "postgresql":
            lock = text("SELECT pg_advisory_xact_lock(:lock)")
            connection.execute(lock, {"lock": MIGRATION_LOCK})
        config.attributes["connection"] = connection
        before = MigrationContext.configure(connection).get_current_revision()
        try:
            command.upgrade(config, "head")
        except CommandError:
            raise SettingsError(
                f"database {name}: made by a newer callscore (this one knows step {head}); "
                "upgrade callscore"
            ) from None
        if before is None and engine.dialect.name == "sqlite":
            connection.exec_driver_sql(f"PRAGMA user_version = {WIPED}")
        if before not in (None, head) and after_upgrade is not None:
            after_upgrade(connection)


def _cause(error: exc.SQLAlchemyError) -> str:
    """The driver's own first line, without statement and values."""
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().partition("\n")[0]
