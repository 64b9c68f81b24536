"""``pytest-amct explain``: which layers of a model can be quantized, and why not the others."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_amct.choosing import releases_for
from pytest_amct.commands.output import (
    add_format,
    add_spec,
    as_json,
    check_kept,
    check_output,
    joined,
    say,
    spec_names,
)
from pytest_amct.commands.progress import progress
from pytest_amct.decisions.amct.simplified import skipping
from pytest_amct.decisions.names import name_of, unique_name
from pytest_amct.decisions.near_names import near_names
from pytest_amct.errors import ModelError, UsageError
from pytest_amct.explain import Explanation, explain
from pytest_amct.files import write_file
from pytest_amct.graphs.finding import models_in
from pytest_amct.graphs.network import Layer
from pytest_amct.graphs.reading import read_model
from pytest_amct.reports import explaining
from pytest_amct.reports.drawn import explanation_drawing
from pytest_amct.reports.layer_page import layer_sheet
from pytest_amct.reports.network_page import network_page
from pytest_amct.reports.sheets import Sheet
from pytest_amct.request_options import SCHEMES
from pytest_amct.wording import instead, written

_SOME_UNREADABLE = 2
"""The exit status if some of the models cannot be read."""

_LONGEST_NAME = 200

_MOST_PAGES = 50
"""The most layers of one name that are shown in full."""


def add_parser(commands: Any) -> None:
    """Add the command to a parser of commands."""
    add = commands.add_parser("explain", help="say which layers of a model can be quantized")
    add.set_defaults(run=run)
    add.add_argument(
        "models",
        nargs="+",
        metavar="MODEL",
        help="a file (.onnx, .pb, .pbtxt, .meta, .prototxt), a folder of models, a SavedModel's"
        " folder, or a pattern in quotes",
    )
    add_spec(add)
    add.add_argument("--scheme", choices=SCHEMES, default=SCHEMES[0])
    add_format(add)
    add.add_argument("--layer", metavar="NAME", help="all about one layer, with its weight's way")
    add.add_argument(
        "--write-skips",
        type=Path,
        metavar="FILE.cfg",
        help="write AMCT's simplified configuration that skips what must stay in float",
    )


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit status: 2 if a model cannot be read."""
    check_output(given)
    if given.layer is not None and given.format == "html":
        raise UsageError("--layer: a page shows all layers: drop it, or choose another --format")
    names = spec_names(given)
    models = models_in(given.models)
    if given.write_skips and len(models) > 1:
        raise UsageError(f"--write-skips: {len(models)} models are named: name one")
    check_kept("-o", given.output, models)
    check_kept("--write-skips", given.write_skips, models)
    explained, errors = _explained(models, names, given.scheme)
    for error in errors:
        print(f"pytest-amct: {error}", file=sys.stderr)
    if explained and given.layer is not None:
        say(given, _of_layer(explained, given))
    elif explained or given.format == "json":
        say(given, _written(explained, errors, given))
    if explained and given.write_skips:
        write_file(given.write_skips, _skips(explained[0][0]))
    return _SOME_UNREADABLE if errors else 0


def _explained(
    models: Sequence[Path], names: Sequence[str], scheme: Any
) -> tuple[list[list[Explanation]], list[str]]:
    explained, errors = [], []
    with progress(len(models)) as step:
        for path in models:
            step(path.name)
            try:
                network = read_model(path)
            except ModelError as error:
                errors.append(str(error))
                continue
            specs = releases_for(names, network.framework)
            explained.append(explain(network, specs, scheme, str(path)))
    return explained, errors


# --- one layer ------------------------------------------------------------------------------------


def _of_layer(explained: Sequence[Sequence[Explanation]], given: argparse.Namespace) -> str:
    """Return all about the layers of a name. Raise `UsageError` if no model has one."""
    asked = [
        (release, at)
        for found in explained
        for release in found
        for at, told in enumerate(release.layers)
        if given.layer in names_of(told.layer)
    ]
    if not asked:
        raise UsageError(f"--layer: {_no_layer(given.layer, explained[0][0])}")
    if given.format == "json":
        return as_json(explaining.document((explaining.layer_json(*one) for one in asked), ()))
    # The way back from a weight may be as long as the model: not for all of its layers.
    pages = [layer_sheet(release, release.layers[at]) for release, at in asked[:_MOST_PAGES]]
    if len(asked) > _MOST_PAGES:
        pages.append(Sheet(f"... and {len(asked) - _MOST_PAGES} more layers of this name", ()))
    return joined(pages, given)


def names_of(layer: Layer) -> set[str]:
    """Return the names under which a layer can be asked for.

    They are the one under which it is listed, and its own, or else those of its outputs.
    """
    own = {layer.name} if layer.name else {t.name for t in layer.outputs if t is not None}
    return own | {unique_name(layer)}


def _no_layer(name: str, found: Explanation) -> str:
    aside = [layer for layer in found.network.layers if name in names_of(layer)]
    if aside:
        return f"{aside[0]} is not counted as a layer: no data of a network input passes through it"
    known = [unique_name(told.layer) for told in found.layers]
    near = near_names(name, found.network, known, _LONGEST_NAME)
    hint = f", did you mean {' or '.join(map(repr, near))}?" if near else instead(name, known)
    return f"{found.name} has no layer {written(name)}{hint}"


# --- what is written ------------------------------------------------------------------------------


def _written(
    explained: Sequence[Sequence[Explanation]], errors: Sequence[str], given: argparse.Namespace
) -> str:
    if given.format == "json":
        models = (explaining.explanation_json(one) for found in explained for one in found)
        return as_json(explaining.document(models, errors))
    if given.format == "html":
        return network_page([explanation_drawing(one) for found in explained for one in found])
    sheets = [explaining.sheet(found) for found in explained]
    if len(sheets) > 1:
        sheets.insert(0, explaining.overview(explained, len(errors)))
    return joined(sheets, given)


def _skips(found: Explanation) -> str:
    """Return AMCT's simplified configuration that skips what must stay in float.

    AMCT does not quantize types without a row, so only layers of listed types are named.
    """
    listed = [told for told in found.layers if told.row is not None]
    forbidden = [name_of(t.layer) for t in listed if t.verdict == "forbidden"]
    undecided = [name_of(t.layer) for t in listed if t.verdict == "unspecified"]
    text = skipping(forbidden, undecided, f"{found.name}, by the tables of {found.spec.title}")
    if any(not t.layer.name for t in listed if t.verdict != "quantizable"):
        text += "# A node without a name stands here under the name of its first output.\n"
    return text
