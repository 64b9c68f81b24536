"""What a quantizer is asked for, as a value that holds nothing which does not exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from pytest_amct.errors import UsageError
from pytest_amct.tables.model import Scheme
from pytest_amct.wording import instead, written

SCHEMES: tuple[Scheme, ...] = ("uniform", "nonuniform", "weight_only")
"""The schemes that can be asked for."""

WEIGHT_SETTINGS = ("channel_wise", "asymmetric")
"""Settings of the weight algorithm."""

_NAMES = ("tensor_quantize", "skip_layers", "skip_layer_types")


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """What is asked for besides plain uniform quantization, as `Request` has it.

    Raises `UsageError` for a value that cannot be asked for; it names the argument and the nearest
    right word.
    """

    scheme: Scheme = "uniform"
    settings: Mapping[str, bool] = field(default_factory=dict)
    tensor_quantize: tuple[str, ...] = ()
    skip_layers: tuple[str, ...] = ()
    skip_layer_types: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the values; lists of names become tuples."""
        if not isinstance(self.scheme, str) or self.scheme not in SCHEMES:
            hint = instead(self.scheme, SCHEMES)
            raise UsageError(f"scheme: {written(self.scheme)} is no scheme{hint}")
        if not isinstance(self.settings, Mapping):
            raise UsageError(
                f"settings: {written(self.settings)} is no mapping: give {{'channel_wise': True}}"
            )
        for name, value in self.settings.items():
            if name not in WEIGHT_SETTINGS:
                raise UsageError(
                    f"settings: {written(name)} is no setting{instead(name, WEIGHT_SETTINGS)}"
                )
            if not isinstance(value, bool):
                raise UsageError(
                    f"settings: {name!r} is {written(value)}: it must be True or False"
                )
        for argument in _NAMES:
            object.__setattr__(self, argument, _names(argument, getattr(self, argument)))

    @staticmethod
    def of(given: Mapping[str, Any], others: Iterable[str] = ()) -> RequestOptions:
        """The options of keywords; `others` are keywords that could have been meant as well."""
        known = [f.name for f in fields(RequestOptions)]
        for name in given:
            if name not in known:
                hint = instead(name, [*known, *others])
                raise UsageError(f"{written(name)} cannot be asked for{hint}")
        return RequestOptions(**given)

    @property
    def given(self) -> dict[str, Any]:
        """What differs from plain uniform quantization, by the names of the fields."""
        names = [f.name for f in fields(self)]
        given = {name: getattr(self, name) for name in names}
        return {name: value for name, value in given.items() if value != getattr(PLAIN, name)}


def _names(argument: str, given: Any) -> tuple[str, ...]:
    if isinstance(given, str):
        raise UsageError(f"{argument}: {written(given)} is a single string: give a list of names")
    if not isinstance(given, list | tuple | set | frozenset):
        raise UsageError(f"{argument}: {written(given)} is no list: give a list of names")
    for name in given:
        if not isinstance(name, str):
            raise UsageError(f"{argument}: {written(name)} is no name: give a list of strings")
    return tuple(sorted(given) if isinstance(given, set | frozenset) else given)


PLAIN = RequestOptions()
"""Plain uniform quantization with default settings."""
