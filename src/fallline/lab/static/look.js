// How the page looks: by day or night, large for a room; and the loss as a sound.

import { byId, dark } from "./dom.js";
import { on } from "./connection.js";
import { keepKey, keptKey } from "./address.js";
import { isNight, redrawAll } from "./charts.js";
import { lower } from "./loop.js";

const root = document.documentElement;

function night(choice) {
  if (choice) root.dataset.night = choice;
  byId("night").ariaPressed = String(isNight());
  redrawAll();
}
if (localStorage.getItem("night")) root.dataset.night = localStorage.getItem("night");
byId("night").ariaPressed = String(isNight());
byId("night").addEventListener("click", () => {
  const choice = isNight() ? "no" : "yes";
  localStorage.setItem("night", choice);
  night(choice);
});
dark.addEventListener("change", () => night());

export function presentByAddress() {
  const large = keptKey("present") === "1";
  root.classList.toggle("present", large);
  byId("present").ariaPressed = String(large);
  lower();
}
byId("present").addEventListener("click", () => {
  keepKey("present", keptKey("present") !== "1");
  presentByAddress();
  redrawAll();
});

// ---- sound: higher is a higher loss, relative to the start; off unless asked

const PITCH = 330; // Hz at the loss of the first step
let sound = null;
let start = 0;

byId("sound").addEventListener("click", () => {
  const off = byId("sound").ariaPressed === "true";
  byId("sound").ariaPressed = String(!off);
  if (off) { sound.context.close(); sound = null; return; }
  const context = new AudioContext();
  const gain = context.createGain();
  const tone = context.createOscillator();
  gain.gain.value = 0;
  tone.connect(gain).connect(context.destination);
  tone.start();
  sound = { context, gain, tone };
});
on("ready", () => { start = 0; });
on("now", ({ facts }) => {
  const loss = facts.loss?.value;
  start ||= loss;
  if (!sound || !(loss > 0) || !(start > 0)) return;
  const { context, gain, tone } = sound;
  const octaves = Math.max(-2, Math.min(2, Math.log10(loss / start)));
  tone.frequency.setTargetAtTime(PITCH * 2 ** octaves, context.currentTime, 0.01);
  gain.gain.cancelScheduledValues(context.currentTime);
  gain.gain.setTargetAtTime(0.08, context.currentTime, 0.01);
  gain.gain.setTargetAtTime(0, context.currentTime + 0.12, 0.03);
});
