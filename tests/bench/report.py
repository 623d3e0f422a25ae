"""The figures of the bench as tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.bench.figures import Figures, Tally


def _f1(tally: Tally) -> str:
    if not tally.true and not tally.said:
        return "–"
    return f"{tally.precision:.2f} / {tally.recall:.2f} / **{tally.f1:.2f}**"


def _hold_error(figures: Figures) -> str:
    errors = figures.hold_error_s
    return f"{sum(errors) / len(errors):.1f} s" if errors else "–"


def _share(tally: Tally) -> str:
    return f"{tally.recall:.3f}" if tally.true else "–"


ROWS: tuple[tuple[str, Callable[[Figures], str]], ...] = (
    ("competitive interruptions", lambda f: _f1(f.competitive)),
    ("backchannels", lambda f: _f1(f.backchannel)),
    ("backchannels counted as interruptions", lambda f: _share(f.punished_backchannels)),
    ("holds", lambda f: _f1(f.hold)),
    ("mean error of hold length", _hold_error),
    ("dead air", lambda f: _f1(f.dead_air)),
    ("raised voice, by seconds", lambda f: _f1(f.raised)),
    ("speech time with the right role", lambda f: _share(f.role)),
    ("machines and second agents told apart", lambda f: _share(f.others)),
    ("word error rate", lambda f: _share(f.word_errors)),
)


def markdown(figures: Mapping[tuple[str, str], Figures], about: str) -> str:
    """One table over all calls, and the F1 figures by condition of the line."""
    sides = [s for s in ("stereo", "mono") if (s, "all") in figures]
    lines = [f"Built calls: {about}. Events: precision / recall / **F1**.", ""]
    lines += _table(
        ["", *sides], [[name, *(row(figures[s, "all"]) for s in sides)] for name, row in ROWS]
    )
    lines += ["", f"F1 by condition of the line ({' / '.join(sides)}):", ""]
    conditions = list(dict.fromkeys(c for _, c in figures if c != "all"))
    kinds: tuple[tuple[str, Callable[[Figures], Tally]], ...] = (
        ("interruptions", lambda f: f.competitive),
        ("backchannels", lambda f: f.backchannel),
        ("holds", lambda f: f.hold),
        ("dead air", lambda f: f.dead_air),
        ("raised voice", lambda f: f.raised),
    )
    lines += _table(
        ["", *conditions],
        [
            [name, *(" / ".join(f"{of(figures[s, c]).f1:.2f}" for s in sides) for c in conditions)]
            for name, of in kinds
        ],
    )
    return "\n".join(lines) + "\n"


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
        *("| " + " | ".join(row) + " |" for row in rows),
    ]
