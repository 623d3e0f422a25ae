"""From a call's facts to its scorecard. Deterministic: the same facts and rubric, the same card."""

from collections.abc import Iterable
from dataclasses import replace

from pipeline.certainty import Readings, plausible
from pipeline.criteria import JUDGES, Judge, declared
from pipeline.criteria.conditions import check
from pipeline.criteria.view import Verdict, View, view
from pipeline.cues import words_between
from pipeline.flags import find_flags
from pipeline.records import CallFacts, CriterionResult, Cue, Evidence, Role, Scorecard, Turn
from pipeline.rubric import Rubric
from pipeline.rubric_file import CannotTell, Criterion

# Share of the points that an answer earns; the other answers leave the denominator.
SHARE = {"met": 1.0, "partial": 0.5, "missed": 0.0}
# Times of words and turns may differ by rounding to milliseconds.
ROUNDING_S = 0.001


def score(facts: CallFacts, rubric: Rubric) -> Scorecard:
    """Judges every criterion of the rubric and adds up."""
    cues = rubric.cues_for(facts.language or facts.metadata.language)
    sides = _sides_reason(facts)
    # Cues depend on who speaks; where that is unsure there are none.
    found = cues.likely(facts.turns, facts.moves) if cues and sides is None else ()
    likely = _sure(found, facts, rubric)
    seen = view(facts, filter(cues.counts, likely) if cues else (), has_cues=cues is not None)
    # What nobody weighed is no more or less likely: only the tagger knows of doubts.
    doubts = None
    if cues and cues.learnt.cues and facts.moves is not None:
        doubts = plausible(facts, likely, cues.learnt)
    blind = _short_reason(facts, rubric.cannot_tell) or sides
    results = tuple(
        _result(criterion, _judge(criterion, seen, doubts, blind, rubric))
        for criterion in rubric.criteria
    )
    uncapped, coverage = total(results)
    capped, failed_by = _cap(uncapped, results, seen, rubric)
    return Scorecard(
        rubric=rubric.ref,
        score=capped,
        uncapped_score=uncapped,
        coverage=coverage,
        failed_by=failed_by,
        criteria=results,
        flags=find_flags(seen, rubric.flags, capped),
    )


def _judge(
    criterion: Criterion, seen: View, doubts: Readings | None, blind: str | None, rubric: Rubric
) -> Verdict:
    judge = judge_of(criterion)
    reason = blind
    reads_words = judge.reads_words or any(c.cues for _, c in criterion.conditions())
    if reason is None and reads_words and not seen.has_cues:
        language = seen.facts.language or seen.facts.metadata.language
        reason = f"There are no cues for the language {language!r}."
    if reason is None and reads_words:
        reason = _unclear_reason(seen, rubric.cannot_tell.word_probability_below)
    if reason is not None:
        return Verdict("cannot_tell", reason)
    when = check(criterion.only_when, seen) if criterion.only_when else None
    if when is not None and when.holds is None:
        return Verdict("cannot_tell", "Whether this criterion applies cannot be told.")
    if when is not None and not when.holds:
        return Verdict("not_applicable", "The rubric does not ask this of such a call.")
    verdict = judge.decide(seen, criterion.thresholds)
    if verdict.answer == "met" and judge.met_needs_words and not seen.has_cues:
        return Verdict("cannot_tell", "What was said cannot be judged in this language.")
    if not judge.reads_words:
        return _less_sure(verdict, seen.facts.roles_confidence)
    if doubts is not None:
        sure = doubts.confidence(
            verdict.answer, lambda read: judge.decide(read, criterion.thresholds).answer
        )
        sure = min(sure, verdict.confidence) if verdict.wavering else sure
        verdict = replace(verdict, confidence=sure)
    if "speech_without_words" in seen.facts.warnings and verdict.absent:
        return Verdict(
            "cannot_tell",
            "A part of the speech could not be transcribed: what is missing may be in it.",
        )
    certainty = _probability(seen, verdict.evidence)
    if certainty is None:
        return _less_sure(verdict, seen.facts.roles_confidence)
    if verdict.answer in SHARE and certainty < rubric.cannot_tell.word_probability_below:
        return Verdict("cannot_tell", "The words that matter were not recognised surely enough.")
    return _less_sure(verdict, certainty * seen.facts.roles_confidence)


def _less_sure(verdict: Verdict, factor: float) -> Verdict:
    return replace(verdict, confidence=verdict.confidence * factor)


def judge_of(criterion: Criterion) -> Judge:
    """One of ours, or one that follows the rules that the criterion declares."""
    if criterion.judge is not None:
        return JUDGES[criterion.judge]
    rules = criterion.rules
    assert rules is not None  # the rubric was checked
    reads_words = any(condition.cues for _, condition in criterion.conditions())
    return Judge(lambda seen, _: declared.judge(seen, rules), frozenset(), reads_words)


