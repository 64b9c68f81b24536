"""Write the pages of `docs/conditions` and `docs/history.md` from the tables and the cases.

    python tests/tools/pages.py

A test fails while a file differs from what this writes.
"""

from __future__ import annotations

from pathlib import Path

from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.ids import ConditionId
from pytest_amct.reports.history import history_markdown
from pytest_amct.reports.pages import ids, page
from pytest_amct.tables.loader import load_spec, published

DOCS = Path(__file__).parents[2] / "docs"
CONDITIONS = "conditions"

_HEAD = """# Conditions

Each page says what the releases say about one condition, and shows a layer that conforms and one
that does not. `pytest-amct rule ID` prints the page of an id, also of rows and of types without a
row. `python tests/tools/pages.py` writes these pages.
"""


def pages() -> dict[str, str]:
    """Return the text of each page, by its path in the folder `docs`."""
    specs = {name: load_spec(name) for name in published()}
    found = {f"{CONDITIONS}/{id_}.md": f"{page(id_, specs).rstrip()}\n" for id_ in ids(specs)}
    lines = [_HEAD]
    for framework in FRAMEWORKS:
        mine = [id_ for id_ in ids(specs) if ConditionId.parse(id_).framework == framework]
        lines += [f"## {framework}", "", *(f"- [{id_}]({id_}.md)" for id_ in mine), ""]
    found[f"{CONDITIONS}/README.md"] = "\n".join(lines)
    found["history.md"] = f"{history_markdown(specs)}\n"
    return found


def written() -> dict[str, str]:
    """Return the pages that are in the folder `docs`."""
    paths = [*(DOCS / CONDITIONS).rglob("*.md"), DOCS / "history.md"]
    return {p.relative_to(DOCS).as_posix(): p.read_text("utf-8") for p in paths if p.is_file()}


def main() -> None:
    """Write every page, and remove those of conditions that are gone."""
    made = pages()
    for name in written().keys() - made.keys():
        (DOCS / name).unlink()
    for name, text in made.items():
        path = DOCS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
