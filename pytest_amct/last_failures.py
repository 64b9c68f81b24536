"""Keeps apart what ``--lf`` remembers of several quantizers, whose tests have the same ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

OURS = "amct/"
"""The prefix of the ids of the suite's tests."""

_KEY = "amct/lastfailed"
"""The key of pytest's cache: the failed tests of each quantizer."""


def recall_failures(config: pytest.Config, quantizer: str) -> None:
    """Let ``--lf`` know only the failures of this quantizer, and those of other tests."""
    last: Any = config.pluginmanager.get_plugin("lfplugin")
    if last is None:
        return
    for id_ in [id_ for id_ in last.lastfailed if str(id_).startswith(OURS)]:
        del last.lastfailed[id_]
    id_of = _id_of()
    last.lastfailed.update((id_of(text), True) for text in _kept(config).get(quantizer, ()))


def keep_failures(config: pytest.Config, quantizer: str) -> None:
    """Keep the failures of this quantizer, also those of earlier runs that were not run again."""
    last: Any = config.pluginmanager.get_plugin("lfplugin")
    if last is not None and config.cache is not None:
        mine = [text for text in map(str, last.lastfailed) if text.startswith(OURS)]
        config.cache.set(_KEY, {**_kept(config), quantizer: mine})


def _kept(config: pytest.Config) -> dict[str, list[str]]:
    found = config.cache.get(_KEY, {}) if config.cache is not None else {}
    return found if isinstance(found, dict) else {}


def _id_of() -> Callable[[str], Any]:
    """Return how pytest makes the key of a test: ids have a type of their own since 9.2."""
    try:
        from _pytest.nodeid import NodeId
    except ImportError:
        return str
    return NodeId.parse
