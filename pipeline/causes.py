"""Recurring causes: what customers say is the matter, grouped by meaning.

Statements are embedded by the bundled sentence encoder and grouped by average linkage over cosine
distance (scikit-learn). Not every statement belongs to a cause: rare matters stay out.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, func, insert, or_, select
from sqlalchemy.orm import Session

from pipeline.minilm import CLS, MOST_TOKENS, SEP, Array, Encoder, load_weights, tokenizer
from pipeline.models import SENTENCES
from pipeline.normalise import normalise
from pipeline.review_tables import (
    CauseMemberRow,
    CauseRow,
    CauseRunRow,
    StandingRow,
    StatementRow,
)
from pipeline.standing import spaced
from pipeline.store import Store
from pipeline.tables import CallRow, utc_now

APART_FROM = 0.6
"""Mean cosine distance from which groups are kept apart. Chosen on the paraphrases of tests/causes
among 1,130 statements of our dialogues: none of different matters came together (44 % of those of
the same did). At 0.65 that held as well (52 %), but groups of the dialogues read as mixed. On the
paraphrases kept apart the adjusted Rand index is 0.74, among the dialogues 0.55."""
FEWEST_CALLERS = 3
"""Two may be chance; from three on a fix serves several. A customer counts once."""
GROUPED_AT_ONCE = 10_000
"""Statements compared pair by pair: 1 GB, 6 s on two cores. Of more, a sample makes the groups and
the others join the nearest."""
FEWEST_WORDS = 3
"""Fewer say nothing about the matter: "yes, exactly"."""
TELLING_WORDS = 5
EMBEDDED_AT_ONCE = 200
DAYS = 56
"""Eight weeks: enough to see a trend, and of what is still the case."""
ENCODER = f"{SENTENCES.sha256[:12]}-1"
"""Which encoder, and how texts are prepared for it: what another made cannot be compared."""

# Words that begin a statement and say nothing of the matter. The encoder knows English only.
_OPENING = frozenset((
    "hi", "hello", "hey", "good", "morning", "afternoon", "evening", "yes", "well", "ok", "right",
    "sorry", "please", "oh", "so", "and",
))  # fmt: skip
# Said in any complaint; beside scikit-learn's own list.
_NOT_TELLING = _OPENING | frozenset((
    "am", "just", "got", "get", "want", "need", "like", "know", "thing", "did", "does", "say",
    "said", "told", "people", "calling", "called", "thank", "thanks", "mr", "mrs", "maam", "sir",
    "time", "day", "today", "yesterday", "week", "weeks", "days", "really", "going", "would",
    "could", "should", "number", "times", "took",
))  # fmt: skip
# In scikit-learn's list of words that say nothing, though of a complaint they do.
_TELLING = frozenset(("bill", "fire", "system", "detail", "empty", "bottom", "front", "move"))


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement with its meaning (384,) of length 1; ``caller`` is its customer or its call."""

    id: int
    call: int
    caller: Hashable
    text: str
    embedding: Array


