"""The report as an HTML page: what it says, what it never does, how it works in a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import groupby, islice, product
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from browsing import Opening, assert_only_its_own, press_until
from own_tables import one_row
from readable_reports import GROUPS, report
from syrupy.assertion import SnapshotAssertion

from pytest_amct.cases import catalog
from pytest_amct.ids import ConditionId
from pytest_amct.reports.drawing import STATES, Drawing, Node
from pytest_amct.reports.html.markup import as_html
from pytest_amct.reports.html.models import model_drawing, model_of
from pytest_amct.reports.html.page import report_page
from pytest_amct.reports.html.svg import network_svg
from pytest_amct.reports.overview import MARKS
from pytest_amct.tables.loader import load_spec

HOSTILE = (
    "</script></style></title><img src=x onerror=alert(1)>'\"&{{ 7*7 }}\u2028\u202e\x00\ud800`*_"
)
GEMM = "uniform/onnx/Gemm/trans_a"


class Reader(HTMLParser):
    """Collects the texts of a page as a reader sees them, and its elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._within: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style", "svg"):
            self._within.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._within[-1:] == [tag]:
            self._within.pop()

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._within:
            self.texts.append(data.strip())

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def shown(made: dict[str, Any]) -> str:
    return "\n".join(Reader(report_page(made)).texts)


def changed_everywhere(value: Any, name: str) -> Any:
    """A report in which each text for people is replaced, but ids and words of the format stay."""
    kept = ("format", "condition", "status", "kind", "basis", "case", "profile", "id", "source")
    if isinstance(value, dict):
        return {
            key: part if key in kept else changed_everywhere(part, name)
            for key, part in value.items()
        }
    if isinstance(value, list):
        return [changed_everywhere(part, name) for part in value]
    return name if isinstance(value, str) else value


# --- what it says ---------------------------------------------------------------------------------


def test_the_text_of_the_page(snapshot: SnapshotAssertion) -> None:
    made = report()
    by_condition = groupby(made["findings"], key=itemgetter("condition"))
    few = [finding for _, found in by_condition for finding in islice(found, 2)]
    assert shown({**made, "findings": few}) == snapshot


def test_a_partial_page_with_more_releases_and_what_may_come(snapshot: SnapshotAssertion) -> None:
    made = report((GEMM,), "latest", complete=False)
    (first, second, *_) = (f for f in made["findings"] if f["condition"] == GEMM)
    finding = {**first, "status": "waived", "reason": "known", "decision": {"weights": True}}
    waiver = {"id": f"{GEMM}*", "reason": "known", "owner": "Ann", "until": "9.0", "used": True}
    waiver |= {"link": "https://example.org/1"}
    text = shown(
        {
            **made,
            "findings": [finding, second],
            "waivers": [waiver, {**waiver, "link": "javascript:alert(1)"}],
            "tool": {"name": "acme", "version": "1.2"},
            "comparison": {"old": "1.1", "new": "1.2", "fixed": [], "rows_lost": ["a", "b"]},
            "stopped": {"onnx": "acme quantized none of 8 plain layers"},
            "pages": {},
        }
    )
    assert text == snapshot


def test_each_condition_is_said_in_words_and_with_its_verdict() -> None:
    text = shown(report())
    assert "\n✓\nfloat16\njudged, nothing found\nthe network must have no Float16 input" in text
    assert "\n✗\ntrans_a\n28 violations\ntransA must be 0\n" in text
    assert "\nw\nMul\n4 waived\n" in text


