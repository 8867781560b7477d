"use strict";
/* Text never becomes markup: everything is set through textContent. */
function make(tag, options = {}, ...children) {
  const element = Object.assign(document.createElement(tag), options);
  element.append(...children);
  return element;
}

/* Contents, filters, downloads and hints: the page says the same without them. */
(() => {
  const KINDS = { corpus: ["corpus", "where"], arm: ["arm", "embedding", "a", "b"], level: ["level", "level (classes)"] };
  const ANY = "";
  const text = (cell) => cell.textContent.trim();
  const slug = (name) => name.replace(/[^\w.=]+/gu, "-").replace(/^[-.]+|[-.]+$/g, "");
  const corpusOf = (words) => words.split(/ \(| > |, /)[0];
  const plain = (words) => words.replace(/ \(\d+\)$/, "");
  const levelOf = (words) => plain(words).match(/\[([^\]]+)\]$/)?.[1] ?? plain(words);
  /* "minilm, cut" is what arms have to beat: no arm, and in sight whichever is chosen. */
  const armOf = (words) => words.includes(", ") ? ANY : words;
  const READ = { corpus: corpusOf, arm: armOf, level: levelOf };
  const tables = [...document.querySelectorAll("figure.table")].map((figure) => {
    const heads = [...figure.querySelectorAll("thead th")].map(text);
    const places = Object.fromEntries(Object.entries(KINDS).map(([kind, names]) =>
      [kind, heads.flatMap((head, place) => names.includes(head) ? [place] : [])]));
    return { figure, heads, places, rows: [...figure.querySelectorAll("tbody tr")] };
  });
  const valuesOf = (row, kind, places) => places.map((place) => READ[kind](text(row.cells[place])));
  const choices = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, [...new Set(tables.flatMap((table) => {
    const exact = table.places[kind].filter((place) => table.heads[place] === kind);
    return table.rows.flatMap((row) => valuesOf(row, kind, exact));
  }))].filter((value) => value !== ANY).sort((a, b) => a.localeCompare(b, "en", { numeric: true }))]));

  const form = document.getElementById("filters");
  const chosen = (kind) => form.elements[kind]?.value ?? ANY;

  function of(name, corpora) {
    return corpora.find((corpus) => `-${name}-`.includes(`-${slug(corpus)}-`));
  }

  /* The two arms of a table or a figure that has its name of them. */
  function pairOf(name) {
    const rest = name.match(/^(?:comparisons|forest|influence|pooled)-(.+)$/)?.[1] ?? "";
    const pairs = choices.arm.flatMap((a) => choices.arm.map((b) => [a, b]));
    return pairs.filter((pair) => rest.startsWith(`${pair.map(slug).join("-")}-`))
      .sort((a, b) => b.join().length - a.join().length)[0];
  }

  function fits(row, kind, places) {
    const values = valuesOf(row, kind, places);
    /* What is of none that can be chosen, such as "v5 at 16", stays. */
    return chosen(kind) === ANY || !values.length || values.some((value) => value === chosen(kind) || !choices[kind].includes(value));
  }

  function filter() {
    for (const { figure, places, rows } of tables) {
      let shown = 0;
      for (const row of rows) {
        row.hidden = !Object.entries(places).every(([kind, own]) => fits(row, kind, own));
        shown += !row.hidden;
      }
      const note = figure.querySelector(".count");
      note.textContent = shown === rows.length ? "" : `${shown} of ${rows.length} rows`;
      elsewhere(figure, figure.id.replace(/^table-/, ""), places.corpus.length);
      /* Where the best arms are without the chosen one, the table of all arms has it. */
      const whole = document.getElementById(`${figure.id}-all`);
      if (!whole || figure.hidden) continue;
      figure.hidden = chosen("arm") !== ANY && !rows.some((row) => valuesOf(row, "arm", places.arm).includes(chosen("arm")));
      whole.closest("details").open ||= figure.hidden;
    }
    for (const figure of document.querySelectorAll("figure.picture")) elsewhere(figure, figure.id.replace(/^figure-/, ""));
    document.dispatchEvent(new CustomEvent("filtered", { detail: { corpus: chosen("corpus"), arm: chosen("arm") } }));
  }

  /* What is of other corpora or arms altogether is left out, with the line that opens it. */
  function elsewhere(figure, name, hasCorpora = false) {
    const own = hasCorpora ? undefined : of(name, choices.corpus);
    const pair = pairOf(name);
    figure.hidden = (own !== undefined && chosen("corpus") !== ANY && own !== chosen("corpus"))
      || (pair !== undefined && chosen("arm") !== ANY && !pair.includes(chosen("arm")));
    const folded = figure.closest("details.folded");
    if (folded) folded.hidden = figure.hidden;
  }

  /* L0 is "area" in one corpus and "topic" in another. */
  function called(kind, value) {
    if (kind !== "level") return value;
    const cells = tables.flatMap(({ rows, places }) => rows.flatMap((row) => places.level.map((place) => text(row.cells[place]))));
    const titles = [...new Set(cells.map(plain))].filter((cell) => cell !== value && levelOf(cell) === value);
    return titles.length ? `${titles.map((title) => title.replace(/ \[[^\]]+\]$/, "")).join(", ")} [${value}]` : value;
  }

  for (const [kind, values] of Object.entries(choices)) {
    if (values.length < 2) continue;
    const all = make("option", { value: ANY }, "all");
    form.append(make("label", {}, kind[0].toUpperCase() + kind.slice(1),
      make("select", { name: kind }, all, ...values.map((value) => make("option", { value }, called(kind, value))))));
  }
  form.hidden = !form.elements.length;
  form.addEventListener("change", filter);
  form.addEventListener("submit", (event) => event.preventDefault());

  /* Cells such as "96.5 ± 0.3" and "[0.1, 0.2]" become two columns, so that a spreadsheet has numbers. */
  const PAIRS = [[/^([+-]?[\d.]+) ± ([\d.]+)$/, ["", " ±"]], [/^\[([+-]?[\d.]+), ([+-]?[\d.]+)\]$/, [" low", " high"]]];
  function csv({ heads, rows }) {
    const cells = rows.filter((row) => !row.hidden)
      .map((row) => [...row.cells].map((cell) => text(cell) === "—" ? "" : text(cell)));
    const pair = heads.map((_, place) => PAIRS.find(([whole]) => cells.some((row) => whole.test(row[place]))));
    const halves = (value, kind) => kind ? value.match(kind[0])?.slice(1) ?? [value, ""] : [value];
    const lines = [heads.flatMap((head, place) => pair[place] ? pair[place][1].map((end) => head + end) : [head]),
      ...cells.map((row) => row.flatMap((value, place) => halves(value, pair[place])))];
    /* What a spreadsheet would take for a formula gets an apostrophe. */
    const safe = (value) => /^[=+\-@\t\r]/.test(value) && Number.isNaN(Number(value)) ? `'${value}` : value;
    const field = (value) => /[",\n]/.test(safe(value)) ? `"${safe(value).replaceAll('"', '""')}"` : safe(value);
    return lines.map((line) => line.map(field).join(",")).join("\r\n") + "\r\n";
  }

  function save(href, download) {
    make("a", { href, download }).click();
  }

  for (const table of tables) {
    const name = table.figure.id.replace(/^table-/, "");
    const button = make("button", { type: "button", className: "save" }, "CSV");
    button.setAttribute("aria-label", `Download the table ${name} as CSV`);
    button.addEventListener("click", () => {
      const url = URL.createObjectURL(new Blob([csv(table)], { type: "text/csv" }));
      save(url, `${name}.csv`);
      setTimeout(() => URL.revokeObjectURL(url), 1000);
    });
    table.figure.append(make("p", { className: "tools" },
      make("span", { className: "hint aside" }, "Scroll sideways for more columns →"),
      make("span", { className: "hint below" }, "Scroll down for more rows ↓"), make("span", { className: "count" }), button));
  }
  for (const figure of document.querySelectorAll("figure.picture")) {
    const name = figure.id.replace(/^figure-/, "");
    const button = make("button", { type: "button", className: "save" }, "SVG");
    button.setAttribute("aria-label", `Download the figure ${name} as SVG`);
    button.addEventListener("click", () => save(figure.querySelector("img").src, `${name}.svg`));
    figure.append(make("p", { className: "tools" }, button));
  }

  const hint = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const { classList } = target.closest("figure"), box = target.closest(".scroll");
      classList.toggle("wide", box.scrollWidth > box.clientWidth + 1);
      classList.toggle("tall", box.scrollHeight > box.clientHeight + 1);
    }
  });
  document.querySelectorAll("figure.table :is(.scroll, table)").forEach((element) => hint.observe(element));

  /* Paper has no lines that open. */
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    opened.forEach((details) => details.open = true);
  });
  addEventListener("afterprint", () => opened.forEach((details) => details.open = false));

  const menu = document.getElementById("menu");
  document.documentElement.classList.add("scripted");
  menu.hidden = false;
  const toggle = (open) => {
    menu.setAttribute("aria-expanded", String(open));
    document.getElementById("side").classList.toggle("open", open);
  };
  menu.addEventListener("click", () => toggle(menu.getAttribute("aria-expanded") !== "true"));
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  for (const link of links.values()) link.addEventListener("click", () => toggle(false));
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) links.get(target.id).classList.toggle("now", isIntersecting);
  }, { rootMargin: "-20% 0px -70% 0px" });
  document.querySelectorAll("main > section").forEach((section) => seen.observe(section));
})();