def _result(criterion: Criterion, verdict: Verdict) -> CriterionResult:
    share = SHARE.get(verdict.answer)
    return CriterionResult(
        id=criterion.id,
        answer=verdict.answer,
        points=None if share is None else share * criterion.weight,
        max_points=criterion.weight,
        # A certainty about nothing being tellable would only confuse.
        confidence=0.0 if verdict.answer == "cannot_tell" else round(verdict.confidence, 3),
        reason=verdict.reason,
        evidence=verdict.evidence,
        would_have_helped=verdict.helped if verdict.answer in ("partial", "missed") else None,
        bonus=criterion.bonus,
    )


def total(results: Iterable[CriterionResult]) -> tuple[float | None, float]:
    """Score over the judged criteria, and the share of the applicable weight that was judged."""
    asked = [r for r in results if not r.bonus]
    weight = sum(r.max_points for r in asked if r.points is not None)
    unknown = sum(r.max_points for r in asked if r.answer == "cannot_tell")
    if not weight:
        # Nothing applied: all of nothing was judged. Nothing could be told: nothing was.
        return None, 0.0 if unknown else 1.0
    # A bonus adds points and asks for none.
    points = sum(r.points or 0.0 for r in results)
    return min(100.0, round(100 * points / weight, 1)), round(weight / (weight + unknown), 3)


def _cap(
    uncapped: float | None, results: tuple[CriterionResult, ...], seen: View, rubric: Rubric
) -> tuple[float | None, str | None]:
    """The lowest cap of the auto-fail rules that apply, and the rule that sets it."""
    answers = {r.id: r.answer for r in results}
    applying = [
        rule for rule in rubric.auto_fail
        if (rule.cue is not None and seen.first(rule.cue))
        or (rule.when is not None and check(rule.when, seen).holds)
        or (rule.criterion is not None and answers[rule.criterion] == rule.answer)
    ]  # fmt: skip
    if uncapped is None or not applying:
        return uncapped, None
    lowest = min(applying, key=lambda rule: rule.score_at_most)
    return min(uncapped, lowest.score_at_most), lowest.id


def _short_reason(facts: CallFacts, limits: CannotTell) -> str | None:
    words = sum(len(turn.text.split()) for turn in facts.turns)
    if words < limits.fewer_words_than:
        return "There is too little speech to judge anything."
    if facts.speech_s is not None and facts.speech_s < limits.less_speech_than_s:
        return "There is too little speech to judge anything."
    return None


def _sides_reason(facts: CallFacts) -> str | None:
    if "one_sided_recording" in facts.warnings:
        return "Only one side of the call was recorded."
    if "roles_unsure" in facts.warnings:
        return "Who is the agent and who is the customer is not sure."
    for role in ("agent", "customer"):
        if not any(turn.role == role and turn.text.strip() for turn in facts.turns):
            return f"Nothing that the {role} said is in the transcript."
    return None


def _unclear_reason(seen: View, below: float) -> str | None:
    """A side whose words are unsure throughout: absence of words there means nothing."""
    roles: tuple[Role, ...] = ("agent", "customer")
    for role in roles:
        found = [w.probability for t in seen.turns if t.role == role for w in t.words]
        if found and sum(found) / len(found) < below:
            return f"The {role}'s words were not recognised surely enough."
    return None


def _probability(seen: View, evidence: Iterable[Evidence]) -> float | None:
    """Mean probability of the words of the least certain evidence; None where words carry none."""
    found = []
    for item in evidence:
        for turn in seen.turns:
            if turn.role != item.role or item.quote not in turn.text:
                continue
            if not _may_hold(turn, item):
                continue
            certainty = _certainty(turn, item.quote)
            if certainty is not None:
                found.append(certainty)
            break
    return min(found, default=None)


def _may_hold(turn: Turn, item: Evidence) -> bool:
    """Whether the evidence lies within the turn, as far as there are times."""
    if item.start_s is None or turn.start_s is None or turn.end_s is None:
        return True
    return turn.start_s - ROUNDING_S <= item.start_s <= turn.end_s + ROUNDING_S


def _certainty(turn: Turn, quote: str, offset: int = 0) -> float | None:
    """Mean probability of the words of a quote; None where the turn's words carry none."""
    at = turn.text.find(quote, offset)
    inside = words_between(turn, at, at + len(quote)) if turn.words and at >= 0 else []
    return sum(turn.words[i].probability for i in inside) / len(inside) if inside else None


def _sure(cues: Iterable[Cue], facts: CallFacts, rubric: Rubric) -> list[Cue]:
    """Without what would fail the agent but was not recognised or understood surely enough."""
    fatal = {rule.cue for rule in rubric.auto_fail}
    below = rubric.cannot_tell.word_probability_below

    def plain(cue: Cue) -> bool:
        heard = _certainty(facts.turns[cue.turn], cue.quote, cue.offset)
        return cue.by_pattern and (heard is None or heard >= below)

    return [cue for cue in cues if cue.id not in fatal or plain(cue)]
