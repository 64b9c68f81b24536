"""Markdown of our own pages as HTML. What it quotes is not trusted."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from pytest_amct.reports.web import missing

if TYPE_CHECKING:
    from markdown_it import MarkdownIt


def as_html(text: str, below: int) -> str:
    """Return Markdown as HTML; its headings are on the levels below a level.

    Links, images and HTML stay text. Raise `UsageError` if markdown-it-py is not installed.
    """
    parser = _parser()
    tokens = parser.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1:]) + below)}"
    rendered: str = parser.renderer.render(tokens, parser.options, {})
    return rendered


@cache
def _parser() -> MarkdownIt:
    try:
        from markdown_it import MarkdownIt
    except ModuleNotFoundError:
        raise missing("markdown-it-py") from None
    ours = ("heading", "list", "code", "fence", "backticks", "escape", "table")
    parser = MarkdownIt("zero", {"html": False})
    return parser.enable([*ours])
