// The figures of the moment: each in a slot of its own that stays where it is, and opens to how the figure comes about.

import { byId, el, say } from "./dom.js";
import { on } from "./connection.js";

const place = byId("facts");

function slot(name) {
  return place.querySelector(`[data-fact="${name}"]`) ?? place.appendChild(el("div", { "data-fact": name },
    el("dt.unseen", {}, name.replaceAll("_", " ")), el("dd", {}, el("details", {}, el("summary"), el("p.how")))));
}

on("ready", () => place.replaceChildren());
on("now", ({ facts }) => {
  for (const made of place.children) made.classList.toggle("absent", !(made.dataset.fact in facts));
  for (const [name, { said, how }] of Object.entries(facts)) {
    const made = slot(name);
    say(made.querySelector("summary"), said);
    say(made.querySelector(".how"), how);
  }
});
