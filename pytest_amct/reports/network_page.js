"use strict";
// The page around the drawing: search, side panel, table, keys. The texts of a network are untrusted:
// they only ever become text nodes. network_drawing.js comes after this file, in the same script.

const page = JSON.parse(document.getElementById("data").textContent);
const [WIDE, HIGH] = page.box;
const ROW = page.row;
const PAGE = 200; // rows of the table at once
const at = (id) => document.getElementById(id);
const text = (index) => page.texts[index];
const canvas = at("canvas"), overview = at("overview"), panel = at("panel");

let net; // the network that is shown, with indices
let selected = -1; // a layer
let hits = []; // the layers that the search and the legend leave
let first = 0; // the first of them in the table

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// ---- the network

function load(number) {
  const drawing = page.drawings[number], { x, row, edges, bends, inFileOrder } = page.layouts[drawing.layout];
  const count = x.length, lists = (n) => Array.from({ length: n }, () => []);
  const depth = row.reduce((most, r) => Math.max(most, r + 1), 0);
  net = { ...drawing, x, row, edges, bends, inFileOrder, count, depth,
    rows: lists(depth), lines: lists(depth), out: lists(count), into: lists(count),
    shown: drawing.kinds.map(() => true), counts: drawing.kinds.map(() => 0),
    left: 0, right: 0, long: 0, found: drawing.name.map(() => null) };
  for (let i = 0; i < count; i++) {
    net.rows[row[i]].push(i);
    net.counts[net.kind[i]]++;
    net.left = Math.min(net.left, x[i] - WIDE / 2);
    net.right = Math.max(net.right, x[i] + WIDE / 2);
  }
  for (const line of net.rows) line.sort((a, b) => x[a] - x[b]);
  for (let e = 0; e < bends.length; e++) {
    const from = edges[2 * e], to = edges[2 * e + 1];
    net.out[from].push(e);
    net.into[to].push(e);
    if (bends[e] === null) net.long++;
    else net.lines[row[from]].push(e);
  }
  net.words = net.name.map((n, i) => `${text(n)}\n${text(net.type[i])}`.toLowerCase());
  selected = -1;
  at("title").textContent = text(net.title);
  at("sentence").textContent = text(net.sentence);
  showLegend();
  find();
  showPanel();
  start();
}

const listed = () => [...net.kind.keys()].filter((i) => net.shown[net.kind[i]]);

function showLegend() {
  const boxes = net.kinds.map(([state, symbol, label], k) => {
    const box = element("input", { type: "checkbox", checked: true });
    box.addEventListener("change", () => {
      net.shown[k] = box.checked;
      find();
    });
    return element("label", {}, box, badge(state, symbol), ` ${text(label)} `,
      element("b", { textContent: net.counts[k].toLocaleString("en") }));
  });
  at("legend").replaceChildren(at("legend").firstElementChild, ...boxes);
}

function badge(state, symbol) {
  const made = element("span", { className: `badge ${state}`, textContent: symbol });
  made.setAttribute("aria-hidden", "true");
  return made;
}

// ---- search, the side panel and the table

function find() {
  const wanted = at("search").value.trim().toLowerCase();
  hits = listed();
  if (wanted) hits = hits.filter((i) => net.words[i].includes(wanted));
  at("hits").textContent = wanted ? `${hits.length.toLocaleString("en")} found` : "";
  strip = null;
  first = 0;
  showRows();
  redraw();
}

function step(by) {
  if (!hits.length) return;
  let place = hits.indexOf(selected);
  if (place < 0) place = by > 0 ? -1 : 0;
  place = (place + by + hits.length) % hits.length;
  if (at("search").value.trim()) at("hits").textContent = `${place + 1} of ${hits.length}`;
  select(hits[place], true);
}

function select(i, centre = false) {
  selected = i;
  showPanel();
  if (i >= 0 && centre) {
    const k = Math.max(view.k, 0.8);
    go({ x: net.x[i], y: net.row[i] * ROW + covered() / 2 / k, k });
    first = Math.max(0, Math.floor(hits.indexOf(i) / PAGE) * PAGE);
  }
  showRows();
  redraw();
}

