"""The folders that calls get: empty, private, and gone at the end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pytest_amct.processes.temporary import private_folder, remove_unused


def lent() -> Path:
    with private_folder() as folder:
        assert not [*folder.iterdir()]
        return folder


def test_a_folder_that_nobody_touched_is_lent_again() -> None:
    assert lent() == lent()


def test_a_folder_with_a_file_is_removed() -> None:
    with private_folder() as folder:
        (folder / "model.onnx").write_bytes(b"")
    assert not folder.exists()
    assert lent() != folder


def test_a_folder_that_was_written_to_after_the_call_is_not_lent_again() -> None:
    folder = lent()
    (folder / "late").write_bytes(b"")
    assert lent() != folder
    assert not folder.exists()


def test_another_folder_in_its_place_is_not_lent_again() -> None:
    folder = lent()
    folder.rename(folder.with_name(f"{folder.name}-moved"))
    folder.mkdir()
    assert lent() != folder
    folder.with_name(f"{folder.name}-moved").rmdir()


def test_a_folder_that_lost_its_rights_is_not_lent_again() -> None:
    folder = lent()
    folder.chmod(0o500)
    assert lent() != folder


def test_calls_within_calls_have_their_own() -> None:
    with private_folder() as outer, private_folder() as inner:
        assert outer != inner


def test_a_fork_does_not_use_the_folders_of_its_parent() -> None:
    folder, (read, write) = lent(), os.pipe()
    child = os.fork()
    if not child:
        os.write(write, os.fsencode(lent()))
        remove_unused()
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        assert stream.read() != os.fsencode(folder)
    assert folder.is_dir()


def test_nothing_is_left_at_the_end(tmp_path: Path) -> None:
    code = "from pytest_amct.processes.temporary import private_folder as f\nwith f(): pass"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert not [*tmp_path.iterdir()]
