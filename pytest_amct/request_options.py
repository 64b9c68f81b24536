"""The options of a request as one checked value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from pytest_amct.errors import UsageError
from pytest_amct.graphs.network import Layer
from pytest_amct.tables.model import Scheme
from pytest_amct.wording import instead, written

SCHEMES: tuple[Scheme, ...] = ("uniform", "nonuniform", "weight_only")
"""The schemes that a request can name."""

WEIGHT_SETTINGS = ("channel_wise", "asymmetric")
"""Settings of the weight algorithm."""

_NAMES = ("tensor_quantize", "skip_layers", "skip_layer_types")


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """The options of a request; the defaults are plain uniform quantization.

    Raises `UsageError` for an invalid value; the message names the argument and the nearest valid
    word.
    """

    scheme: Scheme = "uniform"
    settings: Mapping[str, bool] = field(default_factory=dict)
    tensor_quantize: tuple[str, ...] = ()
    skip_layers: tuple[str, ...] = ()
    skip_layer_types: tuple[str, ...] = ()
    #: the names again as sets: a configuration may name each layer of a large model
    _named: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the values, and turn lists of names into tuples."""
        if not isinstance(self.scheme, str) or self.scheme not in SCHEMES:
            hint = instead(self.scheme, SCHEMES)
            raise UsageError(f"scheme: {written(self.scheme)} is not a scheme{hint}")
        if not isinstance(self.settings, Mapping):
            raise UsageError(
                f"settings: {written(self.settings)} is not a mapping:"
                " give {'channel_wise': True}"
            )
        for name, value in self.settings.items():
            if name not in WEIGHT_SETTINGS:
                raise UsageError(
                    f"settings: {written(name)} is not a setting{instead(name, WEIGHT_SETTINGS)}"
                )
            if not isinstance(value, bool):
                raise UsageError(
                    f"settings: {name!r} is {written(value)}: it must be True or False"
                )
        for argument in _NAMES:
            object.__setattr__(self, argument, _names(argument, getattr(self, argument)))
        named = {argument: frozenset(getattr(self, argument)) for argument in _NAMES}
        object.__setattr__(self, "_named", named)

    @staticmethod
    def of(given: Mapping[str, Any], others: Iterable[str] = ()) -> RequestOptions:
        """Return the options that keywords give; `others` are further names for suggestions.

        Raise `UsageError` for a keyword that is not an option.
        """
        known = [f.name for f in fields(RequestOptions) if f.init]
        for name in given:
            if name not in known:
                hint = instead(name, [*known, *others])
                raise UsageError(f"{written(name)} is not a request option{hint}")
        return RequestOptions(**given)

    def named(self, argument: str) -> frozenset[str]:
        """Return the names that an option lists: ``skip_layers``, ``tensor_quantize`` ..."""
        return self._named[argument]

    @property
    def given(self) -> dict[str, Any]:
        """The options that differ from plain uniform quantization, by field name."""
        names = [f.name for f in fields(self) if f.init]
        given = {name: getattr(self, name) for name in names}
        return {name: value for name, value in given.items() if value != getattr(PLAIN, name)}


def _names(argument: str, given: Any) -> tuple[str, ...]:
    if isinstance(given, str):
        raise UsageError(f"{argument}: {written(given)} is a single string: give a list of names")
    if not isinstance(given, list | tuple | set | frozenset):
        raise UsageError(f"{argument}: {written(given)} is not a list: give a list of names")
    for name in given:
        if not isinstance(name, str):
            raise UsageError(f"{argument}: {written(name)} is not a name: give a list of strings")
    return tuple(sorted(given) if isinstance(given, set | frozenset) else given)


Asked = Callable[[Layer], RequestOptions]
"""Says what was asked for a layer of a model."""

PLAIN = RequestOptions()
"""Plain uniform quantization with default settings."""
