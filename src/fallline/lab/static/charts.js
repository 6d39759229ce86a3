// The pictures: each specification is embedded once, then its named data streamed, at most once a frame.

import { byId, dark, el, keep, say, table, written } from "./dom.js";
import { on, send } from "./connection.js";
import { hold } from "./hands.js";
import { follow } from "./pointing.js";
import { page, show } from "./state.js";

const pictures = new Map(); // name -> { figure, place, spec, view, busy, data }
const frame = byId("pictures");
const LISTED = 250; // rows of a table
let waiting = null; // the newest moment that is not drawn yet
let asked = false;

function figureFor(name, title) {
  const place = el("div.canvas", { role: "img", tabIndex: -1 });
  const numbers = el("details.numbers", { ontoggle: () => fill(pictures.get(name)) }, el("summary", {}, "As a table"), el("div.scroll"));
  const hide = el("button.plain", { type: "button", "data-hide": "pictures", title: `Hide ${title}`, ariaLabel: `Hide ${title}`, onclick: () => toggle(name) }, "×");
  const figure = el("figure.picture", { id: `picture-${name}` },
    el("figcaption", {}, el("h3", {}, title), el("span.picks", { "data-hide": "picks" }), hide), place, el("p.summary"), numbers);
  const made = { name, figure, place, view: null, data: {}, busy: null };
  follow(made);
  return made;
}

export function toggle(name) {
  const shown = page.shown.pictures;
  show({ pictures: shown.includes(name) ? shown.filter((other) => other !== name) : [...shown, name] });
  arrange();
}

/** Bring the figures on the page to what is shown and fits this training. */
function arrange() {
  const fitting = page.ready.pictures.filter((picture) => picture.for);
  const wanted = fitting.filter((picture) => page.shown.pictures.includes(picture.name));
  for (const [name, picture] of pictures) {
    if (!wanted.some((other) => other.name === name)) {
      picture.view?.finalize();
      picture.figure.remove();
      pictures.delete(name);
    }
  }
  wanted.forEach(({ name, title }, i) => {
    if (!pictures.has(name)) {
      pictures.set(name, figureFor(name, title));
      pickFor(pictures.get(name));
    }
    const { figure } = pictures.get(name);
    if (frame.children[i] !== figure) frame.insertBefore(figure, frame.children[i] ?? null); // moved, it would lose the focus
  });
  let chips = byId("chips");
  if (!chips) { chips = el("div.chips", { id: "chips", role: "group", ariaLabel: "Pictures to show", "data-hide": "pictures" }); frame.before(chips); }
  keep(chips, fitting, () => el("button.chip", { type: "button" }), (chip, { name, title }) => {
    say(chip, title);
    chip.ariaPressed = String(page.shown.pictures.includes(name));
    chip.onclick = () => toggle(name);
  });
}

/** What else can be asked of a picture: along which weight, over what, on which scale. */
function pickFor(picture) {
  const { name, figure } = picture;
  const picks = figure.querySelector(".picks");
  const names = page.ready.names;
  const weight = (label, set) => el("select", { ariaLabel: label, onchange: (event) => set(event.target.value) },
    names.slice(0, 200).map((each) => el("option", { value: each }, each)));
  picture.pick = () => {};
  if (name === "slice" && names.length > 1) {
    const select = weight("Weight", (value) => show({ weight: value || null }));
    const most = el("option", { value: "" });
    select.prepend(most);
    picks.append(select);
    picture.pick = (params) => { // the one that is drawn is named, also when nobody picked it
      say(most, page.shown.weight ? "the one that moved most" : `moved most: ${params.weight}`);
      choose(select, page.shown.weight ?? "");
    };
  }
  if (name === "surface" && names.length > 1) {
    const take = (side, value) => {
      const { x_weight: x, y_weight: y } = picture.data.params;
      const pair = side ? [x === value ? y : x, value] : [value, y === value ? x : y];
      show({ weights: pair });
    };
    const [first, second] = [weight("First weight", (value) => take(0, value)), weight("Second weight", (value) => take(1, value))];
    picks.append(el("select", { ariaLabel: "Over", onchange: (event) => show({ over: event.target.value }) },
      el("option", { value: "weights" }, "two weights"), el("option", { value: "path", selected: page.shown.over === "path" }, "the path's plane")),
    first, second);
    picture.pick = ({ x_weight: x, y_weight: y }) => {
      first.hidden = second.hidden = !x;
      if (x) { choose(first, x); choose(second, y); }
    };
  }
  if (name === "loss") {
    picks.append(el("label.check", {}, el("input", { type: "checkbox", checked: page.shown.log, onchange: (event) => show({ log: event.target.checked }) }), " log"));
  }
}

