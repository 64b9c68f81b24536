// The drawing: what part of the network the canvas shows, and how.

const MARGIN = 40;
const still = matchMedia("(prefers-reduced-motion: reduce)");
const dark = matchMedia("(prefers-color-scheme: dark)");

let view = { x: 0, y: 0, k: 1 }; // the middle of the canvas in the drawing's pixels; the zoom
let colours = {}, strip = null; // the strip: an image of the whole network

const size = () => ({ w: canvas.clientWidth, h: canvas.clientHeight });

// How much of the canvas the panel hides: on a narrow screen it lies over the lower end.
function covered() {
  if (getComputedStyle(panel).position !== "fixed") return 0;
  const { top, bottom } = canvas.getBoundingClientRect(), over = panel.getBoundingClientRect().top;
  return over > top ? Math.max(0, bottom - over) : 0;
}

function whole() {
  const { w, h } = size(), wide = net.right - net.left + MARGIN, high = net.depth * ROW + MARGIN;
  return { x: (net.left + net.right) / 2, y: ((net.depth - 1) * ROW) / 2, k: Math.min(w / wide, h / high, 1.2) };
}

function start() {
  view = whole();
  if (view.k < 0.6 && net.count) {
    const k = Math.min(Math.max(size().w / (net.right - net.left + MARGIN), 0.75), 1);
    const x = k > 0.75 ? view.x : net.x[net.rows[0][0]];
    view = { x, y: size().h / 2 / k - HIGH, k };
  }
  redraw();
}

function zoom(factor, px = size().w / 2, py = size().h / 2) {
  const { w, h } = size(), k = Math.min(Math.max(view.k * factor, Math.min(whole().k, 0.5)), 4);
  const grow = 1 / view.k - 1 / k;
  view = { x: view.x + (px - w / 2) * grow, y: view.y + (py - h / 2) * grow, k };
  redraw();
}

function pan(dx, dy) {
  view.x = Math.min(Math.max(view.x + dx / view.k, net.left), net.right);
  view.y = Math.min(Math.max(view.y + dy / view.k, 0), net.depth * ROW);
  redraw();
}

let flight = 0;
function go(to) {
  cancelAnimationFrame(flight);
  const from = { ...view }, began = performance.now();
  const far = Math.hypot(to.x - from.x, to.y - from.y) * from.k > 4 * size().h;
  const fly = (now) => {
    const t = still.matches || far ? 1 : Math.min(1, Math.max(0, now - began) / 180);
    const part = t * (2 - t);
    for (const axis of ["x", "y", "k"]) view[axis] = from[axis] + (to[axis] - from[axis]) * part;
    redraw();
    if (t < 1) flight = requestAnimationFrame(fly);
  };
  fly(began);
}

function screen(i) {
  const { w, h } = size();
  return { x: (net.x[i] - view.x) * view.k + w / 2, y: (net.row[i] * ROW - view.y) * view.k + h / 2 };
}

function nearest(px, py, inside) {
  const { w, h } = size(), x = (px - w / 2) / view.k + view.x, y = (py - h / 2) / view.k + view.y;
  const hit = net.rows[Math.round(y / ROW)]?.find((i) => Math.abs(net.x[i] - x) <= WIDE / 2);
  if (inside) return hit !== undefined && Math.abs(net.row[hit] * ROW - y) <= Math.max(HIGH / 2, 3 / view.k) ? hit : -1;
  const far = (i) => Math.hypot(net.x[i] - x, net.row[i] * ROW - y);
  return hits.reduce((best, i) => (best < 0 || far(i) < far(best) ? i : best), -1);
}

// ---- drawing

let due = false;
function redraw() {
  if (!due) requestAnimationFrame(draw);
  due = true;
}

function readColours() {
  const style = getComputedStyle(document.documentElement), names = ["ground", "surface", "ink", "soft", "line", "accent", "on-state"];
  for (const name of [...names, ...page.states]) colours[name] = style.getPropertyValue(`--${name}`).trim();
}

function prepared(target) {
  const ratio = devicePixelRatio || 1, w = target.clientWidth, h = target.clientHeight, ctx = target.getContext("2d");
  if (target.width !== Math.round(w * ratio) || target.height !== Math.round(h * ratio)) {
    target.width = Math.round(w * ratio);
    target.height = Math.round(h * ratio);
  }
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, w, h);
  return { ctx, w, h };
}

