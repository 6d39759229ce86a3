// What is trained, and how: live, with no button to apply. The rate goes on from here; all else starts anew.

import { byId, el, say } from "./dom.js";
import { on, send } from "./connection.js";
import { page } from "./state.js";

const form = byId("controls");
form.addEventListener("submit", (event) => event.preventDefault());
const ANEW = "starts anew";
const ON = "goes on from here";
let due = 0;
let gathered = {};

/** Send settings once a person has stopped turning the knob. */
function change(settings, wait = 250) {
  gathered = { ...gathered, ...settings };
  clearTimeout(due);
  due = setTimeout(() => { send({ do: "change", settings: gathered }); gathered = {}; }, wait);
}

function control(name, title, effect, ...fields) {
  return el("div.control", { "data-hide": name, role: "group", ariaLabel: title },
    el("span.name", { title: effect }, title, " ", el("small", {}, effect === ON ? "↝" : "↺", el("span.unseen", {}, `, ${effect}`))), ...fields);
}

const option = (value, words, selected) => el("option", { value, selected }, words);

function choose(label, options, heed) {
  return el("select", { ariaLabel: label, onchange: (event) => heed(event.target.value) }, options);
}

function number(label, value, heed, more = {}) {
  return el("input", { type: "number", step: "any", ariaLabel: label, value, onchange: (event) => { if (event.target.value !== "" && event.target.checkValidity()) heed(event.target.value); }, ...more });
}

/** A field with its name before it, in view. */
const named = (words, field, title = "") => el("label.part", { title }, el("small", {}, words), field);

const nameOf = (text) => String(text).split(":")[0];
const numbersOf = (text) => String(text).split(":").slice(1).join(":").split(",").filter((part) => part !== "");
const joined = (name, numbers) => (numbers.length ? `${name}:${numbers.join(",")}` : name);

function modelControl({ settings, choices, features, task, classes }) {
  const auto = task === "classes" ? (classes.length === 2 ? "logistic" : "softmax") : "linear";
  const name = nameOf(settings.model) === "auto" ? auto : nameOf(settings.model);
  const one = features.length === 1;
  const kinds = [];
  for (const model of choices.models.filter((each) => each.name !== "auto")) {
    if (model.name === "mlp") continue;
    const line = model.name === "linear" && one;
    kinds.push([`${model.name} yes`, line ? "a line: weight and bias" : model.title, { model: model.name, bias: true }]);
    kinds.push([`${model.name} no`, line ? "one weight, no bias" : `${model.title}, no bias`, { model: model.name, bias: false }]);
  }
  kinds.push(["mlp yes", "a network", { model: "mlp:16", bias: true }]);
  const now = name === "mlp" ? "mlp yes" : `${name} ${settings.bias ? "yes" : "no"}`;
  const fields = [choose("Model", kinds.map(([value, words]) => option(value, words, value === now)),
    (value) => change({ ...kinds.find(([key]) => key === value)[2], init: "auto" }))];
  if (name === "mlp") {
    fields.push(named("units", el("input.units", { type: "text", ariaLabel: "Units of each layer", title: "units of each hidden layer, with commas", pattern: "\\d+(\\s*,\\s*\\d+)*",
      value: numbersOf(settings.model).join(",") || "64,64",
      onchange: (event) => { if (event.target.checkValidity()) change({ model: `mlp:${event.target.value.replaceAll(" ", "")}`, init: "auto" }); } })));
    fields.push(choose("Activation", choices.activations.map((each) => option(each, each, each === settings.activation)), (value) => change({ activation: value })));
  }
  return control("model", "Model", ANEW, ...fields);
}

/** A part with numbers of its own: a loss, a rule, a schedule. */
function partControl(key, title, list, value, effect = ANEW) {
  const name = nameOf(value ?? "none");
  const part = list.find((each) => each.name === name);
  const given = numbersOf(value ?? "");
  const fields = [choose(title, list.map((each) => option(each.name, each.name, each.name === name)), (chosen) => change({ [key]: chosen }))];
  (part?.numbers ?? []).forEach((standard, i) => {
    const words = part.names[i];
    fields.push(named(words, number(`${title}: ${words}`, given[i] ?? standard, (typed) => {
      const all = part.numbers.map((each, j) => (j === i ? typed : given[j] ?? each));
      change({ [key]: joined(name, all) });
    }, { className: "short" })));
  });
  return control(key, title, effect, ...fields);
}