/** Show a name in a select, also one that its list was too short for. */
function choose(select, value) {
  if (select.value === value) return;
  select.value = value;
  if (select.value !== value) { select.append(el("option", { value }, value)); select.value = value; }
}

on("ready", () => {
  waiting = null; // it was of the training before
  for (const picture of pictures.values()) {
    picture.figure.querySelector(".picks").replaceChildren();
    pickFor(picture);
  }
  arrange();
});

on("picture", ({ name, title, spec }) => {
  const picture = pictures.get(name);
  if (!picture) return;
  say(picture.figure.querySelector("h3"), title);
  Object.assign(picture, { spec, data: {} }); // all its data follow
  embed(picture);
});

const recolour = (part, map) => {
  if (typeof part === "string") return map[part] ?? part.replace(/#[0-9a-f]{6}\b/gi, (hex) => map[hex] ?? map[hex.toLowerCase()] ?? hex);
  if (Array.isArray(part)) return part.map((each) => recolour(each, map));
  if (part && typeof part === "object") return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, recolour(value, map)]));
  return part;
};

export const isNight = () => document.documentElement.dataset.night === "yes" || (document.documentElement.dataset.night !== "no" && dark.matches);

/** Draw a specification into a place; without data of its own to stream. */
export const embedStill = (place, spec) => window.vegaEmbed(place, asDrawn(spec), OPTIONS);

/** Without the title, which is a heading of the page, and in the colours of the hour. */
function asDrawn({ $schema, title, usermeta, ...spec }) {
  const sized = document.documentElement.classList.contains("present") ? enlarged(spec) : spec;
  return isNight() ? recolour(sized, usermeta?.night ?? {}) : sized;
}

const SIZES = new Set(["fontSize", "labelFontSize", "titleFontSize", "labelLimit", "titleLimit", "minExtent", "maxExtent", "titlePadding", "dx", "dy", "strokeWidth", "size", "symbolSize", "symbolStrokeWidth"]);
const LARGER = 1.4; // as the page's own text is, in a room

/** The same figure for a room: its words and marks larger, and its plot as much higher. */
function enlarged(part, name = "") {
  if (typeof part === "number") return SIZES.has(name) || name === "height" ? LARGER * part : part;
  if (Array.isArray(part)) return part.map((each) => enlarged(each));
  if (part && typeof part === "object") return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, key === "datasets" ? value : enlarged(value, key)]));
  return part;
}
const OPTIONS = { actions: false, renderer: "canvas", ast: true, defaultStyle: false, logLevel: 1, tooltip: { disableDefaultStyle: true } };

function embed(picture) {
  picture.busy = (async () => {
    try {
      picture.view?.finalize();
      picture.view = null;
      const { view } = await window.vegaEmbed(picture.place, asDrawn(picture.spec), OPTIONS);
      picture.view = view;
      picture.place.view = view; // for whoever looks at the page with a browser's tools
      hold(picture);
      if (picture.data.data) await put(picture, picture.data.data, picture.data.params);
    } catch (error) {
      picture.place.textContent = `This picture could not be drawn: ${error.message}`;
      console.error(error);
    } finally {
      picture.busy = null;
    }
  })();
}

