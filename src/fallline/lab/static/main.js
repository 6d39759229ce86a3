// The page, put together: it shows what the training process says, and hands it what a person does.

import { keepScene, readAddress, sceneOf } from "./address.js";
import { byId, el } from "./dom.js";
import { connect, on } from "./connection.js";
import { page, shownByAddress } from "./state.js";

on("ready", (ready) => {
  page.ready = ready;
  keepScene(ready.address);
  const told = document.documentElement.dataset; // for whoever looks at the page with a browser's tools
  delete told.drawn;
  delete told.step;
  told.opened = page.opened += 1;
});
on("changed", ({ settings, suggested }) => Object.assign(page.ready, { settings, suggested }));
on("now", (now) => {
  page.now = now;
  keepScene(now.address);
});

const { drawLoop } = await import("./loop.js");
const { notice } = await import("./told.js");
await import("./charts.js");
await import("./controls.js");
await import("./busy.js");
await import("./facts.js");
const { startStages } = await import("./transport.js");
const { openByAddress } = await import("./spine.js");
await import("./data.js");
await import("./points.js");
await import("./deploy.js");
await import("./compare.js");
await import("./explain.js");
await import("./diagnose.js");
await import("./keys.js");
await import("./share.js");
const { hide } = await import("./hide.js");
const { presentByAddress } = await import("./look.js");
on("now", (now) => drawLoop(now.stages));

/** Open what the address says; without a scene in it, the run that the lab was started with, or the first sight. */
function open(address = location.hash) {
  const found = readAddress(address);
  shownByAddress();
  presentByAddress();
  startStages();
  openByAddress();
  hide();
  const named = [...found.keys()].some((key) => key === "table");
  const settings = document.body.dataset.settings.split(" ");
  const run = document.body.dataset.run;
  connect({ do: "open", scene: named || !run ? sceneOf(found, settings) : null, run: named || !run ? null : run, show: page.shown });
}

/** To where the page was; where nothing has opened yet, its address is to blame and is left out. */
const again = () => el("button", { type: "button", onclick: () => { notice(""); open(page.ready ? location.hash : ""); } }, "Start again");
for (const what of ["gone", "closed", "full"]) on(what, ({ text }) => notice(text, again()));
on("wrong", ({ text }) => { if (!page.ready) notice(text, again()); });

addEventListener("hashchange", (event) => open(event.newURL || location.hash));
byId("notice").hidden = true;
open();
