"""Charts of scores, by Matplotlib as SVG: for light and dark pages, wide and narrow screens."""

import io
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from pipeline.review.overview import Group, Mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Theme = Literal["light", "dark"]
Width = Literal["wide", "narrow"]

INCHES = {"wide": 10.0, "narrow": 4.4}
"""At 72 points an inch and 10 points a letter the text is as large as that of the page."""
HEIGHT = 2.6
HEIGHT_OF_LINE = 0.27
MOST_LINES = 40
COLOURS = {
    "light": {"ink": "#1c2024", "dim": "#59636e", "line": "#dfe3e8", "mark": "#1f56ad"},
    "dark": {"ink": "#e6e8eb", "dim": "#a3adb8", "line": "#323940", "mark": "#8ab4ff"},
}

Trend = Sequence[tuple[date, Mean]]


def trend_chart(trend: Trend, theme: Theme, width: Width) -> bytes:
    """Mean scores week by week with their 95 % intervals, as an SVG image."""
    figure, axes = _blank(HEIGHT, theme, width)
    colours = COLOURS[theme]
    weeks = [week for week, _ in trend]
    places = [place for place, (_, mean) in enumerate(trend) if mean.count]
    drawn = [_bounds(mean) for _, mean in trend if mean.count]
    if drawn:
        lows, means, highs = zip(*drawn, strict=True)
        axes.fill_between(places, lows, highs, color=colours["mark"], alpha=0.2, linewidth=0)
        axes.plot(places, means, color=colours["mark"], marker="o", markersize=4)
    step = max(1, -(-len(weeks) // (12 if width == "wide" else 5)))
    axes.set_xticks(range(0, len(weeks), step), [f"{w:%d %b}" for w in weeks[::step]])
    axes.set_xlim(-0.5, max(0.5, len(weeks) - 0.5))
    axes.set_ylim(0, 100)
    axes.set_ylabel("Mean score", color=colours["dim"])
    return _svg(figure)


def interval_chart(groups: Sequence[Group], theme: Theme, width: Width) -> bytes:
    """The mean of each agent or team with its 95 % interval, in the order of their names."""
    shown = [group for group in groups if group.score.enough][:MOST_LINES]
    figure, axes = _blank(0.7 + HEIGHT_OF_LINE * max(1, len(shown)), theme, width)
    colours = COLOURS[theme]
    for place, group in enumerate(shown):
        low, mean, high = _bounds(group.score)
        axes.plot([low, high], [place, place], color=colours["mark"], linewidth=2)
        axes.plot([mean], [place], color=colours["mark"], marker="o", markersize=6)
    axes.set_yticks(
        range(len(shown)),
        [_short(group.name or group.id, width) for group in shown],
        parse_math=False,
    )
    axes.set_ylim(max(1, len(shown)) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.set_xlabel("Mean score, 95 % interval", color=colours["dim"])
    return _svg(figure)


def _bounds(mean: Mean) -> tuple[float, float, float]:
    """Low, mean, high; a single value has no interval."""
    value = mean.mean or 0.0
    low = value if mean.low is None else mean.low
    return low, value, value if mean.high is None else mean.high


def _short(name: str, width: Width) -> str:
    longest = 28 if width == "wide" else 14
    return name if len(name) <= longest else name[: longest - 1] + "…"


def _blank(height: float, theme: Theme, width: Width) -> "tuple[Figure, Axes]":
    colours = COLOURS[theme]
    figure = _figure_class()(figsize=(INCHES[width], height), layout="constrained")
    axes = figure.subplots()
    axes.set_facecolor("none")
    axes.grid(color=colours["line"], linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=colours["ink"], length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    return figure, axes


def _svg(figure: "Figure") -> bytes:
    image = io.BytesIO()
    figure.savefig(image, format="svg", transparent=True, metadata={"Date": None})
    return image.getvalue()


@cache
def _figure_class() -> Any:
    """Without pyplot, which keeps every figure and is not made for threads."""
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.rcParams["svg.fonttype"] = "none"  # text stays text, in the font of the system
    matplotlib.rcParams["font.family"] = "sans-serif"
    return Figure
