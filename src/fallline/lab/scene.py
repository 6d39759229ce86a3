"""A scene: all that determines the numbers on the page, as plain data. The same scene gives the same bits.

It stands in the page's address, so that a link shows another person the very same training:

    #table=iris&rate=0.1&seed=3&step=40

Keys that are none of a scene's are the page's own (open panels, hidden controls) and are passed over. No JAX here.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from fallline.errors import SettingsError
from fallline.fields import Settings

Edit = tuple[int | None, float, float]  # row (from 0; None: one more row), feature, target

ONE_WEIGHT = "one_weight"
DEFAULTS: dict[str, dict[str, Any]] = {  # settings that a table opens with, where they are not those of all trainings
    ONE_WEIGHT: {"bias": False, "batch": "full", "rate": 0.3, "init": "at:-1.0"},
}
MOST_POINTS = 500  # edits
_LINES = ("auto", "linear")
_KINDS: dict[str, TypeAdapter[Any]] = {
    name: TypeAdapter(field.annotation or str) for name, field in Settings.model_fields.items()
}
_NULLABLE = [name for name, field in Settings.model_fields.items() if "None" in str(field.annotation)]


class Scene(BaseModel):
    """A table, what is to be predicted, the settings, and how many updates have been made."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    table: str = Field(default=ONE_WEIGHT, pattern=r"^(\w+|upload-[0-9a-f]+|run:[^/\\]+)$", max_length=200)
    target: str | None = Field(
        default=None, max_length=500
    )  # None: the one that the table is known for, or its last column
    types: dict[str, str] = Field(default={}, max_length=1000)  # column -> number, category, date or ignore
    points: tuple[Edit, ...] = Field(
        default=(), max_length=MOST_POINTS
    )  # edits of a table with one feature, in their order
    settings: dict[str, Any] = {}  # those that differ from what the table opens with
    step: int = Field(default=0, ge=0, le=10**9)

    @field_validator("settings")
    @classmethod
    def _known(cls, given: dict[str, Any]) -> dict[str, Any]:
        return {name: _value(name, value) for name, value in given.items()}

    def asked(self) -> dict[str, Any]:
        """The settings that were asked for, those that the table opens with included."""
        own = dict(DEFAULTS.get(self.table, {}))
        asked = own | self.settings
        if "init" in own and (asked.get("bias") or asked.get("model", "auto") not in _LINES):
            del own["init"]  # it is the place of one weight
        return own | self.settings

    def with_settings(self, changed: dict[str, Any]) -> Scene:
        """The same with some settings changed, from the start; those that are as the table opens with are left out."""
        known = self.settings | {name: _value(name, value) for name, value in changed.items()}
        bare = self.model_copy(update={"settings": {}}).asked()
        plain = {name: field.default for name, field in Settings.model_fields.items()} | bare
        return self.model_copy(update={"settings": {n: v for n, v in known.items() if v != plain[n]}, "step": 0})

    def at(self, step: int) -> Scene:
        """The same at another step."""
        return self.model_copy(update={"step": step})

    def to_query(self) -> str:
        """As it stands in the address.

        >>> Scene(table="iris", settings={"rate": 0.1, "stop": None}, step=40).to_query()
        'table=iris&rate=0.1&stop=none&step=40'
        """
        pairs = [("table", self.table)]
        pairs += [("target", self.target)] * (self.target is not None)
        pairs += [("type", f"{column}:{kind}") for column, kind in self.types.items()]
        pairs += [("point", f"{'' if row is None else row},{x!r},{y!r}") for row, x, y in self.points]
        pairs += [(name, _written(value)) for name, value in self.settings.items()]
        pairs += [("step", str(self.step))] * bool(self.step)
        return urlencode(pairs, quote_via=lambda text, *_: quote(text, safe=":,"))

    @classmethod
    def from_query(cls, query: str) -> Scene:
        """The scene of an address; keys that are not a scene's are passed over. Raises SettingsError, in two lines."""
        found: dict[str, Any] = {"types": {}, "points": [], "settings": {}}
        for key, text in parse_qsl(query.lstrip("#?"), keep_blank_values=True):
            if key in ("table", "target", "step"):
                found[key] = text
            elif key == "type":
                column, _, kind = text.rpartition(":")
                found["types"][column] = kind
            elif key == "point":
                row, *place = text.split(",")
                found["points"].append((row or None, *place))
            elif key in Settings.model_fields:
                found["settings"][key] = text
        return scene_of(found)


def scene_of(given: dict[str, Any]) -> Scene:
    """A scene from plain data. Raises SettingsError, in two lines."""
    try:
        return Scene(**given)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        said = problem["msg"].removeprefix("Value error, ")
        raise SettingsError(f"The scene's {place} won't do: {said}.\nLeave it out, or correct it.") from None


def _value(name: str, value: Any) -> Any:
    """A setting's value, also from how it is written."""
    if name not in _KINDS:
        raise ValueError(f"there is no setting {name}")
    if value == "none" and name in _NULLABLE:
        return None
    if isinstance(value, str) and value.isdecimal():  # a choice of numbers takes no text
        value = int(value)
    try:
        return _KINDS[name].validate_python(value)
    except ValidationError:
        raise ValueError(f"{name} can't be {value!r}; {Settings.model_fields[name].description}") from None


def _written(value: Any) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, float) else str(value)
