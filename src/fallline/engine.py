"""How JAX is set up for the loop, before it compiles anything.

Two settings, both of which leave what is computed as it is:

- A loop whose steps are small is compiled into one function. XLA does so by itself up to 1 KB that a step
  touches; at 1 MB a logistic step of batch 32 needs 0.5 us instead of 0.9, and a recorded one of batch 1 a fifth.
- What was compiled once is kept on disk, so that a second start does not compile again.

A program that has set either itself, or has already compiled something, keeps its own settings.
"""

from __future__ import annotations

import math
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

_ONE_FUNCTION = "xla_cpu_small_while_loop_byte_threshold"


def _ask_for_small_loops_as_one_function() -> None:
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_backend_extra_options" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --xla_backend_extra_options={_ONE_FUNCTION}=1048576".strip()


_ask_for_small_loops_as_one_function()

import jax  # noqa: E402  XLA reads its flags once
import jax.dtypes  # noqa: E402


def _keep_what_was_compiled() -> None:
    if jax.config.values["jax_compilation_cache_dir"] is not None:
        return
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    jax.config.update("jax_compilation_cache_dir", str(Path(root) / "fallline" / "compiled"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


_keep_what_was_compiled()


def precision(bits: int) -> AbstractContextManager[None]:
    """32 or 64 bits for every array made inside; the caller's own setting is back afterwards."""
    return jax.enable_x64(bits == 64)


def on_device(values: Any, dtype: Any = None) -> jax.Array:
    """A copy of an array where JAX computes, made once.

    JAX takes over memory of NumPy's that is aligned to 64 bytes as it is; other memory it copies by itself, which
    took ten times as long (190 ms against 20 ms for 2M x 28 numbers).
    """
    if isinstance(values, jax.Array):
        return values if dtype is None else values.astype(dtype)
    values = np.asarray(values)
    dtype = jax.dtypes.canonicalize_dtype(values.dtype if dtype is None else dtype)
    copy = aligned(values.shape, dtype)
    copy[...] = values
    return jax.device_put(copy)


def aligned(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Room for an array that JAX can take over as it is."""
    dtype = np.dtype(dtype)
    count = math.prod(shape) * dtype.itemsize
    room = np.empty(count + 64, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + count].view(dtype).reshape(shape)
