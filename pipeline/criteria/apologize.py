"""Apologize: did the agent say sorry for what happened?"""

from pipeline.criteria.occasion import occasion
from pipeline.criteria.view import INFERRED, Thresholds, Verdict, View, place, quote, quote_turn

THRESHOLDS: frozenset[str] = frozenset()
# What takes an apology back when it comes in the same turn.
TAKES_BACK = ("excuse", "blame_customer", "blame_other")
_KIND = {"excuse": "excuse", "blame_customer": "blame", "blame_other": "blame"}


def judge(seen: View, _: Thresholds) -> Verdict:
    found = occasion(seen)
    if not found.complaints:
        return Verdict("not_applicable", "The customer made no complaint.", (), INFERRED)
    complaint = quote_turn(seen, found.complaints[0].turn, "complaint")
    start = min(found.complaints[0].turn, found.issue or 0)
    other = seen.all("apology_other", start=start)
    sorry = seen.all("apology_for_issue", start=start)
    if sorry:
        kept = next((c for c in sorry if not seen.has(c.turn, *TAKES_BACK)), None)
        if kept:
            return Verdict(
                "met", "The agent apologized for what happened.",
                (complaint, quote(seen, kept, "apology")),
            )  # fmt: skip
        taken_back = seen.first(*TAKES_BACK, start=sorry[0].turn)
        assert taken_back is not None
        return Verdict(
            "partial", "The agent apologized but took it back with an excuse or blame.",
            (complaint, quote(seen, sorry[0], "apology"), quote(seen, taken_back, "taken back")),
            helped=f"The apology {place(seen, sorry[0].turn)} without the "
            f"{_KIND[taken_back.id]} {place(seen, taken_back.turn)}.",
        )  # fmt: skip
    if other:
        return Verdict(
            "partial", "The agent apologized only for something else than the complaint.",
            (complaint, quote(seen, other[0], "apology for something else")),
            helped=f"Saying sorry for the complaint {place(seen, found.complaints[0].turn)} "
            f"itself, as well as for what the apology {place(seen, other[0].turn)} is about.",
            absent=True,
        )  # fmt: skip
    return Verdict(
        "missed", "A complaint stood, and no apology came.", (complaint,), INFERRED,
        helped=f"Saying sorry for what happened, after the complaint "
        f"{place(seen, found.complaints[0].turn)}.",
        absent=True,
    )  # fmt: skip
