"use strict";
// Filters. Everything can be read without them: they only hide rows, conditions and findings.

const at = (id) => document.getElementById(id);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const words = (elements) => elements.map((each) => each.textContent).join("\n").toLowerCase();

const form = at("filters"), boxes = all("input[type=checkbox]", form);
const parts = all("[data-table]").map((part) => ({
  part,
  head: words(all(".head", part)),
  // Models are left out: each of them has layers of other types.
  items: all("[data-verdict]", part).map((item) => ({ item, text: words(all("div, .message, dl, .small", item).filter((e) => !e.closest(".model"))) })),
  more: part.querySelector(".more"),
}));

function filter() {
  const wanted = at("text").value.trim().toLowerCase();
  const verdicts = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
  const of = (name, { part }) => !at(name)?.value || part.dataset[name] === at(name).value;
  let conditions = 0, findings = 0;
  for (const each of parts) {
    const here = of("framework", each) && of("table", each), head = each.head.includes(wanted);
    let shown = 0;
    for (const { item, text } of each.items) {
      item.hidden = !(here && verdicts.has(item.dataset.verdict) && (head || text.includes(wanted)));
      shown += !item.hidden;
    }
    each.part.hidden = each.items.length ? shown === 0 : !(here && head); // some rows have no conditions
    if (each.more) each.more.hidden = !each.more.querySelector("article:not([hidden])");
    if (each.part.classList.contains("group")) findings += shown;
    else conditions += shown;
  }
  const number = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
  at("shown").textContent = `${number(conditions, "condition")}, ${number(findings, "finding")} shown`;
}

const openAll = (value) => all(".group:not([hidden]), .release").forEach((each) => (each.open = value));
form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => setTimeout(filter));
at("open-all")?.addEventListener("click", () => openAll(true));
at("close-all")?.addEventListener("click", () => openAll(false));

// A link to a condition opens its findings, also if a filter has hidden them.
function follow() {
  const target = document.querySelector(":target");
  if (!target) return;
  if (target.closest("[hidden]")) {
    form.reset();
    filter();
  }
  for (let each = target.closest("details"); each; each = each.parentElement.closest("details")) each.open = true;
  (target.closest(".group") || target).scrollIntoView();
}
addEventListener("hashchange", follow);

let closed = [];
addEventListener("beforeprint", () => {
  closed = all("details:not([open])");
  closed.forEach((each) => (each.open = true));
});
addEventListener("afterprint", () => closed.forEach((each) => (each.open = false)));

form.hidden = false;
filter();
follow();
