"""The documentation as a site: it builds, everything is in it, and it asks nobody for anything."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from doc_pages import PAGES, ROOT, text_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site. Links to pages, headings and files that do not exist are warnings."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


def test_the_readme_names_the_command_that_builds_it() -> None:
    assert "mkdocs build --strict" in text_of("README.md")


def test_every_page_is_in_the_navigation(site: Path) -> None:
    start = (site / "index.html").read_text("utf-8")
    assert "gives the quantizer small generated models" in start.replace("\n", " ")
    for page in PAGES:
        if page.startswith("docs/"):
            path = page.removeprefix("docs/").replace("README.md", "index.md")
            assert f'href="{path.removesuffix(".md")}.html"' in start, page


def test_files_outside_the_folder_of_pages_are_part_of_it(site: Path) -> None:
    assert 'href="pytest_amct/reports/explain.schema.json"' in (site / "models.html").read_text()
    name = "pytest_amct/reports/explain.schema.json"
    assert (site / name).read_bytes() == (ROOT / name).read_bytes()


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def served(site: Path) -> Iterator[str]:
    """The address of the site."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_pages_ask_no_other_host_and_can_be_searched(browser: Any, served: str) -> None:
    asked: list[str] = []
    context = browser.new_context()
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    for name in ("index", "tutorial", "conditions/uniform/onnx/Conv/dilation_d"):
        page.goto(f"{served}{name}.html")
    page.goto(f"{served}search.html?q=dilation_d")
    page.wait_for_selector("#mkdocs-search-results article")
    assert len(asked) > 10
    assert [url for url in asked if not url.startswith(served)] == []
    context.close()