@dataclass(frozen=True, slots=True)
class Cause:
    """The indexes of the statements of a cause, the most central first, with how near each is to
    the others, and the words that tell the cause from the rest, the most telling first."""

    members: tuple[int, ...]
    closeness: tuple[float, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CauseRun:
    """What was looked through: counts of calls, of statements, of those in a cause, of causes."""

    since: datetime
    until: datetime
    calls: int
    statements: int
    grouped: int
    causes: int
    embedded: int


def find_causes(store: Store, days: int = DAYS) -> CauseRun | None:
    """Groups the statements of the last ``days`` up to the newest call, and stores the causes.

    A cause in which most statements of one found before are keeps its number. None where nothing
    was scored yet. Raises ModelError where the encoder is missing.
    """
    with store.read() as session:
        until = session.scalar(select(func.max(StandingRow.at)))
    if until is None:
        return None
    until = min(until, utc_now())  # a recorder's clock may be wrong
    since = until - timedelta(days=days)
    embedded = _embed_new(store, since)
    with store.read() as session:
        statements = list(_load(session, since))
    causes = group(statements)
    run = CauseRun(
        since=since,
        until=until,
        calls=len({statement.call for statement in statements}),
        statements=len(statements),
        grouped=sum(len(cause.members) for cause in causes),
        causes=len(causes),
        embedded=embedded,
    )
    with store.write() as session:
        _keep(session, statements, causes, run)
    return run


def embed(texts: Sequence[str]) -> Array:
    """The meaning of texts (texts, 384), each of length 1: the mean state of their words."""
    from threadpoolctl import threadpool_limits

    encoder, words = Encoder(load_weights(), {}), tokenizer()
    rows = []
    # A text is too short to share: several threads wait for each other ten times as long.
    with threadpool_limits(1):
        for text in texts:
            ids = words.encode(lean(text), add_special_tokens=False).ids[: MOST_TOKENS - 2]
            ids = np.array([CLS, *ids, SEP])
            state = encoder(ids, np.zeros_like(ids)).mean(axis=0)
            rows.append(state / np.linalg.norm(state))
    return np.array(rows, np.float32).reshape(len(texts), -1)


def lean(text: str) -> str:
    """A statement's words without greetings and numbers, which are alike in any matter."""
    words = [word for word in normalise(text).text.split() if not any(c.isdigit() for c in word)]
    start = next((i for i, word in enumerate(words) if word not in _OPENING), len(words))
    return " ".join(words[start:])


def group(statements: Sequence[Statement]) -> list[Cause]:
    """The causes in statements, those of the most callers first."""
    if not statements:
        return []
    meanings = np.array([statement.embedding for statement in statements])
    of_group = _groups(meanings)
    found = []
    for members in of_group.values():
        if len({statements[index].caller for index in members}) >= FEWEST_CALLERS:
            closeness = meanings[members] @ meanings[members].mean(axis=0)
            order = np.argsort(-closeness, kind="stable")
            found.append(([members[i] for i in order], [float(closeness[i]) for i in order]))
    found.sort(key=lambda cause: -len({statements[index].caller for index in cause[0]}))
    words = _telling_words(statements, [members for members, _ in found])
    return [
        Cause(tuple(members), tuple(closeness), telling)
        for (members, closeness), telling in zip(found, words, strict=True)
    ]


def same_causes(before: Mapping[int, int], now: Sequence[Sequence[int]]) -> list[int | None]:
    """For each group of statement ids the number of the cause that it goes on with, or None.

    ``before`` says in which cause each statement was. A group goes on with a cause if more than
    half of the cause's statements that are still looked at are in it; with the largest, of several.
    """
    there = Counter(before[s] for members in now for s in members if s in before)
    found: list[int | None] = []
    for members in now:
        shared = Counter(before[s] for s in members if s in before)
        mostly = [(n, -cause) for cause, n in shared.items() if 2 * n > there[cause]]
        found.append(-max(mostly)[1] if mostly else None)
    return found


def _groups(meanings: Array) -> dict[int, list[int]]:
    """Indexes by group; groups of one are left out."""
    from sklearn.cluster import AgglomerativeClustering

    count = len(meanings)
    if count < FEWEST_CALLERS:
        return {}
    chosen = np.arange(count)
    if count > GROUPED_AT_ONCE:
        chosen = np.sort(np.random.default_rng(0).choice(count, GROUPED_AT_ONCE, replace=False))
    labels = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=APART_FROM
    ).fit_predict(meanings[chosen])
    groups: dict[int, list[int]] = defaultdict(list)
    for index, label in zip(chosen, labels, strict=True):
        groups[int(label)].append(int(index))
    groups = {label: members for label, members in groups.items() if len(members) > 1}
    others = np.setdiff1d(np.arange(count), chosen)
    if len(others) and groups:
        _join(meanings, others, groups)
    return groups


def _join(meanings: Array, others: NDArray[np.int64], groups: dict[int, list[int]]) -> None:
    """Adds the statements that were not in the sample to the group whose members are nearest."""
    names = list(groups)
    centres = np.array([meanings[groups[name]].mean(axis=0) for name in names])
    for start in range(0, len(others), GROUPED_AT_ONCE):
        part = others[start : start + GROUPED_AT_ONCE]
        near = meanings[part] @ centres.T
        for index, best, value in zip(part, near.argmax(axis=1), near.max(axis=1), strict=True):
            if value >= 1 - APART_FROM:
                groups[names[int(best)]].append(int(index))


