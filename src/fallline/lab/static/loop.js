// The loop in four stages: predict, loss, gradient, update. The numbers are those of the update that comes next.

import { calm, el, keep, say, table, byId } from "./dom.js";
import { on } from "./connection.js";
import { page, show } from "./state.js";

const TITLES = { predict: "Predict", loss: "Loss", gradient: "Gradient", update: "Update" };
let revealed = 4; // stages whose numbers are shown, while going stage by stage
let followed = ""; // the row whose way through the stages is marked

export const allRevealed = () => revealed >= 4;

export function reveal(count) {
  revealed = count;
  if (page.shown.ahead !== count >= 4) show({ ahead: count >= 4 });
  light();
}

/** Show one stage more; false when the update itself is next. */
export function revealNext() {
  if (revealed >= 4) return false;
  reveal(revealed + 1);
  return true;
}

/** What was once higher stays so: nothing below moves when a sum has an addend less; until the scene or the width changes. */
const heights = new ResizeObserver((grown) => grown.forEach(({ target, contentRect }) => { target.style.minHeight = `${contentRect.height}px`; }));
export const lower = () => document.querySelectorAll(".stage > :is(.said, .lines)").forEach((part) => { part.style.minHeight = ""; });
addEventListener("resize", lower);

function skeleton(stage) {
  const [said, lines] = [el("p.said"), el("div.lines")];
  [said, lines].forEach((part) => heights.observe(part));
  return el("li.stage", { "data-stage": stage.name },
    el("h3", {}, TITLES[stage.name]),
    said,
    lines,
    el("div.folds",
      {}, el("details.rows", {}, el("summary", {}, "Row by row"), el("div.lines.worked"), el("div.scroll")),
      el("div.more")));
}

/** A line of formula and numbers; a click on the numbers opens what they are made of, as the fold below does. */
function line() {
  const open = (event) => { const rows = event.currentTarget.closest(".stage")?.querySelector(".rows"); if (rows) rows.open = true; };
  return el("p.line", {}, el("span.formula"), el("span.numbers", { onclick: open }));
}

/** Spell a row out, and mark it, from its prediction through its loss to what it adds to the gradient. */
function follow(row) {
  followed = row === followed ? "" : row;
  show({ row: followed ? Number(followed.replaceAll(",", "")) : null });
  for (const stage of byId("loop").children) {
    if (stage.dataset.stage === "update") continue;
    if (followed) stage.querySelector(".rows").open = true;
    for (const tr of stage.querySelectorAll(".rows tbody tr")) tr.classList.toggle("followed", tr.firstChild.textContent === followed);
  }
}

let tableSeen = null; // whose rows are followed
on("ready", ({ scene }) => {
  lower();
  if (tableSeen !== null && tableSeen !== scene.table && followed) follow(followed);
  tableSeen = scene.table;
});

function changeLine(made, { formula, numbers }) {
  say(made.children[0], formula);
  say(made.children[1], numbers);
}

function change(made, stage) {
  made.dataset.stage = stage.name;
  say(made.querySelector(".said"), stage.said);
  keep(made.querySelector(".lines"), stage.lines.slice(-1), line, changeLine); // the result; how it comes about is folded
  const rows = made.querySelector(".rows");
  rows.hidden = !stage.table && stage.lines.length < 2;
  keep(rows.querySelector(".worked"), stage.lines.slice(0, -1), line, changeLine);
  if (stage.table) {
    const about = stage.table.about ?? [];
    say(rows.querySelector("summary"), stage.name === "update" ? "Weight by weight" : "Row by row");
    table(rows.querySelector(".scroll"), stage.table, `${TITLES[stage.name]}: ${stage.name === "update" ? "each weight" : "each row"}`,
      (td, words, i, j) => {
        if (j === 0) td.parentElement.classList.toggle("followed", words === followed);
        const [first] = stage.table.rows[i];
        const [title, ask] = about[i] ? ["Where does this number come from?", () => askChain(first)] : ["Follow this row through the stages", () => follow(first)];
        const asks = Boolean(about[i]) || /^[\d,]+$/.test(first);
        td.onclick = asks ? ask : null; // any number of the line; by keyboard its name
        td.title = asks ? title : "";
        if (j > 0 || !asks) { say(td, words); return; }
        if (td.firstElementChild?.tagName !== "BUTTON") td.replaceChildren(el("button.plain", { type: "button" }));
        say(td.firstElementChild, words);
      });
  }
  keep(made.querySelector(".more"), stage.more, () => el("details", {}, el("summary"), el("div.lines")), (fold, more) => {
    say(fold.querySelector("summary"), more.title);
    keep(fold.querySelector(".lines"), more.lines, line, changeLine);
  });
}

export function drawLoop(stages) {
  keep(byId("loop"), stages, skeleton, change);
  light();
}

function light() {
  [...byId("loop").children].forEach((stage, i) => {
    const hidden = i >= revealed;
    stage.classList.toggle("later", hidden);
    stage.classList.toggle("lit", revealed < 4 && i === revealed - 1);
    stage.querySelectorAll(".lines, .folds, .said").forEach((part) => { part.inert = hidden; part.ariaHidden = hidden ? "true" : null; });
  });
}

/** A glimpse of the four stages one after the other, when a person makes a single step. */
export function flash() {
  if (calm.matches || revealed < 4) return;
  for (const [i, stage] of [...byId("loop").children].entries()) {
    stage.animate([{ boxShadow: "inset 4px 0 0 var(--accent)" }, { boxShadow: "inset 4px 0 0 transparent" }],
      { duration: 450, delay: 90 * i, easing: "ease-out" });
  }
}

/** Take the derivative of a weight apart, from wherever it was asked. */
export function askChain(name) {
  if (page.ready?.names.includes(name)) show({ weight: name });
}
