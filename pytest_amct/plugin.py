"""The pytest plugin: options, and with ``--amct`` the suite.

pytest imports this module at every start, also where nobody asks for ``--amct``: it must import
neither onnx nor hypothesis. What the suite needs is in `session`, which is loaded on demand.
"""

from __future__ import annotations

import pytest

from pytest_amct.options import add_options, read_settings, refuse_alone


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register our options."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and, if asked for, the suite."""
    config.addinivalue_line("markers", "amct: conformance tests of a quantizer (pytest-amct)")
    if not config.getoption("--amct"):
        refuse_alone(config)
        return
    if config.getoption("help") or config.getoption("version"):
        return
    settings = read_settings(config)
    from pytest_amct.errors import AmctError
    from pytest_amct.session import Suite

    try:
        config.pluginmanager.register(Suite(config, settings), "amct-suite")
    except AmctError as error:
        raise pytest.UsageError(str(error)) from None
