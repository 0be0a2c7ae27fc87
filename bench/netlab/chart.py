"""The shares as a picture: one group of bars a profile, one bar a tool, as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from bench.netlab.comparison import Entry
from bench.netlab.outcome import Outcome

WIDTH, LEFT, RIGHT = 860, 170, 230  # pixels: whole, before and after the bars
BAR, GAP, TITLE, MARGIN = 16, 6, 34, 24
OURS, OTHERS, INK, PALE = "#0b6e4f", "#b8c4ce", "#1f2933", "#7b8794"
STYLE = f"""
text {{ font: 12px system-ui, sans-serif; fill: {INK}; }}
.head {{ font-size: 17px; font-weight: 600; }}
.group {{ font-size: 13px; font-weight: 600; }}
.pale {{ fill: {PALE}; }}
.ours {{ font-weight: 600; }}
"""


def write(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Draw all profiles that have entries."""
    drawn = [outcome for outcome in outcomes if outcome.entries]
    body: list[str] = []
    bottom = MARGIN + 44
    for outcome in drawn:
        body.extend(_group(outcome, bottom))
        bottom += _height(outcome)
    height = bottom + MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" role="img">',
        f"<title>Share of the link by tool</title><style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        _text(MARGIN, MARGIN + 10, "Share of the link that a whole download fills", "head"),
        _text(MARGIN, MARGIN + 30, "payload / wall time of the process / payload rate", "pale"),
        *body,
        "</svg>",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _height(outcome: Outcome) -> int:
    return TITLE + len(outcome.entries) * (BAR + GAP) + 14


def _group(outcome: Outcome, top: int) -> Iterator[str]:
    yield _text(MARGIN, top + 18, outcome.name, "group")
    yield _text(LEFT, top + 18, outcome.about, "pale")
    first, last = top + TITLE - 6, top + _height(outcome) - 14
    for tenths in (0, 5, 10):
        x = _x(tenths / 10)
        yield f'<line x1="{x}" x2="{x}" y1="{first}" y2="{last}" stroke="#e4e7eb"/>'
    for number, entry in enumerate(sorted(outcome.entries, key=lambda entry: -entry.share)):
        yield from _bar(entry, top + TITLE + number * (BAR + GAP))


def _bar(entry: Entry, top: int) -> Iterator[str]:
    ours = entry.tool == "dlcore"
    width = max(1.0, _x(min(entry.share, 1.0)) - LEFT)
    base = top + BAR - 4
    kind = "ours" if ours else ""
    yield _text(LEFT - 10, base, entry.tool, kind, anchor="end")
    yield (
        f'<rect x="{LEFT}" y="{top}" width="{width:.1f}" height="{BAR}" rx="2" '
        f'fill="{OURS if ours else OTHERS}"/>'
    )
    share = f"{entry.share:.2f}{' (cut short)' if entry.cut_short else ''}"
    yield _text(round(LEFT + width + 6), base, share, kind)
    yield _text(WIDTH - MARGIN, base, f"verified: {entry.verified}", "pale", anchor="end")


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _text(x: float, y: float, words: str, kind: str = "", *, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'
