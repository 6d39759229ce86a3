"""The JavaScript that draws the charts, one text that goes into the page so that it opens offline.

Making it takes about a second, so it is kept in the user's cache folder for the installed version.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from fallline.trace.folder import write_whole

END = "window.vegaEmbed = vegaEmbed;"  # what the bundle is made to offer
MARK = "/* complete */"  # a text that lacks it was cut short


def charts_bundle() -> str:
    """The text of the bundle, from the cache folder when it is there."""
    kept = cache_folder() / f"charts-{version('vl-convert-python')}.js"
    with suppress(OSError, UnicodeDecodeError):
        text = kept.read_text("utf-8")
        if text.endswith(MARK):
            return text
    text = make_bundle()
    with suppress(OSError):  # a cache that can't be written is no cache
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_whole(kept, lambda beside: beside.write_text(text, encoding="utf-8"))
    return text


def make_bundle() -> str:
    """The bundle, made anew and fit to stand inside a script element."""
    import vl_convert

    return vl_convert.javascript_bundle(END).replace("</script", "<\\/script") + MARK


def cache_folder() -> Path:
    """Where this user's programs keep what can be made again."""
    given = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    if given:
        return Path(given) / "fallline"
    home = Path(os.path.expanduser("~"))
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "fallline"
