"""How an answer is spelled before it is compared, and how several conditions add up."""

import unicodedata
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.evaluation.api import Result

Pattern = Annotated[str, Field(min_length=1, max_length=4096)]


class Spelling(BaseModel):
    """How two texts are made comparable."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ignore_case: bool = Field(default=False, description="Upper and lower case are the same.")
    nfc: bool = Field(
        default=True, description="Characters that can be written in two ways are the same (Unicode NFC)."
    )
    trim: bool = Field(default=True, description="White space at both ends does not count.")


class Conditions(Spelling):
    """What must be there, and what must not."""

    must_match: list[Pattern] = Field(default=[], max_length=1000, description="What the answer must have.")
    must_not_match: list[Pattern] = Field(default=[], max_length=1000, description="What it must not have, none of it.")
    mode: Literal["all", "any"] = Field(default="all", description="How many of `must_match` it must have.")

    @model_validator(mode="after")
    def _says_something(self) -> "Conditions":
        if not self.must_match and not self.must_not_match:
            raise ValueError("say at least one of must_match and must_not_match")
        return self


def spelled(text: str, spelling: Spelling, *, fold: bool = False) -> str:
    """Write a text in the spelling in which it is compared; without case only if `fold`."""
    if spelling.nfc:
        text = unicodedata.normalize("NFC", text)
    if spelling.trim:
        text = text.strip()
    return text.casefold() if fold and spelling.ignore_case else text


def verdict(wanted: Sequence[bool], unwanted: Sequence[bool], mode: str, evidence: dict[str, object]) -> Result:
    """Join what was found. The evidence tells by number which conditions are not met."""
    is_there: Callable[[Sequence[bool]], bool] = all if mode == "all" else any
    missing = [number for number, found in enumerate(wanted) if not found]
    unwelcome = [number for number, found in enumerate(unwanted) if found]
    is_met = (not wanted or is_there(wanted)) and not unwelcome
    if missing and not is_met:
        evidence["missing"] = missing[:100]
    if unwelcome:
        evidence["unwelcome"] = unwelcome[:100]
    return Result(is_met, evidence=evidence)
