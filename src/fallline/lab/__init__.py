"""The lab: a page on this machine on which a real training is seen to happen, and is steered.

    browser page  <-- WebSocket -->  server  <-- pipe -->  worker, one a page
                                     (no JAX)              (the engine, the instruments)

What determines numbers is a `scene`. What the page may say is in `messages`; the server (`serve`, `app`, `guard`,
`session`, `pool`, `process`, `uploads`, `workspace`) passes it on, and the `worker` walks and measures.
"""
