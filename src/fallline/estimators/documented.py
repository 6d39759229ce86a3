"""The parameters that both estimators have, told once and written into their docstrings."""

from __future__ import annotations

from typing import TypeVar

from fallline.fields import Settings

ATTRIBUTES = """history_ : polars.DataFrame
    A row per update: step, epoch, rows, seconds, loss, objective, norms, rate, ...
verdict_ : Verdict
    How the fit ended: .state, .why with its figures, .next for what to try.
n_iter_ : int
    Epochs trained so far; the last one counts also when training stopped within it.
n_features_in_ : int
feature_names_in_ : ndarray of shape (n_features_in_,)
    There when X had column names that are all strings."""

WARM_START = """warm_start : bool, default=False
    Whether fit goes on where the last one ended: units, classes and an automatic rate stay, epochs are counted
    on. Two fits of 2 epochs then give the bits of one of 4 (stop=None; a schedule or average that depends on
    the end spans all epochs so far and those to come)."""

Documented = TypeVar("Documented", bound=type)


def _parameters(names: list[str]) -> str:
    told = []
    for name in names:
        field = Settings.model_fields[name]
        told.append(f"{name} : default={field.default!r}\n    {field.description}.")
    return "\n".join([*told, WARM_START])


def documented(cls: Documented) -> Documented:
    """Write the common parameters and attributes where the docstring of `cls` has their names in braces."""
    names = [name for name in cls._get_param_names() if name in Settings.model_fields]
    ordered = [name for name in Settings.model_fields if name in names]
    for place, text in (("{parameters}", _parameters(ordered)), ("{attributes}", ATTRIBUTES)):
        cls.__doc__ = (cls.__doc__ or "").replace(place, text.replace("\n", "\n    "))
    return cls
