"""``pytest-amct audit``: is what a tool made of a model within the tables?"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
from pathlib import Path
from typing import Any

from pytest_amct.asking import asked_by
from pytest_amct.audit import audit, grouped, with_findings
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
from pytest_amct.decisions.amct.output_folder import Found, find_result
from pytest_amct.decisions.amct.simplified import Simplified, read_simplified
from pytest_amct.decisions.belonging import check_belongs
from pytest_amct.decisions.read import read_outcomes, read_text_form
from pytest_amct.errors import OutputError, UsageError
from pytest_amct.graphs.files import read_bytes
from pytest_amct.graphs.network import Network
from pytest_amct.graphs.reading import read_model
from pytest_amct.ids import matches
from pytest_amct.layerwise import Ran, check_run
from pytest_amct.quantizers.messages import read_decisions_message
from pytest_amct.reports import auditing
from pytest_amct.reports.drawn import audit_drawing
from pytest_amct.reports.network_page import network_page
from pytest_amct.request_options import SCHEMES, RequestOptions
from pytest_amct.tables.model import Spec
from pytest_amct.verdicts import Policy

_STRANGE = 2
"""The exit status if most layers of the model are not in the result: nothing was shown."""

_VIOLATIONS = 1
"""The exit status if there are violations, like that of pytest for failed tests."""


def add_parser(commands: Any) -> None:
    """Add the command to a parser of commands."""
    add = commands.add_parser("audit", help="judge what a tool made of a model")
    add.set_defaults(run=run)
    add.add_argument("model", type=Path, metavar="MODEL", help="the float model")
    add.add_argument(
        "result",
        type=Path,
        metavar="RESULT",
        help="what the tool made of it: a quantized .onnx or .tflite, AMCT's configuration (.json)"
        " or record (.txt), the folder into which AMCT wrote, or decisions (.json)",
    )
    add_spec(add)
    add.add_argument("--scheme", choices=SCHEMES, default=SCHEMES[0], help="what was asked for")
    add.add_argument(
        "--config", type=Path, metavar="FILE.cfg", help="AMCT's simplified configuration"
    )
    names: dict[str, Any] = {"action": "extend", "nargs": "+", "default": []}
    add.add_argument("--skip-layers", metavar="NAME", **names)
    add.add_argument("--skip-layer-types", metavar="IR_TYPE", **names)
    add.add_argument("--tensor-quantize", metavar="NAME", **names)
    add.add_argument("--required", metavar="ROW", help="leaving one in float fails", **names)
    add.add_argument("--float-rows", metavar="ROW", help="left in float on purpose", **names)
    add.add_argument(
        "--run",
        action="store_true",
        dest="runs",
        help="run the result and compare its convolutions and matrix products (needs onnxruntime)",
    )
    add.add_argument("--strict", action="store_true", help="warnings fail, too")
    add_format(add)


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit status: 1 if there are violations, 2 if the result
    seems to be that of another model.
    """
    check_output(given)
    check_kept("-o", given.output, [given.model, given.result, given.config or given.model])
    network = read_model(given.model)
    specs = releases_for(spec_names(given), network.framework)
    simplified = read_simplified(given.config) if given.config else Simplified()
    options = RequestOptions(
        scheme=given.scheme,
        skip_layers=tuple(given.skip_layers),
        skip_layer_types=tuple(given.skip_layer_types),
        tensor_quantize=tuple(given.tensor_quantize),
    )
    asked = [asked_by(simplified, options, network, spec) for spec in specs]
    policy = _policy(given, specs[0])
    try:
        judged = _file_of(given.result, network)
        result = _result(Path(judged.path))
        check_belongs(network, result)
        outcomes = read_outcomes(network, result, tuple(specs))
    except OutputError as error:
        raise OutputError(_about_the_result(str(error))) from None
    ran = _run(network, result, specs[0]) if given.runs else None
    found = []
    for spec, outcome, what in zip(specs, outcomes, asked, strict=True):
        audited = audit(network, outcome, spec, policy, what)
        if ran is not None:
            more = zip(ran.at, map(policy.apply, ran.findings), strict=True)
            audited = with_findings(audited, more)
        notes = (*filter(None, [judged.why]), *(() if ran is None else _said_of_run(ran)))
        found.append(auditing.Audited(str(given.model), judged.path, audited, what, notes))
    say(given, _written(found, given))
    if found[0].audit.failed:
        return _VIOLATIONS
    return _STRANGE if any(auditing.strange(found[0])) else 0


