"""Draws a call: who says what in which order, and what goes wrong in it.

Nothing here makes sense as a story. It makes the events that the pipeline measures, in the mixture
that calls have them, together with what is easily taken for one: quick answers under the end of a
turn, short silences, machines that speak, a second agent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tests.bench.clips import RAISED, Line, Speaker
from tests.generator.records import DeadAir, Hold, Role, ScriptError, Step, Turn

EXCHANGES = (4, 7)
OVERLAPS_FROM_S = 3.0  # a turn this long has room for what happens inside it

# How often it happens: per long turn ...
BACKCHANNEL, INTERRUPTION, CONTEST, SLIP = 0.35, 0.18, 0.06, 0.15
# ... and per call.
HOLD, DEAD_AIR, PAUSE, RAISED_CALL, MENU, TRANSFER = 0.7, 0.35, 0.4, 0.4, 0.2, 0.15

HOLD_S, DEAD_AIR_S, PAUSE_S = (12.0, 30.0), (11.0, 18.0), (3.0, 8.5)
QUEUE_PROMPT = 0.4  # of the holds with music
PROMPT_AFTER_S = 4.0
MOVES: Mapping[Role, Mapping[str, float]] = {
    "agent": {"statement": 0.5, "question": 0.35, "empathy": 0.15},
    "customer": {"statement": 0.6, "answer": 0.4},
}  # what a calm turn is for, and how often
OVERLAP_S, SLIP_S = (0.65, 1.3), (0.1, 0.35)


@dataclass
class _Draft:
    """A call being drawn: its steps, and the line of each turn among them."""

    rng: np.random.Generator
    steps: list[Step] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    used: set[int] = field(default_factory=set)

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def between(self, limits: tuple[float, float]) -> float:
        return float(self.rng.uniform(*limits))

    def line(self, speaker: Speaker, *moves: str, at_least_s: float = 0.0) -> Line | None:
        """A line for the first of the moves that the speaker has one for; unused ones first."""
        for move in moves:
            fit = [x for x in speaker.lines.get(move, ()) if x.duration_s >= at_least_s]
            fresh = [x for x in fit if id(x) not in self.used]
            if fit:
                chosen = (fresh or fit)[self.rng.integers(len(fresh or fit))]
                self.used.add(id(chosen))
                return chosen
        return None

    def say(self, role: Role, line: Line | None, **placing: object) -> bool:
        if line is None:
            return False
        self.steps.append(Turn(role=role, text=line.text, **placing))
        self.lines.append(line)
        return True


def compose(
    rng: np.random.Generator, speakers: Sequence[Speaker]
) -> tuple[list[Step], list[Line], list[str]]:
    """Steps, the line of each turn among them, and the names of who speaks."""

    def one_of(part: str) -> Speaker | None:
        fit = [speaker for speaker in speakers if speaker.part == part]
        return fit[rng.integers(len(fit))] if fit else None

    draft = _Draft(rng)
    agent, customer = one_of("agent"), one_of("customer")
    if agent is None or customer is None:
        raise ScriptError("nobody speaks the agent or the customer; give clips of both")
    second, machine = one_of("second"), one_of("prompt")
    if machine and draft.chance(MENU):
        draft.say("agent", draft.line(machine, "menu"), other=True)
    draft.say("agent", draft.line(agent, "greeting", "statement"))
    draft.say("customer", draft.line(customer, "issue", "statement"))
    count = int(rng.integers(EXCHANGES[0], EXCHANGES[1] + 1))
    silence_at, quiet_at, pause_at = rng.integers(1, count, size=3)
    wants_hold, wants_quiet = draft.chance(HOLD), draft.chance(DEAD_AIR)
    wants_pause, raising = draft.chance(PAUSE), _who_raises(draft, count)
    for at in range(count):
        for role, speaker, listener in (
            ("agent", agent, customer), ("customer", customer, agent),
        ):  # fmt: skip
            if (at, role) in raising and draft.say(role, draft.line(speaker, RAISED), raised=True):
                continue
            _take_turn(draft, role, speaker, listener)
        if wants_hold and at == silence_at:
            _hold(draft, agent, customer, machine)
        elif wants_quiet and at == quiet_at:
            draft.steps.append(DeadAir(duration_s=draft.between(DEAD_AIR_S)))
            draft.say("agent", draft.line(agent, "back_plain", "statement"))
        elif wants_pause and at == pause_at:
            draft.steps.append(DeadAir(duration_s=draft.between(PAUSE_S)))
            draft.say("agent", draft.line(agent, "statement"))
    if second and draft.chance(TRANSFER):
        _transfer(draft, agent, customer, second)
        draft.say("customer", draft.line(customer, "closing", "statement"))
    else:
        draft.say("agent", draft.line(agent, "closing", "statement"))
        draft.say("customer", draft.line(customer, "closing", "statement"))
    return draft.steps, draft.lines, [agent.name, customer.name]


def _who_raises(draft: _Draft, count: int) -> set[tuple[int, str]]:
    """Which turns of whom are raised: one side, once to three times in the second half."""
    if not draft.chance(RAISED_CALL):
        return set()
    role = "customer" if draft.chance(0.7) else "agent"
    times = int(draft.rng.integers(1, 4))
    return {(at, role) for at in range(count // 2, min(count, count // 2 + times))}


def _take_turn(draft: _Draft, role: Role, speaker: Speaker, listener: Speaker) -> None:
    """A calm turn, and what the other side does meanwhile."""
    other: Role = "customer" if role == "agent" else "agent"
    kind = str(draft.rng.choice(list(MOVES[role]), p=list(MOVES[role].values())))
    line = draft.line(speaker, kind, *MOVES[role])
    slip = _is_turn_of(draft.steps, other) and draft.chance(SLIP)
    draft.say(role, line, slips_s=draft.between(SLIP_S) if slip else None)
    if line is None or line.duration_s < OVERLAPS_FROM_S:
        return
    if draft.chance(BACKCHANNEL):
        draft.say(other, draft.line(listener, "backchannel"),
                  backchannel_at=draft.between((0.0, 1.0)))  # fmt: skip
    elif draft.chance(CONTEST):
        draft.say(other, draft.line(listener, "interruption", at_least_s=1.0),
                  contests_at=draft.between((0.0, 1.0)))  # fmt: skip
        draft.say(other, draft.line(listener, "yield"))
    elif draft.chance(INTERRUPTION):
        cut_in = draft.line(listener, "interruption", "statement", at_least_s=OVERLAP_S[1] + 0.2)
        draft.say(other, cut_in, interrupts_s=draft.between(OVERLAP_S))


def _is_turn_of(steps: Sequence[Step], role: Role) -> bool:
    """Whether a role's own turn came last, so that one can slip under its end."""
    last = steps[-1] if steps else None
    return isinstance(last, Turn) and last.role == role and last.kind == "turn" and not last.other


