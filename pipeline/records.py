"""The records that flow through the pipeline.

All are frozen. Times are seconds from the start of the recording (``None`` where a transcript came
without times), units are in the names. Nothing here computes anything but trivial views.
"""

from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["agent", "customer", "other", "unknown"]
PARTIES: tuple[Role, Role] = ("agent", "customer")
"""The two sides of a call; everybody else is ``other``."""

AnswerValue = Literal["met", "partial", "missed", "not_applicable", "cannot_tell"]
Direction = Literal["inbound", "outbound"]
Side = Literal["left", "right"]
InterruptionKind = Literal["competitive", "backchannel", "completion", "false_start"]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, ``start_s <= end_s``."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Word:
    """A recognised word; ``probability`` in [0, 1] is the recogniser's own."""

    start_s: float
    end_s: float
    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side says until the other side takes over."""

    role: Role
    text: str
    start_s: float | None = None
    end_s: float | None = None
    words: tuple[Word, ...] = ()


Kind = Literal[
    "card", "cvv", "account", "id", "phone", "email", "address", "name", "birth_date", "secret"
]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Of personal data. ``card``: payment cards; ``account``: bank accounts; ``id``: national ids and
the like; ``secret``: passwords, PINs, answers to security questions."""
STAND_INS: dict[Kind, str] = {kind: f"[{kind.replace('_', ' ')}]" for kind in KINDS}
"""What stands in a transcript where personal data was said."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """Words that were replaced by a stand-in such as ``[phone]``.

    ``turn`` is the index of the turn, ``offset`` the characters before the stand-in in its text;
    ``start_s``..``end_s`` is when the words are said, None where the turn has no times.
    """

    kind: Kind
    turn: int
    offset: int
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class Cue:
    """A dialogue move found in a turn's words (``id`` is the cue's, e.g. ``apology_for_issue``).

    ``turn`` is the index of the turn, ``quote`` the words of it that make the move, ``offset`` the
    characters before them in the turn's text; ``probability`` (0 to 1) is how likely it is that
    they do, ``by_pattern`` says whether a pattern found it or the tagger alone.
    """

    id: str
    turn: int
    quote: str
    start_s: float | None = None
    end_s: float | None = None
    probability: float = 1.0
    by_pattern: bool = True
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """How likely (0 to 1) a dialogue move is made in a turn, and by which of its words.

    ``start`` and ``end`` are character offsets into the turn's text.
    """

    id: str
    turn: int
    start: int
    end: int
    probability: float


@dataclass(frozen=True, slots=True)
class Interruption:
    """Speech that starts while the other side holds the floor.

    ``start_s``..``end_s`` is the time both speak (of a backchannel all of it), ``at_s`` is when the
    one who comes in starts; ``held_s`` is how long the other had held the floor by then.
    ``yielded``: who came in gave way, and the other went on. ``certain``: it is competitive
    wherever in their accuracy the speech borders lie.
    """

    by: Role
    start_s: float
    end_s: float
    kind: InterruptionKind
    at_s: float
    held_s: float
    yielded: bool = False
    certain: bool = True

    @property
    def over(self) -> Role:
        """Who held the floor."""
        return "customer" if self.by == "agent" else "agent"


@dataclass(frozen=True, slots=True)
class Hold:
    """From the last word before the hold to the first word after it.

    ``promised_s`` is how long the agent said that it would take (None: nothing said);
    ``continued``: it goes on from the hold before it after an update by the agent.
    """

    start_s: float
    end_s: float
    announced: bool
    reason_given: bool
    thanked: bool
    music: bool
    promised_s: float | None = None
    continued: bool = False

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class RaisedVoice:
    """A stretch in which a speaker's voice is raised against that speaker's own calm baseline."""

    role: Role
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Escalation:
    """Who raised the voice first, and what came of it.

    ``other_stayed_calm`` is None where the other side's voice could not be judged;
    ``until_calm_s`` runs from the first raised word to the last of the same speaker, None where
    they did not speak calmly for long enough after it.
    """

    first: Role
    other_stayed_calm: bool | None
    until_calm_s: float | None


@dataclass(frozen=True, slots=True)
class Talk:
    """Who talked how long and how fast; words per minute of own speech, ``None`` without speech."""

    agent_s: float
    customer_s: float
    overlap_s: float
    silence_s: float
    agent_wpm: int | None
    customer_wpm: int | None


@dataclass(frozen=True, slots=True)
class Sound:
    """What was measured from the sound. Absent where only a transcript was given.

    ``possible_interruptions`` are competitive only if the speech borders lie elsewhere within
    their accuracy ``border_accuracy_s``. ``overlap_measurable`` is False where two voices cannot
    be told apart while both speak; ``effort_measurable`` lists the roles whose voice effort could
    be judged.
    """

    interruptions: tuple[Interruption, ...] = ()
    holds: tuple[Hold, ...] = ()
    dead_air: tuple[Span, ...] = ()
    raised_voice: tuple[RaisedVoice, ...] = ()
    talk: Talk | None = None
    overlap_measurable: bool = True
    effort_measurable: tuple[Role, ...] = ()
    possible_interruptions: tuple[Interruption, ...] = ()
    border_accuracy_s: float = 0.0
    escalation: Escalation | None = None


@dataclass(frozen=True, slots=True)
class Metadata:
    """Who, when and where: from a sidecar, a manifest or the file name."""

    call_id: str
    agent_id: str = "unknown"
    agent_name: str | None = None
    team: str | None = None
    customer_id: str | None = None
    queue: str | None = None
    direction: Direction | None = None
    started_at: str | None = None
    agent_channel: Side | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Engines:
    """What made the words, so that a figure can be traced to its makers."""

    transcribe: str
    diarize: str
    code: str


@dataclass(frozen=True, slots=True)
class CallFacts:
    """Everything known about a call before any judgement: the whole input of scoring.

    Stored as it is, so that a call can be scored again under another rubric without any model.
    ``roles_confidence`` is how sure it is which side is the agent (1 where it was given).
    ``sound`` is None for transcript input. ``speech_s`` is the time anybody spoke
    (None without times). ``moves`` are what the words mean by the trained tagger, None where the
    language has none; kept, so that judging again runs no model. ``redactions`` say where personal
    data was hidden in the turns.
    """

    metadata: Metadata
    turns: tuple[Turn, ...]
    engines: Engines
    language: str | None = None
    recording_sha256: str | None = None
    duration_s: float | None = None
    channels: int | None = None
    sound: Sound | None = None
    speech_s: float | None = None
    roles_confidence: float = 1.0
    warnings: tuple[str, ...] = ()
    moves: tuple[Move, ...] | None = None
    redactions: tuple[Redaction, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Who said what when; ``what`` says in a few words why it matters."""

    role: Role
    start_s: float | None
    end_s: float | None
    quote: str
    what: str