def test_tables_of_a_user_are_put_into_words_if_they_are_at_hand(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(one_row('{ attribute = "transA", default = 0, equals = 0 }'))
    own = load_spec(file)
    about = {"title": own.title, "source": own.source, "release": "x", "rows": 1, "seen": 1}
    cell = {"id": "uniform/onnx/Gemm/c", "basis": "stated", "checked": 0}
    row = {**report()["rows"][0], "id": "uniform/onnx/Gemm"}
    made = report(spec=about, conditions=[cell], rows=[row], findings=[])
    assert "transA must be 0" not in report_page(made)
    assert "transA must be 0" in report_page(made, [own])


def test_the_same_report_is_the_same_page() -> None:
    assert report_page(report()) == report_page(json.loads(json.dumps(report())))


# --- what it never does ---------------------------------------------------------------------------


def test_no_text_of_a_report_becomes_markup() -> None:
    made = report()
    html = report_page(changed_everywhere(made, HOSTILE))
    plain = report_page(made)
    assert not set("\u2028\u202e\x00\ud800") & set(html)
    assert "{{ 7*7 }}" in html
    counted = {
        tag: len(Reader(html).named(tag)) - len(Reader(plain).named(tag))
        for tag in ("img", "script", "style", "title", "form")
    }
    assert not any(counted.values())
    assert all(not name.startswith("on") for _, at in Reader(html).elements for name in at)
    html.encode()


@pytest.mark.parametrize("part", ["condition", "case", "layer", "kind"])
def test_no_id_of_a_finding_becomes_markup(part: str) -> None:
    made = report()
    (finding, *_) = made["findings"]
    names = [HOSTILE, f"uniform/onnx/unlisted/{HOSTILE}", f"uniform/onnx/Gemm/{HOSTILE}@1", ""]
    findings = [{**finding, part: name} for name in names]
    html = report_page({**made, "findings": findings})
    assert not Reader(html).named("img")
    assert len(Reader(html).named("script")) == 1
    anchors = [at["id"] for _, at in Reader(html).elements if "id" in at]
    assert len(anchors) == len({*anchors})


def test_only_the_script_and_the_style_of_the_page_are_allowed() -> None:
    html = report_page(report())
    assert_only_its_own(html)
    assert not re.search(r"https?:|@import|url\(| style=", html)
    assert "<link" not in html


def test_only_links_to_the_web_are_links() -> None:
    links = ["https://example.org/'\"><b>", "javascript:alert(1)", "data:text/html,x", "//x"]
    waivers = [{"pattern": "x", "reason": "y", "used": True, "link": link} for link in links]
    found = [at["href"] or "" for at in Reader(report_page(report(waivers=waivers))).named("a")]
    assert [href for href in found if not href.startswith("#")] == links[:1]


def test_markdown_of_a_page_stays_text_where_it_is_not_ours() -> None:
    text = (
        "# a\n\n<img src=x> [a](javascript:x) ![b](http://c/d) <http://e.f>\n\n    <b>\n\n- `<i>`"
    )
    html = as_html(text, below=2)
    assert html.startswith("<h3>a</h3>")
    assert not re.search(r"<(img|a|b)[ >]", html)
    assert "<pre><code>&lt;b&gt;\n</code></pre>" in html


# --- models ---------------------------------------------------------------------------------------


def test_a_model_is_drawn_once_for_each_condition() -> None:
    conditions = {f["condition"] for f in report()["findings"]}
    assert len(Reader(report_page(report())).named("svg")) == len(conditions) == 4
    several = report(GROUPS, "latest")
    assert len(Reader(report_page(several)).named("svg")) == 4
    assert "Another finding draws this model." in report_page(several)


def test_a_page_of_many_findings_says_what_it_leaves_out() -> None:
    (first, *_) = report()["findings"]
    case = first["case"].partition(":")[0]
    many = [{**first, "case": f"{case}+made_{number}"} for number in range(3000)]
    html = report_page(report(findings=[first, *many]))
    assert "3000 more findings" in html
    assert "2700 findings are not listed here. The JSON report has them." in html
    assert len(html) < 1_000_000


@pytest.mark.parametrize(
    "case",
    [
        "net.onnx",
        "uniform/onnx/Gemm/trans_a@no-such-deviation",
        "uniform/onnx/NoRow@1",
        "networks/onnx@all:in(uniform/onnx/Conv@default<99,nonsense)",
        "uniform/onnx/Gemm/trans_a@1+no_such_variation",
        "uniform/onnx/Gemm/trans_a@" + "1" * 5000,
        "uniform/nothing/x@1",
    ],
)
def test_a_finding_without_a_known_case_is_text(case: str) -> None:
    assert model_of(case, "") is None
    (first, *_) = report()["findings"]
    html = report_page(report(findings=[{**first, "case": case}]))
    assert not Reader(html).named("svg")
    assert first["message"].replace("'", "&#39;") in html


@pytest.mark.parametrize(
    "case",
    [
        "uniform/onnx/Conv/dilation_d@d2-h1-w1:in(uniform/onnx/Add@default,_<1)+opset17",
        "networks/onnx@all:in(uniform/onnx/Conv@default,uniform/onnx/Add@default<1<1)",
        "uniform/tensorflow/MatMul@default",
        "uniform/caffe/Convolution@default",
        "metamorphic/onnx/opset@3:in(uniform/onnx/Conv@default)",
    ],
)
def test_cases_of_every_kind_are_drawn_with_all_their_layers(case: str) -> None:
    model = model_of(case, "")
    assert model is not None
    drawing = model_drawing(model, "violation")
    assert len(drawing.nodes) == len(model.network.layers) + len(model.network.inputs)
    assert sum(node.state == "violation" for node in drawing.nodes) == len(model.marked)
    svg = network_svg(drawing)
    assert svg.count("<g class=") == len(drawing.nodes)
    assert svg.count('class="edge"') == len({*drawing.edges})
    assert model.text.count("->") == len(model.marked)


@pytest.mark.slow
def test_the_simplest_case_of_every_condition_can_be_drawn() -> None:
    for group in catalog.groups(frozenset(), ("onnx", "tensorflow", "caffe")):
        deviation = next(iter(catalog.deviations(group)))
        model = model_of(f"{group}@{deviation}", "")
        assert model is not None, group
        drawing = model_drawing(model, "warning")
        # A model is more than its parts: each layer reads something, or makes it from nothing.
        ends = {end for edge in drawing.edges for end in edge}
        alone = [n for at, n in enumerate(drawing.nodes) if at not in ends]
        assert len(alone) < len(drawing.nodes), ConditionId.parse(group)


# --- in a browser ---------------------------------------------------------------------------------


def opened_report(opened_page: Opening, made: dict[str, Any] | None = None, **options: Any) -> Any:
    return opened_page(report_page(made or report()), **options)


def visible(page: Any, selector: str) -> list[str]:
    return [e.inner_text() for e in page.locator(selector).all() if e.is_visible()]


@pytest.mark.slow
def test_verdicts_filter_conditions_and_findings(opened_page: Opening) -> None:
    page = opened_report(opened_page)
    assert page.inner_text("#shown") == "25 conditions, 78 findings shown"
    for verdict in MARKS:
        if verdict != "waived":
            page.uncheck(f"input[value={verdict}]")
    assert page.inner_text("#shown") == "1 condition, 4 findings shown"
    assert visible(page, ".group h4") == ["uniform/onnx/unlisted/Mul"]
    assert visible(page, ".row h4") == ["types without a row"]
    page.click("button[type=reset]")
    page.wait_for_function("document.getElementById('shown').textContent.startsWith('25 ')")
    assert len(visible(page, ".group")) == 4


@pytest.mark.slow
def test_a_search_finds_conditions_cases_and_layers(opened_page: Opening) -> None:
    page = opened_report(opened_page)
    page.fill("#text", "  TRANS_A@1:chain ")
    assert visible(page, ".group h4") == [GEMM]
    assert visible(page, ".row h4") == []
    page.fill("#text", "dilation")
    assert visible(page, ".row h4") == ["Conv", "ConvTranspose"]
    assert visible(page, ".group h4") == ["uniform/onnx/Conv/dilation_d"]
    page.fill("#text", "nothing has this name")
    assert page.inner_text("#shown") == "0 conditions, 0 findings shown"


@pytest.mark.slow
def test_tables_and_frameworks_filter(opened_page: Opening) -> None:
    made = report()
    row = {**made["rows"][0], "id": "uniform/caffe/Pooling"}
    page = opened_report(opened_page, {**made, "rows": [*made["rows"], row]})
    titles = ["ONNX, uniform quantization", "Caffe, uniform quantization"]
    assert visible(page, ".list h3") == titles
    page.select_option("#framework", "caffe")
    assert visible(page, ".list h3") == titles[1:]
    assert visible(page, ".group h4") == []
    page.select_option("#framework", "")
    assert page.locator("#table").count() == 0  # there is one table only
    settings = {**made["findings"][0], "condition": "settings/onnx/Gemm/skip_layers"}
    page = opened_report(opened_page, {**made, "findings": [*made["findings"], settings]})
    page.select_option("#table", "settings")
    assert visible(page, ".group h4") == ["settings/onnx/Gemm/skip_layers"]


@pytest.mark.slow
def test_keys_alone_reach_a_condition_and_its_findings(opened_page: Opening) -> None:
    page = opened_report(opened_page, viewport={"width": 1280, "height": 800})
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"
    press_until(page, "Tab", "document.activeElement.textContent === 'trans_a'")
    assert page.evaluate(outline) == "solid"
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelectorAll('.group[open]').length === 1")
    assert "transA = 1, must be 0" in page.inner_text(".group[open] .message >> nth=0")
    top = page.evaluate("document.querySelector('.group[open]').getBoundingClientRect().top")
    bar = page.evaluate("document.getElementById('filters').getBoundingClientRect().bottom")
    assert bar - 1 <= top < 200  # the heading is not behind the filters
    press_until(page, "Tab", "document.activeElement.matches('.group[open] > summary')")
    page.keyboard.press("Enter")
    assert page.locator(".group[open]").count() == 0


@pytest.mark.slow
def test_a_link_opens_findings_that_a_filter_has_hidden(opened_page: Opening) -> None:
    page = opened_report(opened_page)
    page.fill("#text", "dilation")
    page.evaluate("location.hash = 'f-uniform-onnx-unlisted-Mul'")
    page.wait_for_function("document.querySelectorAll('.group[open]').length === 1")
    assert page.locator(".group[open] > summary h4").inner_text() == "uniform/onnx/unlisted/Mul"
    assert page.locator(".group[open]").is_visible()
    page.evaluate("location.hash = '%'")


@pytest.mark.slow
def test_a_page_without_findings_has_only_what_it_needs(opened_page: Opening) -> None:
    page = opened_report(opened_page, report(findings=[]))
    assert page.locator(".numbers.clear").is_visible()
    assert visible(page, "button") == ["Show all"]
    assert visible(page, "nav a") == ["Tables", "Waivers", "About the run"]
    page = opened_report(opened_page, report(findings=[], complete=False))
    assert page.locator(".numbers.open").is_visible()  # not the colour of a good end


@pytest.mark.slow
def test_everything_can_be_read_without_a_script(opened_page: Opening) -> None:
    page = opened_report(opened_page, java_script_enabled=False)
    assert not page.locator("#filters").is_visible()
    assert page.locator(".legend").is_visible()
    page.locator(".group > summary").nth(1).click()
    assert page.locator(".group[open] svg").is_visible()
    assert page.locator(".group[open] .command").inner_text().endswith(f"--amct-select={GEMM}@1")


@pytest.mark.slow
def test_print_shows_every_finding(opened_page: Opening) -> None:
    page = opened_report(opened_page)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("article").count() == len(visible(page, "article")) == 78
    assert not page.locator("#filters").is_visible()
    assert page.locator(".legend").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 360, 800, 1280])
