"""The page that draws networks: where layers go, what it holds, how it works in a browser."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from browsing import Opening, assert_only_its_own, press_until
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_amct.errors import UsageError
from pytest_amct.reports.drawing import STATES, Drawing, Node
from pytest_amct.reports.layout import BOX, Layout, network_layout
from pytest_amct.reports.network_page import network_page

HOSTILE = [
    "</script><img src=x onerror=alert(1)>",
    "<!--<script>",
    "]]>\u2028\u2029\u202e\x00\ud800",
    "{{ 7 * 7 }}&lt;b&gt;",
    '"\'`\\"',
    "",
    "x" * 100_000,
]


def drawn(count: int, edges: list[tuple[int, int]], title: str = "a.onnx") -> Drawing:
    """A drawing with a layer of each state in turn."""
    states = [*STATES]
    nodes = []
    for i in range(count):
        state = states[i % len(states)]
        details = (("Reason", f"reason {i % 40}"), ("Row", "uniform/onnx/Conv"))
        name = f"model/stage_{i // 500}/block_{i // 20}/branch_{i % 4}/layer_{i}"
        nodes.append(Node(name, ("Conv", "MatMul")[i % 2], state, f"is {state}", details))
    about = (("Release", "CANN 7.0.0"),)
    return Drawing(title, "5 of 7 layers", about, (("dilation_d", 3),), tuple(nodes), tuple(edges))


def branches(count: int) -> list[tuple[int, int]]:
    """The edges of a network of blocks with four branches and a shortcut."""
    edges = []
    for start in range(0, count - 9, 9):
        for branch in range(4):
            one, other = start + 1 + 2 * branch, start + 2 + 2 * branch
            edges += [(start, one), (one, other), (other, start + 9)]
        edges.append((start, start + 9))
    return edges


def data_of(html: str) -> Any:
    """The data inside the page, as a browser finds it."""
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script', html, re.S)
    return json.loads(found)


def check(layout: Layout, acyclic: bool) -> None:
    rows = defaultdict(list)
    for node, (x, row) in enumerate(zip(layout.x, layout.row, strict=True)):
        rows[row].append((x, node))
    for row in rows.values():
        for (left, _), (right, _) in pairwise(sorted(row)):
            assert right - left >= BOX[0]
    for (a, b), bends in zip(layout.edges, layout.bends, strict=True):
        if acyclic or bends is not None:
            assert layout.row[a] < layout.row[b]
        if bends is not None:
            passed = range(layout.row[a] + 1, layout.row[b])
            assert len(bends) == len(passed)
            for x, row in zip(bends, passed, strict=True):
                assert all(abs(x - box) > BOX[0] / 2 for box, _ in rows[row])


SIZES = st.integers(1, 30)
ANY_EDGES = SIZES.flatmap(
    lambda n: st.tuples(
        st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=60)
    )
)


@settings(derandomize=True, database=None, deadline=None, max_examples=200)
@given(ANY_EDGES)
def test_edges_lead_downwards_and_boxes_keep_apart(
    graph: tuple[int, list[tuple[int, int]]],
) -> None:
    count, edges = graph
    check(network_layout(count, edges), acyclic=False)
    acyclic = [(min(edge), max(edge)) for edge in edges if edge[0] != edge[1]]
    layout = network_layout(count, acyclic)
    check(layout, acyclic=True)
    assert layout.in_file_order == 0


def test_a_network_of_branches_is_laid_out_whole() -> None:
    layout = network_layout(5000, branches(5000))
    check(layout, acyclic=True)
    assert None not in layout.bends
    assert layout.in_file_order == 0
    assert max(layout.x) - min(layout.x) < 12 * 192


@pytest.mark.parametrize(
    "edges",
    [
        [(i, i + 1) for i in range(49_999)],
        [(i + 1, i) for i in range(49_999)],
        [(i, (i + 1) % 50_000) for i in range(50_000)],
    ],
    ids=["chain", "upwards", "circle"],
)
def test_deep_networks_need_no_recursion(edges: list[tuple[int, int]]) -> None:
    layout = network_layout(50_000, edges)
    assert sorted(layout.row) == [*range(50_000)]
    assert {*layout.x} == {0}
    assert layout.bends.count(None) == len(edges) - 49_999


def test_very_wide_rows_are_left_in_the_order_of_the_file() -> None:
    edges = [(0, i) for i in range(1, 20_000)]
    layout = network_layout(20_000, edges)
    check(layout, acyclic=True)
    assert [*layout.x[1:]] == sorted(layout.x[1:])
    assert layout.in_file_order == 20_000


def test_chains_of_attention_do_not_drift_to_a_side() -> None:
    edges = []
    for start in range(0, 4800, 12):
        q, k, v, product, softmax, mixed, out, added, up, gelu, down, end = range(
            start + 1, start + 13
        )
        edges += [(start, q), (start, k), (start, v), (q, product), (k, product), (v, mixed)]
        edges += [(product, softmax), (softmax, mixed), (mixed, out), (out, added)]
        edges += [(start, added), (added, up), (up, gelu), (gelu, down), (down, end), (added, end)]
    layout = network_layout(4801, edges)
    check(layout, acyclic=True)
    assert max(layout.x) < 12 * 192


def test_networks_with_constants_do_not_drift_to_a_side() -> None:
    edges = []
    for start in range(0, 4995, 5):
        edges += [(start, start + 1), (start + 1, start + 5), (start, start + 5)]
        edges += [(start + 2, start + 1), (start + 3, start + 1), (start + 4, start + 5)]
    layout = network_layout(4996, edges)
    check(layout, acyclic=True)
    assert max(layout.x) < 12 * 192


def test_dense_networks_take_a_bounded_time_and_keep_the_order_of_the_file() -> None:
    width, depth = 300, 10
    rows = [range(start, start + width) for start in range(0, width * depth, width)]
    edges = [(a, b) for upper, lower in pairwise(rows) for a in upper for b in lower[::15]]
    layout = network_layout(width * depth, edges)
    check(layout, acyclic=True)
    assert layout.in_file_order > 0


def test_unconnected_layers_fill_a_square() -> None:
    layout = network_layout(10_000, [])
    check(layout, acyclic=True)
    assert max(layout.row) < 200
    assert max(layout.x) < 192 * 200


def test_an_edge_over_many_rows_is_not_drawn_whole() -> None:
    edges = [(i, i + 1) for i in range(100)] + [(0, 100), (50, 55), (55, 50), (3, 3)]
    layout = network_layout(101, edges)
    missing = [e for e, bends in zip(layout.edges, layout.bends, strict=True) if bends is None]
    assert missing == [(0, 100), (3, 3), (55, 50)]


def test_a_layer_that_feeds_itself_is_above_those_that_it_feeds() -> None:
    layout = network_layout(3, [(2, 1), (1, 1), (1, 0)])
    assert layout.row == (2, 1, 0)


def test_no_layers_and_no_networks() -> None:
    assert data_of(network_page([]))["drawings"] == []
    (drawing,) = data_of(network_page([drawn(0, [])]))["drawings"]
    assert drawing["kinds"] == []


def test_no_name_ends_the_data_or_becomes_markup() -> None:
    base = drawn(1, [])
    nodes = tuple(replace(base.nodes[0], name=n, type=n, details=((n, n),)) for n in HOSTILE)
    titles = [replace(base, title=n, sentence=n, about=((n, n),), nodes=nodes) for n in HOSTILE]
    html = network_page(titles)
    assert "<img" not in html
    assert "<!--" not in html
    assert "49" not in html.split('<script type="application/json"')[0].split("</style>")[1]
    assert not set("\u2028\u2029\u202e\x00\ud800") & set(html)
    assert html.count("<script") == html.count("</script") == 2
    assert len(html) < 150_000
    data = data_of(html)
    assert "</script><img src=x onerror=alert(1)>" in data["texts"]
    html.encode()


def test_only_the_script_and_the_style_of_the_page_are_allowed() -> None:
    html = network_page([drawn(3, [(0, 1)])])
    assert_only_its_own(html)
    assert not re.search(r"https?:|@import|url\(", html)


def test_a_page_of_5000_layers_is_small() -> None:
    assert len(network_page([drawn(5000, branches(5000))]).encode()) < 1_000_000


def test_releases_of_one_network_share_its_layout_and_texts() -> None:
    one = drawn(2000, branches(2000), "first release")
    alone = network_page([one])
    both = network_page([one, replace(one, title="second release")])
    assert len(data_of(both)["layouts"]) == 1
    assert len(both) < 1.3 * len(alone)
    assert '<option value="1">second release</option>' in both


def test_the_same_drawing_is_the_same_page() -> None:
    program = (
        "import hashlib, test_network_page as t; d = t.drawn(500, t.branches(500));"
        "print(hashlib.sha256(t.network_page([d]).encode()).hexdigest())"
    )
    found = set()
    for seed in "12":
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": str(Path(__file__).parent),
        }
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, check=True
        )
        found.add(done.stdout)
    assert len(found) == 1


@pytest.mark.parametrize("missing", ["jinja2", "fast_sugiyama"])
def test_the_extra_is_named_when_it_is_missing(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UsageError, match=r"^HTML pages need .*: pip install pytest-amct\[html\]$"):
        network_page([drawn(30, branches(30))])


# ---- in Chromium


@pytest.fixture
def opened(opened_page: Opening) -> Opening:
    """Open drawings in a page; fail if it reports an error or asks for anything else."""
    return lambda *drawings, **options: opened_page(network_page(drawings), **options)


NETWORK = drawn(60, branches(60))


@pytest.mark.slow
def test_search_finds_the_next_layer_and_centres_it(opened: Opening) -> None:
    page = opened(drawn(5000, branches(5000)))
    page.fill("#search", "LAYER_123")
    assert page.inner_text("#hits") == "11 found"
    page.keyboard.press("Enter")
    assert page.inner_text("#hits") == "1 of 11"
    assert "branch_3/layer_123\n" in page.inner_text("#panel")
    page.keyboard.press("Enter")
    assert "layer_1230\n" in page.inner_text("#panel")
    place = page.evaluate("({ ...size(), ...screen(1230) })")
    assert (place["x"], place["y"]) == (place["w"] / 2, place["h"] / 2)
    page.keyboard.press("Shift+Enter")
    assert "branch_3/layer_123\n" in page.inner_text("#panel")


@pytest.mark.slow
def test_a_click_on_a_layer_shows_its_reason(opened: Opening) -> None:
    page = opened(NETWORK, viewport={"width": 1280, "height": 900})
    x, y = page.evaluate("(() => { const { x, y } = screen(3); return [x, y] })()")
    page.locator("#canvas").click(position={"x": x + 5, "y": y - 5})
    shown = page.inner_text("#panel")
    assert "branch_3/layer_3\n" in shown
    assert "reason 3\n" in shown
    page.locator("#canvas").click(position={"x": 3, "y": 300})
    assert "About this network" in page.inner_text("#panel")


@pytest.mark.slow
def test_keys_alone_reach_a_layer_and_its_reason(opened: Opening) -> None:
    page = opened(NETWORK)
    focused = "document.activeElement.id === '{}'"
    press_until(page, "Tab", focused.format("canvas"))
    before = page.evaluate("({ ...view })")
    for key in ("ArrowDown", "ArrowRight", "+"):
        page.keyboard.press(key)
    after = page.evaluate("({ ...view })")
    assert all(before[name] < after[name] for name in "xyk")
    page.keyboard.press("Enter")
    first = page.inner_text("#panel")
    assert "reason" in first
    page.keyboard.press("Tab")
    assert page.inner_text("#panel") != first
    page.keyboard.press("Shift+Tab")
    assert page.inner_text("#panel") == first
    page.keyboard.press("Enter")
    assert page.evaluate(focused.format("panel"))
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    assert not page.evaluate(focused.format("canvas"))  # no trap


@pytest.mark.slow
def test_the_table_lists_the_states_that_the_legend_leaves(opened: Opening) -> None:
    page = opened(drawn(700, branches(700)))
    page.click("#show-table")
    assert page.locator("#rows tr").count() == 200
    assert page.inner_text("#range") == "1 to 200 of 700"
    page.click("#later")
    assert page.inner_text("#range") == "201 to 400 of 700"
    for box in page.locator("#legend label").all()[1:]:
        box.click()
    assert page.inner_text("#range") == "1 to 100 of 100"
    assert {*page.locator("#rows td:first-child").all_inner_texts()} == {"! is violation"}
    page.locator("#rows button").nth(2).click()
    assert "layer_14\n" in page.inner_text("#panel")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#rows tr").count() == 100
    assert not page.locator("#canvas").is_visible()


@pytest.mark.slow
def test_another_network_is_picked(opened: Opening) -> None:
    page = opened(NETWORK, drawn(3, [(0, 1)], "other.onnx"))
    page.select_option("#picker", "1")
    assert page.inner_text("#title") == "other.onnx"
    assert page.evaluate("net.count") == 3


@pytest.mark.slow
@pytest.mark.parametrize("table", [False, True])
def test_a_narrow_screen_has_everything_within_its_width(opened: Opening, table: bool) -> None:
    base = drawn(60, branches(60), "a_long_file_name_without_a_space_in_it_at_all.onnx")
    page = opened(base, NETWORK, viewport={"width": 360, "height": 740})
    if table:
        page.click("#show-table")
        page.locator("#rows button").first.click()
    else:
        page.fill("#search", "layer_33")
        page.keyboard.press("Enter")
        middle = page.evaluate("screen(33).y + canvas.getBoundingClientRect().top")
        assert middle < page.locator("#panel").bounding_box()["y"]  # not behind the panel
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for control in page.locator("button:visible, input:visible, select:visible").all():
        box = control.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(opened: Opening, scheme: str) -> None:
    page = opened(NETWORK, color_scheme=scheme)
    colours = page.evaluate("({ ...colours })")

    def luminance(name: str) -> float:
        parts = [int(colours[name][i : i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    pairs = [(ink, ground) for ink in ("ink", "soft", "accent") for ground in ("surface", "ground")]
    pairs += [("on-state", state) for state in STATES]
    for one, other in pairs:
        low, high = sorted((luminance(one), luminance(other)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (one, other)
    assert (luminance("ink") > luminance("surface")) == (scheme == "dark")


@pytest.mark.slow
def test_hostile_names_are_shown_as_text(opened: Opening) -> None:
    nodes = tuple(
        replace(NETWORK.nodes[0], name=name, type=name, details=((name, name),)) for name in HOSTILE
    )
    page = opened(replace(NETWORK, title=HOSTILE[0], nodes=nodes, edges=((0, 0), (0, 1), (1, 0))))
    assert page.inner_text("#title") == HOSTILE[0]
    for number in range(len(HOSTILE)):
        page.evaluate(f"select({number}, true)")
    page.evaluate("select(0, true)")
    assert HOSTILE[0] in page.inner_text("#panel")
    page.click("#show-table")
    assert page.locator("#rows tr").count() == len(HOSTILE)
    assert page.locator("img").count() == 0


@pytest.mark.slow
@pytest.mark.parametrize("drawing", [drawn(0, []), drawn(1, []), drawn(2, [(0, 1), (1, 0)])])
def test_smallest_networks(opened: Opening, drawing: Drawing) -> None:
    page = opened(drawing)
    for key in ("Enter", "Tab", "Shift+Tab", "0", "-", "ArrowUp", "Escape"):
        page.locator("#canvas").press(key)
    page.click("#show-table")
    assert page.locator("#rows tr").count() == len(drawing.nodes)


@pytest.mark.slow
def test_a_page_of_50000_layers_opens(opened: Opening) -> None:
    page = opened(drawn(50_000, branches(50_000)))
    page.fill("#search", "layer_49990")
    page.keyboard.press("Enter")
    assert "layer_49990\n" in page.inner_text("#panel")


@pytest.mark.slow
def test_how_long_a_click_takes(opened: Opening) -> None:
    page = opened(drawn(5000, branches(5000)))
    taken = page.evaluate("""() => Array.from({ length: 20 }, (_, n) => {
        const { left, top } = canvas.getBoundingClientRect(), { x, y } = screen(n % 2 ? 0 : 3);
        const at = { pointerId: 1, clientX: left + x, clientY: top + y, bubbles: true };
        const began = performance.now();
        canvas.dispatchEvent(new PointerEvent("pointerdown", at));
        canvas.dispatchEvent(new PointerEvent("pointerup", at));
        panel.getBoundingClientRect();
        draw();
        return [selected, performance.now() - began];
    })""")
    assert [node for node, _ in taken[:2]] == [3, 0]
    print(
        f"a click, its layout and its frame at 5,000 layers: at most {max(t for _, t in taken)} ms"
    )