export function redrawAll() {
  for (const picture of pictures.values()) if (picture.spec) embed(picture);
}

function rowsOf(columns, from = 0) {
  const names = Object.keys(columns);
  const length = names.length ? columns[names[0]].length : 0;
  const rows = [];
  for (let i = from; i < length; i += 1) {
    const row = {};
    for (const name of names) row[name] = columns[name][i];
    rows.push(row);
  }
  return rows;
}

function stream(picture, { data, params, summary, of }) {
  picture.data = { data: { ...picture.data.data, ...data }, params, summary, of }; // what has not changed is not sent again
  picture.pick(params);
  say(picture.figure.querySelector(".summary"), summary);
  picture.place.ariaLabel = summary;
  return picture.view ? put(picture, data, params) : null;
}

/** Give a set of rows its new values in place: rows taken out and put in anew would cost more, and what Vega remembers of
 *  each that was ever put in (its number) would grow for ever. */
function change(view, name, columns) {
  const fields = Object.keys(columns);
  const count = fields.length ? columns[fields[0]].length : 0;
  const there = view.data(name), set = view.changeset();
  const both = Math.min(there.length, count);
  for (const field of fields) {
    const values = columns[field];
    for (let i = 0; i < both; i += 1) if (there[i][field] !== values[i]) set.modify(there[i], field, values[i]);
  }
  if (count > both) set.insert(rowsOf(columns, both));
  if (there.length > both) set.remove(there.slice(both));
  view.change(name, set);
}

/** Put rows and parameters into a drawing. */
function put(picture, data, params) {
  const { view } = picture;
  for (const [name, columns] of Object.entries(data)) change(view, name, columns);
  for (const [name, value] of Object.entries(params)) {
    if (value === null) continue;
    try { view.signal(name, value); } catch { /* a value for the page, not for the drawing */ }
  }
  if (picture.figure.querySelector(".numbers").open) fill(picture);
  return view.runAsync().then(() => picture.read());
}

async function paint() {
  if (!waiting) { asked = false; return; }
  const now = waiting, { opened } = page;
  waiting = null;
  await Promise.all([...pictures.values()].map((picture) => picture.busy).filter(Boolean));
  await Promise.all(Object.entries(now.pictures).map(([name, drawn]) => {
    const picture = pictures.get(name);
    return picture ? stream(picture, drawn) : null;
  }));
  if (opened === page.opened) Object.assign(document.documentElement.dataset, { drawn: now.number, step: now.step });
  send({ do: "drawn", number: now.number });
  asked = false;
  if (waiting) ask();
}

function ask() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(paint);
}

on("now", (now) => {
  for (const [name, { data }] of Object.entries(waiting?.pictures ?? {})) { // passed over: what it brought is not sent again
    if (now.pictures[name]) now.pictures[name].data = { ...data, ...now.pictures[name].data };
  }
  waiting = now;
  ask();
});

/** The newest data of a picture as tables, when they are looked at. */
function fill(picture) {
  const fold = picture?.figure.querySelector(".numbers");
  if (!fold?.open || !picture.data.data) return;
  const place = fold.querySelector(".scroll");
  const { data, of } = picture.data;
  const sets = picture.spec.usermeta.rows.filter(({ name }) => Object.values(data[name] ?? {})[0]?.length);
  keep(place, sets, () => el("div"), (made, { name, title, columns }) => {
    const every = rowsOf(data[name]), some = every.slice(0, LISTED), all = of?.[name] ?? every.length;
    const rows = some.map((row) => Object.keys(columns).map((column) => written(row[column])));
    const caption = `${title}: ${some.length === all ? "" : `${grouped(some.length)} of `}${grouped(all)} ${all === 1 ? "row" : "rows"}`;
    say(table(made, { columns: Object.values(columns), rows }, caption).caption, caption);
  });
}
const grouped = (count) => count.toLocaleString("en");

export const pictureOf = (name) => pictures.get(name);