function trace(ctx, e, bends) {
  const from = net.edges[2 * e], to = net.edges[2 * e + 1], curved = view.k > 0.2, half = HIGH / 2;
  let x = net.x[from], y = net.row[from] * ROW + half;
  ctx.moveTo(x, y);
  const line = (nx, ny) => {
    const mid = Math.abs(ny - y) / 2;
    if (x === nx || !curved) ctx.lineTo(nx, ny);
    else ctx.bezierCurveTo(x, y + mid, nx, ny - mid, nx, ny);
    x = nx;
    y = ny;
  };
  (bends || []).forEach((bend, n) => {
    const middle = (net.row[from] + n + 1) * ROW;
    line(bend, middle - half);
    line(bend, middle + half);
  });
  line(net.x[to], net.row[to] * ROW - half);
  if (view.k > 0.35) arrow(ctx, x, y);
}

function arrow(ctx, x, y) {
  ctx.moveTo(x - 4, y - 7);
  ctx.lineTo(x, y);
  ctx.lineTo(x + 4, y - 7);
}

function stroke(ctx, colour, width, dash, path) {
  ctx.strokeStyle = colour;
  ctx.lineWidth = Math.max(width, 0.6 / view.k);
  ctx.setLineDash(dash);
  ctx.beginPath();
  path();
  ctx.stroke();
  ctx.setLineDash([]);
}

function draw() {
  due = false;
  if (at("drawing").hidden) return;
  const { ctx, w, h } = prepared(canvas), { x, y, k } = view;
  const left = x - w / 2 / k, right = x + w / 2 / k;
  const top = Math.max(0, Math.floor((y - h / 2 / k) / ROW)), bottom = Math.min(net.depth - 1, Math.ceil((y + h / 2 / k) / ROW));
  ctx.translate(w / 2, h / 2);
  ctx.scale(k, k);
  ctx.translate(-x, -y);
  const outside = (e) => {
    const a = net.x[net.edges[2 * e]], b = net.x[net.edges[2 * e + 1]];
    return !net.bends[e] && ((a < left && b < left) || (a > right && b > right));
  };
  if (k > 0.02) stroke(ctx, colours.line, 1.4, [], () => {
    for (let r = Math.max(0, top - page.longest); r <= bottom; r++) {
      for (const e of net.lines[r]) {
        if (net.row[net.edges[2 * e + 1]] >= top && !outside(e)) trace(ctx, e, net.bends[e]);
      }
    }
  });
  const seen = net.kinds.map(() => []);
  for (let r = top; r <= bottom; r++) {
    for (const i of net.rows[r]) {
      if (net.x[i] > left - WIDE && net.x[i] < right + WIDE) seen[net.kind[i]].push(i);
    }
  }
  if (k > 0.3) stroke(ctx, colours.soft, 1.4, [3, 3], () => seen.flat().forEach((i) => ends(ctx, i)));
  if (selected >= 0) {
    const touching = [...net.into[selected], ...net.out[selected]];
    for (const long of [false, true]) {
      stroke(ctx, colours.accent, 2.4, long ? [6, 4] : [], () => {
        for (const e of touching) if ((net.bends[e] === null) === long) trace(ctx, e, net.bends[e]);
      });
    }
  }
  seen.forEach((nodes, kind) => boxes(ctx, nodes, kind));
  if (selected >= 0) {
    const pad = 4 + 1 / k;
    ctx.strokeStyle = colours.accent;
    ctx.lineWidth = Math.max(3, 2 / k);
    ctx.strokeRect(net.x[selected] - WIDE / 2 - pad, net.row[selected] * ROW - HIGH / 2 - pad, WIDE + 2 * pad, HIGH + 2 * pad);
  }
  drawOverview(w / k, h / k);
}

// Edges without a line: their ends only.
function ends(ctx, i) {
  const x = net.x[i], y = net.row[i] * ROW;
  if (net.out[i].some((e) => net.bends[e] === null)) {
    ctx.moveTo(x + 14, y + HIGH / 2);
    ctx.lineTo(x + 14, y + HIGH / 2 + 14);
  }
  if (net.into[i].some((e) => net.bends[e] === null)) {
    ctx.moveTo(x + 14, y - HIGH / 2 - 14);
    ctx.lineTo(x + 14, y - HIGH / 2);
  }
}

