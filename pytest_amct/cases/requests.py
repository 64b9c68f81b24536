"""Requests beyond plain uniform quantization, as changes to a plan.

The change `options` holds the request: ``scheme``, settings of the weight algorithm, or settings
that name layers (``this`` is the target, ``other`` the control layer, ``this other`` both) or
Ascend IR types. Only quantizers that declare these options get such cases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_amct.cases.plan import Changes, Deviations, Plan
from pytest_amct.ids import UNLISTED, ConditionId
from pytest_amct.request_options import SCHEMES, RequestOptions
from pytest_amct.tables.loader import load_spec

Options = Mapping[str, Any]
Requested = dict[tuple[str, str], Deviations]
"""Deviations by row id and condition (``""`` for what concerns the row as a whole)."""

NONUNIFORM: Options = {"scheme": "nonuniform"}
WEIGHT_ONLY: Options = {"scheme": "weight_only"}
PLAIN: Deviations = {"default": {}}
WEIGHT_SETTINGS: Deviations = {
    name: {"options": {**WEIGHT_ONLY, "settings": {name: True}}}
    for name in ("channel_wise", "asymmetric")
}
"""Weight-only requests, each with a setting of the weight algorithm."""
OTHER: Options = {"skip_layers": "other"}
_NAMES: Deviations = {
    "other-capitals": {"options": OTHER, "switches": ("capitals",)},
    "other-within": {"options": OTHER, "switches": ("shorter",)},
    "other-around": {"options": OTHER, "switches": ("longer",)},
    "other-pattern": {"options": OTHER, "switches": ("dots",)},
}
"""Requests that skip another layer, which a careless comparison of names takes for the target."""


def asking(options: Options, deviations: Deviations) -> Deviations:
    """Return the same deviations with a request, where they have none."""
    return {name: {"options": options, **changes} for name, changes in deviations.items()}


def of_schemes(nonuniform: Requested, weight_only: Requested) -> Requested:
    """Return the same deviations with requests for the schemes of tables 2 and 3."""
    found = {key: asking(NONUNIFORM, deviations) for key, deviations in nonuniform.items()}
    found |= {key: asking(WEIGHT_ONLY, each) for key, each in weight_only.items()}
    for row, _ in [*nonuniform, *weight_only]:
        listed = ConditionId.parse(row)
        if not listed.is_unlisted:  # a release without the table closes its types
            id_ = str(replace(listed, row=UNLISTED, name=listed.row))
            options = NONUNIFORM if listed.table == "nonuniform" else WEIGHT_ONLY
            found.setdefault((id_, ""), asking(options, PLAIN))
    return found


def needs(changes: Changes) -> frozenset[str]:
    """Return the schemes and settings that a quantizer must declare to get a deviation."""
    options = changes.get("options", {})
    names = set(options.get("settings", ())) | (set(options) - {"settings", "scheme"})
    return frozenset(names | ({options["scheme"]} if "scheme" in options else set()))


def options_of(plan: Plan, named: Mapping[str, str]) -> RequestOptions:
    """Return the request with layers named as in this model."""
    options = dict(plan.options)
    for setting in ("skip_layers", "tensor_quantize"):
        if setting in options:
            options[setting] = tuple(named[name] for name in options[setting].split())
    return RequestOptions(**options)


def settings_of(
    framework: str,
    rows: Sequence[str],
    weight_settings: Sequence[str],
    tensor_quantize: Mapping[str, Deviations],
    other: tuple[str, str],
) -> Requested:
    """Return the deviations for table 3 with quantized data, and for settings that name layers.

    `rows` can be skipped. `weight_settings` are the rows that table 3 lists. `tensor_quantize` has
    the deviations of data-only rows. `other` names two rows of distinct types: cases that skip
    another type use the first row, or the second if the layer is of the first row itself.
    """
    spec = load_spec()
    listed = (r for r in spec.rows if (r.table, r.framework) == ("uniform", framework))
    ir = {row.name: row.ir for row in listed}
    found: dict[tuple[str, str], dict[str, Changes]] = {}
    for row in weight_settings:
        for setting in ("channel_wise", "asymmetric"):
            found[f"settings/{framework}/{row}", setting] = {
                "true": {"options": {"settings": {setting: True}}},
                "false": {"options": {"settings": {setting: False}}},
                "both": {"options": {"settings": {"channel_wise": True, "asymmetric": True}}},
            }
    for row in rows:
        layers, types = ((f"settings/{framework}/{row}", f"skip_layer{s}") for s in ("s", "_types"))
        another = ir[other[row == other[0]]]
        found[layers] = {name: {"options": {"skip_layers": name}} for name in ("this", "other")}
        if row == rows[0]:  # names are compared alike for all rows
            found[layers] |= _NAMES
        found[types] = {
            "this": {"options": {"skip_layer_types": ir[row]}},
            "other": {"options": {"skip_layer_types": another}},
        }
        for scheme in SCHEMES[1:]:
            of_scheme = spec.by_type.get((scheme, framework, row))
            if of_scheme is None or of_scheme.ports.weight is None:
                continue
            options = {"skip_layers": "this", "scheme": scheme}
            found[layers][f"this-{scheme}"] = {"options": options}
        if row in other:
            found[layers] |= _several(another)
            found[types] |= _several_types(ir[row], another)
    for row, kept in tensor_quantize.items():
        options = {"tensor_quantize": "this"}
        found[f"settings/{framework}/{row}", "tensor_quantize"] = dict(asking(options, kept))
    return {**found}


def beside_skipped(closing: Changes, types: Sequence[str]) -> Deviations:
    """Return a request that skips the layer whose Float16 weight closes the target."""
    return {"beside-skipped": {**closing, "options": {"skip_layer_types": tuple(types)}}}


ONCE = frozenset(
    "this-first this-last this-and-types this-and-layer this-nonuniform this-weight_only".split()
)
"""Requests that the gate makes only in the ``plain`` context: several names, or another scheme."""


def _several(another: Sequence[str]) -> Deviations:
    """Return requests that skip the target with another layer, or with other types."""
    both = {"skip_layers": "this", "skip_layer_types": another}
    return {
        "this-first": {"options": {"skip_layers": "this other"}},
        "this-last": {"options": {"skip_layers": "other this"}},
        "this-and-types": {"options": both},
    }


def _several_types(own: Sequence[str], another: Sequence[str]) -> Deviations:
    """Return requests that skip the target's type with another one, or with another layer."""
    return {
        "this-first": {"options": {"skip_layer_types": (*own, *another)}},
        "this-last": {"options": {"skip_layer_types": (*another, *own)}},
        "this-and-layer": {"options": {"skip_layers": "other", "skip_layer_types": own}},
    }
