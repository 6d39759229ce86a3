// What the address hides: a teacher leaves out any control, and with it the keys that do the same.

import { keptKey } from "./address.js";

export const NAMES = {
  model: "Model", loss: "Loss", batch: "Batch", rate: "Rate", schedule: "Schedule", rule: "Rule", penalty: "Penalty", start: "Start", seed: "Seed",
  step: "Step", back: "Back", many: "25, 100, epoch", run: "Run", sub: "Stage by stage", quiz: "Guess first", scrub: "To any step",
  spine: "The four steps", pictures: "Choice of pictures", picks: "What a picture shows", hands: "Hands on the pictures", loop: "The loop", facts: "Figures",
  broke: "What to try when it breaks", compare: "Compare", diagnose: "Diagnose", explain: "Questions", table: "Table", target: "Target", kinds: "Kinds of columns",
  upload: "Own data", points: "Points", predict: "Predict", keep: "Keep", night: "Dark", sound: "Sound", present: "Present", keys: "Keys", share: "Share",
};
const sheet = new CSSStyleSheet();
document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
let hidden = new Set();

export const isHidden = (name) => hidden.has(name);

/** Hidden controls are really gone: not drawn, not in the order of focus; also those that are made later. */
export function hide() {
  hidden = new Set((keptKey("hide") ?? "").split(",").filter((name) => Object.hasOwn(NAMES, name)));
  sheet.replaceSync([...hidden].map((name) => `[data-hide="${name}"] { display: none !important; }`).join("\n"));
}
