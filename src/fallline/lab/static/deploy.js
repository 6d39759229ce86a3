// Step 4, deployment: a row in, a prediction out and how it came about; and the model to take along.

import { byId, el, keep, say } from "./dom.js";
import { on, send } from "./connection.js";
import { announce } from "./told.js";

const form = byId("predict");
let due = 0;

function ask() {
  const row = {};
  for (const field of form.querySelectorAll("[name]")) row[field.name] = field.value === "" ? null : field.value;
  send({ do: "predict", row });
}

form.addEventListener("submit", (event) => { event.preventDefault(); ask(); });
form.addEventListener("input", () => { clearTimeout(due); due = setTimeout(ask, 300); });

on("ready", (ready) => {
  const used = ready.columns.filter((column) => column.used);
  form.replaceChildren(
    ...used.map((column, i) => el("p.field", {}, el("label", { for: `of-${i}` }, column.name),
      el("input", { id: `of-${i}`, name: column.name, type: column.kind === "number" ? "number" : "text", step: "any", value: column.typical ?? "" }))),
    el("p", {}, el("button", { type: "submit" }, "Predict"), " ", el("small", {}, `with the weights at this step; an empty field is a missing value`)));
  byId("predicted").replaceChildren();
  byId("kept").replaceChildren();
});
on("now", ({ command }) => say(byId("command"), command));
on("predicted", ({ said, lines }) => {
  const place = byId("predicted");
  if (!place.firstElementChild) place.append(el("p.result"), el("div.lines"));
  say(place.children[0], said);
  keep(place.children[1], lines, () => el("p.line", {}, el("span.formula"), el("span.numbers")), (made, line) => {
    made.classList.toggle("head", !line.numbers);
    say(made.children[0], line.formula);
    say(made.children[1], line.numbers);
  });
});
on("wrong", ({ what }) => { if (what === "keep") byId("kept").querySelector(".waiting")?.remove(); });
on("given_up", ({ what }) => { if (what === "keep") byId("kept").querySelector(".waiting")?.replaceChildren("Given up."); });

byId("keep").addEventListener("click", () => {
  byId("kept").replaceChildren(el("p.waiting", {}, "Writing the run, its model and its report …"));
  send({ do: "keep" });
});
on("kept", ({ run, files }) => {
  byId("kept").replaceChildren(el("p", {}, `Kept as ${run}.`), el("ul", {}, files.map((file) =>
    el("li", {}, el("a", { href: `/files/${encodeURIComponent(run)}/${encodeURIComponent(file.name)}`, download: file.name }, file.title), ` (${sizeOf(file.bytes)})`))));
  announce("The run, its model and its report are ready to be downloaded.");
});
const sizeOf = (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
