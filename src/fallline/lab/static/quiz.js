// Predict, then see: say where the next step lands before it is shown, and keep score.

import { byId, el, say } from "./dom.js";
import { on, send } from "./connection.js";
import { page, show } from "./state.js";
import { announce } from "./told.js";

const box = byId("guess");
const field = el("input", { type: "number", step: "any", required: true, id: "guess-value" });
const question = el("label", { for: "guess-value" });
const answer = el("p.answer");
const score = el("p.score");
let guessedAt = -1;

box.append(el("form", { onsubmit: (event) => { event.preventDefault(); if (field.value !== "") guess(Number(field.value)); } },
  question, " ", field, " ", el("button", { type: "submit" }, "Guess")), answer, score);

byId("quiz").addEventListener("change", () => show({ quiz: byId("quiz").checked }) ?? toggled());

function toggled() {
  byId("quiz").checked = page.shown.quiz;
  box.hidden = !page.shown.quiz;
  if (page.shown.quiz) { say(answer, ""); guessedAt = -1; }
}

export const guessing = () => page.shown.quiz && guessedAt !== page.now?.step;

export function guess(value) {
  field.value = Number(value.toPrecision(5));
  send({ do: "guess", value });
}

/** Whether a step may be made: not before it was guessed. */
export function mayStep() {
  if (!guessing()) return true;
  announce("Guess first where the step lands.", true);
  field.focus();
  return false;
}

on("guessed", (said) => {
  guessedAt = page.now.step;
  answer.dataset.mood = said.right ? "good" : "bad";
  say(answer, said.text);
  say(score, `Score: ${said.score[0]} of ${said.score[1]}`);
  announce(`${said.text} Score ${said.score[0]} of ${said.score[1]}.`);
  byId("step").focus();
});
on("now", (now) => {
  say(question, `Where does the next step put ${now.weight}? Click on the curve, or type a value:`);
  if (guessedAt !== now.step && !guessing()) say(answer, "");
});
on("ready", toggled);
