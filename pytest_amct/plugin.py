"""The pytest plugin: options, and with ``--amct`` the suite.

pytest imports this module at every start, even without ``--amct``, so it must import neither onnx
nor hypothesis. What the suite needs is in `session`, which is imported on demand.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_amct.options import add_options, read_settings, refuse_alone
from pytest_amct.several import Several

if TYPE_CHECKING:
    from pytest_amct.testing import Amct


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the options."""
    add_options(parser)
    pluginmanager.register(Several(), "amct-several")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """Continue in a watched process, before any third-party code is loaded."""
    if early_config.known_args_namespace.amct:
        # Without --amct nothing is imported, so that other runs start as fast as before.
        from pytest_amct.watch import LINK, is_command, watched

        if is_command(early_config):
            early_config.stash[LINK] = watched()
    yield


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """Tell the watching process the exit status. A process that ends without one was killed."""
    status = yield
    if config.getoption("--amct"):
        from pytest_amct.watch import LINK

        link = config.stash.get(LINK, None)
        if link is not None:
            link.say(status=int(status or 0))
    return status


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and, under ``--amct``, the suite."""
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


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> None:
    """Say what is missing if somebody runs the suite's module without ``--amct``."""
    if module_path.name == "test_conformance.py" and not parent.config.getoption("--amct"):
        found = find_spec("pytest_amct.conformance")
        if found is not None and found.origin and module_path.parent == Path(found.origin).parent:
            raise pytest.Collector.CollectError(
                "the conformance tests of pytest-amct run only with --amct: pytest --amct"
            )


@pytest.fixture
def amct(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Amct]:
    """Return the quantizer that ``amct_quantizer`` names, for tests of one's own.

    ``amct.quantize(model)`` returns what it returns, ``amct.audit(model)`` judges it, and
    ``amct.assert_conforms(model)`` fails if it violates the tables.
    """
    settings = read_settings(request.config)
    from pytest_amct.errors import AmctError
    from pytest_amct.testing import configured

    try:
        found = configured(settings, tmp_path)
    except AmctError as error:
        raise pytest.UsageError(str(error)) from None
    yield found
    found.quantizer.close()
