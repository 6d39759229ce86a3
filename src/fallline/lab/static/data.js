// Step 2, data: the table, a person's own file, and what its columns are taken for.

import { byId, counted, el, keep, say } from "./dom.js";
import { on, send } from "./connection.js";
import { isHidden } from "./hide.js";
import { page } from "./state.js";
import { announce, notice } from "./told.js";
import { select } from "./spine.js";

const KINDS = ["number", "category", "date", "ignore"];
const own = new Map(); // dropped tables: name -> title

byId("table").addEventListener("change", (event) => send({ do: "table", table: event.target.value }));
byId("target").addEventListener("change", (event) => send({ do: "table", table: page.ready.scene.table, target: event.target.value }));

on("ready", draw);
on("wrong", () => { if (page.ready) draw(page.ready); }); // what was refused is not what holds

function draw(ready) {
  const tables = [...ready.tables.map(({ name, title, rows }) => [name, `${title}, ${counted(rows)} rows`]), ...own];
  if (!tables.some(([name]) => name === ready.scene.table)) tables.push([ready.scene.table, ready.title]);
  byId("table").replaceChildren(...tables.map(([value, words]) => el("option", { value, selected: value === ready.scene.table }, words)));
  const names = [ready.target, ...ready.columns.map((column) => column.name)];
  byId("target").replaceChildren(...names.map((name) => el("option", { value: name, selected: name === ready.target }, name)));
  const [train, validation, test] = ["train", "validation", "test"].map((part) => counted(ready.rows[part]));
  say(byId("rows"), `${train} rows to train on, ${validation} to validate on while it learns, ${test} kept for the end.`);
  const target = { ...ready.target_kind, name: ready.target, target: true };
  keep(byId("kinds").tBodies[0], [target, ...ready.columns], () => el("tr", {}, el("th", { scope: "row" }), el("td", {}, el("select")), el("td")), kindOf);
}

/** A line of what a column is taken for, with the kinds that it may be changed to. */
function kindOf(line, column) {
  say(line.children[0], column.target ? `${column.name}, to be predicted` : column.name);
  const choice = line.querySelector("select");
  const kinds = column.target ? KINDS.slice(0, 2) : KINDS;
  choice.ariaLabel = `Kind of ${column.name}`;
  choice.replaceChildren(...kinds.map((kind) => el("option", { value: kind, selected: kind === column.kind }, kind)));
  choice.onchange = () => send({ do: "table", table: page.ready.scene.table, target: page.ready.target, types: { [column.name]: choice.value } });
  say(line.children[2], column.missing ? `${column.why}; ${column.missing} missing` : column.why);
}

/** Hand a file to the lab on this machine, and open it. */
async function take(file) {
  const { endings, most } = document.body.dataset;
  if (!endings.split(" ").some((ending) => file.name.toLowerCase().endsWith(ending))) return notice(`'${file.name}' is no table that can be read. Known: ${endings.split(" ").join(", ")}.`);
  if (file.size > Number(most)) return notice(`'${file.name}' is larger than the lab takes. Train on it with the command line: fallline train.`);
  const bar = byId("uploading");
  bar.hidden = false;
  try {
    const answer = await upload(file, (part) => { bar.value = part; });
    own.set(answer.table, file.name);
    announce(`${file.name} is here.`);
    select("data");
    send({ do: "table", table: answer.table });
  } catch (error) {
    notice(error.message);
  } finally {
    bar.hidden = true;
    byId("file").value = "";
  }
  return null;
}

function upload(file, progress) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest(); // fetch has no progress of what goes out
    request.open("POST", `/tables?name=${encodeURIComponent(file.name)}`);
    request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) progress(event.loaded / event.total); });
    request.addEventListener("load", () => (request.status === 200 || request.status === 201 ? done(JSON.parse(request.responseText)) : failed(new Error(request.responseText || `The lab answered ${request.status}.`))));
    request.addEventListener("error", () => failed(new Error("The file could not be handed over.")));
    request.send(file);
  });
}

byId("file").addEventListener("change", (event) => { if (event.target.files[0]) take(event.target.files[0]); });
addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dropping"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  if (isHidden("upload")) return;
  if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
});
