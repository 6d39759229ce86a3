// Hands on the pictures: put the ball somewhere, go to a step, add and move points. Pixels are the only arithmetic here.

import { el } from "./dom.js";
import { send } from "./connection.js";
import { isHidden } from "./hide.js";
import { page } from "./state.js";
import { backButtons, edit } from "./points.js";
import { guess, guessing } from "./quiz.js";

const NEAR = 12; // pixels
const STILL = 3; // pixels: a pointer that moved less was not dragged
const PART = 0.02; // of an axis, for a press of an arrow key

/** Where on the axes an event is, and where on the canvas. */
function placeOf(view, event) {
  const canvas = view.container().querySelector("canvas");
  const box = canvas.getBoundingClientRect();
  const [left, top] = [view.origin()[0] + view.padding().left, view.origin()[1] + view.padding().top];
  const [px, py] = [event.clientX - box.left, event.clientY - box.top];
  return { x: view.scale("x").invert(px - left), y: view.scale("y").invert(py - top), px, py, left, top };
}

const shownWeight = (picture) => picture.data.params?.weight ?? page.shown.weight ?? page.ready.names[0];

const DO = {
  slice: {
    hint: "Click or drag to put the ball there; arrow keys move it.",
    still: (picture, { x }) => (guessing() ? guess(x) : send({ do: "place", weights: { [shownWeight(picture)]: x } })),
  },
  surface: {
    hint: "Click or drag to put the ball there; arrow keys move it.",
    still: (picture, { x, y }) => {
      const { x_weight: a, y_weight: b } = picture.data.params;
      if (a && b) send({ do: "place", weights: { [a]: x, [b]: y } });
    },
  },
  loss: {
    hint: "Click to go to a step.",
    still: (_, { x }) => send({ do: "go", step: Math.max(0, Math.min(Math.round(x), page.now.last)) }),
  },
  fit: {
    hint: "Click to add a point, drag one to move it.",
    still: (picture, here, start) => {
      if (!page.ready.points) return;
      const row = nearest(picture, start);
      const dragged = Math.hypot(here.px - start.px, here.py - start.py) > STILL;
      if (row === null || dragged) edit([row, here.x, here.y]); // a click on a point moves nothing
    },
  },
};

/** The row of the point under the pointer, or null. */
function nearest(picture, { px, py, left, top }) {
  const { row, x, y } = page.ready.points.rows;
  const [across, down] = [picture.view.scale("x"), picture.view.scale("y")];
  let best = null;
  let least = NEAR;
  row.forEach((number, i) => {
    const away = Math.hypot(across(x[i]) + left - px, down(y[i]) + top - py);
    if (away < least) [best, least] = [number, away];
  });
  return best;
}

/** Let a person take hold of a picture that was just drawn. */
export function hold(picture) {
  const act = DO[picture.name];
  if (!act || picture.held) return;
  picture.held = true;
  const { place } = picture;
  place.title = act.hint;
  const ring = el("div.ring", { hidden: true, ariaHidden: "true" });
  picture.figure.append(ring);
  if (picture.name === "fit") picture.figure.querySelector(".picks").after(backButtons());
  let start = null;
  place.addEventListener("pointerdown", (event) => {
    if (!picture.view || event.target.tagName !== "CANVAS" || event.button || isHidden("hands")) return;
    start = placeOf(picture.view, event);
    place.setPointerCapture(event.pointerId);
  });
  place.addEventListener("pointermove", (event) => {
    if (!start) return;
    const box = picture.figure.getBoundingClientRect();
    ring.hidden = false;
    ring.style.left = `${event.clientX - box.left}px`;
    ring.style.top = `${event.clientY - box.top}px`;
  });
  place.addEventListener("pointerup", (event) => {
    if (!start || !picture.view) return;
    const here = placeOf(picture.view, event);
    if (Number.isFinite(here.x) && Number.isFinite(here.y)) act.still(picture, here, start);
    start = null;
    ring.hidden = true;
  });
  place.addEventListener("pointercancel", () => { start = null; ring.hidden = true; });
  if (MOVES[picture.name]) arrows(picture, MOVES[picture.name]);
}

const MOVES = { slice: { ArrowLeft: [-1, 0], ArrowRight: [1, 0] } }; // along the axes
MOVES.surface = { ...MOVES.slice, ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** Arrow keys move the ball along the axes. */
function arrows(picture, moves) {
  const { place } = picture;
  place.tabIndex = 0;
  place.dataset.keys = "own";
  let due = 0;
  let at = null;
  place.addEventListener("keydown", (event) => {
    const move = moves[event.key], { view } = picture;
    const { ball, ball_y: height } = picture.data.params ?? {};
    if (!move || !view || isHidden("hands") || typeof ball !== "number") return;
    event.preventDefault();
    const [x, y] = ["x", "y"].map((side, i) => { const [low, high] = view.scale(side).domain(); return move[i] * PART * (high - low); });
    at = { x: (at?.x ?? ball) + x, y: (at?.y ?? height) + y };
    clearTimeout(due);
    due = setTimeout(() => { DO[picture.name].still(picture, at); at = null; }, 250);
  });
}
