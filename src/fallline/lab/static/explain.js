// The tree of explanations: the questions hang on the four steps of a project, each opens with its evidence on this run.

import { el, table } from "./dom.js";
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
  answer.replaceChildren(el("p.waiting", {}, page.now?.step ? "Measuring …" : "Make a step first: there is nothing to measure yet."));
  if (page.now?.step) send({ do: "explain", name });
}

function unfold(one) {
  const fold = open.get(one.name);
  if (!fold) return;
  fold.dataset.step = page.now.step;
  const parts = one.paragraphs.map((each) => el(each.otherwise ? "p.otherwise" : each.word ? "p.word" : "p", {}, each.text));
  if (one.missing) parts.push(el("p.missing", {}, String(one.missing)));
  const figures = one.figures.map((spec) => [spec, el("figure", {}, el("figcaption", {}, titleOf(spec)), el("div.canvas.wide", { role: "img", tabIndex: 0, ariaLabel: spec.description ?? "" }))]);
  const tables = el("div.scroll");
  fold.querySelector(".answer").replaceChildren(...parts, ...figures.map(([, figure]) => figure), tables,
    el("p.small", {}, "Measured again by ", el("code", {}, one.command)),
    el("p", {}, el("button.plain", { type: "button", onclick: () => { fold.dataset.step = ""; ask(one.name); } }, "Ask again at this step")));
  one.tables.forEach((each, i) => { const place = el("div"); tables.append(place); table(place, each, each.title ?? `Table ${i + 1}`); });
  for (const [spec, figure] of figures) embedStill(figure.querySelector(".canvas"), spec);
  announce(one.paragraphs[0]?.text ?? one.question);
}

const titleOf = (spec) => { const t = spec.title?.text ?? spec.title ?? ""; return Array.isArray(t) ? t.join(" ") : t; };

on("wrong", ({ text }) => {
  for (const fold of open.values()) {
    const words = fold.querySelector(".waiting");
    if (fold.open && words?.textContent === "Measuring …") words.textContent = text;
  }
});
on("ready", () => {
  for (const fold of open.values()) { fold.open = false; fold.dataset.step = ""; }
  if (!open.size) send({ do: "explain", name: null });
});
