// Step, back, run, pause, scrub: all that moves the ball from update to update.

import { byId, say } from "./dom.js";
import { on, send } from "./connection.js";
import { allRevealed, flash, reveal, revealNext } from "./loop.js";
import { keepKey, keptKey } from "./address.js";
import { page } from "./state.js";
import { announce } from "./told.js";
import { mayStep } from "./quiz.js";

const at = byId("at");
const to = byId("to");
let dragging = false;

export function step() {
  if (!mayStep()) return;
  if (byId("sub").checked && !allRevealed()) { revealNext(); return; }
  if (byId("sub").checked) reveal(1);
  flash();
  send({ do: "forward", count: 1 });
}

export const back = () => send({ do: "back", count: 1 });

export function toggleRun() {
  if (page.now?.running) send({ do: "pause" });
  else send({ do: "run", speed: Number(byId("speed").value) });
}

byId("step").addEventListener("click", step);
byId("back").addEventListener("click", back);
byId("epoch").addEventListener("click", () => send({ do: "forward", epochs: 1 }));
document.querySelectorAll("[data-forward]").forEach((button) => {
  button.addEventListener("click", () => send({ do: "forward", count: Number(button.dataset.forward) }));
});
byId("run").addEventListener("click", toggleRun);
byId("speed").addEventListener("change", () => {
  if (page.now?.running) send({ do: "run", speed: Number(byId("speed").value) });
});
byId("sub").addEventListener("change", () => {
  reveal(byId("sub").checked ? 1 : 4);
  keepKey("sub", byId("sub").checked);
});
at.addEventListener("input", () => { dragging = true; send({ do: "go", step: Number(at.value) }); });
at.addEventListener("change", () => { dragging = false; });
to.addEventListener("change", () => { if (to.value !== "" && to.checkValidity()) send({ do: "go", step: Number(to.value) }); });

export function startStages() {
  byId("sub").checked = keptKey("sub") === "1";
  reveal(byId("sub").checked ? 1 : 4);
}

let ran = false;
on("now", (now) => {
  at.max = Math.max(now.last, now.step);
  if (!dragging) at.value = now.step;
  at.ariaValueText = `step ${now.step} of ${now.last}`;
  if (document.activeElement !== to || now.running) to.value = now.step;
  say(byId("where"), `of ${now.last}`);
  byId("back").disabled = now.step === 0;
  const running = Boolean(now.running);
  byId("run").ariaPressed = String(running);
  say(byId("run"), running ? "Pause" : "Run");
  if (ran && !running) announce(summaryOf(now));
  ran = running;
});

function summaryOf(now) {
  const loss = now.facts.loss?.said ?? "";
  return `Paused at step ${now.step}: ${loss}. ${now.told.map((each) => each.text).join(" ")}`;
}
