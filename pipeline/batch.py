"""A recording becomes a stored outcome: what the command line and the nightly flow both do."""

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.audio import SHARE_AWAY, sha256_of
from pipeline.call import judge
from pipeline.codeversion import PACKAGE, code_version
from pipeline.engines import SpeechEngines
from pipeline.errors import CallscoreError, RecordingError, StorageError, TransientError
from pipeline.find import Found, at_hand
from pipeline.forgotten import Forgotten
from pipeline.metadata import make_metadata, read_fields
from pipeline.paths import printable
from pipeline.records import CallFacts, Metadata, SecondOpinion
from pipeline.redaction.facts import hide, redaction_key
from pipeline.remote import NO_ROOM
from pipeline.result import facts_from_json, facts_to_json
from pipeline.rubric import Rubric, Rubrics
from pipeline.second_opinion import ask, asked
from pipeline.settings import Settings
from pipeline.store import Judging, Outcome, Store

SCORED_ALREADY = "scored already"
Listen = Callable[[Path, Metadata, SpeechEngines], CallFacts]


@dataclass(frozen=True, slots=True)
class Batch:
    """What all calls of a batch share."""

    id: int
    settings: Settings
    rubrics: Rubrics
    engines: SpeechEngines
    store: Store
    listen: Listen


def score_one(found: Found, batch: Batch) -> Outcome:
    """Scores a recording and stores what came of it; a bad one becomes a ``failed`` outcome.

    Raises
    ------
    TransientError
        When trying again may help. Nothing is stored then but what was heard so far, which the
        next try uses; :func:`give_up` stores the failure.
    """
    path = found.name
    keep = batch.store.keep_outcome
    if found.problem is not None:
        return keep(batch.id, path, found.status, found.problem)
    try:
        with at_hand(found) as here:
            return _score(here, batch)
    except TransientError:
        raise
    except MemoryError:
        raise TransientError(f"{path}: not enough memory; score fewer calls at once") from None
    except OSError as error:
        if error.errno in NO_ROOM:
            raise TransientError(f"{path}: no room on the disk; make some") from None
        if error.errno not in SHARE_AWAY:
            return keep(batch.id, path, "failed", reason_of(error, path))
        reason = f"{path}: {error.strerror}; see that the share is there"
        raise StorageError(reason) from None
    except Forgotten as error:
        return keep(batch.id, path, "skipped", str(error))
    except RecordingError as error:
        reason = reason_of(error, path)
        return keep(batch.id, path, "failed", reason, hopeless_for=code_version())
    except Exception as error:
        return keep(batch.id, path, "failed", reason_of(error, path))


def scored_before(found: Found, sha256: str, batch: Batch) -> int | None:
    """The stored result that scoring a recording would only repeat. Raises PermanentError."""
    return _look_up(found, sha256, batch).result_id


def give_up(found: Found, error: Exception, batch: int, store: Store) -> Outcome:
    """Stores the failure of a recording that no further try is made for."""
    path = found.name
    reason = reason_of(error, path)
    try:
        return store.keep_outcome(batch, path, "failed", reason)
    except TransientError:  # the database itself is away: the caller still gets to report it
        return Outcome(path, "failed", reason)


@dataclass(frozen=True, slots=True)
class _LookedUp:
    """What the store and the files beside a recording say of it, before anybody listens."""

    metadata: Metadata
    call_id_given: bool
    rubric: Rubric
    judging: Judging
    opinion: SecondOpinion | None
    result_id: int | None
    """The stored result, if it still stands."""


def _look_up(found: Found, sha256: str, batch: Batch) -> _LookedUp:
    fields = read_fields(found.path, batch.settings, found.manifest)
    metadata = _identify(fields, found, sha256, batch)
    rubric = batch.rubrics.for_queue(metadata.queue)
    judging = Judging(
        rubric.hash,
        code_version(),
        _listening_key(metadata, batch.engines, batch.settings),
        asked(rubric.hash, batch.settings),
    )
    opinion = batch.store.find_opinion(sha256, judging)
    if opinion is not None and not opinion.answers:
        opinion = None  # a language model that gave no answer is asked again
    stored = batch.store.find_result(sha256, metadata, judging)
    if judging.asked is not None and opinion is None:
        stored = None
    return _LookedUp(metadata, "call_id" in fields, rubric, judging, opinion, stored)


def _score(found: Found, batch: Batch) -> Outcome:
    began = time.perf_counter()
    sha256 = sha256_of(found.path)
    known = _look_up(found, sha256, batch)
    store, path = batch.store, found.name
    if known.result_id is not None:
        return store.keep_outcome(batch.id, path, "skipped", SCORED_ALREADY, known.result_id)
    forgotten = store.why_forgotten(sha256)
    if forgotten is not None:
        raise Forgotten(forgotten)
    facts = _facts(found.path, known.metadata, sha256, known.judging.listening_key, batch)
    store.keep_rubric(known.rubric.hash, known.rubric.files)
    opinion = known.opinion
    if known.judging.asked is not None and opinion is None:
        opinion = ask(facts, known.rubric, batch.settings)
        store.keep_opinion(opinion, sha256, known.judging)
    return store.keep_scored(
        batch.id,
        path,
        judge(facts, known.rubric, opinion),
        sha256,
        known.judging,
        call_id_given=known.call_id_given,
        took_s=round(time.perf_counter() - began, 3),
    )


def _identify(fields: dict[str, Any], found: Found, sha256: str, batch: Batch) -> Metadata:
    """The metadata of a recording. Without a call id, known content is the call it was before."""
    if "call_id" not in fields:
        known = batch.store.find_call(sha256, found.name)
        if known is not None:
            if not fields and known.path != found.name:
                # A bare copy under another name says nothing new about the call.
                return known.metadata
            fields = fields | {"call_id": known.metadata.call_id}
    return make_metadata(fields, found.path, sha256, batch.settings)


def _facts(
    recording: Path, metadata: Metadata, sha256: str, listening_key: str, batch: Batch
) -> CallFacts:
    """What is heard in the recording: from the database if it was listened to this way before."""
    known = batch.store.find_facts(sha256, listening_key)
    if known is not None:
        return replace(known, metadata=metadata)
    heard = batch.listen(recording, metadata, batch.engines)
    hidden = hide(heard, batch.settings.redact, threads=batch.settings.cpu_threads)
    if batch.settings.keep_originals:
        batch.store.keep_originals(hidden.words, sha256, listening_key)
    # Judged is what will be read back from the store, to the last digit: results must verify.
    facts = facts_from_json(facts_to_json(hidden.facts))
    batch.store.keep_facts(facts, sha256, listening_key)
    return facts


def _listening_key(metadata: Metadata, engines: SpeechEngines, settings: Settings) -> str:
    """All that can change the stored facts.

    The code, the engines, the metadata that guides them, and what is hidden.
    """
    guides = (metadata.agent_channel, metadata.language, metadata.direction)
    parts = [code_version(), engines.key(), *(guide or "-" for guide in guides)]
    return " ".join([*parts, redaction_key(settings.redact, keep=settings.keep_originals)])


def reason_of(error: Exception, path: str) -> str:
    """Why a recording failed, on one line.

    Of an error that is none of ours it names kind and place, never the text: that may hold words of
    the call.
    """
    if isinstance(error, CallscoreError):
        return printable(" ".join(str(error).split()))
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(PACKAGE)]
    where = f" at {Path(ours[-1].filename).name}, line {ours[-1].lineno}" if ours else ""
    return f"{path}: unexpected {type(error).__name__}{where}; please report it to the makers"
