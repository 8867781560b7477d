"use strict";
/* Text never becomes markup: everything is set through textContent. */
function make(tag, options = {}, ...children) {
  const element = Object.assign(document.createElement(tag), options);
  element.append(...children);
  return element;
}

/* Contents, filters, downloads and hints: the page says the same without them. */
(() => {
  const KINDS = { corpus: ["corpus", "where"], arm: ["arm", "embedding"], level: ["level"] };
  const ANY = "";
  const text = (cell) => cell.textContent.trim();
  const slug = (name) => name.replace(/[^\w.=]+/gu, "-").replace(/^[-.]+|[-.]+$/g, "");
  const corpusOf = (words) => words.split(/ \(| > |, /)[0];
  const tables = [...document.querySelectorAll("figure.table")].map((figure) => {
    const heads = [...figure.querySelectorAll("thead th")].map(text);
    const places = Object.fromEntries(Object.entries(KINDS).map(([kind, names]) =>
      [kind, heads.findIndex((head) => names.includes(head))]));
    return { figure, heads, places, rows: [...figure.querySelectorAll("tbody tr")] };
  });
  const valueOf = (row, kind, place) => kind === "corpus" ? corpusOf(text(row.cells[place])) : text(row.cells[place]);
  const choices = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, [...new Set(tables.flatMap((table) => {
    const exact = table.places[kind] >= 0 && table.heads[table.places[kind]] === kind;
    return exact ? table.rows.map((row) => valueOf(row, kind, table.places[kind])) : [];
  }))].sort((a, b) => a.localeCompare(b, "en", { numeric: true }))]));

  const form = document.getElementById("filters");
  const chosen = (kind) => form.elements[kind]?.value ?? ANY;

  function of(name, corpora) {
    return corpora.find((corpus) => `-${name}-`.includes(`-${slug(corpus)}-`));
  }

  function filter() {
    for (const { figure, places, rows } of tables) {
      let shown = 0;
      for (const row of rows) {
        row.hidden = Object.entries(places).some(([kind, place]) =>
          place >= 0 && chosen(kind) !== ANY && valueOf(row, kind, place) !== chosen(kind));
        shown += !row.hidden;
      }
      const note = figure.querySelector(".count");
      note.textContent = shown === rows.length ? "" : `${shown} of ${rows.length} rows`;
      if (places.corpus < 0) elsewhere(figure, figure.id.replace(/^table-/, ""));
    }
    for (const figure of document.querySelectorAll("figure.picture")) elsewhere(figure, figure.id.replace(/^figure-/, ""));
    document.dispatchEvent(new CustomEvent("filtered", { detail: { corpus: chosen("corpus"), arm: chosen("arm") } }));
  }

  function elsewhere(figure, name) {
    const own = of(name, choices.corpus);
    figure.hidden = own !== undefined && chosen("corpus") !== ANY && own !== chosen("corpus");
  }

  for (const [kind, values] of Object.entries(choices)) {
    if (values.length < 2) continue;
    const all = make("option", { value: ANY }, "all");
    form.append(make("label", {}, kind[0].toUpperCase() + kind.slice(1),
      make("select", { name: kind }, all, ...values.map((value) => make("option", { value }, value)))));
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
      make("span", { className: "hint" }, "Scroll sideways for more columns →"), make("span", { className: "count" }), button));
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
      target.closest("figure").classList.toggle("wide", target.scrollWidth > target.clientWidth + 1);
    }
  });
  document.querySelectorAll("figure.table .scroll").forEach((element) => hint.observe(element));

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
