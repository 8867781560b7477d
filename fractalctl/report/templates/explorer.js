/* The frontier: every arm a point over two measures of the reader's choice. */
(() => {
  const data = document.getElementById("places");
  if (!data) return;
  const places = JSON.parse(data.textContent);
  const at = (id) => document.getElementById(id);
  const SVG = "http://www.w3.org/2000/svg";
  const BOX = { left: 76, right: 590, top: 15, bottom: 375, label: 610 };
  const ROW = 15;
  let only = "";

  function draw(tag, attributes, ...children) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  const place = () => places[at("place").value];
  const options = (values) => values.map(([value, words]) => make("option", { value }, words));

  function fillAxes() {
    const axes = Object.entries(place().axes);
    for (const [id, wanted] of [["across", at("across").value || "leakage"], ["up", at("up").value || "short_coarse"]]) {
      at(id).replaceChildren(...options(axes));
      at(id).value = axes.some(([name]) => name === wanted) ? wanted : axes[id === "across" ? 0 : 1][0];
    }
  }

  function scale(values, from, to) {
    const low = Math.min(...values), high = Math.max(...values);
    const room = 0.06 * (high - low) || 0.5;
    const map = (value) => from + (value - low + room) / (high - low + 2 * room) * (to - from);
    const rough = (high - low + 2 * room) / 5, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
    const first = Math.ceil((low - room) / step);
    const ticks = Array.from({ length: 12 }, (_, turn) => (first + turn) * step).filter((tick) => tick <= high + room);
    return { map, ticks, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
  }

  function axes(x, y, names) {
    const lines = [];
    for (const tick of x.ticks) {
      lines.push(draw("line", { class: "grid", x1: x.map(tick), x2: x.map(tick), y1: BOX.top, y2: BOX.bottom }),
        draw("text", { x: x.map(tick), y: BOX.bottom + 18, "text-anchor": "middle" }, tick.toFixed(x.digits)));
    }
    for (const tick of y.ticks) {
      lines.push(draw("line", { class: "grid", x1: BOX.left, x2: BOX.right, y1: y.map(tick), y2: y.map(tick) }),
        draw("text", { x: BOX.left - 8, y: y.map(tick) + 4, "text-anchor": "end" }, tick.toFixed(y.digits)));
    }
    lines.push(draw("text", { x: (BOX.left + BOX.right) / 2, y: BOX.bottom + 42, "text-anchor": "middle" }, names[0]));
    const middle = (BOX.top + BOX.bottom) / 2;
    lines.push(draw("text", { x: 16, y: middle, "text-anchor": "middle", transform: `rotate(-90 16 ${middle})` }, names[1]));
    return lines;
  }

  /* Labels in a column, in the order of their points, none on another. */
  function spaced(heights) {
    const top = BOX.top + 5, bottom = BOX.bottom;
    const room = Math.min(ROW, (bottom - top) / Math.max(1, heights.length - 1));
    const found = [];
    for (const height of heights) found.push(Math.max(height, top, found.length ? found.at(-1) + room : top));
    for (let turn = found.length - 1, limit = bottom; turn >= 0; turn--, limit -= room) found[turn] = Math.min(found[turn], limit);
    return found;
  }

  function point(one, x, y, label, names) {
    const [across, up] = [one.values[at("across").value], one.values[at("up").value]];
    const [cx, cy] = [x.map(across[0]), y.map(up[0])];
    const said = `${one.arm}: ${names.map((name, turn) => `${name} ${[across, up][turn][0].toFixed(1)}`).join(", ")}; ` +
      `${one.best ? "on the frontier" : "beaten by another arm"}; ${one.seeds} seed${one.seeds > 1 ? "s" : ""}`;
    const group = draw("g", { class: `arm${one.best ? " best" : ""}${only && one.arm !== only ? " other" : ""}`, tabindex: 0, role: "img", "aria-label": said },
      draw("line", { class: "lead", x1: cx + 7, y1: cy, x2: BOX.label - 4, y2: label - 4 }),
      draw("line", { x1: x.map(across[1]), x2: x.map(across[2]), y1: cy, y2: cy }),
      draw("line", { x1: cx, x2: cx, y1: y.map(up[1]), y2: y.map(up[2]) }),
      draw("circle", { cx, cy, r: 5.5 }), draw("text", { x: BOX.label, y: label }, one.arm));
    const say = () => { at("plot-says").textContent = `${said}.`; };
    group.addEventListener("pointerenter", say);
    group.addEventListener("focus", say);
    return group;
  }

  function show() {
    const { arms, axes: known, label } = place();
    const [across, up] = [at("across").value, at("up").value];
    const names = [known[across], known[up]];
    const spread = (name) => arms.flatMap((one) => one.values[name]);
    const x = scale(spread(across), BOX.left, BOX.right), y = scale(spread(up), BOX.bottom, BOX.top);
    const ordered = [...arms].sort((a, b) => y.map(a.values[up][0]) - y.map(b.values[up][0]));
    const labels = spaced(ordered.map((one) => y.map(one.values[up][0]) + 4));
    at("plot").replaceChildren(...axes(x, y, names), ...ordered.map((one, turn) => point(one, x, y, labels[turn], names)));
    at("plot-says").textContent = `${label}. Means over seeds, lines are 95 % intervals; arms that no other beats in ` +
      "coarse accuracy of the prefix, fine accuracy of the whole, leakage and the shortlist together are filled. Point at an arm for its numbers.";
  }

  at("place").replaceChildren(...options(places.map((one, turn) => [turn, one.label])));
  at("place-choice").hidden = places.length < 2;
  at("place").addEventListener("change", () => { fillAxes(); show(); });
  for (const id of ["across", "up"]) at(id).addEventListener("change", show);
  document.addEventListener("filtered", ({ detail }) => {
    only = detail.arm;
    const found = places.findIndex((one) => one.corpus === detail.corpus);
    if (found >= 0) at("place").value = found;
    fillAxes();
    show();
  });
  at("explorer").hidden = false;
  fillAxes();
  show();
})();
