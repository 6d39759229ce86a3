"""Everything that a page may say, as a schema: what does not fit it closes the page's connection.

The schema says what can be understood, not what can be done: a rate below 0 or a table that there is not is understood,
and answered in words. A scene comes from an address that a person may have typed, so its values are only bounded here;
`scene.scene_of` says what is wrong with them. No JAX here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from fallline.fields import Settings

LARGEST = 2**18  # characters of a message
MOST_STEPS = 1_000_000  # of one `forward` or `back`
LAST_STEP = 10**9

Name = Annotated[str, Field(max_length=500)]
Text = Annotated[str, Field(max_length=40_000)]  # the start weights of a model may be among them
Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Value = StrictBool | Whole | Finite | Text | None
Step = Annotated[int, Field(ge=0, le=LAST_STEP)]
Count = Annotated[int, Field(ge=1, le=MOST_STEPS)]
Kinds = Annotated[dict[Name, Annotated[str, Field(max_length=20)]], Field(max_length=1000)]
Values = Annotated[dict[Name, Value], Field(max_length=64)]
Edits = Annotated[list[tuple[Step | None, Finite, Finite]], Field(max_length=500)]


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Show(_Said):
    """What the page asks to see."""

    pictures: tuple[Annotated[str, Field(max_length=40)], ...] = Field(
        default=("slice", "loss", "fit", "gradient"), max_length=20
    )
    weight: Name | None = None  # along which the loss is drawn; None: the one that tells most
    over: Literal["weights", "path"] = "weights"  # what the surface is spanned by
    weights: tuple[Name, Name] | None = None
    row: Annotated[int, Field(ge=1, le=LAST_STEP)] | None = None  # of the table, that is followed through the stages
    log: bool = False
    quiz: bool = False
    ahead: bool = True  # whether pictures show where the next update lands: not before its stage is reached


class _Place(_Said):
    """A scene as it stands in an address: bounded, not yet judged."""

    table: Name = "one_weight"
    target: Name | None = None
    types: Kinds = {}
    points: Edits = []
    settings: Values = {}
    step: Step = 0


class _Open(_Said):
    do: Literal["open"]
    scene: _Place | None = None
    run: Name | None = None
    show: Show = Show()


class _Forward(_Said):
    do: Literal["forward"]
    count: Count | None = None
    epochs: Literal[1] | None = None

    @model_validator(mode="after")
    def _either(self) -> _Forward:
        if (self.count is None) == (self.epochs is None):
            raise ValueError("either count or epochs")
        return self


class _Back(_Said):
    do: Literal["back"]
    count: Count = 1


class _Go(_Said):
    do: Literal["go"]
    step: Step


class _Run(_Said):
    do: Literal["run"]
    speed: Annotated[float, Field(ge=0, le=1e9)] = 0.0  # updates a second; 0: as fast as it can


class _Drawn(_Said):
    do: Literal["drawn"]
    number: Annotated[int, Field(ge=0, lt=2**53)]


class _Change(_Said):
    do: Literal["change"]
    settings: Annotated[dict[Name, Value], Field(min_length=1, max_length=64)]

    @field_validator("settings")
    @classmethod
    def _known(cls, given: dict[str, Any]) -> dict[str, Any]:
        for name in given:
            if name not in Settings.model_fields:
                raise ValueError("there is no such setting")
        return given


class _Table(_Said):
    do: Literal["table"]
    table: Name
    target: Name | None = None
    types: Kinds = {}


class _Points(_Said):
    do: Literal["points"]
    edits: Edits
    anew: bool = False  # whether these are all, in place of those before

    @model_validator(mode="after")
    def _some(self) -> _Points:
        if not self.edits and not self.anew:
            raise ValueError("at least one edit")
        return self


class _At(_Said):
    do: Literal["place"]
    weights: Annotated[dict[Name, Finite], Field(min_length=1, max_length=1000)]
    step: Step | None = None


class _Show(_Said):
    do: Literal["show"]
    show: Show


class _Compare(_Said):
    do: Literal["compare"]
    vary: Annotated[str, Field(min_length=3, max_length=2000)]
    steps: Count | None = None


class _Explain(_Said):
    do: Literal["explain"]
    name: Name | None = None


class _Diagnose(_Said):
    do: Literal["diagnose"]
    tried: bool = False


class _Guess(_Said):
    do: Literal["guess"]
    value: Finite


class _Predict(_Said):
    do: Literal["predict"]
    row: Annotated[dict[Name, Value], Field(max_length=2000)]


class _Bare(_Said):
    do: Literal["pause", "keep", "stop_aside"]


Message = Annotated[
    _Open | _Forward | _Back | _Go | _Run | _Drawn | _Change | _Table | _Points | _At | _Show
    | _Compare | _Explain | _Diagnose | _Guess | _Predict | _Bare,
    Field(discriminator="do"),
]  # fmt: skip
_MESSAGE: TypeAdapter[Any] = TypeAdapter(Message)


class MalformedError(ValueError):
    """What the page said is nothing that a page may say; the text says why, in a few words."""


def read_message(text: str | bytes | None) -> dict[str, Any]:
    """The message in a text, as plain data.

    >>> read_message('{"do": "back"}')
    {'do': 'back', 'count': 1}

    Raises: MalformedError.
    """
    if not isinstance(text, str):
        raise MalformedError("a message is text")
    if len(text) > LARGEST:
        raise MalformedError(f"a message has at most {LARGEST:,} characters")
    try:
        return _MESSAGE.validate_json(text).model_dump()
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        if problem["type"] == "union_tag_invalid":
            raise MalformedError("there is no such message") from None
        place = ".".join(str(part) for part in problem["loc"])[:60]
        raise MalformedError(f"{place or 'message'}: {problem['msg'].removeprefix('Value error, ')}") from None
