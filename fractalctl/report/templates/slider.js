
/* What a query finds at every length. */
(() => {
  const data = document.getElementById("zooms");
  if (!data) return;
  const zooms = JSON.parse(data.textContent);
  const at = (id) => document.getElementById(id);
  const slider = at("length");
  const count = (number) => number.toLocaleString("en");
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  const levels = (zoom) => Object.keys(zoom.shares[zoom.arm][zoom.dims[0]]);
  const wording = (level, all) =>
    (level === all[0] ? "coarsest class" : level === all.at(-1) ? "finest class" : "class at") + ` (${zoom().titles[level]})`;

  const zoom = () => zooms[at("document").value];
  const groups = () => zoom().groups;
  function chosen() {
    const [group, query] = at("query").value.split(".").map(Number);
    return { group: groups()[group], query: groups()[group].queries[query] };
  }

  function fillQueries() {
    const { changes, n_queries: all } = zoom();
    const titles = { rise: "More right at full length", stay: "As many right at full length", fall: "Fewer right at full length" };
    at("query").replaceChildren(...groups().map((group, g) => make("optgroup",
      { label: `${titles[group.name]}: ${percent(changes[group.name] / all)} of the test rows` },
      ...group.queries.map((query, q) => make("option", { value: `${g}.${q}` }, `${query.labels.at(-1)}: ${query.text.slice(0, 90)}`)))));
  }

  function showDocument() {
    const one = zoom();
    const blocks = one.dims.length;
    fillQueries();
    slider.max = blocks - 1;
    slider.value = 0;
    slider.disabled = blocks < 2;
    at("strip").style.setProperty("--blocks", blocks);
    at("ticks").replaceChildren(...one.dims.map((length) => make("span", {}, String(length))));
    at("answers").setAttribute("aria-label", `The ${one.k} nearest of ${count(one.n_reference)} training rows, with cosines`);
    at("legend").replaceChildren(...levels(one).map((_, depth) => depth + 1).concat(0).map((depth) =>
      make("span", {}, mark(depth, levels(one).length), agreement(depth, levels(one)))));
    const count_shown = one.groups.reduce((sum, group) => sum + group.queries.length, 0);
    at("choice").textContent = `${count_shown} examples, of each kind as many as its share of all test rows; ` +
      `${one.blind} of them were chosen blind, the others because they narrow.`;
    at("changes").textContent = changes(one);
    showQuery();
  }

  function changes(one) {
    const { rise, stay, fall, narrowing, widening } = one.changes;
    const [shortest, full] = [one.dims[0], one.dims.at(-1)];
    return `From ${shortest} to ${full} numbers, the share from the query's own finest class rises for ` +
      `${count(rise)} of the ${count(one.n_queries)} test queries, stays for ${count(stay)} and falls for ` +
      `${count(fall)}. ${count(narrowing)} go from all neighbours of the query's ${wording(levels(one)[0], levels(one))} and fewer than half of its ` +
      `${wording(levels(one).at(-1), levels(one))} to most of the latter; ${count(widening)} go the other way.`;
  }

  function showQuery() {
    const { query } = chosen();
    at("query-text").textContent = query.text;
    at("query-path").replaceChildren(path(query.labels, query.labels));
    showLength();
  }

  function path(labels, wanted) {
    const parts = labels.flatMap((label, level) => [
      ...(level ? [" › "] : []),
      make("span", { className: label === wanted[level] ? "same" : "" }, label),
    ]);
    return make("span", { className: "path" }, ...parts);
  }

  /* How many levels agree, from the coarsest on. */
  function depthOf(labels, wanted) {
    const first = labels.findIndex((label, level) => label !== wanted[level]);
    return first < 0 ? labels.length : first;
  }

  function mark(depth, all) {
    const squares = Array.from({ length: all }, (_, level) => make("i", { className: level < depth ? "same" : "" }));
    const element = make("span", { className: "mark" }, ...squares);
    element.setAttribute("aria-hidden", "true");
    return element;
  }

  function agreement(depth, all) {
    return depth ? `same ${wording(all[depth - 1], all)}` : "another class";
  }

  function showLength() {
    const one = zoom();
    const { query } = chosen();
    const place = Number(slider.value);
    const length = one.dims[place];
    const full = one.dims.at(-1);
    slider.setAttribute("aria-valuetext", `${length} of ${full} numbers`);
    at("length-shown").replaceChildren(make("strong", {}, String(length)), ` of ${full} numbers`);
    at("strip").style.setProperty("--reach", place + 1);
    [...at("ticks").children].forEach((tick, other) => tick.classList.toggle("now", other === place));
    const found = query.answers[length].map((answer) => ({ ...answer, ...one.rows[answer.row] }));
    at("summary").textContent = summary(found, query.labels, one);
    at("answers").replaceChildren(...found.map((answer) => item(answer, query.labels, levels(one))));
    showShares(one, length);
  }

  function summary(found, wanted, one) {
    const all = wanted.map((_, level) => level);
    const shown = all.length > 1 ? [all[0], all.at(-1)] : all;
    const parts = shown.map((level) => {
      const same = found.filter((answer) => answer.labels[level] === wanted[level]).length;
      return `${same} of ${found.length} from ${wanted[level]}`;
    });
    return `Nearest at this length: ${parts.join(", ")}.`;
  }

  function item(answer, wanted, all) {
    const depth = depthOf(answer.labels, wanted);
    const row = make("li", {},
      mark(depth, all.length),
      make("p", {}, answer.text),
      make("span", { className: "cosine" }, make("span", { className: "hidden" }, "cosine "), answer.cosine.toFixed(3)),
      path(answer.labels, wanted),
      make("span", { className: "hidden" }, `(${agreement(depth, all)})`));
    row.dataset.row = answer.row;
    return row;
  }

  function showShares(one, length) {
    const all = levels(one);
    const rivals = Object.keys(one.shares).filter((arm) => arm !== one.arm);
    at("shares").replaceChildren(...all.map((level) => {
      const share = one.shares[one.arm][length][level];
      const bar = make("div", { className: "bar" });
      bar.style.setProperty("--share", share);
      return make("div", {},
        make("dt", {}, `Share of the ${one.k} nearest with the query's ${wording(level, all)}`),
        make("dd", {},
          make("data", { className: "value", value: String(share) }, percent(share)),
          bar,
          ...rivals.map((rival) =>
            make("span", { className: "rival" }, `${rival} at this length: ${percent(one.shares[rival][length][level])}`))));
    }));
  }

  function clickStrip(event) {
    if (event.target === slider || slider.disabled) return;
    const box = at("strip").getBoundingClientRect();
    slider.value = Math.ceil((event.clientX - box.left) / box.width * zoom().dims.length) - 1;
    showLength();
  }

  at("document").replaceChildren(...zooms.map((one, place) => make("option", { value: place },
    `${one.corpus}, ${one.backbone}, ${one.arm} (seed ${one.seed})`)));
  at("document-choice").hidden = zooms.length < 2;
  at("document").addEventListener("change", showDocument);
  at("query").addEventListener("change", showQuery);
  slider.addEventListener("input", showLength);
  at("strip").addEventListener("click", clickStrip);
  at("desk").hidden = false;
  showDocument();
})();
