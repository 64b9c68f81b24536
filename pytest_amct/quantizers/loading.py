"""Finds the quantizer that the user names: ``module:attribute`` or an entry point."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from pytest_amct.errors import UsageError
from pytest_amct.quantizers.protocol import Quantizer
from pytest_amct.tables.model import Scheme

GROUP = "pytest_amct.quantizers"
"""The entry-point group; the built-in quantizers register there too."""

FRAMEWORKS = ("onnx",)
"""Frameworks that this version judges."""


@dataclass(frozen=True, slots=True)
class FunctionQuantizer:
    """A plain function (or an object with parts of the protocol) as a quantizer."""

    name: str
    function: Callable[[Any, Any], Any]
    owner: Any = None

    @property
    def frameworks(self) -> tuple[str, ...]:
        """What it declares, else all of them."""
        return tuple(getattr(self.owner, "frameworks", FRAMEWORKS))

    @property
    def schemes(self) -> tuple[Scheme, ...]:
        """What it declares, else uniform alone."""
        return tuple(getattr(self.owner, "schemes", ("uniform",)))

    def quantize(self, model: Any, request: Any) -> Any:
        """Call the function."""
        return self.function(model, request)

    def validate(self, path: Path) -> None:
        """Call the owner's own validation, if it has one."""
        if hasattr(self.owner, "validate"):
            self.owner.validate(path)

    def close(self) -> None:
        """Call the owner's own end, if it has one."""
        if hasattr(self.owner, "close"):
            self.owner.close()


def load_quantizer(name: str, rootdir: Path | None = None) -> Quantizer:
    """The quantizer of that name; modules are looked for in `rootdir` too.

    Raises `UsageError` in one sentence if it cannot be found, imported or called.
    """
    if ":" not in name:
        return _adapt(name, _entry_point(name))
    module_name, _, attribute = name.partition(":")
    if rootdir is not None and os.fspath(rootdir) not in sys.path:
        sys.path.insert(0, os.fspath(rootdir))
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:
        raise UsageError(
            f"quantizer {name!r}: importing {module_name!r} failed: {type(error).__name__}: {error}"
        ) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise UsageError(f"quantizer {name!r}: {module_name!r} has no attribute {part!r}")
        found = getattr(found, part)
    return _adapt(name, found)


def _entry_point(name: str) -> Any:
    known = {entry.name: entry for entry in metadata.entry_points(group=GROUP)}
    if name not in known:
        raise UsageError(
            f"quantizer {name!r} is not known: name it as module:attribute, or use one of"
            f" {', '.join(sorted(known)) or 'the installed ones (there are none)'}"
        )
    try:
        return known[name].load()
    except ImportError as error:
        raise UsageError(f"quantizer {name!r}: {error}") from error


def _adapt(name: str, found: Any) -> Quantizer:
    """A class or factory is called for an instance, a function wrapped; signatures are checked now."""
    if inspect.isclass(found) or (inspect.isfunction(found) and not inspect.signature(found).parameters):
        try:
            found = found()
        except TypeError as error:
            raise UsageError(f"quantizer {name!r}: the class needs arguments: {error}") from None
    method = found if inspect.isroutine(found) else getattr(found, "quantize", None)
    if method is None and callable(found):
        method = found
    if not callable(method):
        raise UsageError(
            f"quantizer {name!r} is a {type(found).__name__}: name a function (model, request) or"
            " a class with a method quantize(model, request)"
        )
    try:
        inspect.signature(method).bind(None, None)
    except TypeError:
        shown = inspect.signature(method)
        raise UsageError(
            f"quantizer {name!r} takes {shown}: it must take (model, request)"
        ) from None
    except ValueError:  # a builtin without a signature: the call will tell
        pass
    display = getattr(found, "name", None) if found is not method else None
    quantizer = FunctionQuantizer(display or name, method, None if found is method else found)
    unknown = set(quantizer.frameworks) - {"onnx", "tensorflow", "caffe"}
    if unknown:
        raise UsageError(f"quantizer {name!r} declares the unknown framework {min(unknown)!r}")
    return quantizer
