// The points of a one-feature table: typed here, put and dragged on the picture of the fit, and taken back.

import { byId, el } from "./dom.js";
import { on, send } from "./connection.js";
import { page } from "./state.js";

const SHOWN = 30; // points that can be typed
let known = null; // the scene that the page was last told of
let before = []; // the edits as they were, before each that was made here
let takingBack = false;

export const edit = (...edits) => send({ do: "points", edits });

function undo() {
  takingBack = true;
  send({ do: "points", anew: true, edits: before.pop() ?? page.ready.scene.points.slice(0, -1) });
}

/** Buttons that take edits back; they are there while there are any. */
export function backButtons() {
  return el("span.takes-back", { "data-hide": "points", hidden: !page.ready.scene.points.length },
    el("button", { type: "button", onclick: undo }, "Undo"), " ",
    el("button", { type: "button", title: "All points as the table has them", onclick: reset }, "Reset points"));
}

function reset() {
  send({ do: "points", anew: true, edits: [] });
}

on("ready", (ready) => {
  const { table, points } = ready.scene;
  if (known?.table !== table) before = [];
  else if (!takingBack && JSON.stringify(points) !== JSON.stringify(known.points)) before.push(known.points);
  known = ready.scene;
  takingBack = false;
  for (const buttons of document.querySelectorAll(".takes-back")) buttons.hidden = !points.length;
  draw(ready);
});
on("wrong", () => { takingBack = false; if (page.ready) draw(page.ready); });

function draw({ points, target }) {
  const place = byId("points");
  place.hidden = !points;
  if (!points) { place.replaceChildren(); return; }
  const { row, x, y } = points.rows;
  const cell = (label, value) => el("input.short", { type: "number", step: "any", ariaLabel: label, value });
  const added = [points.feature, target].map((name) => el("label", {}, `${name} `, cell(`${name} of a new point`, "")));
  const lines = row.slice(0, SHOWN).map((number, i) => {
    const fields = [cell(`${points.feature} of row ${number + 1}`, x[i]), cell(`${target} of row ${number + 1}`, y[i])];
    const move = () => { if (fields.every((field) => field.value !== "")) edit([number, ...fields.map((field) => Number(field.value))]); };
    fields.forEach((field) => field.addEventListener("change", move));
    return el("tr", {}, el("th", { scope: "row" }, String(number + 1)), fields.map((field) => el("td", {}, field)));
  });
  const add = (event) => {
    event.preventDefault();
    const typed = [...event.target.querySelectorAll("input")].map((field) => field.value);
    if (typed.every((value) => value !== "")) edit([null, ...typed.map(Number)]);
  };
  place.replaceChildren(
    el("h3", {}, "The points"),
    el("p", {}, "Click on the picture of the fit to add one, drag one to move it; or type:"),
    el("form.add", { onsubmit: add }, added, " ", el("button", { type: "submit" }, "Add a point"), " ", backButtons()),
    el("details", {}, el("summary", {}, `The first ${lines.length} of ${row.length}`), el("div.scroll", {}, el("table", {}, el("caption", {}, "Points"),
      el("thead", {}, el("tr", {}, ["row", points.feature, target].map((words) => el("th", { scope: "col" }, words)))), el("tbody", {}, lines)))));
}