def _telling_words(
    statements: Sequence[Statement], causes: Sequence[Sequence[int]]
) -> list[tuple[str, ...]]:
    """Of each cause the words with the highest TF-IDF against the other causes and the rest.

    Words of one caller are nobody else's: names of people and places stay out that way.
    """
    from sklearn.feature_extraction.text import (
        ENGLISH_STOP_WORDS,
        CountVectorizer,
        TfidfTransformer,
    )

    if not causes:
        return []
    counter = CountVectorizer(
        preprocessor=lean,
        token_pattern=r"[^\W\d_]{3,}",
        stop_words=sorted((ENGLISH_STOP_WORDS | _NOT_TELLING) - _TELLING),
        binary=True,
    )
    try:
        counts = counter.fit_transform([statement.text for statement in statements])
    except ValueError:  # there is no word but those left out
        return [() for _ in causes]
    inside = {index for members in causes for index in members}
    rest = [index for index in range(len(statements)) if index not in inside]
    groups = [np.asarray(counts[list(m)].sum(axis=0))[0] for m in (*causes, rest)]
    weights = TfidfTransformer(sublinear_tf=True).fit_transform(np.array(groups)).toarray()
    names = counter.get_feature_names_out()
    found = []
    for row, members in zip(weights, causes, strict=False):
        telling: list[str] = []
        for column in np.argsort(-row, kind="stable"):
            if row[column] == 0 or len(telling) == TELLING_WORDS:
                break
            saying = counts[list(members), column].nonzero()[0]
            if len({statements[members[i]].caller for i in saying}) > 1:
                telling.append(str(names[column]))
        found.append(tuple(telling))
    return found


def _embed_new(store: Store, since: datetime) -> int:
    """Embeds the statements since then that were not yet, some at a time, and counts them."""
    new = (
        select(StatementRow.id, StatementRow.text)
        .join(StandingRow, StandingRow.call == StatementRow.call)
        .where(
            StandingRow.at >= since,
            or_(StatementRow.encoder.is_(None), StatementRow.encoder != ENCODER),
        )
        .order_by(StatementRow.id)
    )
    with store.read() as session:
        waiting = session.execute(new).tuples().all()
    for start in range(0, len(waiting), EMBEDDED_AT_ONCE):
        part = waiting[start : start + EMBEDDED_AT_ONCE]
        meanings = embed([text for _, text in part]).astype(np.float16)
        with store.write() as session:
            for (number, text), meaning in zip(part, meanings, strict=True):
                row = session.get(StatementRow, number)
                # It may have been scored anew, or deleted, meanwhile.
                if row is not None and row.text == text:
                    row.encoder, row.embedding = ENCODER, meaning.tobytes()
    return len(waiting)


def _load(session: Session, since: datetime) -> Iterator[Statement]:
    rows = session.execute(
        select(
            StatementRow.id,
            StatementRow.call,
            CallRow.customer_id,
            StatementRow.text,
            StatementRow.embedding,
        )
        .join(StandingRow, StandingRow.call == StatementRow.call)
        .join(CallRow, CallRow.id == StatementRow.call)
        .where(StandingRow.at >= since, StatementRow.encoder == ENCODER)
        .order_by(StatementRow.id)
    ).tuples()
    for number, call, customer, text, embedding in rows:
        if embedding is not None and len(lean(text).split()) >= FEWEST_WORDS:
            meaning = np.frombuffer(embedding, np.float16).astype(np.float32)
            yield Statement(number, call, customer or call, text, meaning)


def _keep(
    session: Session, statements: Sequence[Statement], causes: Sequence[Cause], run: CauseRun
) -> None:
    before = dict(
        session.execute(select(CauseMemberRow.statement, CauseMemberRow.cause)).tuples().all()
    )
    ids = [[statements[index].id for index in cause.members] for cause in causes]
    session.execute(delete(CauseMemberRow))
    numbers = []
    for number in same_causes(before, ids):
        if number is None:
            row = CauseRow(found_at=utc_now())
            session.add(row)
            session.flush()
            number = row.id
        numbers.append(number)
    session.execute(delete(CauseRow).where(CauseRow.id.not_in(numbers)))
    there = set(session.scalars(select(StatementRow.id)))  # some may be deleted meanwhile
    members = [
        {
            "statement": statements[index].id,
            "cause": number,
            "closeness": round(closeness, 4),
            "words": _said(cause.words, statements[index].text),
        }
        for number, cause in zip(numbers, causes, strict=True)
        for index, closeness in zip(cause.members, cause.closeness, strict=True)
        if statements[index].id in there
    ]
    if members:
        session.execute(insert(CauseMemberRow), members)
    session.execute(delete(CauseRunRow))
    session.add(
        CauseRunRow(
            at=utc_now(),
            since=run.since,
            until=run.until,
            calls=run.calls,
            statements=run.statements,
            grouped=run.grouped,
        )
    )


def _said(words: Sequence[str], text: str) -> str:
    said = set(lean(text).split())
    return spaced(word for word in words if word in said)
