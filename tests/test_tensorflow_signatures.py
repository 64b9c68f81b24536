"""TensorFlow's signatures are what their script makes of the installed TensorFlow."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import tensorflow_signatures


@pytest.mark.slow
@pytest.mark.skipif(find_spec("tensorflow") is None, reason="needs tensorflow")
def test_the_file_is_what_the_script_writes() -> None:
    text = tensorflow_signatures.FILE.read_text(encoding="utf-8")
    named = tensorflow_signatures.named_version(text)
    installed = tensorflow_signatures.installed_version()
    if installed != named:
        pytest.skip(f"the file is of TensorFlow {named}, installed is {installed}")
    assert tensorflow_signatures.written(text) == text
