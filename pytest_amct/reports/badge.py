"""The badge: both numbers of a report as a small picture, and as data for shields.io."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from pytest_amct.reports.overview import gaps, numbers
from pytest_amct.reports.widths import text_width
from pytest_amct.wording import printable

_COLOURS = {"brightgreen": "#2d7d32", "red": "#b3261e", "orange": "#9a5b00", "lightgrey": "#5f6368"}
"""The colours by the names that shields.io knows. White text on each can be read."""

_LONGEST_LABEL = 40
_PADDING = 6
_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label={name}>
  <title>{title}</title>
  <rect width="{width}" height="20" rx="3" fill="#444"/>
  <path d="M{at} 0h{rest}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{rest}z" fill="{colour}"/>
  <g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
    <text x="6" y="14" textLength="{label_width}">{label}</text>
    <text x="{message_at}" y="14" textLength="{message_width}">{message}</text>
  </g>
</svg>
"""


def badge(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the badge in the format of the endpoint of shields.io.

    It is grey for a report that does not cover the whole suite, red if there are violations, and
    orange if no row was quantized.
    """
    found = numbers(report)
    message = str(found)
    if gaps(report):
        colour, message = "lightgrey", f"incomplete · {message}"
    elif found.violations:
        colour = "red"
    else:
        colour = "brightgreen" if found.quantized else "orange"
    label = f"AMCT, {printable(report['spec']['title'])}"
    if len(label) > _LONGEST_LABEL:
        label = f"{label[:_LONGEST_LABEL]}…"
    return {"schemaVersion": 1, "label": label, "message": message, "color": colour}


def badge_json(report: Mapping[str, Any]) -> str:
    """Return the badge as JSON text for the endpoint of shields.io."""
    return json.dumps(badge(report), indent=2) + "\n"


def badge_svg(report: Mapping[str, Any]) -> str:
    """Return the badge as an SVG picture that needs no other file."""
    made = badge(report)
    label, message = made["label"], made["message"]
    label_width, message_width = (round(text_width(text, 11)) for text in (label, message))
    at = label_width + 2 * _PADDING
    width = at + message_width + 2 * _PADDING
    name = f"{label}: {message}"
    return _SVG.format(
        width=width,
        name=quoteattr(name),
        title=escape(name),
        at=at,
        rest=width - at - 3,
        colour=_COLOURS[made["color"]],
        label=escape(label),
        label_width=label_width,
        message=escape(message),
        message_at=at + _PADDING,
        message_width=message_width,
    )
