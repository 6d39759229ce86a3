// The whole page by keyboard, and the sheet that says so.

import { byId, el } from "./dom.js";
import { back, step, toggleRun } from "./transport.js";
import { send } from "./connection.js";
import { isHidden } from "./hide.js";
import { page } from "./state.js";

const KEYS = [
  ["Space", "one step (stage by stage when that is on)", "step"], ["←", "one step back", "back"], ["→", "one step", "step"], ["R", "run, pause", "run"],
  ["Home, End", "to the start, to the last step", "scrub"], ["E", "to the end of the epoch", "many"], ["?", "this sheet"], ["Tab", "from control to control"],
  ["← → on the loss against one weight, ← → ↑ ↓ on the surface", "move the ball", "hands"], ["Esc", "close a sheet"],
];
const ACTS = { // what a key does, and the control that does the same: hidden, neither does
  " ": ["step", step], ArrowLeft: ["back", back], ArrowRight: ["step", step], r: ["run", toggleRun], e: ["many", () => send({ do: "forward", epochs: 1 })],
  Home: ["scrub", () => send({ do: "go", step: 0 })], End: ["scrub", () => send({ do: "go", step: page.now.last })],
};
const dialog = byId("help");
let on = localStorage.getItem("keys") !== "off";

function help() {
  dialog.replaceChildren(
    el("h2", { id: "help-title" }, "Keys"),
    el("dl.keys", {}, KEYS.filter(([, , control]) => !isHidden(control)).map(([key, words]) => el("div", {}, el("dt", {}, el("kbd", {}, key)), el("dd", {}, words)))),
    el("p", {}, el("label.check", {}, el("input", { type: "checkbox", checked: on, onchange: (event) => { on = event.target.checked; localStorage.setItem("keys", on ? "on" : "off"); } }), " single keys are on")),
    el("p", {}, el("button", { type: "button", onclick: () => dialog.close() }, "Close")));
  dialog.showModal();
}
byId("help-open").addEventListener("click", help);

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || document.querySelector("dialog[open]")) return;
  const at = event.target;
  const types = at.matches?.("input:not([type=checkbox]):not([type=range]), textarea, select");
  if (types || at.dataset?.keys === "own" && event.key.startsWith("Arrow")) return;
  if (event.key === "?" && !isHidden("keys")) { event.preventDefault(); help(); return; }
  if (!on || byId("model").hidden) return;
  const presses = at.matches?.("button, summary, a, [role=tab], input[type=checkbox]");
  if (event.key === " " && presses && at.id !== "step") return; // it presses what has the focus
  if (at.matches?.("input[type=range], [role=tab]") && event.key !== " " && event.key.length > 1) return;
  const [control, act] = ACTS[event.key.length === 1 ? event.key.toLowerCase() : event.key] ?? [];
  if (!act || isHidden(control)) return;
  event.preventDefault();
  act();
});
byId("step").addEventListener("keyup", (event) => { if (event.key === " ") event.preventDefault(); }); // pressed once, not twice
