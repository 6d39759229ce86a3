// What the page knows: the scene as it was made ready, the newest moment, and what it asks to see.

import { keptKey, keepKey } from "./address.js";
import { send } from "./connection.js";

export const page = {
  opened: 0, // trainings
  ready: null, // the message `ready`
  now: null, // the newest message `now`
  shown: { pictures: ["slice", "loss", "fit", "gradient"], weight: null, over: "weights", weights: null, row: null, log: false, quiz: false, ahead: true },
};

/** Ask to see something else. */
export function show(changes) {
  Object.assign(page.shown, changes);
  keepKey("log", page.shown.log);
  keepKey("quiz", page.shown.quiz);
  keepKey("weight", page.shown.weight);
  keepKey("over", page.shown.over === "path" ? "path" : null);
  keepKey("pictures", page.shown.pictures.join(",") === "slice,loss,fit,gradient" ? null : page.shown.pictures.join(","));
  send({ do: "show", show: page.shown });
}

/** What an address asks to see. */
export function shownByAddress() {
  const pictures = keptKey("pictures");
  Object.assign(page.shown, {
    pictures: pictures ? pictures.split(",") : ["slice", "loss", "fit", "gradient"],
    weight: keptKey("weight") ?? null,
    over: keptKey("over") === "path" ? "path" : "weights",
    weights: null,
    row: null,
    log: keptKey("log") === "1",
    quiz: keptKey("quiz") === "1",
  });
}
