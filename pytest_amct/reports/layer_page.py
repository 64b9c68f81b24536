"""All that is known of one layer: its answer, every condition, the way from its weight back."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_amct.explain import Explanation, LayerAnswer
from pytest_amct.graphs import sources
from pytest_amct.graphs.folding import role_of
from pytest_amct.graphs.network import Layer, Role, Tensor
from pytest_amct.graphs.text import layer_line
from pytest_amct.reports.explaining import because, remark
from pytest_amct.reports.sheets import Sheet, Table
from pytest_amct.tables.answers import find_row
from pytest_amct.wording import printable

_MOST_STEPS = 40


def layer_sheet(found: Explanation, told: LayerAnswer) -> Sheet:
    """Return what one release says of a layer, with the way from its weight to the source."""
    answer, layer = told.answer, told.layer
    said = remark(told)
    # What is said already tells if the answer is inferred.
    basis = "" if said and answer.basis == "inferred" else f" ({answer.basis})"
    verdict = f"{answer.verdict}{basis}" + (f": {said}" if said else "")
    sentences = [f"{found.spec.title}: {verdict}"]
    sentences.append(f"row: {answer.row or 'none'}; IR type: {' or '.join(told.ir) or 'none'}")
    lines = [layer_line(layer), *_way(layer, found)]
    rows = [(r.state, r.condition, because(r)) for r in answer.reasons]
    table = Table("Conditions", ("state", "condition", "what was seen, what is required"), rows)
    return Sheet(f"{layer} of {found.name}", tuple(sentences), (table,), tuple(lines))


def _way(layer: Layer, found: Explanation) -> Iterator[str]:
    """Yield the operators between the layer's weight and where it comes from."""
    row = find_row(layer, found.spec)
    weight = None if row is None or row.ports.weight is None else layer.input(row.ports.weight)
    if weight is None:
        return
    yield ""
    yield printable(f"the weight {weight} comes from {sources.source(weight)}:")
    steps = [*way_back(weight)]
    if len(steps) > _MOST_STEPS:
        half = _MOST_STEPS // 2
        cut = f"   ... {len(steps) - 2 * half} operators left out ..."
        steps = [*steps[:half], cut, *steps[-half:]]
    yield from steps


def way_back(tensor: Tensor) -> Iterator[str]:
    """Yield a line for each operator behind a tensor, down to the source that decides.

    At an operator with several inputs, follow the first one that has the same source.
    """
    seen: set[Tensor] = set()
    current: Tensor | None = tensor
    while current is not None and current not in seen:
        seen.add(current)
        layer = current.producer
        if layer is None:
            yield printable(f"   {_origin(current)} {current}")
            bound = [t for t in current.bound if t is not None]
            current = _deciding(current, bound)
            continue
        yield layer_line(layer)
        if role_of(layer) in (Role.CONSTANT, Role.RANDOM, Role.OPEN):
            return
        current = _deciding(current, [t for t in layer.inputs if t is not None])


_ORIGINS = {
    "input": "network input",
    "constant": "stored constant",
    "overridable": "initializer and graph input",
    "carried": "loop-carried value",
    "parameter": "function parameter",
    "absent": "tensor without a producer",
}


def _origin(tensor: Tensor) -> str:
    return _ORIGINS.get(tensor.origin, tensor.origin)


def _deciding(tensor: Tensor, behind: list[Tensor]) -> Tensor | None:
    if not behind:
        return None
    wanted = sources.source(tensor)
    same = (t for t in behind if sources.source(t) == wanted)
    alike = (t for t in behind if sources.source(t).kind == wanted.kind)
    return next(same, None) or next(alike, None) or behind[0]
