"""Loads the quantizer that the user names: ``module:attribute`` or an entry point."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import metadata
from pathlib import Path
from typing import Any, get_args

from pytest_amct.errors import UsageError
from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.quantizers import containing
from pytest_amct.quantizers.containing import no_exit
from pytest_amct.quantizers.programs import PREFIXES, load_program
from pytest_amct.quantizers.protocol import SETTINGS, Quantizer
from pytest_amct.quantizers.replay import PREFIX, load_recorded
from pytest_amct.quantizers.running import words
from pytest_amct.tables.model import Scheme, Spec
from pytest_amct.typed import is_of
from pytest_amct.wording import written

GROUP = "pytest_amct.quantizers"
"""The entry-point group. The built-in quantizers register there as well."""


@dataclass(slots=True, eq=False)
class FunctionQuantizer:
    """A plain function (or an object with parts of the protocol) as a quantizer."""

    name: str
    function: Callable[[Any, Any], Any]
    owner: Any = None

    @property
    def frameworks(self) -> tuple[str, ...]:
        """The declared frameworks, none by default."""
        return tuple(getattr(self.owner, "frameworks", ()))

    @property
    def schemes(self) -> tuple[Scheme, ...]:
        """The declared schemes, only uniform by default."""
        return tuple(getattr(self.owner, "schemes", ("uniform",)))

    @property
    def only_reads(self) -> bool:
        """Whether it does not change `Request.network`, so that it need not be read once more."""
        return bool(getattr(self.owner, "only_reads", False))

    @property
    def quantize_batch(self) -> Callable[[Sequence[Any]], Sequence[Any]] | None:
        """The owner's `quantize_batch`, ``None`` if it has none."""
        found: Callable[[Sequence[Any]], Sequence[Any]] | None
        found = getattr(self.owner, "quantize_batch", None)
        return found

    @property
    def spec(self) -> Any:
        """The owner's release. An owner without one is not asked for each release."""
        return self.owner.spec

    @spec.setter
    def spec(self, spec: Spec) -> None:
        self.owner.spec = spec

    @property
    def settings(self) -> tuple[str, ...]:
        """The declared settings, none by default."""
        return tuple(getattr(self.owner, "settings", ()))

    def quantize(self, model: Any, request: Any) -> Any:
        """Call the function."""
        return self.function(model, request)

    def validate(self, path: Path) -> None:
        """Call the owner's `validate`, if it has one."""
        if hasattr(self.owner, "validate"):
            self.owner.validate(path)

    def close(self) -> None:
        """Call the owner's `close`, if it has one."""
        if hasattr(self.owner, "close"):
            self.owner.close()


def load_quantizer(name: str, rootdir: Path | None = None, timeout: float = 300.0) -> Quantizer:
    """Load the quantizer of that name. Modules are also searched for in `rootdir`.

    `timeout` is the time limit of a program, in seconds.

    Raises `UsageError` if it cannot be found, imported or called.
    """
    if name.startswith(PREFIXES):
        program = load_program(name, timeout, rootdir)
        return FunctionQuantizer(program.name, program.quantize, program)
    if name.startswith(PREFIX):
        recorded = load_recorded(name, rootdir)
        return FunctionQuantizer(recorded.name, recorded.quantize, recorded)
    if ":" in name:
        return _adapt(name, _attribute(name, rootdir))
    return _adapt(name, _entry_point(name))


def _attribute(name: str, rootdir: Path | None) -> Any:
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise UsageError(f"quantizer {name!r}: write it as module:attribute")
    if rootdir is not None and os.fspath(rootdir) not in sys.path:
        sys.path.insert(0, os.fspath(rootdir))
    with _foreign(f"quantizer {name!r}: importing {module!r} failed"):
        try:
            found: Any = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{module}.".startswith(f"{error.name}."):
                raise
            raise UsageError(
                f"quantizer {name!r}: there is no module {error.name!r} in {rootdir or Path.cwd()}"
                " nor among the installed ones: correct the name, or set pythonpath in the ini file"
            ) from None
    place = getattr(found, "__file__", module)
    for part in attribute.split("."):
        if not hasattr(found, part):
            close = get_close_matches(part, [n for n in dir(found) if not n.startswith("_")], 1)
            hint = f", did you mean {close[0]!r}?" if close else ": name what is defined there"
            raise UsageError(f"quantizer {name!r}: {place} has no {attribute!r}{hint}")
        found = getattr(found, part)
    return found


