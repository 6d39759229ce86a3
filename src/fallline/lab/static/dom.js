// Elements of the page: found by their id, made with their children, their words changed only where they differ.

export const byId = (id) => document.getElementById(id);

/** An element: el("p.note", { title: "…", onclick }, "words", child). Words are words, never markup. */
export function el(kind, props = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && !name.startsWith("aria-") && name !== "list" && name !== "form") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export function say(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

/** Bring a parent's children to a list of the same length; each is made once and then changed in place. */
export function keep(parent, list, make, change) {
  while (parent.children.length > list.length) parent.lastElementChild.remove();
  while (parent.children.length < list.length) parent.append(make(list[parent.children.length]));
  list.forEach((item, i) => change(parent.children[i], item, i));
}

/** A table of words, changed in place. */
export function table(parent, { columns, rows }, caption, cell = null) {
  let made = parent.querySelector(":scope > table");
  const head = columns.join("\u0000");
  if (!made || made.dataset.head !== head) {
    made?.remove();
    made = el("table", { "data-head": head }, el("caption", {}, caption),
      el("thead", {}, el("tr", {}, columns.map((name) => el("th", { scope: "col" }, name)))), el("tbody"));
    parent.append(made);
  }
  keep(made.tBodies[0], rows, () => el("tr"), (line, row, i) => {
    keep(line, row, () => el("td"), (td, words, j) => {
      if (cell) cell(td, words, i, j);
      else say(td, words);
    });
  });
  return made;
}

/** A count as a person reads it: 20,640. */
export const counted = (count) => count.toLocaleString("en");

/** A number or a word as a cell of a table. */
export const written = (value, digits = 6) =>
  typeof value === "number" ? String(Number(value.toPrecision(digits))) : value === null ? "–" : String(value);
/** Commands as they are typed, one a line. */
export const commandLines = (commands) => el("div.commands", {}, commands.map((each) => el("p.small", {}, el("code", {}, each))));

export const calm = matchMedia("(prefers-reduced-motion: reduce)");
export const dark = matchMedia("(prefers-color-scheme: dark)");
