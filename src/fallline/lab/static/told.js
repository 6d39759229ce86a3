// What is said: the sentences under the loop, single announcements, and what is wrong.

import { byId, el, keep, say } from "./dom.js";
import { on, send } from "./connection.js";

const SIGNS = { good: ["✓", "going well: "], open: ["•", ""], bad: ["!", "trouble: "] };
let last = 0;
let waiting = 0;

/** For a screen reader, once every two seconds at most: the newest words win. */
export function announce(text, urgent = false) {
  if (urgent) { say(byId("urgent"), ""); say(byId("urgent"), text); return; }
  clearTimeout(waiting);
  const wait = Math.max(0, last + 2000 - performance.now());
  waiting = setTimeout(() => { last = performance.now(); say(byId("polite"), text); }, wait);
}

let about = null; // what was asked that went wrong

export function notice(text, ...buttons) {
  about = null;
  const place = byId("notice");
  place.hidden = !text;
  place.replaceChildren(...(text ? [el("p", {}, text), ...buttons, el("button.plain", { type: "button", onclick: () => notice("") }, "Close")] : []));
}

on("now", (now) => {
  keep(byId("told"), now.told, () => el("p", {}, el("span.sign", { ariaHidden: "true" }), el("span.unseen"), el("span")), (made, { text, mood }) => {
    made.dataset.mood = mood;
    say(made.children[0], SIGNS[mood][0]);
    say(made.children[1], SIGNS[mood][1]);
    say(made.children[2], text);
  });
  if (now.ended && now.ended.state !== "diverged") announce(now.ended.text);
  if (now.running && !byId("broke").hidden && now.ended?.state !== "diverged") byId("broke").hidden = true;
});

on("said", ({ text, urgent }) => { announce(text, urgent); flashNote(text); });
on("wrong", ({ text, what }) => { announce(text, true); notice(text); about = what; });
const ANSWERS = { compared: "compare", explained: "explain", diagnosed: "diagnose", kept: "keep", predicted: "predict", guessed: "guess", changed: "change" };
for (const [say, what] of Object.entries(ANSWERS)) on(say, () => { if (about === what) notice(""); }); // it works now
on("ready", () => notice(""));

let noteTimer = 0;
function flashNote(text) { // the words also stand for eyes, for a while
  clearTimeout(noteTimer);
  let note = byId("note");
  if (!note) { note = el("p.note", { id: "note", ariaHidden: "true" }); document.body.append(note); }
  say(note, text);
  note.hidden = false;
  noteTimer = setTimeout(() => { note.hidden = true; }, 6000);
}

on("broke", ({ text }) => {
  announce(text, true);
  byId("broke").hidden = false;
  byId("broke").replaceChildren(el("h3", {}, "It broke"), el("p", {}, text), el("p.retry", {}, "Looking for what works …"));
});
on("retry", ({ text, settings }) => {
  const place = byId("broke").querySelector(".retry");
  if (!place) return;
  place.replaceChildren(text, " ");
  if (settings) {
    place.append(el("button", { type: "button", onclick: () => { byId("broke").hidden = true; send({ do: "change", settings }); } },
      `Try again with ${Object.entries(settings).map(([name, value]) => `${name} ${value}`).join(", ")}`));
  }
});
on("given_up", ({ what }) => { if (what === "retry") byId("broke").querySelector(".retry")?.replaceChildren("No longer looked for."); });
on("ready", () => { byId("broke").hidden = true; });

let seen = null; // the moment before: when it stood still, and another step is shown, that is said
let still = 0;
on("now", (now) => {
  clearTimeout(still);
  if (now.running || now.ended) { seen = now; return; }
  if (seen && !seen.running && seen.step !== now.step && now.spoken) still = setTimeout(() => announce(now.spoken), 700);
  seen = now;
});
on("ready", () => { clearTimeout(still); seen = null; });
