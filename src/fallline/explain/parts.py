"""The settings of a run in plain words: its loss, its rule, its schedule, and why it has no exact answer."""

from __future__ import annotations

from fallline.numbers import number

LOSSES = {
    "squared": "the squared loss, half of (prediction - target)², its mean over the rows",
    "absolute": "the absolute loss, the size of (prediction - target), its mean over the rows",
    "huber": "Huber's loss, squared for small errors and absolute for large ones, its mean over the rows",
    "quantile": "the quantile loss, which counts a prediction that is too low differently from one that is too high, "
    "its mean over the rows",
    "log": "the log loss, minus the logarithm of the probability that was given to what came true, its mean over the "
    "rows",
    "hinge": "the hinge loss, which is 0 once a row is on its right side by a margin of 1, its mean over the rows",
    "poisson": "the Poisson loss for counts, its mean over the rows",
}
WHY = {
    "squared": "It has a slope everywhere, the slope is the error itself, and large errors count more than in "
    "proportion; the mean is the constant that makes it smallest.",
    "absolute": "A single row that is far off counts no more than in proportion; the median is the constant that makes "
    "it smallest.",
    "huber": "It has a slope everywhere, and a single row that is far off does not rule the others.",
    "quantile": "Its smallest value is at a quantile of the target rather than at its mean.",
    "log": "It has a slope everywhere, and a wrong answer costs the more the surer the model was of it.",
    "hinge": "Rows that are on their right side by the margin cost nothing, so that only the others move the weights.",
    "poisson": "It is made for counts, whose spread grows with their size, and the predicted count can't be negative.",
}
RULES = {
    "plain": "plain gradient descent, where the direction is the gradient itself",
    "momentum": "momentum, v = {0} * v + gradient, where the direction is v",
    "nesterov": "Nesterov's momentum, v = {0} * v + gradient, where the direction is gradient + {0} * v",
    "adagrad": "Adagrad, the gradient over the root of the sum of its squares so far",
    "rmsprop": "RMSProp, the gradient over the root of a running mean of its squares, which keeps {0} of itself a step",
    "adam": "Adam, a running mean of gradients (which keeps {0} of itself a step) over the root of a running mean of "
    "their squares (which keeps {1})",
    "adamw": "AdamW, which is Adam (running means that keep {0} and {1} of themselves a step), and a part of each "
    "weight taken off as well",
    "lion": "Lion, the sign of a running mean of gradients",
}
NUMBERS = {
    "momentum": (0.9,),
    "nesterov": (0.9,),
    "rmsprop": (0.9,),
    "adam": (0.9, 0.999),
    "adamw": (0.9, 0.999),
}
FORMULAS = {
    "plain": "w_new = w_old - rate * gradient",
    "momentum": "v_new = {0} * v_old + gradient, then w_new = w_old - rate * v_new",
    "nesterov": "v_new = {0} * v_old + gradient, then w_new = w_old - rate * (gradient + {0} * v_new)",
    "adam": "m = running mean of gradients, s = running mean of their squares, then "
    "w_new = w_old - rate * m / √s (m and s corrected for their start)",
}
STOPPED = {
    "plateau": "its loss no longer fell",
    "patience": "the validation loss had not been lower for some time",
    "diverged": "its loss exploded",
    "seconds": "its time was up",
    "interrupted": "it was stopped by hand",
    "epochs": "it had made all the steps that it was given",
}


def loss_words(loss: str) -> str:
    """The loss of a setting such as squared or huber:2, in words."""
    return LOSSES.get(loss.partition(":")[0], f"the loss {loss}")


def rule_name(rule: str) -> str:
    """momentum for momentum:0.9."""
    return rule.partition(":")[0]


def rule_words(rule: str) -> str:
    """The rule in words, with its numbers.

    >>> rule_words("momentum:0.8")
    'momentum, v = 0.8 * v + gradient, where the direction is v'
    """
    return RULES.get(rule_name(rule), f"the rule {rule}").format(*_numbers(rule))


def formula(rule: str) -> str:
    """The update as a formula in plain text.

    >>> formula("plain")
    'w_new = w_old - rate * gradient'
    """
    return FORMULAS.get(rule_name(rule), "w_new = w_old - rate * direction").format(*_numbers(rule))


def _numbers(rule: str) -> list[str]:
    given = [float(part) for part in rule.partition(":")[2].split(",") if part]
    usual = NUMBERS.get(rule_name(rule), ())
    return [number(value) for value in (*given, *usual[len(given) :])]


def why_not_exact(loss: str, network: bool, l1: float) -> str:
    """Why no formula gives the best parameters at once."""
    if network:
        return "in a network the weights of one layer multiply those of the next, and no formula gives the best ones"
    if loss.partition(":")[0] != "squared":
        return f"for {loss_words(loss).partition(',')[0]} no formula gives the best parameters"
    if l1:
        return "with the penalty l1 no formula gives the best parameters"
    return "what the model puts out is bent, so that no formula gives the best parameters"
