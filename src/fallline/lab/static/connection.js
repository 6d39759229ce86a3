// The one connection to the training: what is said there is handed to whoever listens for it.

const listeners = new Map();
let socket = null;

/** Call `heed(message)` for each message that says `what`. */
export function on(what, heed) {
  listeners.set(what, [...(listeners.get(what) ?? []), heed]);
}

export function send(message) {
  if (socket?.readyState !== WebSocket.OPEN) return;
  socket.send(JSON.stringify(message));
  hear({ say: "sent", message });
}

function hear(message) {
  for (const heed of listeners.get(message.say) ?? []) heed(message);
}

/** Open it, unless it is; `first` is the message to begin with. */
export function connect(first) {
  if (socket?.readyState === WebSocket.OPEN) { send(first); return; }
  socket?.close();
  const mine = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
  socket = mine;
  mine.addEventListener("open", () => send(first));
  mine.addEventListener("message", (event) => { if (socket === mine) hear(JSON.parse(event.data)); });
  mine.addEventListener("close", (event) => {
    if (socket === mine) hear({ say: "closed", text: event.reason || "The connection to the lab is closed." });
  });
}
