"""What was asked of a tool for each layer of a model, by options and AMCT's configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pytest_amct.decisions.amct.simplified import Simplified
from pytest_amct.decisions.names import layers_by_name, name_of
from pytest_amct.errors import UsageError
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.once import once
from pytest_amct.request_options import Asked, RequestOptions
from pytest_amct.tables.answers import find_row, ir_types
from pytest_amct.tables.model import Spec
from pytest_amct.wording import instead, written


def check_names(options: RequestOptions, network: Network, spec: Spec) -> None:
    """Raise `UsageError` for layers that the model lacks and types that the tables lack."""
    for argument in ("tensor_quantize", "skip_layers"):
        for name in getattr(options, argument):
            _check_layer(argument, name, network)
    _check_types("skip_layer_types", options.skip_layer_types, spec, network.framework)


def asked_by(given: Simplified, options: RequestOptions, network: Network, spec: Spec) -> Asked:
    """Return what a simplified configuration and further options ask for each layer.

    Raise `UsageError` for layers that the model lacks and types that the tables lack.
    """
    base = replace(
        options,
        skip_layers=(*given.skip_layers, *options.skip_layers),
        skip_layer_types=(*given.skip_layer_types, *options.skip_layer_types),
        tensor_quantize=(*given.tensor_quantize, *options.tensor_quantize),
    )
    check_names(base, network, spec)
    _check_types("override_layer_types", given.types, spec, network.framework)
    for name in given.layers:
        _check_layer("override_layer_configs", name, network)

    # Few parts of a file differ, and checking the names of each layer's options would cost.
    known: dict[tuple[object, ...], RequestOptions] = {}

    def asked(layer: Layer) -> RequestOptions:
        row = find_row(layer, spec)
        ir = () if row is None else ir_types(layer, row)
        found = given.asked(name_of(layer), ir)
        settings = {**found.settings, **base.settings}
        scheme = found.scheme or base.scheme
        key = scheme, *sorted(settings.items())
        if key not in known:
            known[key] = replace(base, scheme=scheme, settings=settings)
        return known[key]

    return asked


def _check_types(argument: str, named: Iterable[str], spec: Spec, framework: str) -> None:
    types = sorted({ir for row in spec.rows for ir in row.ir})
    for type_ in named:
        if type_ not in types:
            rows = (r for r in spec.rows if r.framework == framework and type_ in r.types)
            meant = dict.fromkeys(ir for row in rows for ir in row.ir)
            raise UsageError(
                f"{argument}: {written(type_)} is not an Ascend IR type of {spec.title}"
                f"{instead(type_, meant or types)}"
            )


def _check_layer(argument: str, name: str, network: Network) -> None:
    known = once(network, _by_name)
    if known.get(name) == []:  # a layer of a Caffe net that does not run at inference
        return
    names = once(network, _names)
    if name in names:
        return
    if name in known:
        layer = network.layers[known[name][0]]
        raise UsageError(
            f"{argument}: {written(name)} is an output of {layer}: name the layer,"
            f" {written(name_of(layer))}"
        )
    raise UsageError(
        f"{argument}: {written(name)} is not a layer of the model{instead(name, names)}"
    )


def _by_name(network: Network) -> Mapping[str, list[int]]:
    return layers_by_name(network)


def _names(network: Network) -> dict[str, None]:
    return {called: None for layer in network.layers if (called := name_of(layer))}
