// The value at the pointer: wherever one points at a picture, its nearest row is read, as the specification says.

import { el, written } from "./dom.js";

const NEAR = 12; // pixels: a mark is pointed at from so far
const OBLIQUE = 0.1; // of the way up or down, among rows that are read by their place along the bottom
const AWAY = { // how far a row is from the pointer, by what it is read
  x: (across, down) => Math.abs(across) + OBLIQUE * Math.abs(down), bar: (_, down) => Math.abs(down), place: Math.hypot, near: Math.hypot,
};

/** Where the plot begins on the canvas. */
const corner = (view) => [view.origin()[0] + view.padding().left, view.origin()[1] + view.padding().top];

/** How far down the middle of a bar is; `within` tells bars beside one name apart. */
function middle(view, name, within) {
  const [down, inner] = [view.scale("y"), within === undefined ? null : view.scale("yOffset")];
  return down(name) + (inner ? inner(within) : 0) + (inner ?? down).bandwidth() / 2;
}

/** The row that is read at a place of the plot, with its own place; marks that lie right there come first. */
function rowAt(picture, px, py) {
  const [across, down] = [picture.view.scale("x"), picture.view.scale("y")];
  let best = null;
  for (const set of picture.spec.usermeta.rows) {
    if (!set.by || (best && set.by !== "near" && best.set.by === "near")) continue;
    const columns = picture.data.data[set.name] ?? {};
    const [x, y] = [columns[set.x] ?? [], columns[set.y] ?? []];
    for (let i = 0; i < x.length; i += 1) {
      if (x[i] === null || y[i] === null) continue;
      const left = across(x[i]);
      const top = set.by === "bar" ? middle(picture.view, y[i], columns[set.within]?.[i]) : down(y[i]);
      const away = AWAY[set.by](left - px, top - py);
      if (away < (best?.away ?? (set.by === "near" ? NEAR : Infinity))) best = { set, i, away, left, top };
    }
  }
  return best;
}

function tell(place, event, { set, i }, columns) {
  const box = document.getElementById("vg-tooltip-element") ?? document.body.appendChild(el("div", { id: "vg-tooltip-element" }));
  box.replaceChildren(el("b", {}, set.title), el("table", {}, Object.entries(set.columns).map(([name, title]) =>
    el("tr", {}, el("td.key", {}, title), el("td", {}, written(columns[name][i], 5))))));
  box.classList.add("visible");
  const size = box.getBoundingClientRect();
  box.style.left = `${Math.max(0, event.clientX + 12 + size.width < innerWidth ? event.clientX + 12 : event.clientX - 12 - size.width)}px`;
  box.style.top = `${event.clientY + 14 + size.height < innerHeight ? event.clientY + 14 : event.clientY - 14 - size.height}px`;
}

/** Follow the pointer over a picture; its newest values are read again when they are drawn. */
export function follow(picture) {
  const { place } = picture;
  const mark = el("div.read", { hidden: true, ariaHidden: "true" });
  picture.figure.append(mark);
  let last = null;
  const away = () => {
    if (!last) return;
    last = null;
    mark.hidden = true;
    document.getElementById("vg-tooltip-element")?.classList.remove("visible");
  };
  picture.read = (event = last) => {
    if (!event || !picture.view || !picture.data.data || !picture.spec.usermeta.rows.some((set) => set.by)) return;
    const box = place.querySelector("canvas").getBoundingClientRect(), figure = picture.figure.getBoundingClientRect();
    const [left, top] = corner(picture.view);
    const [px, py] = [event.clientX - box.left - left, event.clientY - box.top - top];
    const [wide, high] = [picture.view.signal("width"), picture.view.signal("height")];
    const inside = px >= 0 && py >= 0 && px <= wide && py <= high;
    const row = inside ? rowAt(picture, px, py) : null;
    if (!row) { away(); return; }
    last = event;
    tell(place, event, row, picture.data.data[row.set.name]);
    mark.hidden = !(row.left >= 0 && row.left <= wide && row.top >= 0 && row.top <= high);
    mark.style.left = `${box.left - figure.left + left + row.left}px`;
    mark.style.top = `${box.top - figure.top + top + row.top}px`;
  };
  place.addEventListener("pointermove", picture.read);
  place.addEventListener("pointerleave", away);
}
