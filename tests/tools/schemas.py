"""Write the JSON Schemas of what tools write and read from the types that the package checks.

    python tests/tools/schemas.py

A test fails while a file differs from what this writes. The schemas of requests and reports are
not among them: the package writes both, and checks little of a report and nothing of a request.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pytest_amct.decisions.messages import FIELDS, FORMAT_FIELDS, FORMATS
from pytest_amct.quantizers.folders import FORMAT
from pytest_amct.quantizers.messages import DECISIONS
from pytest_amct.quantizers.replay import (
    MANIFEST_MEMBERS,
    RESULT_MEMBERS,
    RESULTS,
    RESULTS_MEMBERS,
    TOOL_MEMBERS,
)
from pytest_amct.reports.parts import FORMAT as PARTS
from pytest_amct.reports.parts import (
    PART_MEMBERS,
    RECORD_MEMBERS,
    SETTINGS_MEMBERS,
)
from pytest_amct.reports.parts import RESULTS_MEMBERS as PART_RESULTS
from pytest_amct.reports.reading import FINDING_MEMBERS, SPEC_MEMBERS
from pytest_amct.reports.reading import TOOL_MEMBERS as TOOL_READ
from pytest_amct.typed import json_schema

PACKAGE = Path(__file__).parents[2] / "pytest_amct"

NOTES = {
    "calibration": "path of a folder of .npz files, arrays by input name",
    "crashed": "how the tool ended on this model, a signal for instance",
    "errored": "what the tool raised",
    "export": "a digest of the ids of the models, the same in the manifest and the results",
    "formats": "how the data of these inputs was quantized, as far as it is known",
    "file": "a quantized model, or a configuration or record of AMCT, relative to this file",
    "id": "a digest of the model and the request",
    "inputs": "ports of the data inputs that were quantized; [] = none",
    "layers": "by layer name; true = quantized, false = float; a layer left out is not known",
    "model": "path of an .onnx, .pb or .prototxt, relative to this file",
    "quantizer": "the name of the tool in reports",
    "refused": "why the request was refused",
    "request": "path of a JSON file, see request.schema.json",
    "timed-out": "how long the tool was waited for",
    "tool": "of which version the results are; only reports on the same tool are compared",
    "unsupported": "why the tool does not support the model or the request",
    "version": "of pytest-amct",
    "weights": "path of a caffemodel",
}
"""Descriptions of members."""

MODEL: Mapping[str, Any] = {
    "id": str,
    "framework": Literal["onnx", "tensorflow", "caffe"],
    "model": str,
    "weights": str,
    "request": str,
    "calibration": str,
}
"""What a manifest says of a model."""


def schemas() -> dict[str, str]:
    """Return the text of each schema file by its name."""
    models = {
        "type": "array",
        "items": _object(_members(MODEL), ["id", "framework", "model", "request"]),
    }
    manifest = {**_members(MANIFEST_MEMBERS), "models": models}
    result = {**_members(RESULT_MEMBERS), "layers": _layers()}
    one = _object(result, [], minProperties=1, maxProperties=1)
    tool = {name: json_schema(kind) for name, kind in TOOL_MEMBERS.items()}
    results = {
        **_members({**RESULTS_MEMBERS, "quantizer": str}),
        "tool": _noted("tool", _object(tool, [*TOOL_MEMBERS])),
        "models": {
            "type": "object",
            "description": "by id of the manifest, every one of them",
            "additionalProperties": one,
        },
    }
    decisions = {"layers": _layers(), **_members({"refused": str, "unsupported": str})}
    # The folder of a batch says no more; one that is exported has all members.
    made = {
        "manifest": _file(FORMAT, manifest, ["export", "models"]),
        "results": _file(RESULTS, results, [*RESULTS_MEMBERS]),
        "decisions": _file(DECISIONS, decisions, [], oneOf=[{"required": [m]} for m in decisions]),
    }
    return {f"{n}.schema.json": json.dumps(made[n], indent=2) + "\n" for n in made}


def report_schemas() -> dict[str, str]:
    """Return the text of each schema file of the package `reports` by its name."""
    finding = _plain({name: kind for name, kind in FINDING_MEMBERS.items() if name != "exported"})
    findings = {"type": "array", "items": finding}
    members = {
        **_plain(PART_MEMBERS)["properties"],
        "tool": _plain(TOOL_READ),
        "specs": {"type": "array", "items": _plain({"name": str, **SPEC_MEMBERS})},
        "settings": _plain(SETTINGS_MEMBERS),
        "results": {"$ref": "#/$defs/results"},
    }
    record, results = _plain(RECORD_MEMBERS), _plain(PART_RESULTS)
    record["properties"]["findings"] = findings
    results["properties"]["findings"] = findings
    results["properties"]["records"] = {"type": "array", "items": record}
    results["properties"]["others"] = {
        "type": "object",
        "description": "the results under the other releases, by the file of their tables",
        "additionalProperties": {"$ref": "#/$defs/results"},
    }
    made = _file(PARTS, members, [*PART_MEMBERS], **{"$defs": {"results": results}})
    return {"parts.schema.json": json.dumps(made, indent=2) + "\n"}


def _plain(kinds: Mapping[str, Any]) -> dict[str, Any]:
    return _object({name: json_schema(kind) for name, kind in kinds.items()}, [*kinds])


def _file(
    format_: str, members: Mapping[str, Any], required: Sequence[str], **more: Any
) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format_,
        **_object({"format": {"const": format_}, **members}, ["format", *required], **more),
    }


def _object(members: Mapping[str, Any], required: Sequence[str], **more: Any) -> dict[str, Any]:
    needed = {"required": [*required]} if required else {}
    return {
        "type": "object",
        "additionalProperties": False,
        **needed,
        "properties": members,
        **more,
    }


def _members(kinds: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _noted(name, json_schema(kind)) for name, kind in kinds.items()}


def _noted(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "description": NOTES[name]} if name in NOTES else schema


def _layers() -> dict[str, Any]:
    fields = {name: _or_null(json_schema(kind)) for name, kind in FIELDS.items()}
    fields["inputs"] = _noted("inputs", fields["inputs"])
    members = {
        name: json_schema(kind) if name == "port" else _or_null(json_schema(kind))
        for name, kind in FORMAT_FIELDS.items()
    }
    formats = {"type": "array", "items": _object(members, ["port"])}
    fields[FORMATS] = _noted(FORMATS, _or_null(formats))
    decision = {"anyOf": [{"type": "boolean"}, _object(fields, [])]}
    return _noted("layers", {"type": "object", "additionalProperties": decision})


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "type": [schema["type"], "null"]}


if __name__ == "__main__":
    for folder, texts in (("quantizers", schemas()), ("reports", report_schemas())):
        for name, text in texts.items():
            (PACKAGE / folder / name).write_text(text, encoding="utf-8")
