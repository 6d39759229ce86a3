"""How a rule makes its direction of the gradient, for one weight, in numbers that work out as printed.

The formulas are those of `instruments/remembered.py`; `told/formulas.py` says the same on the command line.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from fallline.lab.arithmetic import Line, held, plain, written
from fallline.measurement import Figures
from fallline.numbers import share
from fallline.told.re_add import works_out


def memory_lines(m: Figures, norm: float, clip: float | None) -> list[Line]:
    """The lines of the rule's formula; none for the plain rule without a clip."""
    lines: list[Line] = []
    if clip is not None and m.get("used") is not None and m["used"] != m["gradient"]:
        lines.append(
            _worked(
                "clipped = gradient × clip / norm", "{} × {} / {}",
                lambda g, c, n: g * c / n, (m["gradient"], clip, norm), m["used"],
            )
        )  # fmt: skip
    if m["kind"] in _FORMULAS:
        lines += _FORMULAS[m["kind"]](m)
    elif m["kind"] != "plain":
        lines.append({"formula": "direction", "numbers": written(m["direction"])})
    if m["old_share"] is not None:
        lines.append({"formula": "old information in the direction of all weights", "numbers": share(m["old_share"])})
    if m["scale_old_share"] is not None:
        lines.append({"formula": "old information in its scale", "numbers": share(m["scale_old_share"])})
    return lines


def _worked(formula: str, pattern: str, made: Callable[..., float], operands: tuple[float, ...], result: float) -> Line:
    found, total = works_out(made, operands, result)
    return {"formula": formula, "numbers": f"{plain(total)} = {pattern.format(*map(held, found))}"}


def _mix(name: str, keep: float, old: float, take: float, new: float, result: float, formula: str) -> Line:
    """keep × old + take × new."""
    return _worked(
        f"{name} = {formula}", "{} × {} + {} × {}", lambda k, o, t, n: k * o + t * n, (keep, old, take, new), result
    )


def _squares(m: Figures, keep: float, letter: str) -> Line:
    return _worked(
        f"squares: s = {letter} × s + (1 − {letter}) × gradient²", "{} × {} + {} × {}²",
        lambda k, o, t, g: k * o + t * g * g, (keep, m["v_old"], 1 - keep, m["used"]), m["v"],
    )  # fmt: skip


def _momentum(m: Figures) -> list[Line]:
    velocity = _worked(
        "velocity: v = beta × v + gradient", "{} × {} + {}",
        lambda b, v, g: b * v + g, (m["beta"], m["v_old"], m["used"]), m["v"],
    )  # fmt: skip
    return [velocity, {"formula": "direction = v", "numbers": written(m["direction"])}]


def _nesterov(m: Figures) -> list[Line]:
    velocity = _momentum(m)[0]
    return [
        velocity,
        _worked(
            "direction = gradient + beta × v", "{} + {} × {}",
            lambda g, b, v: g + b * v, (m["used"], m["beta"], m["v"]), m["direction"],
        ),
    ]  # fmt: skip


def _adagrad(m: Figures) -> list[Line]:
    return [
        _worked("squares: s = s + gradient²", "{} + {}²", lambda s, g: s + g * g, (m["sum_old"], m["used"]), m["sum"]),
        _divided("direction = gradient / √(s + tiny)", m["used"], m["sum"], m["eps"], m["direction"], inside=True),
    ]


def _rmsprop(m: Figures) -> list[Line]:
    return [
        _squares(m, m["decay"], "decay"),
        _divided("direction = gradient / (√s + tiny)", m["used"], m["v"], m["eps"], m["direction"]),
    ]


def _divided(formula: str, top: float, squares: float, eps: float, result: float, *, inside: bool = False) -> Line:
    if inside:
        pattern, made = "{} / √({} + {})", lambda a, s, e: a / math.sqrt(s + e) if s + e > 0 else math.inf
    else:
        pattern, made = "{} / (√{} + {})", lambda a, s, e: a / (math.sqrt(max(s, 0)) + e) if s or e else math.inf
    return _worked(formula, pattern, made, (top, squares, eps), result)


def _means(m: Figures) -> list[Line]:
    t = int(m["t"])
    corrected = [
        _worked(
            f"corrected, as it began at 0: {name} / (1 − {letter}^{t})", "{} / (1 − {}^" + str(t) + ")",
            lambda value, b: value / (1 - b**t) if b**t < 1 else math.inf, (m[name[0] if name == "m" else "v"], b), hat,
        )
        for name, letter, b, hat in (("m", "b1", m["b1"], m["m_hat"]), ("s", "b2", m["b2"], m["v_hat"]))
    ]  # fmt: skip
    mean = _mix("mean: m", m["b1"], m["m_old"], 1 - m["b1"], m["used"], m["m"], "b1 × m + (1 − b1) × gradient")
    return [mean, _squares(m, m["b2"], "b2"), *corrected]


def _adam(m: Figures) -> list[Line]:
    last = _divided("direction = corrected m / (√corrected s + tiny)", m["m_hat"], m["v_hat"], m["eps"], m["direction"])
    return [*_means(m), last]


def _adamw(m: Figures) -> list[Line]:
    without = m["direction"] - m["decayed"]
    last = _divided("m / (√s + tiny), both corrected", m["m_hat"], m["v_hat"], m["eps"], without)
    decayed = _worked(
        "direction = that + what decay adds", "{} + {}", lambda a, b: a + b, (without, m["decayed"]), m["direction"]
    )
    return [*_means(m), last, decayed]


def _lion(m: Figures) -> list[Line]:
    b1, b2 = m["b1"], m["b2"]
    mix = _mix("mix", b1, m["m_old"], 1 - b1, m["used"], m["mix"], "b1 × m + (1 − b1) × gradient")
    kept = _mix("remembered: m", b2, m["m_old"], 1 - b2, m["used"], m["m"], "b2 × m + (1 − b2) × gradient")
    return [mix, {"formula": "direction = the sign of mix", "numbers": written(m["direction"])}, kept]


_FORMULAS: dict[str, Callable[[Figures], list[Line]]] = {
    "momentum": _momentum,
    "nesterov": _nesterov,
    "adagrad": _adagrad,
    "rmsprop": _rmsprop,
    "adam": _adam,
    "adamw": _adamw,
    "lion": _lion,
}