function pairs(flat) {
  const list = element("dl");
  for (let i = 0; i < flat.length; i += 2) {
    list.append(element("dt", { textContent: text(flat[i]) }), element("dd", { textContent: text(flat[i + 1]) }));
  }
  return list;
}

function neighbours(title, nodes) {
  const list = element("ul");
  for (const i of nodes.slice(0, 50)) {
    const [state, symbol] = net.kinds[net.kind[i]];
    const button = element("button", { type: "button" }, badge(state, symbol), ` ${text(net.type[i])} ${text(net.name[i])}`);
    button.addEventListener("click", () => {
      select(i, true);
      panel.focus();
    });
    list.append(element("li", {}, button));
  }
  if (nodes.length > 50) list.append(element("li", { textContent: `and ${nodes.length - 50} more` }));
  return nodes.length ? [element("h3", { textContent: title }), list] : [];
}

function showPanel() {
  panel.classList.toggle("chosen", selected >= 0);
  if (selected < 0) {
    const rows = net.totals.map(([what, n]) => element("tr", {},
      element("td", { textContent: text(what) }), element("td", { textContent: n.toLocaleString("en") })));
    const notes = [];
    if (!net.count) notes.push("This network has no layers.");
    if (net.long) notes.push(`${net.long.toLocaleString("en")} long or upward edges show only their ends. Select a layer to see them whole.`);
    if (net.inFileOrder) notes.push(`${net.inFileOrder.toLocaleString("en")} layers are placed in the order of the file: their part of the network is too large for a better order.`);
    panel.replaceChildren(element("h2", { textContent: "About this network" }), pairs(net.about),
      ...(rows.length ? [element("table", {}, element("tbody", {}, ...rows))] : []),
      ...notes.map((note) => element("p", { className: "note", textContent: note })));
    at("said").textContent = "";
    return;
  }
  const [state, symbol, label] = net.kinds[net.kind[selected]];
  const close = element("button", { type: "button", className: "close", textContent: "Close" });
  close.addEventListener("click", () => {
    select(-1);
    canvas.focus();
  });
  panel.replaceChildren(close,
    element("h2", {}, badge(state, symbol), ` ${text(label)}`),
    element("p", { className: "type", textContent: text(net.type[selected]) }),
    element("p", { className: "name", textContent: text(net.name[selected]) }),
    pairs(page.details[net.details[selected]]),
    ...neighbours("Comes from", net.into[selected].map((e) => net.edges[2 * e])),
    ...neighbours("Goes to", net.out[selected].map((e) => net.edges[2 * e + 1])));
  panel.scrollTop = 0;
  at("said").textContent = `${text(net.type[selected])} ${text(net.name[selected])}: ${text(label)}`;
}

function showRows(count = PAGE) {
  const shown = hits.slice(first, first + count);
  at("range").textContent = shown.length
    ? `${(first + 1).toLocaleString("en")} to ${(first + shown.length).toLocaleString("en")} of ${hits.length.toLocaleString("en")}` : "no layers";
  at("earlier").disabled = first === 0;
  at("later").disabled = first + count >= hits.length;
  const made = at("listing").hidden && count === PAGE ? [] : shown;
  at("rows").replaceChildren(...made.map((i) => {
    const [state, symbol, label] = net.kinds[net.kind[i]];
    const button = element("button", { type: "button", textContent: text(net.name[i]) || "(no name)" });
    button.addEventListener("click", () => {
      select(i, true);
      panel.focus();
    });
    return element("tr", { className: i === selected ? "selected" : "" },
      element("td", {}, badge(state, symbol), ` ${text(label)}`),
      element("td", { textContent: text(net.type[i]) }), element("td", {}, button));
  }));
  document.querySelector("#rows .selected")?.scrollIntoView({ block: "nearest" });
}

