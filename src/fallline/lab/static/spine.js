// The spine of the page: the four steps of a project, one of them open.

import { byId, counted, say } from "./dom.js";
import { on } from "./connection.js";
import { keepKey, keptKey } from "./address.js";

const STEPS = ["problem", "data", "model", "deployment"];

export function select(step, focus = false) {
  for (const name of STEPS) {
    const mine = name === step;
    const tab = byId(`tab-${name}`);
    tab.ariaSelected = String(mine);
    tab.tabIndex = mine ? 0 : -1;
    byId(name).hidden = !mine;
    if (mine && focus) tab.focus();
  }
  keepKey("tab", step === "model" ? null : step);
  dispatchEvent(new Event("resize")); // pictures that were hidden take their width
}

STEPS.forEach((name, i) => {
  byId(`tab-${name}`).addEventListener("click", () => select(name));
  byId(`tab-${name}`).addEventListener("keydown", (event) => {
    const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: 3 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    select(STEPS[(to + 4) % 4], true);
  });
});

export const openByAddress = () => select(STEPS.includes(keptKey("tab")) ? keptKey("tab") : "model");

on("ready", (ready) => {
  say(byId("title"), ready.recorded ? `Replay of ${ready.title}` : ready.title);
  document.title = `${ready.title}: Fallline lab`;
  const from = ready.columns.filter((column) => column.used).map((column) => column.name);
  const inputs = from.length > 3 ? `${from.length} columns` : from.join(", ");
  say(byId("spine-problem"), `${ready.target} from ${inputs}`);
  say(byId("spine-data"), `${counted(ready.rows.train)} rows to learn from`);
  say(byId("spine-model"), `${ready.names.length} ${ready.names.length === 1 ? "weight" : "weights"}`);
  say(byId("spine-deployment"), "predict, keep");
  const kind = ready.task === "classes" ? `one of ${ready.classes.length} classes (${ready.classes.slice(0, 6).join(", ")})` : "a number";
  say(byId("problem-said"), `To be predicted: ${ready.target}, ${kind}, from ${from.length} ${from.length === 1 ? "column" : "columns"}: ${from.slice(0, 12).join(", ")}. The final measure is ${ready.metric}.`);
});
