// The address after the #: the whole set-up, so that a link shows another person the very same training.
// The scene's part is written by the training process; these keys are the page's own.

export const OWN = ["hide", "present", "quiz", "log", "weight", "over", "pictures", "tab", "sub"];

let scene = ""; // as the training writes it
let due = 0; // the timer of a new address
const own = new URLSearchParams();

export function readAddress(text) {
  clearTimeout(due); // what was about to be written is of the scene that is left
  due = 0;
  const found = new URLSearchParams(text.replace(/^.*#/, ""));
  for (const name of OWN) {
    if (found.has(name)) own.set(name, found.get(name));
    else own.delete(name);
  }
  return found;
}

/** The scene of an address as the message `open` takes it; keys that nobody knows are passed over. */
export function sceneOf(found, settings) {
  const made = { settings: {}, types: {}, points: [] };
  for (const [key, value] of found) {
    if (key === "table" || key === "target") made[key] = value;
    else if (key === "step") made.step = Math.max(0, Number.parseInt(value, 10) || 0);
    else if (key === "type") made.types[value.slice(0, value.lastIndexOf(":"))] = value.slice(value.lastIndexOf(":") + 1);
    else if (key === "point") {
      const [row, x, y] = value.split(",");
      made.points.push([row === "" ? null : Number(row), Number(x), Number(y)]);
    } else if (settings.includes(key)) made.settings[key] = value;
  }
  return made;
}

export const keptKey = (name) => own.get(name);

export function keepKey(name, value) {
  if (value === null || value === undefined || value === "" || value === false) own.delete(name);
  else own.set(name, value === true ? "1" : value);
  write();
}

export function keepScene(text) {
  if (text === scene) return;
  scene = text;
  write();
}

/** The whole address of this page, for another person; the secret of this server is no part of it. */
export const link = () => location.href.replace(/[#?].*$/, "") + "#" + hash();

function hash() {
  const rest = own.toString();
  return rest ? `${scene}&${rest}` : scene;
}

function write() { // not more often than the browser allows while a training runs
  if (due) return;
  due = setTimeout(() => { due = 0; history.replaceState(null, "", "#" + hash()); }, 250);
}