def test_the_page_fits_every_screen(opened_page: Opening, width: int) -> None:
    made = changed_everywhere(report(GROUPS, "latest"), "a_name_without_a_space_" * 20)
    page = opened_report(opened_page, made, viewport={"width": width, "height": 740})
    page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for control in page.locator("button:visible, input:visible, select:visible").all():
        box = control.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


def colours(page: Any) -> Iterator[tuple[str, str]]:
    """The pairs of colours of text and of what is behind it, as the browser uses them."""
    verdicts = ["violation", "warning", "waived", "clear", "open"]
    names = ["ground", "surface", "ink", "soft", "accent", "on-state", *verdicts]
    probe = """(names) => { const at = document.body.appendChild(document.createElement("i"));
      const found = names.map((n) => { at.className = ""; document.adoptedStyleSheets = [
        Object.assign(new CSSStyleSheet(), {})]; document.adoptedStyleSheets[0].replaceSync(
        `i { color: var(--${n}) }`); return getComputedStyle(at).color; }); at.remove();
      return found; }"""
    found = dict(zip(names, page.evaluate(probe, names), strict=True))
    for ink, ground in product(("ink", "soft", "accent"), ("surface", "ground")):
        yield found[ink], found[ground]
    for verdict in verdicts:
        yield found["on-state"], found[verdict]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(opened_page: Opening, scheme: str) -> None:
    page = opened_report(opened_page, color_scheme=scheme)

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    pairs = [*colours(page)]
    for one, other in pairs:
        low, high = sorted((luminance(one), luminance(other)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (one, other)
    ink, ground = pairs[0]
    assert (luminance(ink) > luminance(ground)) == (scheme == "dark")


@pytest.mark.slow
def test_names_stay_inside_the_boxes_of_a_drawing(opened_page: Opening) -> None:
    names = ["n" * 100, "W" * 20, "量化" * 20, "BatchNormalization", HOSTILE]
    states = [*STATES]
    nodes = tuple(Node(n, n, states[at], "", ()) for at, n in enumerate(names))
    drawing = Drawing("", "five layers", (), (), nodes, ((0, 1), (0, 2), (1, 3), (2, 3), (3, 4)))
    html = report_page(report())
    (old, *_) = re.findall(r"<svg.*?</svg>", html, re.S)
    page = opened_page(html.replace(old, network_svg(drawing)))
    page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    for node in page.locator("svg").first.locator(".node").all():
        box = node.locator(".box").bounding_box()
        for text in node.locator("text").all():
            inner = text.bounding_box()
            assert box["x"] <= inner["x"]
            assert inner["x"] + inner["width"] <= box["x"] + box["width"], text.text_content()


@pytest.mark.slow
def test_hostile_names_do_nothing_in_a_browser(opened_page: Opening) -> None:
    page = opened_report(opened_page, changed_everywhere(report(), HOSTILE))
    page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    assert page.locator("img").count() == 0
    assert "<img src=x onerror=alert(1)>" in page.inner_text("h1")


def test_a_drawing_uses_the_marks_of_the_tables() -> None:
    for verdict in ("violation", "warning", "waived"):
        status = {"violation": "failed", "warning": "warned"}.get(verdict, verdict)
        finding = {**report()["findings"][0], "case": f"{GEMM}@1", "status": status}
        html = report_page(report(findings=[finding]))
        assert f'class="symbol" x="-72" y="174">{MARKS[verdict]}</text>' in html


def test_the_state_of_a_drawn_layer_is_told_to_screen_readers() -> None:
    model = model_of(f"{GEMM}@1", "")
    assert model is not None
    drawing = model_drawing(model, "violation")
    (label,) = re.findall('aria-label="([^"]*)"', network_svg(replace(drawing, title="x")))
    assert label == "Network of 6 layers, violation at Gemm &#x27;n1&#x27;"


def test_the_command_of_a_finding_selects_its_case_or_names_its_file() -> None:
    (first, *_) = report()["findings"]
    model = {"name": "a b@c.onnx", "layers": 1, "judged": 1, "not_judged": [], "notes": []}
    names = [model["name"], f"{GEMM}@1"]
    made = report(models=[model], findings=[{**first, "case": name} for name in names])
    text = shown({**made, "quantizer": "A quantizer for people"})
    assert "pytest --amct --amct-spec=cann-7.0.0 '--amct-model=a b@c.onnx'" in text
    assert f"pytest --amct --amct-spec=cann-7.0.0 --amct-select={GEMM}@1" in text
