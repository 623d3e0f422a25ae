"""What redaction hid in a call, for those who may see it."""

import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.records import STAND_INS
from pipeline.review_tables import StandingRow
from pipeline.store import Store
from pipeline.tables import CallRow, ResultRow


def hidden_kinds(result: Mapping[str, Any]) -> Counter[str]:
    """How often each kind of personal data was hidden, in words."""
    return Counter(found["kind"].replace("_", " ") for found in result.get("redactions", ()))


def find_words(store: Store, call: CallRow, standing: StandingRow) -> tuple[str, ...] | None:
    """What was hidden, in the order of the result's redactions; None where it was not kept."""
    with store.read() as session:
        key = session.get_one(ResultRow, standing.result).listening_key
    return store.find_originals(call.recording_sha256, key)


def with_words(result: Mapping[str, Any], words: Sequence[str]) -> dict[str, Any]:
    """The result with what was hidden back in its turns; quotes stay as they are."""
    shown = copy.deepcopy(dict(result))
    if not shown["turns"]:  # they were deleted
        return shown
    in_place = zip(shown["redactions"], words, strict=True)
    # From the end: what lies before a stand-in keeps its place.
    for found, said in reversed(list(in_place)):
        if not said:
            continue
        turn, stand_in = shown["turns"][found["turn"]], STAND_INS[found["kind"]]
        before, after = turn["text"][: found["offset"]], turn["text"][found["offset"] :]
        turn["text"] = before + after.replace(stand_in, said, 1)
        for word in turn["words"]:
            if word["start_s"] == found["start_s"] and stand_in in word["text"]:
                word["text"] = word["text"].replace(stand_in, said, 1)
                break
    return shown
