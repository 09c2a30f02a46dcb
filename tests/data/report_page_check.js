// Runs inside a report page, after the page's own script. Uses the page as a reader does, and writes what
// it found as JSON into <pre id="found">.
(() => {
  const check = (right, what) => { if (!right) errors.push(what); };
  const all = (selector) => [...document.querySelectorAll(selector)];
  const report = JSON.parse(document.getElementById("report").textContent);
  const value = (path) => path.split("/").slice(1).reduce((it, key) => it?.[key], report);
  const entries = report.cases.flatMap((it) => it.entries);
  const found = { errors, numbers: 0, tensors: 0 };
  try {
    // Every number on the page is that of the report.
    for (const it of all("data[data-path], [data-value]")) {
      const shown = Number(it.dataset.value ?? it.value);
      check(Object.is(shown, value(it.dataset.path)), `${it.dataset.path}: ${shown} on the page`);
      const text = it.tagName === "DATA" ? Number(it.textContent.replaceAll(",", "")) : shown;
      check(Math.abs(text - shown) <= 0.051 * Math.abs(shown), `${it.dataset.path}: reads ${it.textContent}`);
      found.numbers++;
    }
    for (const it of all(".heat g")) {
      const map = value(it.dataset.path).values;
      const cells = [...it.querySelectorAll("path:not(.none)")].map((p) => p.getAttribute("d").split("M").length - 1);
      const compared = map.flat().filter((x) => x !== null).length;
      check(cells.reduce((a, b) => a + b, 0) === compared, `${it.dataset.path}: cells`);
    }
    // Higher error is drawn higher.
    for (const svg of all("figure svg:not(.heat)")) {
      const marks = [...svg.querySelectorAll("circle[data-value]")].map((m) => [Number(m.dataset.value), Number(m.getAttribute("cy"))]);
      marks.sort((a, b) => a[0] - b[0]);
      check(marks.every((m, i) => i === 0 || m[1] <= marks[i - 1][1]), "a chart is not monotone");
    }

    // The table: all rows, then sorted, then filtered.
    const rows = () => all("#all tbody tr");
    const header = (title) => all("#all thead button").find((it) => it.textContent === title);
    const column = (title) => all("#all thead th").indexOf(header(title).closest("th"));
    const numbers = (title) => rows().map((row) => row.children[column(title)].querySelector("data")).filter((it) => it).map((it) => Number(it.value));
    const limited = rows().length;
    document.getElementById("more").click();
    found.tensors = rows().length;
    check(limited < found.tensors && found.tensors === entries.length, `${found.tensors} rows`);
    const differences = entries.map((it) => it.result.Ok?.max_abs).filter((it) => it != null).sort((a, b) => a - b);
    for (const [direction, expected] of [["descending", differences.toReversed()], ["ascending", differences]]) {
      header("max diff").click();
      check(header("max diff").closest("th").getAttribute("aria-sort") === direction, `aria-sort is not ${direction}`);
      check(JSON.stringify(numbers("max diff")) === JSON.stringify(expected), `not sorted ${direction}`);
    }
    header("tensor").click();
    check(rows()[0].querySelector("th").textContent === report.cases[0].entries[0].name, "not in the order of the computation");
    const filters = document.getElementById("filters");
    const filter = (name, wanted) => {
      filters.elements[name].value = wanted;
      filters.dispatchEvent(new Event("input", { bubbles: true }));
      return Number(document.getElementById("shown").textContent.split(" ")[0].replaceAll(",", ""));
    };
    check(filter("text", "attn.q") === entries.filter((it) => it.name.includes("attn.q")).length, "filter by name");
    check(rows().length > 0 && rows().every((row) => row.textContent.includes("attn.q")), "rows that were filtered out");
    filter("text", "");
    check(filter("checkpoint", "kv_cache") === entries.filter((it) => it.checkpoint === "kv_cache").length, "filter by checkpoint");
    filter("checkpoint", "");
    const passes = ({ result: { Ok: it } }) => it !== undefined && it.max_abs !== null && it.max_abs <= it.allowed;
    found.failing = entries.filter((it) => !passes(it)).length;
    check(filter("result", "fail") === found.failing, "filter by result");
    check(rows().length > 0 === found.failing > 0, "failing rows");
    check(rows().every((row) => row.querySelector(".badge.fail") !== null && !row.textContent.includes("{")), "rows that do not say why they fail");
    filter("result", "");
    found.headings = all("h2, h3").map((it) => it.textContent);

    // The chooser shows the charts of one reference.
    for (const input of all(".cases input")) {
      input.click();
      const visible = all("div.case").filter((it) => it.offsetHeight > 0);
      check(visible.length === 1 && visible[0].dataset.case === input.value, `case ${input.value} is not the one shown`);
    }

    // A heat map tells the cell under the pointer.
    const heat = all(".heat g").find((it) => it.getBoundingClientRect().width > 0) ?? null;
    if (heat !== null) {
      const box = heat.getBoundingClientRect();
      heat.dispatchEvent(new PointerEvent("pointermove", { clientX: box.left + 1, clientY: box.top + 1, bubbles: true }));
      check(heat.closest("figure").querySelector(".read").textContent.includes(" at "), "no cell under the pointer");
    }

    // Accessible: names for charts, scopes for headers, a language, one main heading.
    check(all("svg").every((it) => it.getAttribute("role") === "img" && it.getAttribute("aria-label")), "a chart has no name");
    check(all("th").every((it) => it.scope), "a header cell has no scope");
    check(document.documentElement.lang === "en" && all("h1").length === 1 && document.title !== "", "title");
    check(document.documentElement.scrollWidth <= innerWidth, "wider than the window");
  } catch (error) {
    errors.push(`${error}: ${error.stack}`);
  }
  const pre = document.createElement("pre");
  pre.id = "found";
  pre.textContent = JSON.stringify(found);
  document.body.append(pre);
})();