@dataclass(frozen=True, slots=True)
class CriterionResult:
    """One criterion's answer. ``points`` is None where the criterion leaves the denominator.

    ``would_have_helped`` says what would have met a missed or partial criterion; the points of a
    ``bonus`` come on top.
    """

    id: str
    answer: AnswerValue
    points: float | None
    max_points: float
    confidence: float
    reason: str
    evidence: tuple[Evidence, ...] = ()
    would_have_helped: str | None = None
    bonus: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """A fact for the review queue; never scored against the agent."""

    id: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class RubricRef:
    """Which rubric judged."""

    id: str
    version: str
    hash: str


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The judgement of a call under one rubric.

    ``score`` and ``uncapped_score`` are 0–100 over the applicable criteria, None where none applies
    or none can be told. ``coverage`` is the share of the applicable weight that could be judged.
    ``failed_by`` names the auto-fail rule that capped ``score``.
    """

    rubric: RubricRef
    score: float | None
    uncapped_score: float | None
    coverage: float
    failed_by: str | None
    criteria: tuple[CriterionResult, ...]
    flags: tuple[Flag, ...]


@dataclass(frozen=True, slots=True)
class OtherAnswer:
    """A language model's answer; ``evidence`` are its quotes that are truly in the transcript."""

    id: str
    answer: AnswerValue
    reason: str
    evidence: tuple[Evidence, ...]
    quotes_dropped: int

    @property
    def supported(self) -> bool:
        """Whether it may count: an answer about words that nobody said does not."""
        return bool(self.evidence) or self.answer in ("not_applicable", "cannot_tell")


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """What a language model says of the call; ``problem`` where (some of) it is missing."""

    model: str
    answers: tuple[OtherAnswer, ...]
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class CallResult:
    """A scored call: the facts and the judgement of them, and a second opinion if one was asked."""

    facts: CallFacts
    scorecard: Scorecard
    second_opinion: SecondOpinion | None = None
