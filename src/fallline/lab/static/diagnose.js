// What is wrong with the walk so far, with evidence; and the fixes, tried.

import { byId, commandLines, el, table } from "./dom.js";
import { on, send } from "./connection.js";
import { announce } from "./told.js";

const place = byId("diagnosed");
for (const [id, tried] of [["diagnose", false], ["diagnose-try", true]]) {
  byId(id).addEventListener("click", () => { place.replaceChildren(el("p.waiting", {}, "Looking …")); send({ do: "diagnose", tried }); });
}
on("ready", () => place.replaceChildren());
on("wrong", ({ what }) => { if (what === "diagnose") place.querySelector(".waiting")?.remove(); });
on("given_up", ({ what }) => { if (what === "diagnose") place.querySelector(".waiting")?.replaceChildren("Given up."); });
on("diagnosed", (found) => {
  place.replaceChildren(el("p", {}, el("b", {}, found.said)),
    ...found.symptoms.map((each) => el("div.symptom", {}, el("h3", {}, each.id), el("p", {}, each.text ?? ""),
      el("p.small", {}, `Rule: ${each.rule}. Source: ${each.source}.`))),
    ...(found.tried ?? []).map((each) => el("p", {}, each.text ?? each.remedy)),
    el("details", {}, el("summary", {}, `Not checked: ${found.not_checked.length}`), el("div.scroll")), commandLines(found.commands));
  table(place.querySelector(".scroll"), { columns: ["symptom", "why it was not checked"], rows: found.not_checked.map(({ id, why }) => [id, why]) }, "Not checked");
  announce(found.said);
});
