"""Whether a result was made of a model at all, by the names that it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_amct.decisions.amct.layers import AmctDecisions
from pytest_amct.decisions.names import layers_by_name, listed
from pytest_amct.errors import OutputError
from pytest_amct.graphs.network import Network


def check_belongs(original: Network, result: Any) -> None:
    """Raise `OutputError` if most of the layers that a result names are not in the model.

    A few strange names are an ordinary mistake, which the reader of the result reports. A model
    names no layers: `read_result` compares its inputs and outputs.
    """
    known, named = layers_by_name(original), _named(result)
    strange = [name for name in named if name not in known]
    if len(strange) > 1 and len(strange) * 2 > len(named):
        raise OutputError(
            f"the result belongs to another model: {len(strange)} of {len(named)} layers that it"
            f" names are not in this one ({listed(strange)}): give the model that it was made of"
        )


def _named(result: Any) -> Sequence[str]:
    if isinstance(result, AmctDecisions):
        return [name.rpartition(":")[0] or name for name in result.layers]
    if isinstance(result, Mapping | list):
        return [name for name in result if isinstance(name, str)]
    return ()
