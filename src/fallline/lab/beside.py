"""What is made beside the walk: in the order in which it was asked for, one after the other.

Each is known by what was asked and its name, such as ("explain", "loss"): asked again, the earlier one is dropped. What
is given up is said to be, so that the page does not wait for it; what can't be stopped ends unheard.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Message = dict[str, Any]
Of = tuple[str, str | None]  # what was asked, and its name


class Beside:
    """A thread for what takes a while.

    Args:
        say: passes a message on to the page.
        guarded: does something; what goes wrong is told, with what it was asked for.
    """

    def __init__(self, say: Callable[[Message], None], guarded: Callable[..., None]) -> None:
        self._say, self._guarded = say, guarded
        self._wanted: dict[Of, object] = {}  # what waits or is being made -> the token of its newest asking
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="aside")

    def ask(self, of: Of, answer: Callable[[], Message]) -> None:
        """Have an answer made and said."""
        token = self._wanted[of] = object()

        def make() -> None:
            if self._wanted.get(of) is not token:
                return
            try:
                found = answer()
            except Exception:
                if self._done(of, token):
                    raise
                return
            if self._done(of, token):
                self._say(found)

        self._pool.submit(self._guarded, make, of)

    def _done(self, of: Of, token: object) -> bool:
        """Whether it is still wanted; from here on it is no more."""
        if self._wanted.get(of) is not token:
            return False
        return self._wanted.pop(of, None) is token

    def give_up(self) -> None:
        """Give up all that waits or is being made, and say so for each."""
        for what, name in list(self._wanted):
            if self._wanted.pop((what, name), None) is not None:
                self._say({"say": "given_up", "what": what, "name": name})

    def close(self) -> None:
        """The page is gone: nothing is wanted any more."""
        self._wanted.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)
