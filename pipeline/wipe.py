"""Taking the bytes of deleted rows out of the database's files, as far as that is ours to do.

SQLite: every connection overwrites what it deletes (``secure_delete``). What remains are words in
the segments of the full-text index, which go when the segments are merged; the write-ahead log,
which is emptied; and what versions before 0006 left in free pages: the file is written anew once.

PostgreSQL: dead rows are vacuumed; small tables are written anew. Its write-ahead log, its free
space in larger tables and all backups are for whoever runs it.
"""

import time

from sqlalchemy import Engine, exc, text

WIPED = 1
"""``user_version`` of an SQLite database in which nothing was ever deleted without overwriting."""
READER_PATIENCE_S = 5.0
"""So long we wait for a page that is being read: each takes less than a second."""
SMALL_BYTES = 256 * 1024**2
"""PostgreSQL writes tables up to this size anew: a few seconds in which nobody reads them."""
LOCK_TIMEOUT_S = 5
LOG_IN_USE = "the database's write-ahead log, which somebody is reading"
POSTGRESQL_FILES = "PostgreSQL's own files: free space of tables, write-ahead log, backups"


def wipe(engine: Engine, tables: tuple[str, ...]) -> tuple[str, ...]:
    """Takes what was deleted from ``tables`` out of the files; says where it may still lie."""
    if engine.dialect.name == "sqlite":
        return _wipe_sqlite(engine)
    _vacuum(engine, tables)
    return (POSTGRESQL_FILES,)


def _wipe_sqlite(engine: Engine) -> tuple[str, ...]:
    pooled = engine.raw_connection()  # says no BEGIN: VACUUM wants none
    try:
        cursor = pooled.cursor()
        cursor.execute("INSERT INTO call_words (call_words) VALUES ('optimize')")
        cursor.execute("PRAGMA user_version")
        (version,) = cursor.fetchone() or (0,)
        if version < WIPED:
            cursor.execute("VACUUM")
            cursor.execute(f"PRAGMA user_version = {WIPED}")
        until = time.monotonic() + READER_PATIENCE_S
        while True:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (busy, *_) = cursor.fetchone() or (1,)
            if not busy:
                return ()
            if time.monotonic() > until:
                return (LOG_IN_USE,)
            time.sleep(0.1)
    finally:
        pooled.close()


def _vacuum(engine: Engine, tables: tuple[str, ...]) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'"))
        try:
            for table in tables:
                size = connection.scalar(text("SELECT pg_total_relation_size(:t)"), {"t": table})
                try:
                    full = " (FULL)" if (size or 0) <= SMALL_BYTES else ""
                    connection.execute(text(f"VACUUM{full} {table}"))
                except exc.OperationalError:  # somebody uses it all the time
                    connection.execute(text(f"VACUUM {table}"))
        finally:
            connection.execute(text("RESET lock_timeout"))