const rateField = el("input.typed", { type: "number", step: "any", min: "0", ariaLabel: "Learning rate", onchange: (event) => setRate(Number(event.target.value)) });
const rateSlider = el("input", { type: "range", min: "-6", max: "2", step: "0.01", ariaLabel: "Learning rate, logarithmic", oninput: (event) => setRate(Number((10 ** Number(event.target.value)).toPrecision(3))) });

function rateControl({ settings, choices }) {
  const finds = choices.rules.find((rule) => rule.name === nameOf(settings.rule))?.finds_rate;
  return control("rate", "Rate", ON, ...(finds ? [el("span.finds", {}, `found by the rule, × ${settings.rate}`)] : [rateSlider, rateField]));
}

function setRate(rate) {
  if (!(rate > 0) || !Number.isFinite(rate)) return;
  showRate(rate);
  change({ rate }, 150);
}

function showRate(rate) {
  if (document.activeElement !== rateField) rateField.value = Number(rate.toPrecision(4));
  if (document.activeElement !== rateSlider) rateSlider.value = Math.log10(rate);
  rateSlider.ariaValueText = String(Number(rate.toPrecision(4)));
}

function batchControl({ settings, rows }) {
  const value = settings.batch === "auto" ? settings.batch_rows : settings.batch;
  const now = value === "full" || value >= rows.train ? "full" : value === 1 ? "1" : "n";
  const typed = number("Rows a batch", now === "n" ? value : 32, (rowsTyped) => change({ batch: Math.min(Number(rowsTyped), rows.train) }), { min: 1, max: rows.train, step: 1, className: "short" });
  const some = named("rows", typed);
  some.hidden = now !== "n";
  return control("batch", "Batch", ANEW, choose("Batch", [option("full", "all rows", now === "full"), option("1", "one row", now === "1"), option("n", "some rows", now === "n")],
    (chosen) => change({ batch: chosen === "full" ? "full" : chosen === "1" ? 1 : Math.min(32, rows.train) })), some);
}

function startControl({ names, settings, choices }) {
  const name = nameOf(settings.init);
  const list = [...choices.inits.filter((each) => !["normal", "uniform", "constant"].includes(each)).map((each) => [each, each]),
    ["constant:0", "all zero"], ["constant:1", "all one"], ["normal:1", "normal, 1"], ["normal:0.01", "normal, 0.01"]];
  const fields = [choose("Start weights", [...(name === "at" ? [option("at", "where you put it", true)] : []), ...list.map(([value, words]) => option(value, words, value === settings.init))],
    (value) => { if (value !== "at") change({ init: value }); })];
  if (names.length <= 3) {
    const at = numbersOf(settings.init);
    names.forEach((weight, i) => fields.push(named(weight, number(`Start at: ${weight}`, name === "at" ? at[i] : "", (typed) => send({ do: "place", step: 0, weights: { [weight]: Number(typed) } }),
      { className: "short start", "data-weight": weight }), weight)));
  }
  return control("start", "Start", ANEW, ...fields);
}

function build(ready) {
  const { settings, choices } = ready;
  const typing = document.activeElement?.closest("#controls") ? document.activeElement.ariaLabel : null;
  const penalty = (name) => named(name, number(`Penalty ${name}`, settings[name], (value) => change({ [name]: Number(value) }), { min: 0, className: "short" }));
  form.replaceChildren(
    modelControl(ready),
    partControl("loss", "Loss", choices.losses, settings.loss),
    batchControl(ready),
    rateControl(ready),
    partControl("schedule", "Schedule", choices.schedules, settings.schedule),
    partControl("rule", "Rule", choices.rules, settings.rule),
    control("penalty", "Penalty", ANEW, penalty("l2"), penalty("l1")),
    startControl(ready),
    control("seed", "Seed", ANEW, number("Seed", settings.seed, (value) => change({ seed: Number(value) }), { min: 0, step: 1, className: "short" })),
  );
  if (typing) [...form.querySelectorAll("[aria-label]")].find((field) => field.ariaLabel === typing && field.matches("input, select"))?.focus();
  showRate(settings.rate);
}

on("ready", build);
on("wrong", () => { // what was refused is not what holds
  if (!page.ready) return;
  clearTimeout(due);
  gathered = {};
  build(page.ready);
  showRate(page.now?.facts.rate?.value ?? page.ready.settings.rate);
});
on("now", (now) => { // going back to before a change shows the rate that held there
  const rate = now.facts.rate?.value;
  if (page.ready.settings.schedule === "constant" && rate > 0 && !Object.keys(gathered).length) showRate(rate);
});