function boxes(ctx, nodes, kind) {
  const [state, symbol] = net.kinds[kind], colour = colours[state], { k } = view, edge = 24;
  ctx.globalAlpha = net.shown[kind] ? 1 : 0.25;
  const corner = (i) => [net.x[i] - WIDE / 2, net.row[i] * ROW - HIGH / 2];
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  if (k < 0.45) {
    ctx.fillStyle = colour;
    const high = Math.max(HIGH, 1.5 / k), wide = Math.max(WIDE, 2 / k);
    for (const i of nodes) ctx.fillRect(...corner(i), wide, high);
    ctx.fillStyle = colours["on-state"];
    ctx.font = "bold 38px system-ui, sans-serif";
    if (k > 0.2) for (const i of nodes) ctx.fillText(symbol, net.x[i], net.row[i] * ROW);
  } else {
    ctx.beginPath();
    for (const i of nodes) ctx.roundRect(...corner(i), WIDE, HIGH, 6);
    ctx.fillStyle = colours.surface;
    ctx.fill();
    ctx.fillStyle = colour;
    ctx.beginPath();
    for (const i of nodes) ctx.roundRect(...corner(i), edge, HIGH, [6, 0, 0, 6]);
    ctx.fill();
    stroke(ctx, colour, state === "violation" ? 3 : 1.5, state === "unspecified" ? [5, 3] : [], () => {
      for (const i of nodes) ctx.roundRect(...corner(i), WIDE, HIGH, 6);
    });
    ctx.fillStyle = colours["on-state"];
    ctx.font = "bold 16px system-ui, sans-serif";
    for (const i of nodes) ctx.fillText(symbol, net.x[i] - WIDE / 2 + edge / 2, net.row[i] * ROW);
    ctx.textAlign = "left";
    for (const i of nodes) labels(ctx, i, edge);
  }
  ctx.globalAlpha = 1;
}

function labels(ctx, i, edge) {
  const x = net.x[i] - WIDE / 2 + edge + 8, y = net.row[i] * ROW, room = WIDE - edge - 14;
  const fonts = ["600 13px system-ui, sans-serif", "12px system-ui, sans-serif"];
  net.found[i] ??= [net.type[i], net.name[i]].map((t, n) => {
    ctx.font = fonts[n];
    return shortened(ctx, text(t), room);
  });
  fonts.forEach((font, n) => {
    ctx.font = font;
    ctx.fillStyle = n ? colours.soft : colours.ink;
    ctx.fillText(net.found[i][n], x, y + (n ? 9 : -9));
  });
}

// Names differ at their ends: leave out the middle.
function shortened(ctx, whole, room) {
  if (whole.length < 200 && ctx.measureText(whole).width <= room) return whole;
  for (let kept = Math.min(whole.length - 1, 40); kept > 2; kept--) {
    const tail = Math.ceil(kept * 0.6), short = `${whole.slice(0, kept - tail)}…${whole.slice(-tail)}`;
    if (ctx.measureText(short).width <= room) return short;
  }
  return "…";
}

function scales(w, h) {
  const wide = net.right - net.left || 1, sy = Math.min(h / (net.depth * ROW || 1), 0.1), sx = Math.min(w / wide, 0.05);
  return { sx, sy, dx: (w - wide * sx) / 2 - net.left * sx, dy: HIGH * sy };
}

function drawOverview(viewWide, viewHigh) {
  const { ctx, w, h } = prepared(overview), { sx, sy, dx, dy } = scales(w, h - 8);
  if (!strip || strip.width !== overview.width || strip.height !== overview.height) {
    // The first kinds of the legend are the ones to look for: they come last, on top.
    for (const kind of [...net.kinds.keys()].reverse()) {
      ctx.globalAlpha = net.shown[kind] ? 1 : 0.15;
      ctx.fillStyle = colours[net.kinds[kind][0]];
      for (let i = 0; i < net.count; i++) {
        if (net.kind[i] !== kind) continue;
        const wide = Math.max(WIDE * sx, 2), high = Math.max(HIGH * sy, 1.5);
        ctx.fillRect(net.x[i] * sx + dx - wide / 2, net.row[i] * ROW * sy + dy - high / 2, wide, high);
      }
    }
    ctx.globalAlpha = 1;
    strip = document.createElement("canvas");
    strip.width = overview.width;
    strip.height = overview.height;
    if (strip.width && strip.height) strip.getContext("2d").drawImage(overview, 0, 0);
  } else ctx.drawImage(strip, 0, 0, w, h);
  ctx.strokeStyle = colours.accent;
  ctx.lineWidth = 1.5;
  const high = Math.max(viewHigh * sy, 5), wide = Math.min(Math.max(viewWide * sx, 5), w - 2);
  const x = Math.min(Math.max(view.x * sx + dx - wide / 2, 1), w - wide - 1);
  const y = Math.max(view.y * sy + dy - high / 2, 1);
  ctx.strokeRect(x, y, wide, Math.min(high, h - y - 1));
}

dark.addEventListener("change", () => {
  readColours();
  strip = null;
  redraw();
});
new ResizeObserver(redraw).observe(canvas);

readColours();
if (page.drawings.length) load(0);