def _hold(draft: _Draft, agent: Speaker, customer: Speaker, machine: Speaker | None) -> None:
    """A hold: announced or not, with music or silent, with a machine's voice in it or not."""
    announced = draft.chance(0.8)
    reason = draft.chance(0.75)
    if announced:
        announced = draft.say("agent", draft.line(agent, "hold" if reason else "hold_no_reason"))
        if announced and draft.chance(0.5):
            draft.say("customer", draft.line(customer, "reply"))
    thanked = announced and draft.chance(0.7)
    both, one = ("customer", "agent"), ("customer",)
    music: tuple[Role, ...] = both if draft.chance(0.5) else one
    if announced and draft.chance(0.3):
        music = ()
    hold = Hold(
        duration_s=draft.between(HOLD_S), announced=announced, reason_given=announced and reason,
        thanked=thanked, music_on=music,
    )  # fmt: skip
    prompt = None
    if machine and music and draft.chance(QUEUE_PROMPT):
        prompt = draft.line(machine, "queue")
    if prompt:
        length_s = max(hold.duration_s, prompt.duration_s + 2 * PROMPT_AFTER_S + 2.0)
        hold = replace(hold, duration_s=length_s)
    draft.steps.append(hold)
    draft.say("customer", prompt, during_hold_s=PROMPT_AFTER_S, other=True)
    moves = ("back",) if thanked else ("back_plain", "statement")
    if not draft.say("agent", draft.line(agent, *moves)):
        draft.steps[draft.steps.index(hold)] = replace(hold, thanked=False)
        draft.say("agent", draft.line(agent, "statement"))


def _transfer(draft: _Draft, agent: Speaker, customer: Speaker, second: Speaker) -> None:
    """Hands over to a second agent, who is neither the agent nor the customer."""
    draft.say("agent", draft.line(agent, "transfer"))
    draft.say("customer", draft.line(customer, "reply"))
    draft.steps.append(DeadAir(duration_s=draft.between(PAUSE_S)))
    for move in ("second", "question", "statement"):
        draft.say("agent", draft.line(second, move), other=True)
        draft.say("customer", draft.line(customer, "answer", "statement"))
    draft.say("agent", draft.line(second, "closing"), other=True)
