"""A recording becomes a stored outcome: what the command line and the nightly flow both do."""

import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.audio import sha256_of
from pipeline.call import judge, listen
from pipeline.codeversion import PACKAGE, code_version
from pipeline.engines import SpeechEngines
from pipeline.errors import PermanentError, TransientError
from pipeline.find import Found, full_path, printable
from pipeline.metadata import make_metadata, read_fields
from pipeline.records import CallFacts, Metadata
from pipeline.result import facts_from_json, facts_to_json
from pipeline.rubric import Rubrics
from pipeline.second_opinion import ask, asked
from pipeline.settings import Settings
from pipeline.store import Judging, Outcome, Store

SCORED_ALREADY = "scored already"


@dataclass(frozen=True, slots=True)
class Batch:
    """What all calls of a batch share."""

    id: int
    settings: Settings
    rubrics: Rubrics
    engines: SpeechEngines
    store: Store


def score_one(found: Found, batch: Batch) -> Outcome:
    """Scores a recording and stores what came of it; a bad one becomes a ``failed`` outcome.

    Raises
    ------
    TransientError
        When trying again may help. Nothing is stored then but what was heard so far, which the
        next try uses; :func:`give_up` stores the failure.
    """
    path = _path_of(found)
    keep = batch.store.keep_outcome
    if found.problem is not None:
        return keep(batch.id, path, found.status, found.problem)
    try:
        result_id, is_new = _result_of(found.path, path, batch)
    except TransientError:
        raise
    except MemoryError:
        raise TransientError(f"{path}: not enough memory; score fewer calls at once") from None
    except PermanentError as error:
        return keep(batch.id, path, "failed", _one_line(error))
    except Exception as error:
        return keep(batch.id, path, "failed", f"{path}: {_unexpected(error)}")
    if is_new:
        return keep(batch.id, path, "scored", None, result_id)
    return keep(batch.id, path, "skipped", SCORED_ALREADY, result_id)


def give_up(found: Found, error: TransientError, batch: Batch) -> Outcome:
    """Stores the failure of a recording that no further try is made for."""
    path, reason = _path_of(found), _one_line(error)
    try:
        return batch.store.keep_outcome(batch.id, path, "failed", reason)
    except TransientError:  # the database itself is away: the caller still gets to report it
        return Outcome(path, "failed", reason)


def _result_of(recording: Path, path: str, batch: Batch) -> tuple[int, bool]:
    """The id of the recording's result, and whether it had to be made."""
    fields = read_fields(recording, batch.settings)
    sha256 = sha256_of(recording)
    metadata = _identify(fields, recording, path, sha256, batch)
    rubric = batch.rubrics.for_queue(metadata.queue)
    judging = Judging(
        rubric.hash,
        code_version(),
        _listening_key(metadata, batch.engines),
        asked(rubric.hash, batch.settings),
    )
    opinion = batch.store.find_opinion(sha256, judging)
    stored = batch.store.find_result(sha256, metadata, judging)
    # A language model that gave no answer is asked again.
    if stored is not None and (judging.asked is None or (opinion and opinion.answers)):
        return stored, False
    facts = _facts(recording, metadata, sha256, judging.listening_key, batch)
    batch.store.keep_rubric(rubric.hash, rubric.files)
    if judging.asked is not None and not (opinion and opinion.answers):
        opinion = ask(facts, rubric, batch.settings)
        batch.store.keep_opinion(opinion, sha256, judging)
    result = judge(facts, rubric, opinion)
    call_id_given = "call_id" in fields
    keep = batch.store.keep_result
    return keep(result, sha256, path, judging, call_id_given=call_id_given), True


def _identify(
    fields: dict[str, Any], recording: Path, path: str, sha256: str, batch: Batch
) -> Metadata:
    """The metadata of a recording. Without a call id, known content is the call it was before."""
    if "call_id" not in fields:
        known = batch.store.find_call(sha256, path)
        if known is not None:
            if not fields and known.path != path:
                # A bare copy under another name says nothing new about the call.
                return known.metadata
            fields = fields | {"call_id": known.metadata.call_id}
    return make_metadata(fields, recording, sha256, batch.settings)


def _facts(
    recording: Path, metadata: Metadata, sha256: str, listening_key: str, batch: Batch
) -> CallFacts:
    """What is heard in the recording: from the database if it was listened to this way before."""
    known = batch.store.find_facts(sha256, listening_key)
    if known is not None:
        return replace(known, metadata=metadata)
    # Judged is what will be read back from the store, to the last digit: results must verify.
    facts = facts_from_json(facts_to_json(listen(recording, metadata, batch.engines)))
    batch.store.keep_facts(facts, sha256, listening_key)
    return facts


def _listening_key(metadata: Metadata, engines: SpeechEngines) -> str:
    """All that can change what is heard: the code, the engines, the metadata that guides them."""
    guides = (metadata.agent_channel, metadata.language, metadata.direction)
    return " ".join([code_version(), engines.key(), *(guide or "-" for guide in guides)])


def _path_of(found: Found) -> str:
    return printable(full_path(found.path))


def _one_line(error: Exception) -> str:
    return printable(" ".join(str(error).split()))


def _unexpected(error: Exception) -> str:
    """Names the error and its place, never its text: that may hold words of the call."""
    frames = traceback.extract_tb(error.__traceback__)
    place = [frame for frame in frames if Path(frame.filename).is_relative_to(PACKAGE)][-1]
    where = f"{Path(place.filename).name}, line {place.lineno}"
    return f"unexpected {type(error).__name__} at {where}; please report it to the makers"
