"use strict";
// Everything shown is in the page already, except the table of tensors: that is built from the report.
const report = JSON.parse(document.getElementById("report").textContent);
const find = (selector, root = document) => [...root.querySelectorAll(selector)];
const at = (pointer) => pointer.split("/").slice(1).reduce((value, key) => value[key], report);
const number = (x) => (x === 0 ? "0" : x.toExponential(1).replace("e+", "e"));

// Which reference the charts are of.
const chooser = document.querySelector(".cases");
const choose = () => {
  const chosen = chooser.querySelector("input:checked");
  for (const it of find("div.case")) it.hidden = it.dataset.case !== chosen?.value;
};
chooser.hidden = report.cases.length < 2;
chooser.addEventListener("change", choose);
choose();

// A heat map tells the cell under the pointer.
const span = (what, column, each) =>
  each === 1 ? `${what} ${column}` : `${what}s ${column * each} to ${column * each + each - 1}`;
for (const cells of find(".heat g")) {
  const map = at(cells.dataset.path);
  const line = cells.closest("figure").querySelector(".read");
  const rest = line.textContent;
  cells.addEventListener("pointermove", (event) => {
    const box = cells.getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / box.height) * cells.dataset.rows);
    const column = Math.floor(((event.clientX - box.left) / box.width) * cells.dataset.columns);
    const value = map.values[row]?.[column];
    if (value === undefined) return;
    const place = map.tap
      ? `h.${map.blocks[Math.floor(row / map.heads)]}, head ${row % map.heads}, ${span("position", column, map.positions_per_column)}`
      : `${map.taps[row]}, ${span("channel", column, map.channels_per_column)}`;
    line.textContent = `${value === null ? "not compared" : number(value)} at ${place}`;
  });
  cells.addEventListener("pointerleave", () => { line.textContent = rest; });
}

// All tensors.
const titles = new Map(report.checkpoints.map((row) => [row.checkpoint, row.title]));
const passes = (it) => it !== undefined && it.max_abs !== null && it.max_abs <= it.allowed;
const spaced = (name) => name.replaceAll("_", " ");
const inWords = (problem) => (typeof problem === "string" ? spaced(problem) : Object.entries(problem).map(([what, fields]) =>
  `${spaced(what)}: ${Object.entries(fields).map(([name, value]) => `${name} ${Array.isArray(value) ? `[${value.join(", ")}]` : value}`).join(", ")}`).join("; "));
const rows = report.cases.flatMap((kase, i) => kase.entries.map((entry, j) => {
  const it = entry.result.Ok, problem = entry.result.Err;
  return {
    path: `/cases/${i}/entries/${j}/result/Ok/`, kase: i, case: kase.name, name: entry.name,
    checkpoint: entry.checkpoint, title: titles.get(entry.checkpoint) ?? "no tap",
    order: i * 1e6 + j, passes: passes(it), problem: problem && inWords(problem),
    max_abs: it?.max_abs, allowed: it?.allowed, used: it && (it.max_abs === 0 ? 0 : it.max_abs / it.allowed),
    mean_abs: it?.mean_abs, ours: it?.truth?.ours_rms, theirs: it?.truth?.reference_rms, elements: it?.elements,
  };
}));
const columns = [
  ["result", (r) => (r.passes ? 1 : 0)], ["reference", (r) => r.case], ["tensor", (r) => r.order],
  ["checkpoint", (r) => r.title], ["elements", (r) => r.elements, "elements"], ["max diff", (r) => r.max_abs, "max_abs"],
  ["allowed", (r) => r.allowed, "allowed"], ["used", (r) => r.used], ["mean diff", (r) => r.mean_abs, "mean_abs"],
  ["ours to f64", (r) => r.ours, "truth/ours_rms"], ["ref to f64", (r) => r.theirs, "truth/reference_rms"],
];
const table = document.getElementById("all"), filters = document.getElementById("filters");
const more = document.getElementById("more"), shown = document.getElementById("shown");
const LIMIT = 50;
let sorted = { column: 2, down: false }, limit = LIMIT;

const element = (name, properties, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};
const header = element("tr");
columns.forEach(([title], i) => {
  const button = element("button", { type: "button", textContent: title });
  button.addEventListener("click", () => {
    const text = [1, 2, 3].includes(i);
    sorted = { column: i, down: sorted.column === i ? !sorted.down : !text && i !== 0 };
    fill();
  });
  header.append(element("th", { scope: "col" }, button));
});
table.tHead.append(header);

const cell = (row, [title, get, leaf]) => {
  if (title === "tensor") return element("th", { scope: "row", textContent: row.name });
  if (title === "checkpoint") return element("td", { textContent: row.title });
  if (title === "reference") return element("td", { textContent: row.case });
  if (title === "result") {
    const badge = element("span", { className: `badge ${row.passes ? "pass" : "fail"}`, textContent: row.passes ? "PASS" : "FAIL" });
    return element("td", { title: row.problem ?? "" }, badge, row.problem ? ` ${row.problem}` : "");
  }
  const value = get(row);
  if (value === undefined || value === null) return element("td", { textContent: "–" });
  const text = title === "elements" ? value.toLocaleString("en") : title === "used" ? `${(value * 100).toPrecision(2).replace(/\.0$/, "")} %` : number(value);
  if (!leaf) return element("td", { textContent: value === 0 ? "=" : text });
  const data = element("data", { value: String(value), textContent: text });
  data.dataset.path = row.path + leaf;
  return element("td", {}, data);
};

function fill() {
  const wanted = Object.fromEntries(new FormData(filters));
  const text = wanted.text.trim().toLowerCase();
  const chosen = rows.filter((r) =>
    (!text || r.name.toLowerCase().includes(text)) && (!wanted.case || r.kase === Number(wanted.case)) &&
    (!wanted.checkpoint || r.checkpoint === wanted.checkpoint) && (!wanted.result || r.passes === (wanted.result === "pass")));
  const get = columns[sorted.column][1], sign = sorted.down ? -1 : 1;
  // What has no number comes last, whichever way.
  const absent = (x) => x === undefined || x === null || Number.isNaN(x);
  chosen.sort((a, b) => {
    const x = get(a), y = get(b);
    if (absent(x) || absent(y)) return absent(x) - absent(y) || a.order - b.order;
    return sign * (x < y ? -1 : x > y ? 1 : 0) || a.order - b.order;
  });
  [...header.children].forEach((th, i) => {
    if (i === sorted.column) th.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
    else th.removeAttribute("aria-sort");
  });
  const part = chosen.slice(0, limit);
  table.tBodies[0].replaceChildren(...part.map((row) => element("tr", {}, ...columns.map((column) => cell(row, column)))));
  shown.textContent = `${chosen.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} tensors`;
  more.hidden = part.length === chosen.length;
  more.textContent = `Show all ${chosen.length.toLocaleString("en")}`;
}
filters.addEventListener("input", () => { limit = LIMIT; fill(); });
filters.addEventListener("submit", (event) => event.preventDefault());
more.addEventListener("click", () => { limit = Infinity; fill(); });
fill();
