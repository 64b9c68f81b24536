"""Programs as quantizers: ``command: tool {model} {request} {calibration} {output}``.

Each model gets a new process with a time limit. No shell is used. The program may segfault, hang or
print gigabytes: this costs one case, and the run continues. ``batch: tool ...`` gets folders of
models instead and runs once for many models.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from pytest_amct.decisions.plain import refuse_special
from pytest_amct.errors import OutputError, UsageError
from pytest_amct.processes.endings import cause
from pytest_amct.processes.temporary import noted
from pytest_amct.quantizers.folders import MANIFEST, write_folder
from pytest_amct.quantizers.messages import (
    read_decisions_message,
    request_message,
    write_calibration,
)
from pytest_amct.quantizers.protocol import Crashed, Refused, Request, TimedOut
from pytest_amct.tables.model import Scheme

PREFIXES = ("command:", "batch:")
"""The prefixes of quantizer names that are command lines."""

REFUSED_STATUS = 64
"""The exit status with which a program refuses a request."""

_PLACEHOLDERS = ("model", "request", "calibration", "output")
_MOST_KEPT = 64
_CHUNK = 1 << 10


class Program:
    """A program as a quantizer, see `Quantizer`."""

    frameworks: tuple[str, ...] = ()
    schemes: tuple[Scheme, ...] = ("uniform",)
    settings: tuple[str, ...] = ()

    def __init__(self, name: str, words: Sequence[str], timeout: float, *, batch: bool) -> None:
        self.name = name
        self.words, self.timeout, self.batch = tuple(words), timeout, batch

    def quantize(self, model: Any, request: Request) -> Any:
        """Run the program on one model and return what it wrote."""
        if self.batch:
            (result,) = self._batch([request])
            if isinstance(result, Exception):
                raise result
            return result
        folder = request.workdir
        self._write_request(request, folder)
        output = folder / "out" / "output"
        output.parent.mkdir()
        self._run(
            folder,
            frozenset(),
            model=request.model_path,
            request=folder / "request.json",
            calibration=folder / "calibration",
            output=output,
        )
        return _result(sorted(output.parent.iterdir()), self.name)

    @property
    def quantize_batch(self) -> Callable[[Sequence[Request]], list[Any]] | None:
        """The call for many models, ``None`` if the program does not take folders."""
        return self._batch if self.batch else None

    def _batch(self, requests: Sequence[Request]) -> list[Any]:
        """Run the program once on a folder of models. Return a result or an exception for each.

        A result is ``None`` if the program wrote nothing for one of several models: it may have
        ended early. `write_folder` makes the folder. Raises an error if the program itself failed.
        """
        folder = requests[0].workdir / "batch"
        folder.mkdir()
        ids = write_folder(folder, requests, calibration=self._calibrates)
        output = requests[0].workdir / "out"
        output.mkdir()
        manifest = folder / MANIFEST
        places = {"model": folder, "request": manifest, "calibration": folder, "output": output}
        self._run(folder, frozenset(ids), **places)
        results: list[Any] = []
        for id_ in ids:
            written = sorted(output.glob(f"{id_}.*"))
            if not written and len(ids) > 1:
                results.append(None)
                continue
            try:
                results.append(_result(written, self.name))
            except Exception as error:
                results.append(error)
        return results

    def validate(self, path: Path) -> None:
        """Do nothing: programs have no validator."""

    def close(self) -> None:
        """Do nothing: nothing is kept between calls."""

    def _write_request(self, request: Request, folder: Path) -> None:
        text = json.dumps(request_message(request), indent=2)
        (folder / "request.json").write_text(text, encoding="utf-8")
        if self._calibrates:
            write_calibration(request, folder / "calibration")

    @property
    def _calibrates(self) -> bool:
        return any("{calibration}" in word for word in self.words)

    def _run(self, folder: Path, ids: frozenset[str], **places: Path) -> None:
        words = [_fill(word, places) for word in self.words]
        tail: deque[bytes] = deque(maxlen=_MOST_KEPT)
        with subprocess.Popen(
            words,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that its children can be ended with it
        ) as process:
            assert process.stdout is not None
            reader = threading.Thread(target=_keep_tail, args=[process.stdout, tail], daemon=True)
            reader.start()
            try:
                with noted(process.pid):
                    status = self._wait(process, places["output"], ids)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            reader.join(1.0)
        said = b"".join(tail).decode("utf-8", "replace").strip()
        sys.stdout.write(said)
        _check(status, said, self.timeout)

    def _wait(
        self, process: subprocess.Popen[bytes], output: Path, ids: frozenset[str]
    ) -> int | None:
        """Return the exit status, ``None`` if the program hangs.

        It hangs if no new result for `ids` has appeared within the time limit.
        """
        written = 0
        while True:
            try:
                return process.wait(self.timeout)
            except subprocess.TimeoutExpired:
                before, written = written, 0
                with contextlib.suppress(OSError):
                    written = len(ids & {p.name.partition(".")[0] for p in output.iterdir()})
                if written <= before:
                    return None


def load_program(name: str, timeout: float, rootdir: Path | None) -> Program:
    """Load ``command: ...`` or ``batch: ...``. Relative paths are relative to `rootdir`.

    Raises `UsageError` if the command line cannot be run.
    """
    prefix, _, line = name.partition(":")
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"quantizer {name!r}: {error}: quote it as a shell would") from None
    if not words:
        raise UsageError(
            f"quantizer {name!r} does not name a program: write {prefix}: tool {{model}} ..."
        )
    for word in words:
        _fill(word, dict.fromkeys(_PLACEHOLDERS, Path()))
    for needed in ("model", "output"):
        if not any(f"{{{needed}}}" in word for word in words):
            raise UsageError(f"quantizer {name!r} must contain {{{needed}}}: add it to the line")
    local = Path(rootdir or Path.cwd(), words[0])
    found = str(local) if os.sep in words[0] and local.is_file() else shutil.which(words[0])
    if found is None:
        raise UsageError(f"quantizer {name!r}: there is no program {words[0]!r}: install it")
    # The program runs in another folder, so files of the repository get absolute paths.
    rest = [str(p) if (p := Path(rootdir or Path.cwd(), w)).is_file() else w for w in words[1:]]
    shown = " ".join(word for word in words if "{" not in word)
    return Program(shown, [found, *rest], timeout, batch=prefix == "batch")


def _fill(word: str, places: dict[str, Path] | Any) -> str:
    for placeholder in _PLACEHOLDERS:
        word = word.replace(f"{{{placeholder}}}", os.fspath(places[placeholder]))
    return word


def _keep_tail(stream: IO[bytes], tail: deque[bytes]) -> None:
    """Read all output, so that the program never blocks, and keep its end."""
    with contextlib.suppress(ValueError, OSError):
        while chunk := os.read(stream.fileno(), _CHUNK):
            tail.append(chunk)


def _check(status: int | None, said: str, timeout: float) -> None:
    last = said.splitlines()[-1] if said else "it printed nothing"
    if status is None:
        raise TimedOut(f"the program timed out after {timeout:g} s and was killed")
    if status < 0:
        raise Crashed(f"the program was killed by {cause(status)}")
    if status == REFUSED_STATUS:
        raise Refused(last)
    if status:
        raise RuntimeError(f"the program ended with exit status {status}: {last}")


def _result(paths: Sequence[Path], name: str) -> Any:
    """Read what a program wrote: a model, decisions, or a file of one of AMCT's forms."""
    if len(paths) != 1:
        found = ", ".join(p.name for p in paths) or "nothing"
        raise OutputError(f"{name} wrote {found}: write one file to {{output}}, with any suffix")
    path = paths[0]
    refuse_special(path.lstat(), f"{name} made {path.name}", "write one to {output}")
    if path.suffix == ".json":
        text = path.read_text(encoding="utf-8", errors="replace")
        decisions = read_decisions_message(text, path.name)
        return path if decisions is None else decisions
    return path if path.suffix else path.read_bytes()
