"""What `mkdocs build` needs to know besides `mkdocs.yml`.

README.md becomes the first page, the pages in `docs/conditions` are listed in the navigation, and
files outside `docs` that pages link to, such as schemas, become part of the site.
"""

from __future__ import annotations

import os.path
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
CONDITIONS = "conditions"
_START = "index.md"
_LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List the pages of conditions by table, framework and row."""
    assert config.nav is not None
    for entry in config.nav:
        if "Conditions" in entry:
            entry["Conditions"] = _listed(ROOT / "docs" / CONDITIONS)
    return config


def _listed(folder: Path) -> list[Any]:
    """The entries of a folder: its list of all pages, its pages, its folders."""
    found: list[Any] = []
    for path in sorted(folder.iterdir(), key=lambda path: (path.name != "README.md", path.name)):
        if path.is_dir():
            found.append({path.name: _listed(path)})
        else:
            name = path.relative_to(ROOT / "docs").as_posix()
            found.append(name if path.stem == "README" else {path.stem: name})
    return found


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add README.md, and what pages link to outside `docs`."""
    files.append(File.generated(config, _START, content=(ROOT / "README.md").read_text("utf-8")))
    for file in list(files.documentation_pages()):
        for target in _LINK.findall(file.content_string):
            path = _source(file.src_uri, target)
            name = _on_site(path)
            if (
                not path.startswith("docs/")
                and (ROOT / path).is_file()
                and files.get_file_from_path(name) is None
            ):
                files.append(File.generated(config, name, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let relative links point to where their targets are on the site."""

    def moved(link: re.Match[str]) -> str:
        path = _on_site(_source(page.file.src_uri, link[1]))
        return os.path.relpath(path, PurePosixPath(page.file.src_uri).parent)

    return _LINK.sub(moved, markdown)


def _source(page: str, target: str) -> str:
    """The path in the repository that a link of a page means."""
    home = PurePosixPath() if page == _START else PurePosixPath("docs", page).parent
    return os.path.normpath(home / target)


def _on_site(path: str) -> str:
    """Where a file of the repository is on the site."""
    if path == "README.md":
        return _START
    return path.removeprefix("docs/")
