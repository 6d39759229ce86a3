// Whether the training process is at work on what was asked: it is said, and what stood before is grey until it answers.

import { byId, say } from "./dom.js";
import { on } from "./connection.js";

const ANEW = { open: "Opening …", table: "Reading the table …", points: "Starting anew …", place: "Starting anew …", change: "Starting anew …" };
const ON = ["forward", "back", "go", "run"];
const SOON = 300; // ms: what is answered sooner needs no word
const model = byId("model");
let awaited = ""; // the message that says that it is done: first `ready`, then `now`; or `now` alone
let due = 0;

function begin(words, first) {
  awaited = first;
  clearTimeout(due);
  due = setTimeout(() => say(byId("busy"), words), SOON);
}

function end() {
  awaited = "";
  clearTimeout(due);
  say(byId("busy"), "");
  model.ariaBusy = "false";
}

const goesOn = ({ settings }) => settings && Object.keys(settings).join() === "rate";
on("sent", ({ message }) => {
  if (ANEW[message.do] && !goesOn(message)) begin(ANEW[message.do], "ready");
  else if (ON.includes(message.do) && awaited !== "ready") begin("Computing …", "now");
});
on("ready", () => { awaited = "now"; model.ariaBusy = "true"; }); // loop and pictures are still those of the scene before
on("now", () => { if (awaited === "now") end(); });
for (const what of ["wrong", "gone", "closed", "full"]) on(what, end);
