"""How a call heated up and cooled down: who rose first, who stayed calm, how long it took."""

from collections.abc import Mapping, Sequence

from pipeline.records import PARTIES, Escalation, RaisedVoice, Role
from pipeline.spans import Spans

CALM_S = 5.0
"""A voice is calm again once it has spoken this long without being raised: the amount of speech
that a baseline needs too."""


def measure(
    raised: Sequence[RaisedVoice], measurable: Sequence[Role], speech: Mapping[Role, Spans]
) -> Escalation | None:
    """The escalation of a call; None where nobody's voice was raised.

    Parameters
    ----------
    raised : raised voices, in order of time
    measurable : whose voice could be judged at all
    speech : speech of each side
    """
    if not raised:
        return None
    first = raised[0]
    other: Role = next(party for party in PARTIES if party != first.role)
    own = [stretch for stretch in raised if stretch.role == first.role]
    after = sum(
        max(0.0, span.end_s - max(span.start_s, own[-1].end_s)) for span in speech[first.role]
    )
    return Escalation(
        first=first.role,
        other_stayed_calm=(
            all(stretch.role == first.role for stretch in raised) if other in measurable else None
        ),
        until_calm_s=own[-1].end_s - first.start_s if after >= CALM_S else None,
    )
