// The tree of explanations: the questions hang on the four steps of a project, each opens with its evidence on this run.

import { commandLines, el } from "./dom.js";
import { on, send } from "./connection.js";
import { embedStill } from "./charts.js";
import { announce } from "./told.js";
import { page } from "./state.js";

const open = new Map(); // name -> its fold

on("explained", ({ tree, one }) => {
  if (tree) plant(tree);
  if (one) unfold(one);
});

function plant(leaves) {
  open.clear();
  for (const place of document.querySelectorAll("[data-tree]")) {
    const mine = leaves.filter((leaf) => leaf.step === place.dataset.tree);
    const branches = [...new Set(mine.map((leaf) => leaf.branch))];
    place.replaceChildren(el("h2", {}, "Questions, answered by measuring this run"), ...branches.map((branch) =>
      el("div.branch", {}, branch && branches.length > 1 ? el("h3", {}, branch) : null,
        mine.filter((leaf) => leaf.branch === branch).map((leaf) => fold(leaf)))));
  }
}

function fold({ name, question }) {
  const made = el("details.explanation", { id: `explain-${name}`, ontoggle: () => ask(name) },
    el("summary", {}, question), el("div.answer", {}, el("p.waiting", {}, "Not asked yet.")));
  open.set(name, made);
  return made;
}

function ask(name) {
  const fold = open.get(name);
  const answer = fold.querySelector(".answer");
  if (!fold.open || fold.dataset.step === String(page.now?.step)) return;
  const there = Boolean(page.now?.step);
  answer.replaceChildren(el("p.waiting", {}, there ? "Measuring …" : "Make a step first: there is nothing to measure yet."));
  fold.dataset.asked = there ? "1" : "";
  if (there) send({ do: "explain", name });
}

function unfold(one) {
  const fold = open.get(one.name);
  if (!fold) return;
  Object.assign(fold.dataset, { step: one.at, asked: "" });
  const parts = one.paragraphs.map((each) => el(each.otherwise ? "p.otherwise" : each.word ? "p.word" : "p", {}, each.text));
  if (one.missing) parts.push(el("p.missing", {}, String(one.missing)));
  const words = parts.length;
  const figures = one.figures.map((spec) => [spec, el("figure", {}, el("figcaption", {}, titleOf(spec)), el("div.canvas.wide", { role: "img", tabIndex: 0, ariaLabel: spec.description ?? "" }))]);
  if (one.commands.length) parts.push(el("p.small", {}, `Measured at step ${one.at}; at the command line:`), commandLines(one.commands));
  else parts.push(el("p.small", {}, `As of step ${one.at}.`));
  fold.querySelector(".answer").replaceChildren(...parts.slice(0, words), ...figures.map(([, figure]) => figure), ...parts.slice(words), again(one.name));
  for (const [spec, figure] of figures) embedStill(figure.querySelector(".canvas"), spec);
  announce(one.paragraphs[0]?.text ?? one.question);
}

const titleOf = (spec) => { const t = spec.title?.text ?? spec.title ?? ""; return Array.isArray(t) ? t.join(" ") : t; };

/** A button that asks anew, at the step that is shown then. */
const again = (name) => el("p", {}, el("button.plain", { type: "button", onclick: () => { open.get(name).dataset.step = ""; ask(name); } }, "Ask again at this step"));

/** What is said in place of an answer that does not come. */
function instead({ what, name, text }) {
  const fold = what === "explain" ? open.get(name) : null;
  if (!fold?.dataset.asked) return;
  fold.dataset.asked = "";
  fold.querySelector(".answer").replaceChildren(el("p.waiting", {}, text ?? "Given up."), again(name));
}
on("wrong", instead);
on("given_up", instead);
on("ready", () => {
  for (const fold of open.values()) { fold.open = false; Object.assign(fold.dataset, { step: "", asked: "" }); }
  if (!open.size) send({ do: "explain", name: null });
});
