"use strict";
// Draws the figures that are looked at, and takes them all to the same step.

const recorded = JSON.parse(document.getElementById("recorded").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const slider = document.getElementById("at-step");
const views = new Map(); // figure element -> what it shows, once it is drawn
let at = recorded.last;
let paper = false; // being printed, and so by day

const find = (selector, within = document) => [...within.querySelectorAll(selector)];
const count = (value) => value.toLocaleString("en");

function number(value) {
  if (value === null || value === undefined) return "not finite";
  if (typeof value !== "number") return String(value);
  const size = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  if (size < -4 || size > 8) return value.toExponential(2).replaceAll("-", "−");
  return value.toLocaleString("en", { maximumFractionDigits: Math.max(3 - size, 0) }).replace("-", "−");
}

// ---- drawing ------------------------------------------------------------------------------------------------------

function rowsOf(data) {
  if (Array.isArray(data)) return data;
  const columns = Object.entries(data.columns);
  return Array.from({ length: data.rows }, (_, i) =>
    Object.fromEntries(columns.map(([name, values]) => [name, Array.isArray(values) ? values[i] : values.all])));
}

const NOT_COLOURS = ["datasets", "values", "domain", "title", "description", "sort", "text"];

function byNight(part, night, name = "") {
  const group = part !== null && typeof part === "object" && !Array.isArray(part);
  if (name === "datasets" || (NOT_COLOURS.includes(name) && !group)) return part;
  if (typeof part === "string") {
    return night[part] ?? part.replace(/#[0-9a-f]{6}\b|'(white|black)'/gi, (colour, word) =>
      word ? `'${night[word]}'` : night[colour] ?? colour);
  }
  if (Array.isArray(part)) return part.map((each) => byNight(each, night));
  if (!group) return part;
  return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, byNight(value, night, key)]));
}

async function draw(figure) {
  const shown = views.get(figure) ?? {};
  const night = dark.matches && !paper;
  views.set(figure, shown);
  if (shown.night === night) return shown.drawn;
  shown.night = night;
  shown.drawn = embed(figure, shown, night);
  return shown.drawn;
}

async function embed(figure, shown, night) {
  const drawing = figure.querySelector(".drawing");
  const told = JSON.parse(figure.querySelector("script").textContent);
  const spec = night ? byNight(told.spec, told.night) : told.spec;
  spec.datasets = Object.fromEntries(Object.entries(spec.datasets).map(([name, data]) => [name, rowsOf(data)]));
  for (const parameter of spec.params ?? []) if (parameter.name === "at_step") parameter.value = at;
  try {
    const { view, finalize } = await vegaEmbed(drawing, spec, {
      mode: "vega-lite", renderer: "svg", actions: false, ast: true, logLevel: 1, tooltip: { theme: night ? "dark" : "light" },
    });
    shown.finalize?.();
    Object.assign(shown, { view, finalize, tracks: told.tracks });
    drawing.view = view; // for whoever looks at the page with a browser's tools
    find("svg", drawing).forEach((svg) => svg.setAttribute("aria-hidden", "true")); // the drawing is described as a whole
    drawing.removeAttribute("style");
    if (drawing.scrollWidth > drawing.clientWidth) drawing.tabIndex = 0;
    await moveOne(figure, shown);
  } catch (error) {
    drawing.textContent = "This chart could not be drawn: " + error.message;
    console.error(error);
  }
}

const watch = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) if (isIntersecting) { watch.unobserve(target); draw(target); }
}, { rootMargin: "400px" });
find("figure.chart").forEach((figure) => watch.observe(figure));

dark.addEventListener("change", () => [...views.keys()].forEach(draw));
addEventListener("beforeprint", () => {
  paper = true;
  find("figure.chart").filter((figure) => !figure.closest("details:not([open])")).forEach(draw);
});
addEventListener("afterprint", () => { paper = false; [...views.keys()].forEach(draw); });

// ---- the step -----------------------------------------------------------------------------------------------------

function drawnMarks(item, marks = []) {
  if (item.name && /(^|_)at_step_\d+_marks$/.test(item.name)) marks.push(item);
  for (const inside of item.items ?? []) if (inside.items || inside.marktype) drawnMarks(inside, marks);
  return marks;
}

