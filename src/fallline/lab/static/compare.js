// Up to six runs from the same start, with one thing varied.

import { byId, el, table } from "./dom.js";
import { on, send } from "./connection.js";
import { embedStill } from "./charts.js";
import { page } from "./state.js";
import { announce } from "./told.js";

const SUGGESTED = {
  rate: () => [0.1, 0.3, 1, 3].map((part) => Number((part * page.ready.settings.rate).toPrecision(2))).join(","),
  batch: ({ rows }) => `full,${Math.min(32, rows.train)},1`,
  rule: () => "plain;momentum:0.9;adam",
  schedule: () => "constant;cosine;inverse",
  seed: () => "0,1,2,3",
  model: ({ task, classes }) => `${task === "classes" ? (classes.length === 2 ? "logistic" : "softmax") : "linear"};mlp:8;mlp:32,32`,
  l2: () => "0,0.01,0.1",
};
const what = el("select", { id: "vary-what", onchange: () => { values.value = SUGGESTED[what.value](page.ready); } },
  Object.keys(SUGGESTED).map((name) => el("option", { value: name }, name)));
const values = el("input", { id: "vary-values", type: "text", required: true, size: 26 });
const steps = el("input.short", { id: "vary-steps", type: "number", min: 1, step: 1, placeholder: "auto" });
const stop = el("button", { type: "button", hidden: true, onclick: () => { send({ do: "stop_aside" }); finish(); } }, "Stop");
const waiting = el("span.waiting", { hidden: true }, "Training them side by side …");

byId("compare").append(
  el("label", { for: "vary-what" }, "Vary "), what, el("label", { for: "vary-values" }, " over (2 to 6) "), values,
  el("label", { for: "vary-steps" }, " updates "), steps, " ", el("button", { type: "submit" }, "Compare"), " ", stop, waiting);
byId("compare").addEventListener("submit", (event) => {
  event.preventDefault();
  stop.hidden = waiting.hidden = false;
  send({ do: "compare", vary: `${what.value}=${values.value}`, steps: steps.value ? Number(steps.value) : null });
});

function finish() { stop.hidden = waiting.hidden = true; }

on("ready", () => { values.value = SUGGESTED[what.value](page.ready); finish(); byId("compared").replaceChildren(); });
on("wrong", finish);
on("compared", ({ spec, said, table: rows, command }) => {
  finish();
  const place = el("div.canvas.wide", { role: "img", tabIndex: 0, ariaLabel: spec?.description ?? said.join(" ") });
  const numbers = el("div.scroll");
  byId("compared").replaceChildren(place, ...said.map((words) => el("p", {}, words)), numbers, el("p", {}, el("code", {}, command)));
  table(numbers, rows, "Side by side");
  if (spec) embedStill(place, spec);
  announce(said[0] ?? "Compared.");
});