function turn(by) {
  first = Math.max(0, first + by * PAGE);
  showRows();
  at("rows").parentElement.parentElement.scrollTop = 0;
}

function show(table) {
  at("listing").hidden = !table;
  at("drawing").hidden = table;
  at("zooming").hidden = table;
  at("show-table").setAttribute("aria-pressed", table);
  at("show-drawing").setAttribute("aria-pressed", !table);
  showRows();
  redraw();
}

// ---- input

const pointers = new Map();
let moved = 0;
canvas.addEventListener("pointerdown", (event) => {
  if (!pointers.size) moved = 0;
  pointers.set(event.pointerId, event);
  if (event.isTrusted) canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", (event) => {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const others = [...pointers.values()].filter((p) => p.pointerId !== event.pointerId);
  pointers.set(event.pointerId, event);
  moved += Math.hypot(event.clientX - before.clientX, event.clientY - before.clientY);
  if (moved < 5) return;
  if (others.length) {
    const apart = (p) => Math.hypot(p.clientX - others[0].clientX, p.clientY - others[0].clientY) || 1;
    const { left, top } = canvas.getBoundingClientRect();
    zoom(apart(event) / apart(before), (event.clientX + others[0].clientX) / 2 - left, (event.clientY + others[0].clientY) / 2 - top);
  } else pan(before.clientX - event.clientX, before.clientY - event.clientY);
});
canvas.addEventListener("pointerup", (event) => {
  if (moved < 5 && pointers.size === 1) select(nearest(event.offsetX, event.offsetY, true));
});
for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => pointers.delete(event.pointerId));
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const pixels = event.deltaY * (event.deltaMode ? 20 : 1);
  zoom(Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.002)), event.offsetX, event.offsetY);
}, { passive: false });

const KEYS = {
  ArrowLeft: () => pan(-80, 0), ArrowRight: () => pan(80, 0), ArrowUp: () => pan(0, -80), ArrowDown: () => pan(0, 80),
  "+": () => zoom(1.3), "=": () => zoom(1.3), "-": () => zoom(1 / 1.3), 0: () => go(whole()),
  Enter: () => (selected < 0 ? select(nearest(size().w / 2, size().h / 2), true) : panel.focus()),
  Escape: () => select(-1),
};
canvas.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const by = event.shiftKey ? -1 : 1, place = hits.indexOf(selected) + by;
  let act = KEYS[event.key];
  // Without a selection Tab leaves the drawing, and so it does after the last layer.
  if (event.key === "Tab" && selected >= 0 && hits[place] !== undefined) act = () => select(hits[place], true);
  if (!act) return;
  event.preventDefault();
  act();
});
panel.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (at("listing").hidden) canvas.focus();
  else (document.querySelector("#rows .selected button") || at("search")).focus();
});

function seek(event) {
  if (event.buttons !== 1) return;
  const { sx, sy, dx, dy } = scales(overview.clientWidth, overview.clientHeight - 8);
  view.x = Math.min(Math.max((event.offsetX - dx) / sx, net.left), net.right);
  view.y = Math.min(Math.max((event.offsetY - dy) / sy, 0), net.depth * ROW);
  redraw();
}
overview.addEventListener("pointerdown", seek);
overview.addEventListener("pointermove", seek);

at("search").addEventListener("input", find);
at("search").addEventListener("keydown", (event) => {
  if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
});
at("zoom-in").addEventListener("click", () => zoom(1.3));
at("zoom-out").addEventListener("click", () => zoom(1 / 1.3));
at("fit").addEventListener("click", () => go(whole()));
at("show-drawing").addEventListener("click", () => show(false));
at("show-table").addEventListener("click", () => show(true));
at("earlier").addEventListener("click", () => turn(-1));
at("later").addEventListener("click", () => turn(1));
at("picker")?.addEventListener("change", (event) => load(Number(event.target.value)));
addEventListener("beforeprint", () => {
  first = 0;
  showRows(hits.length + 1);
});
addEventListener("afterprint", () => showRows());
