"""On which kind of device a training computes."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax

from fallline.errors import SettingsError, unknown

DEVICES = ("auto", "cpu", "gpu")


def on(device: str) -> AbstractContextManager[Any]:
    """Compute on the CPU or on a GPU inside; where JAX would by itself with "auto".

    Raises: SettingsError when there is no such device, or JAX sees none.
    """
    if device not in DEVICES:
        raise SettingsError(f"{unknown('device', device, DEVICES)}\nLeave it out for what JAX finds by itself.")
    if device == "auto":
        return nullcontext()
    try:
        found = jax.local_devices(backend=device)
    except RuntimeError:
        raise SettingsError(
            f"device {device} was asked for, but JAX sees none.\n"
            "Install fallline[cuda] where there is an NVIDIA GPU and its driver; or leave --device out."
        ) from None
    return jax.default_device(found[0])
