// Up to six runs from the same start, with one thing varied.

import { byId, commandLines, el, table } from "./dom.js";
import { on, send } from "./connection.js";
import { embedStill } from "./charts.js";
import { page } from "./state.js";
import { announce } from "./told.js";

const VARIED = ["rate", "batch", "rule", "schedule", "seed", "model", "l2"];
const what = el("select", { id: "vary-what", onchange: suggest }, VARIED.map((name) => el("option", { value: name }, name)));
const values = el("input", { id: "vary-values", type: "text", required: true, size: 26 });
const steps = el("input.short", { id: "vary-steps", type: "number", min: 1, step: 1, placeholder: "auto" });
const stop = el("button", { type: "button", hidden: true, onclick: () => send({ do: "stop_aside" }) }, "Stop");
const waiting = el("span.waiting", { hidden: true }, "Training them side by side …");
let suggested = "";

function suggest() { values.value = suggested = page.ready.suggested[what.value]; }

byId("compare").append(
  el("label", { for: "vary-what" }, "Vary "), what, el("label", { for: "vary-values" }, " over (2 to 6) "), values,
  el("label", { for: "vary-steps" }, " updates "), steps, " ", el("button", { type: "submit" }, "Compare"), " ", stop, waiting);
byId("compare").addEventListener("submit", (event) => {
  event.preventDefault();
  stop.hidden = waiting.hidden = false;
  send({ do: "compare", vary: `${what.value}=${values.value}`, steps: steps.value ? Number(steps.value) : null });
});

function finish() { stop.hidden = waiting.hidden = true; }

on("ready", () => { suggest(); finish(); byId("compared").replaceChildren(); });
on("changed", () => { if (values.value === suggested) suggest(); });
on("wrong", ({ what }) => { if (what === "compare") finish(); });
on("given_up", ({ what }) => { if (what === "compare") { finish(); announce("The comparison is given up."); } });
on("compared", ({ spec, said, table: rows, commands }) => {
  finish();
  const place = el("div.canvas.wide", { role: "img", tabIndex: 0, ariaLabel: spec?.description ?? said.join(" ") });
  const numbers = el("div.scroll");
  byId("compared").replaceChildren(place, ...said.map((words) => el("p", {}, words)), numbers, el("p.small", {}, "The same at the command line:"), commandLines(commands));
  table(numbers, rows, "Side by side");
  if (spec) embedStill(place, spec);
  announce(said[0] ?? "Compared.");
});
