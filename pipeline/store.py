"""Our database: every call, what was heard in it, its results and what each batch did.

SQLite by default, any SQLAlchemy address otherwise. Opening it brings its tables up to date. Each
method is one transaction: what it stores is there whole or not at all.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Literal, Self, TypeVar, get_args

from sqlalchemy import Executable, case, delete, exc, select
from sqlalchemy import text as sql
from sqlalchemy.orm import Session

from pipeline.database import open_database, readable_errors
from pipeline.encryption import Keys, read_keys, seal_with, seals
from pipeline.errors import SettingsError, TransientError
from pipeline.forgotten import receipt_in_place_of, refuse_forgotten, why_forgotten
from pipeline.metadata import started_at_utc
from pipeline.privacy_tables import OriginalRow, SealRow
from pipeline.records import CallFacts, CallResult, Metadata, SecondOpinion
from pipeline.result import (
    facts_from_json,
    facts_to_json,
    metadata_to_json,
    opinion_from_json,
    opinion_to_json,
    to_json_line,
)
from pipeline.settings import Settings
from pipeline.standing import refresh, take_in
from pipeline.tables import (
    AnswerRow,
    BatchRow,
    CallRow,
    FactsRow,
    OpinionRow,
    OutcomeRow,
    ResultRow,
    RubricRow,
    utc_now,
)
from pipeline.wipe import wipe

_T = TypeVar("_T")
Status = Literal["scored", "failed", "skipped", "quarantined"]
STATUSES: tuple[Status, ...] = get_args(Status)
NOT_SCORED: tuple[Status, ...] = ("failed", "quarantined")
"""Somebody should look."""
METADATA_FIELDS = tuple(field.name for field in fields(Metadata))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a batch did with one path. Holds no words of the call: those stay in the database."""

    path: str
    status: Status
    reason: str | None = None
    result_id: int | None = None
    call_id: str | None = None
    agent_id: str | None = None
    duration_s: float | None = None
    score: float | None = None
    uncapped_score: float | None = None
    coverage: float | None = None
    failed_by: str | None = None
    number: int | None = None
    """What logs and Prefect know it by: a path may hold a name."""

    @property
    def reason_without_path(self) -> str | None:
        return None if self.reason is None else self.reason.removeprefix(f"{self.path}: ")


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A call as the database knows it."""

    metadata: Metadata
    path: str


@dataclass(frozen=True, slots=True)
class Judging:
    """What decides whether a stored result still stands."""

    rubric_hash: str
    code_version: str
    listening_key: str
    asked: str | None = None
    """The second opinion asked for, if any."""


class Store:
    """The open database; threads may share it, processes open their own.

    ``patience_s``: so long a database that is away is waited for. ``keys`` seal what holds words of
    calls; without one that opens what is there, SettingsError is raised, and so with keys where
    encryption was switched off, unless it is opened for ``switching`` it.
    """

    def __init__(
        self,
        url: str,
        patience_s: float = 0.0,
        keys: Keys | None = None,
        *,
        switching: bool = False,
    ) -> None:
        self.name, self._engine = open_database(url, patience_s, take_in, keys)
        self.keys = keys
        self._switching = switching
        # SQLite: a writer takes the write lock at once and waits for it in turn; one that begins
        # as a reader can find the database changed under it and fail without waiting.
        self._writing = self._engine.execution_options(sqlite_begin="BEGIN IMMEDIATE")
        try:
            self._check_keys()
        except BaseException:
            self.close()
            raise

    @classmethod
    def of(cls, settings: Settings, patience_s: float = 0.0, *, switching: bool = False) -> Self:
        """The database that the settings name."""
        given = settings.encryption_key
        secret = None if given is None else given.get_secret_value()
        keys = read_keys(secret, settings.encryption_key_file)
        return cls(settings.database_url, patience_s, keys, switching=switching)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._engine.dispose()

    def _check_keys(self) -> None:
        """Lets in only who can read what is there, and marks the database where they seal it."""
        with self.read() as session:
            marked = self._heed_seal(session)
        if self.keys is not None and not marked:
            self.mark_sealed()

    @property
    def seals(self) -> bool:
        """Whether words are stored encrypted."""
        with self.read() as session:
            return seals(session)

    def _heed_seal(self, session: Session) -> bool:
        """Whether the database was ever sealed; if so, writes as it is now.

        Raises SettingsError where no key of ours opens it, or encryption was switched off.
        """
        row = session.get(SealRow, 1)
        if row is None:
            return False
        if self.keys is not None and not row.sealing and not self._switching:
            raise SettingsError(
                "encryption was switched off (callscore encrypt --off); take the key out of the "
                "settings, or run callscore encrypt to switch it on again"
            )
        seal_with(self._engine, self.keys, sealing=row.sealing)
        return True

    def mark_sealed(self, *, sealing: bool = True) -> None:
        """Has all that is written from now on sealed with our first key, whoever writes it.

        ``sealing`` off: lets nobody with keys write until they are taken away.
        """

        def mark(session: Session) -> None:
            if session.get_bind().dialect.name == "postgresql":
                # Waits for who writes as it was before.
                session.execute(sql("LOCK TABLE seals IN ACCESS EXCLUSIVE MODE"))
            row = session.get(SealRow, 1)
            if sealing:
                seal_with(self._engine, self.keys)
                session.execute(delete(SealRow))
                session.expunge_all()
                session.add(SealRow(id=1, probe=utc_now().isoformat(), sealing=True))
            elif row is not None:
                row.sealing = False

        self.write_once(mark)
        with self.read() as session:
            self._heed_seal(session)

    def start_batch(self, origin: str) -> int:
        """A new batch; ``origin`` says what started it."""
        with self.write() as session:
            row = BatchRow(origin=origin, started_at=utc_now())
            session.add(row)
            session.flush()
            return row.id

    def finish_batch(self, batch: int) -> None:
        with self.write() as session:
            session.get_one(BatchRow, batch).finished_at = utc_now()

    def last_batch(self) -> int | None:
        with self.read() as session:
            return session.scalar(select(BatchRow.id).order_by(BatchRow.id.desc()).limit(1))

    def find_call(self, recording_sha256: str, path: str) -> StoredCall | None:
        """The call stored of this content: from this path, else the first from any."""
        same_content = select(CallRow).where(CallRow.recording_sha256 == recording_sha256)
        by_nearness = case((CallRow.path == path, 0), else_=1), CallRow.id
        with self.read() as session:
            row = session.scalar(same_content.order_by(*by_nearness).limit(1))
            if row is None:
                return None
            return StoredCall(metadata_of(row), row.path)

    def why_forgotten(self, recording_sha256: str) -> str | None:
        """Why a recording is not to be scored again; None where it may be."""
        with self.read() as session:
            return why_forgotten(session, recording_sha256)

    def find_facts(self, recording_sha256: str, listening_key: str) -> CallFacts | None:
        """What was heard in this recording when it was listened to the same way."""
        with self.read() as session:
            text = session.scalar(
                select(FactsRow.facts_json).where(
                    FactsRow.recording_sha256 == recording_sha256,
                    FactsRow.listening_key == listening_key,
                )
            )
        return None if text is None else facts_from_json(text)

    def keep_facts(self, facts: CallFacts, recording_sha256: str, listening_key: str) -> None:
        def write(session: Session) -> None:
            refuse_forgotten(session, recording_sha256)
            same = select(FactsRow).where(
                FactsRow.recording_sha256 == recording_sha256,
                FactsRow.listening_key == listening_key,
            )
            if session.scalar(same) is None:
                session.add(
                    FactsRow(
                        recording_sha256=recording_sha256,
                        listening_key=listening_key,
                        facts_json=facts_to_json(facts),
                        stored_at=utc_now(),
                    )
                )

        self.write_once(write)

    def keep_originals(self, words: Sequence[str], sha256: str, listening_key: str) -> None:
        """Stores what was hidden in a recording, in the order of its facts' redactions."""

        def write(session: Session) -> None:
            refuse_forgotten(session, sha256)
            key = {"recording_sha256": sha256, "listening_key": listening_key}
            session.execute(delete(OriginalRow).filter_by(**key))
            session.add(OriginalRow(words_json=json.dumps(list(words)), stored_at=utc_now(), **key))

        self.write_once(write)

    def find_originals(self, recording_sha256: str, listening_key: str) -> tuple[str, ...] | None:
        """What was hidden in a recording; None where it was not kept."""
        of_recording = select(OriginalRow.words_json).filter_by(
            recording_sha256=recording_sha256, listening_key=listening_key
        )
        with self.read() as session:
            text = session.scalar(of_recording)
        return None if text is None else tuple(json.loads(text))

    def find_opinion(self, recording_sha256: str, judging: Judging) -> SecondOpinion | None:
        """What the language model said when it was asked the same about the same words."""
        if judging.asked is None:
            return None
        with self.read() as session:
            text = session.scalar(_opinion(OpinionRow.opinion_json, recording_sha256, judging))
        return None if text is None else opinion_from_json(text)

    def keep_opinion(self, opinion: SecondOpinion, sha256: str, judging: Judging) -> None:
        """Stores what the language model said, in place of what it said before."""

        def write(session: Session) -> None:
            refuse_forgotten(session, sha256)
            row = session.scalar(_opinion(OpinionRow, sha256, judging))
            if row is not None:
                row.opinion_json = opinion_to_json(opinion)
                return
            session.add(
                OpinionRow(
                    recording_sha256=sha256,
                    listening_key=judging.listening_key,
                    asked=judging.asked or "",
                    opinion_json=opinion_to_json(opinion),
                    stored_at=utc_now(),
                )
            )

        self.write_once(write)

    def find_result(
        self, recording_sha256: str, metadata: Metadata, judging: Judging
    ) -> int | None:
        """The stored result that scoring again would only repeat, or None."""
        unchanged = (
            select(ResultRow.id, CallRow)
            .join(CallRow, ResultRow.call == CallRow.id)
            .where(
                CallRow.recording_sha256 == recording_sha256,
                CallRow.call_id == metadata.call_id,
                ResultRow.rubric_hash == judging.rubric_hash,
                ResultRow.code_version == judging.code_version,
                ResultRow.listening_key == judging.listening_key,
                ResultRow.asked == judging.asked,
            )
        )
        with self.read() as session:
            found = session.execute(unchanged).first()
            if found is None:
                return None
            result_id, call = found
            same = all(getattr(call, name) == getattr(metadata, name) for name in METADATA_FIELDS)
            return result_id if same else None

    def keep_result(
        self,
        result: CallResult,
        recording_sha256: str,
        path: str,
        judging: Judging,
        *,
        call_id_given: bool,
    ) -> int:
        """Stores a scored call, replacing what the same judging said of it before.

        Raises :class:`pipeline.forgotten.Forgotten`.
        """

        def write(session: Session) -> int:
            call = _put_call(session, result, recording_sha256, path, call_id_given)
            return _put_result(session, call, result, judging)

        return self.write_once(write)

    def keep_rubric(self, rubric_hash: str, files: Mapping[str, str]) -> None:
        """Stores the files of a rubric once, so that what it judged can be recomputed."""

        def write(session: Session) -> None:
            known = select(RubricRow.hash).where(RubricRow.hash == rubric_hash)
            if session.scalar(known) is None:
                session.add(
                    RubricRow(
                        hash=rubric_hash, files_json=json.dumps(dict(files)), stored_at=utc_now()
                    )
                )

        self.write_once(write)

    def rubric_files(self, rubric_hash: str) -> dict[str, str] | None:
        """The files of a stored rubric by their names; None where it is not stored."""
        with self.read() as session:
            row = session.get(RubricRow, rubric_hash)
            return None if row is None else json.loads(row.files_json)

    def result_json(self, result_id: int) -> str:
        """A stored result in the documented form, on one line."""
        with self.read() as session:
            return session.get_one(ResultRow, result_id).result_json

    def result(self, result_id: int) -> dict[str, Any]:
        """The same, parsed."""
        parsed: dict[str, Any] = json.loads(self.result_json(result_id))
        return parsed

    def keep_scored(
        self,
        batch: int,
        path: str,
        result: CallResult,
        recording_sha256: str,
        judging: Judging,
        *,
        call_id_given: bool,
        took_s: float,
    ) -> Outcome:
        """Stores a scored call and that the batch scored it, both or neither."""

        def write(session: Session) -> Outcome:
            call = _put_call(session, result, recording_sha256, path, call_id_given)
            result_id = _put_result(session, call, result, judging)
            return _put_outcome(session, batch, path, "scored", None, result_id, took_s)

        return self.write_once(write)

    def keep_outcome(
        self,
        batch: int,
        path: str,
        status: Status,
        reason: str | None = None,
        result_id: int | None = None,
        hopeless_for: str | None = None,
    ) -> Outcome:
        """Stores what became of a path in a batch.

        A second outcome replaces the first, but what the batch has scored stays scored.
        ``hopeless_for``: the version of the code that need not try this content again. Of what was
        forgotten the path is not stored, though returned.
        """

        def write(session: Session) -> Outcome:
            return _put_outcome(
                session, batch, path, status, reason, result_id, hopeless_for=hopeless_for
            )

        return self.write_once(write)

    def outcomes(self, batch: int) -> list[Outcome]:
        """The outcomes of a batch by path: threads make them in any order."""
        with self.read() as session:
            of_batch = _OUTCOMES.where(OutcomeRow.batch == batch, OutcomeRow.status.in_(STATUSES))
            return _outcomes(session, of_batch.order_by(OutcomeRow.path))

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session to look things up in; database errors come in our words."""
        with readable_errors(self.name), Session(self._engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        with readable_errors(self.name), Session(self._writing) as session, session.begin():
            self._heed_seal(session)  # the keys may have changed since it was opened
            yield session

    def wipe(self, tables: tuple[str, ...]) -> tuple[str, ...]:
        """As :func:`pipeline.wipe.wipe`."""
        with readable_errors(self.name):
            return wipe(self._engine, tables)

    def write_once(self, write: Callable[[Session], _T]) -> _T:
        """Runs a write, and again if another process put the same thing there in between."""
        for _ in range(2):
            try:
                with self.write() as session:
                    return write(session)
            except exc.IntegrityError:
                continue
        raise TransientError(f"{self.name}: another process keeps writing the same call; try again")


def _opinion(wanted: Any, sha256: str, judging: Judging) -> Any:
    return select(wanted).where(
        OpinionRow.recording_sha256 == sha256,
        OpinionRow.listening_key == judging.listening_key,
        OpinionRow.asked == judging.asked,
    )


def metadata_of(call: CallRow) -> Metadata:
    """The metadata of a stored call."""
    return Metadata(**{name: getattr(call, name) for name in METADATA_FIELDS})


def _put_call(
    session: Session, result: CallResult, sha256: str, path: str, call_id_given: bool
) -> CallRow:
    metadata = result.facts.metadata
    refuse_forgotten(session, sha256, metadata.call_id)
    same_content = select(CallRow).where(CallRow.recording_sha256 == sha256)
    call = session.scalar(same_content.where(CallRow.call_id == metadata.call_id))
    if call is None and call_id_given:
        # The id that was made up before the recording got its metadata gives way to the true one.
        call = session.scalar(same_content.where(CallRow.call_id_given.is_(False)))
    values: dict[str, Any] = {name: getattr(metadata, name) for name in METADATA_FIELDS}
    values |= {
        "recording_sha256": sha256,
        "call_id_given": call_id_given or (call is not None and call.call_id_given),
        "path": path,
        "started_at_utc": _utc(metadata.started_at),
        "duration_s": result.facts.duration_s,
    }
    if call is None:
        # From then on its age counts where nobody said when it began.
        call = CallRow(**values, stored_at=utc_now())
        session.add(call)
    else:
        for name, value in values.items():
            setattr(call, name, value)
    session.flush()
    return call


def _put_result(session: Session, call: CallRow, result: CallResult, judging: Judging) -> int:
    card = result.scorecard
    row = session.scalar(
        select(ResultRow).where(
            ResultRow.call == call.id,
            ResultRow.rubric_hash == judging.rubric_hash,
            ResultRow.code_version == judging.code_version,
        )
    )
    values: dict[str, Any] = {
        "call": call.id,
        "rubric_id": card.rubric.id,
        "rubric_version": card.rubric.version,
        "rubric_hash": judging.rubric_hash,
        "code_version": judging.code_version,
        "listening_key": judging.listening_key,
        "asked": judging.asked,
        "score": card.score,
        "uncapped_score": card.uncapped_score,
        "coverage": card.coverage,
        "failed_by": card.failed_by,
        "result_json": to_json_line(result),
        "metadata_json": metadata_to_json(result.facts.metadata),
        "scored_at": utc_now(),
    }
    if row is None:
        row = ResultRow(**values)
        session.add(row)
    else:
        # In place: outcomes of earlier batches point at this row.
        session.execute(delete(AnswerRow).where(AnswerRow.result == row.id))
        for name, value in values.items():
            setattr(row, name, value)
    session.flush()
    session.add_all(
        AnswerRow(
            result=row.id,
            criterion=criterion.id,
            answer=criterion.answer,
            points=criterion.points,
            max_points=criterion.max_points,
            confidence=criterion.confidence,
        )
        for criterion in card.criteria
    )
    session.flush()
    refresh(session, call.id, scored=True)
    return row.id


def _put_outcome(
    session: Session,
    batch: int,
    path: str,
    status: Status,
    reason: str | None = None,
    result_id: int | None = None,
    took_s: float | None = None,
    hopeless_for: str | None = None,
) -> Outcome:
    row = session.scalar(
        select(OutcomeRow).where(OutcomeRow.batch == batch, OutcomeRow.path == path)
    )
    if row is None:
        row = OutcomeRow(
            batch=batch, path=path, status=status, reason=None, result=None, at=utc_now()
        )
        session.add(row)
    if row.status != "scored" or status == "scored":
        row.status, row.reason, row.result = status, reason, result_id
        row.at, row.worker, row.took_s, row.hopeless_for = utc_now(), None, took_s, hopeless_for
        session.flush()
        receipt = receipt_in_place_of(session, path, reason)
        if receipt is not None:
            row.path, row.source, row.recording_sha256 = f"deleted {receipt} {row.id}", None, None
            session.flush()
    return replace(_outcomes(session, _OUTCOMES.where(OutcomeRow.id == row.id))[0], path=path)


_OUTCOMES = (
    select(
        OutcomeRow.id.label("number"),
        OutcomeRow.path,
        OutcomeRow.status,
        OutcomeRow.reason,
        OutcomeRow.result.label("result_id"),
        CallRow.call_id,
        CallRow.agent_id,
        CallRow.duration_s,
        ResultRow.score,
        ResultRow.uncapped_score,
        ResultRow.coverage,
        ResultRow.failed_by,
    )
    .outerjoin(ResultRow, OutcomeRow.result == ResultRow.id)
    .outerjoin(CallRow, ResultRow.call == CallRow.id)
)


def _outcomes(session: Session, query: Executable) -> list[Outcome]:
    rows: Sequence[Any] = session.execute(query).mappings().all()
    return [Outcome(**row) for row in rows]


def _utc(started_at: str | None) -> datetime | None:
    return None if started_at is None else started_at_utc(started_at).replace(tzinfo=None)