_SPOKEN = (
    ("the quantizer returned a model that cannot be read: ", ""),
    ("the quantizer returned the path ", ""),
    ("the quantizer returned ", "the result is "),
    ("the quantizer named ", "the result names "),
)
"""How messages to the author of a quantizer begin, and what to say to others instead."""


def _about_the_result(message: str) -> str:
    """Return a message of a reader for somebody who did not write the quantizer."""
    for theirs, ours in _SPOKEN:
        if message.startswith(theirs):
            message = ours + message.removeprefix(theirs)
            break
    # A name that is not there, a lost input: the two files may not belong together.
    doubtful = any(words in message for words in ("not a layer of the model", "lost the"))
    return f"{message}; is the result made of this model?" if doubtful else message


def _run(network: Network, result: Any, spec: Spec) -> Ran:
    """Run the result. Raise `UsageError` if it cannot be run at all."""
    if network.framework != "onnx" or not isinstance(result, str):
        raise UsageError("--run: only quantized ONNX models are run: drop it")
    if importlib.util.find_spec("onnxruntime") is None:
        raise UsageError("--run: needs onnxruntime: pip install pytest-amct[onnxruntime]")
    return check_run(network, result, spec)


def _said_of_run(ran: Ran) -> tuple[str, ...]:
    """Return what a run showed, in sentences: what could not be compared must not be lost."""
    if ran.failed:
        return (f"--run: the result could not be run: {ran.failed}",)
    compared = "1 layer was" if ran.compared == 1 else f"{ran.compared} layers were"
    said = [f"--run: {compared} run and compared"]
    for group in grouped((why, layer) for layer, why in ran.unchecked.items()):
        said.append(f"--run: {group.layers} not compared, the first {group.first}: {group.reason}")
    return tuple(said)


def _file_of(path: Path, network: Network) -> Found:
    """Return the file to judge: of a folder the most telling one, with the reason."""
    if os.path.isdir(path):
        return find_result(path, network.framework)
    return Found(str(path), "")


def _result(path: Path) -> Any:
    """Return a result as the readers take it. Raise `OutputError` if the file cannot be read."""
    if path.suffix.lower() == ".json" and os.path.isfile(path):
        text = read_bytes(path, str(path)).decode("utf-8", errors="replace")
        if text.lstrip()[:1] == "[":
            return _names(text, path)
        decisions = read_decisions_message(text, str(path)) if '"format"' in text else None
        if decisions is not None:
            return decisions
    if not os.path.exists(path):
        raise OutputError(f"{path}: there is no such file: name what the tool made")
    found = read_text_form(os.fspath(path))
    return os.fspath(path) if found is None else found


def _names(text: str, path: Path) -> list[str]:
    try:
        named = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise OutputError(f"{path}: not JSON: {error}") from None
    if not all(isinstance(name, str) for name in named):
        raise OutputError(f"{path}: a list must hold names of quantized layers, all strings")
    return list(named)


def _policy(given: argparse.Namespace, spec: Spec) -> Policy:
    rows = [row.id for row in spec.rows]
    for option, patterns in (("--required", given.required), ("--float-rows", given.float_rows)):
        for pattern in patterns:
            if not any(matches(row, pattern) for row in rows):
                raise UsageError(
                    f"{option}: {pattern!r} is not a row of {spec.title}: use an id such as"
                    f" {rows[0]}; * matches anything"
                )
    policy = Policy(given.strict, tuple(given.required), tuple(given.float_rows))
    for row in rows:
        if policy.is_required(row) and policy.is_float_row(row):
            raise UsageError(f"{row} is given to --required and --float-rows: remove it from one")
    return policy


def _written(found: list[auditing.Audited], given: argparse.Namespace) -> str:
    if given.format == "json":
        return as_json(
            {"format": auditing.FORMAT, "audits": [auditing.audit_json(one) for one in found]}
        )
    if given.format == "html":
        return network_page([audit_drawing(one) for one in found])
    return joined([auditing.sheet(one) for one in found], given)