async function moveOne(figure, shown) {
  if (!shown.tracks || !shown.view) return;
  await shown.view.signal("at_step", at).runAsync();
  const said = figure.querySelector(".read-off");
  const marks = drawnMarks(shown.view.scenegraph().root);
  shown.lines ??= new Map();
  for (const { values, step } of shown.lines.values()) {
    values.forEach((value) => { value.textContent = "–"; });
    step.textContent = "";
  }
  for (const track of shown.tracks) {
    const mine = marks.filter((mark) => mark.name.endsWith(`${track.name}_marks`));
    for (const { datum } of mine.flatMap((mark) => mark.items)) {
      const series = track.series.map((name) => datum[name]).join(", ");
      const line = lineFor(shown.lines, said, track, series);
      track.values.forEach(([, field], i) => { line.values[i].textContent = number(datum[field]); });
      line.step.textContent = datum.step === at ? "" : ` (at ${number(datum.step)})`;
    }
  }
  said.hidden = shown.lines.size === 0;
}

function lineFor(lines, said, track, series) {
  const key = `${track.values} ${series}`; // panels of one figure that tell the same share a line
  if (!lines.has(key)) {
    const span = said.appendChild(document.createElement("span"));
    const values = track.values.map(([title]) => {
      span.append(`${track.values.length === 1 && series ? series : title} `);
      const value = span.appendChild(document.createElement("b"));
      span.append(" ");
      return value;
    });
    if (track.values.length > 1 && series) span.prepend(`${series}: `);
    lines.set(key, { values, step: span.appendChild(document.createElement("small")) });
  }
  return lines.get(key);
}

function nearest(step) {
  let low = 0, high = recorded.step.length; // the first that is later
  while (low < high) { const middle = (low + high) >> 1; if (recorded.step[middle] <= step) low = middle + 1; else high = middle; }
  return low - 1;
}

function say() {
  const row = nearest(at);
  const values = Object.entries(recorded.values).map(([name, column]) => [name, row < 0 ? "–" : number(column[row])]);
  const from = row < 0 ? "–" : count(recorded.step[row]);
  for (const cell of find("[data-value]")) cell.textContent = new Map([["step", from], ...values]).get(cell.dataset.value);
  document.querySelector(".slide .where b").textContent = count(at);
  const words = values.map(([name, value]) => `${recorded.called[name]} ${value}`).join(", ");
  const where = `step ${count(at)} of ${count(recorded.last)}`;
  const start = "the random start, before the first step";
  const known = row < 0 ? start : recorded.step[row] === at ? words : `${words}, from step ${from}`;
  slider.setAttribute("aria-valuetext", `${where}: ${known}`);
  for (const chapter of find(".story li")) {
    const here = chapter.dataset.first <= at && at <= chapter.dataset.last;
    if (here) chapter.setAttribute("aria-current", "step"); else chapter.removeAttribute("aria-current");
  }
}

let following = null;
function move(step) {
  at = Math.min(Math.max(step, 0), recorded.last);
  slider.value = at;
  say();
  following ??= follow().finally(() => { following = null; });
}

async function follow() {
  for (let shown = null; shown !== at;) { // figures may be slower than the hand
    await new Promise(requestAnimationFrame);
    shown = at;
    await Promise.all([...views].map(([figure, view]) => moveOne(figure, view)));
  }
}

if (slider) {
  slider.addEventListener("input", () => move(Number(slider.value)));
  slider.addEventListener("keydown", (event) => {
    const way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!way || !event.shiftKey) return;
    event.preventDefault();
    move(at + way * Math.max(1, Math.round(recorded.last / 100)));
  });
  move(Number(slider.value)); // a browser may have kept where it stood
}
document.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (button?.dataset.step) move(Number(button.dataset.step));
  if (button?.dataset.fold) find(".explanation").forEach((each) => { each.open = button.dataset.fold === "open"; });
});

// a link into something that is folded away opens it
function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let fold = target?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  if (target) target.scrollIntoView();
}
addEventListener("hashchange", reveal);
reveal();
