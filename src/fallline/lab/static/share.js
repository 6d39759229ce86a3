// Share: a link that holds the whole set-up; a teacher may hide any control by it.

import { byId, el } from "./dom.js";
import { keepKey, keptKey, link } from "./address.js";
import { NAMES, hide } from "./hide.js";
import { page } from "./state.js";
import { announce } from "./told.js";

/** What the link is worth to another person: a table that only this lab has must go along. */
function promise() {
  const { scene, title } = page.ready ?? { scene: { table: "" } };
  if (scene.table.startsWith("run:")) {
    return `The link holds all settings, the seed and the step, and the name of the run, ${scene.table.slice(4)}. Another person sees the same numbers in a lab that was started with that run: send the run folder and its table along, to be opened with fallline lab and the folder's place. The link holds no secret, and no file of yours.`;
  }
  if (scene.table.startsWith("upload-")) {
    return `The link works in this lab only, until it ends: ${title} was dropped on this page, and the link does not hold it. Send the file along; the other person drops it on a page of their own, and then makes the same settings, which stand behind the # of the link. With the command under Deployment, the place of the file put into it, the same numbers come out, too.`;
  }
  return "The link holds the table's name, all settings, the seed and the step: whoever opens it in a lab of their own sees the same numbers. It holds no secret, and no file of yours.";
}

const dialog = byId("share");
const text = el("input.link", { type: "text", readOnly: true, ariaLabel: "The link", onfocus: (event) => event.target.select() });
const pasted = el("input.link", { type: "text", id: "pasted" });

byId("share-open").addEventListener("click", () => {
  const hidden = new Set((keptKey("hide") ?? "").split(",").filter(Boolean));
  const ticks = Object.entries(NAMES).map(([name, words]) => el("label.check", {}, el("input", { type: "checkbox", checked: hidden.has(name), onchange: (event) => {
    if (event.target.checked) hidden.add(name); else hidden.delete(name);
    keepKey("hide", [...hidden].join(","));
    setTimeout(() => { text.value = link(); }, 0);
    hide();
  } }), ` ${words}`));
  text.value = link();
  dialog.replaceChildren(
    el("h2", { id: "share-title" }, "Share this set-up"),
    el("p", {}, promise()),
    text,
    el("p", {}, el("button", { type: "button", onclick: async () => { await copy(); announce("The link is copied."); } }, "Copy link")),
    el("details", {}, el("summary", {}, "For a class: hide controls"), el("div.ticks", {}, ticks)),
    el("form", { onsubmit: (event) => { event.preventDefault(); if (pasted.value.includes("#")) { location.hash = pasted.value.replace(/^.*#/, ""); dialog.close(); } } },
      el("p", {}, el("label", { for: "pasted" }, "Open somebody's link: "), pasted, " ", el("button", { type: "submit" }, "Open"))),
    el("p", {}, el("button", { type: "button", onclick: () => dialog.close() }, "Close")));
  dialog.showModal();
});

async function copy() {
  try { await navigator.clipboard.writeText(text.value); } catch { text.select(); document.execCommand("copy"); }
}
