"""Each rule's own formula with its numbers, for one weight: what it remembered, and what it makes of the gradient."""

from __future__ import annotations

from collections.abc import Callable

from fallline.measurement import Figures
from fallline.numbers import share


def formula_lines(m: Figures, weight: str, norm: float, clip: float | None) -> list[str]:
    """How the direction of one weight came about, from the figures of `instruments/remembered.py`."""
    lines = []
    if clip is not None and m.get("used") is not None and m["used"] != m["gradient"]:
        lines.append(
            f"clipped     {_n(m['used'])} = {_n(m['gradient'])} * {_n(clip)} / {_n(norm)}, the gradient's norm"
        )
    if m["kind"] not in _FORMULAS:
        return [] if m["kind"] == "plain" and not lines else [f"for {weight}:", *lines, *_unknown(m)]
    lines += _FORMULAS[m["kind"]](m)
    if m["old_share"] is not None:
        lines.append(f"{share(m['old_share'])} of the direction of all weights is old information")
    if m["scale_old_share"] is not None:
        lines.append(f"{share(m['scale_old_share'])} of its scale is old information")
    return [f"for {weight}:", *lines]


def _unknown(m: Figures) -> list[str]:
    return [] if m["kind"] == "plain" else [f"direction   {_n(m['direction'])}, from the gradient {_n(m['gradient'])}"]


def _n(value: float) -> str:
    return f"{value:.5g}"


def _momentum(m: Figures) -> list[str]:
    return [
        f"velocity    v = beta * v + gradient = {_n(m['beta'])} * {_n(m['v_old'])} + {_n(m['used'])} = {_n(m['v'])}",
        f"direction   v = {_n(m['direction'])}",
    ]


def _nesterov(m: Figures) -> list[str]:
    return [
        _momentum(m)[0],
        f"direction   gradient + beta * v = {_n(m['used'])} + {_n(m['beta'])} * {_n(m['v'])} = {_n(m['direction'])}",
    ]


def _adagrad(m: Figures) -> list[str]:
    return [
        f"squares     s = s + gradient^2 = {_n(m['sum_old'])} + ({_n(m['used'])})^2 = {_n(m['sum'])}",
        f"direction   gradient / sqrt(s + {m['eps']:g}) = {_n(m['direction'])}",
    ]


def _rmsprop(m: Figures) -> list[str]:
    new = 1 - m["decay"]
    return [
        f"squares     s = {_n(m['decay'])} * s + {_n(new)} * gradient^2 = {_n(m['decay'])} * {_n(m['v_old'])} + "
        f"{_n(new)} * ({_n(m['used'])})^2 = {_n(m['v'])}",
        f"direction   gradient / (sqrt(s) + {m['eps']:g}) = {_n(m['direction'])}",
    ]


def _adam(m: Figures) -> list[str]:
    b1, b2, t, g = m["b1"], m["b2"], int(m["t"]), _n(m["used"])
    return [
        f"mean        m = b1 * m + (1 - b1) * gradient = {_n(b1)} * {_n(m['m_old'])} + {_n(1 - b1)} * {g} = "
        f"{_n(m['m'])}",
        f"squares     s = b2 * s + (1 - b2) * gradient^2 = {_n(b2)} * {_n(m['v_old'])} + {_n(1 - b2)} * ({g})^2 = "
        f"{_n(m['v'])}",
        f"corrected   both began at 0: m / (1 - b1^{t}) = {_n(m['m_hat'])}, s / (1 - b2^{t}) = {_n(m['v_hat'])}",
    ]


def _whole_adam(m: Figures) -> list[str]:
    return [*_adam(m), f"direction   corrected m / (sqrt(corrected s) + {m['eps']:g}) = {_n(m['direction'])}"]


def _adamw(m: Figures) -> list[str]:
    decay = f"{_n(m['decay'])} * weight = {_n(m['decayed'])}" if m["decayed"] else "no decay, which biases are spared"
    return [
        *_adam(m),
        f"direction   corrected m / (sqrt(corrected s) + {m['eps']:g}) + {decay}: {_n(m['direction'])}",
    ]


def _lion(m: Figures) -> list[str]:
    b1 = m["b1"]
    return [
        f"mix         b1 * m + (1 - b1) * gradient = {_n(b1)} * {_n(m['m_old'])} + {_n(1 - b1)} * {_n(m['used'])} = "
        f"{_n(m['mix'])}",
        f"direction   its sign: {_n(m['direction'])}",
        f"remembered  m = b2 * m + (1 - b2) * gradient = {_n(m['m'])}, b2 {_n(m['b2'])}",
    ]


_FORMULAS: dict[str, Callable[[Figures], list[str]]] = {
    "momentum": _momentum,
    "nesterov": _nesterov,
    "adagrad": _adagrad,
    "rmsprop": _rmsprop,
    "adam": _whole_adam,
    "adamw": _adamw,
    "lion": _lion,
}