def _entry_point(name: str) -> Any:
    known = {entry.name: entry for entry in metadata.entry_points(group=GROUP)}
    if name not in known:
        raise UsageError(
            f"quantizer {name!r} is not known: name it as module:attribute, or use one of"
            f" {', '.join(sorted(known)) or 'the installed ones (there are none)'}"
        )
    with _foreign(f"quantizer {name!r}: loading its entry point {known[name].value!r} failed"):
        return known[name].load()


def _adapt(name: str, found: Any) -> Quantizer:
    """Wrap a function, or call a class or factory for an instance. Check what it declares."""
    given = found
    if inspect.isclass(found) or (inspect.isfunction(found) and not _signature(found).parameters):
        if not _takes(found):
            raise UsageError(
                f"quantizer {name!r} needs the arguments {_signature(found)}: name a function"
                " without parameters that makes one"
            )
        with _foreign(f"quantizer {name!r}: making one failed"):
            found = found()
    method = found if inspect.isroutine(found) else getattr(found, "quantize", None)
    if method is None and callable(found):
        method = found
    if not callable(method):
        what = "is" if found is given else "makes"
        raise UsageError(
            f"quantizer {name!r} {what} an object of type {type(found).__name__}: name a function"
            " (model, request), or a class with a method quantize(model, request)"
        )
    if not _takes(method, None, None):
        raise UsageError(
            f"quantizer {name!r} takes {_signature(method)}: it must take (model, request)"
        )
    display = getattr(found, "name", None) if found is not method else None
    quantizer = FunctionQuantizer(str(display or name), method, None if found is method else found)
    _check_declared(name, quantizer)
    return quantizer


def _check_declared(name: str, quantizer: FunctionQuantizer) -> None:
    """Raise `UsageError` for misspelt declarations, which would otherwise be ignored silently."""
    with _foreign(f"quantizer {name!r}: reading its 'version' failed"):
        version = getattr(quantizer.owner, "version", None)
    if not is_of(version, str | None):
        raise UsageError(
            f"quantizer {name!r} declares the version {written(version)}: make it a string"
        )
    schemes = tuple(scheme for scheme in get_args(Scheme) if scheme != "tensor")
    for what, allowed in (
        ("frameworks", FRAMEWORKS),
        ("schemes", schemes),
        ("settings", SETTINGS),
    ):
        declared = getattr(quantizer.owner, what, ())
        listed = isinstance(declared, list | tuple | set | frozenset)
        if not listed or not all(isinstance(d, str) and d in allowed for d in declared):
            shown = declared if listed else [declared]
            raise UsageError(
                f"quantizer {name!r} declares the {what} {', '.join(map(repr, shown))}: make it"
                f" a tuple of {', '.join(allowed)}"
            )


def _takes(function: Callable[..., Any], *values: Any) -> bool:
    try:
        _signature(function).bind(*values)
    except TypeError:
        return False
    return True


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except ValueError:  # a builtin without a signature: errors show up in the call
        return inspect.signature(lambda *values: None)


@contextlib.contextmanager
def _foreign(what: str) -> Iterator[None]:
    """Run foreign code. Whatever it raises becomes a `UsageError` with the place."""
    try:
        with no_exit(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (KeyboardInterrupt, UsageError):
        raise
    except BaseException as error:
        raise UsageError(f"{what}{_place(error)}: {words(error)}") from error


def _place(error: BaseException) -> str:
    """Return where foreign code raised, ``""`` if it did not run."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" at {error.filename}:{error.lineno}"
    ours = {Path(__file__), Path(containing.__file__), Path(importlib.__file__)}
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen ") and Path(frame.filename) not in ours
    ]
    return f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
