"""Is the answer in another language than the question?

Expected is the language of the last thing that the user said, or the parameter. Letters of another script are another
language. Within one script the small words of both texts decide ("the", "der", "que"), if both have 40 letters or more
and one language is ahead by `margin`; otherwise nothing is sure, and it is skipped. A request that names a language, or
asks for a translation, is skipped unless the parameter says what to expect. Code, addresses and quotations do not
count.
"""

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gateway.evaluation.api import Evaluator, Exchange, Result, ScoreSpec, Skip
from gateway_plugins._answer import words_of
from gateway_plugins._languages import FEWEST_LETTERS, LANGUAGES, Profile, profile, script_of
from gateway_plugins._patterns import compiled
from gateway_plugins._text import capped

_FEWEST_LETTERS: Final = 10
_TARGET: Final = compiled(
    r"\btranslat|\bübersetz|\btradu[cisz]|\btradu|\bvertaal|\böversätt|\boversæt|\btłumacz|\bpřelož|перевед|перевод|переклад|"
    r"翻译|翻譯|訳し|翻訳|번역|ترجم|अनुवाद|\b(?:english|german|french|spanish|italian|portuguese|dutch|swedish|danish|polish|czech|"
    r"turkish|indonesian|vietnamese|russian|ukrainian|bulgarian|arabic|persian|farsi|greek|hebrew|hindi|thai|korean|chinese|"
    r"mandarin|japanese|latin|deutsch|englisch|französisch|spanisch|italienisch|japanisch|chinesisch|russisch|français|anglais|"
    r"allemand|espagnol|italien|japonais|español|inglés|francés|alemán|italiano|inglese|francese|tedesco|português|inglês|"
    r"engels|nederlands|angielsk\w+|polsk\w+)\b|английск|русск|немецк|французск|испанск|英语|英文|中文|汉语|日语|日文|法语|德语|韩语|"
    r"英語|日本語|中国語|韓国語|영어|한국어|일본어|중국어",
    ignore_case=True,
)


def _known(language: str | None) -> str | None:
    if language is not None and language not in LANGUAGES:
        raise ValueError(f"is no language that is known here; there are: {', '.join(sorted(LANGUAGES))}")
    return language


class LanguageParams(BaseModel):
    """Which language is expected, and how sure one must be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    expected: Annotated[str | None, AfterValidator(_known)] = Field(
        default=None, description="Code of the language that every answer must have; without it, the question's."
    )
    margin: float = Field(
        default=0.08, ge=0, le=1, description="By how much of all words one language's small words must be ahead."
    )


class LanguageMismatch(Evaluator[LanguageParams]):
    """Compare the languages of question and answer."""

    name = "language_mismatch"
    version = "1.0.0"
    Params = LanguageParams
    scores = (ScoreSpec(direction="min"),)

    def evaluate(self, target: Exchange) -> Result:
        """Compare scripts first, then languages."""
        text, evidence = capped(words_of(target))
        expected = self._expected(target)
        found = profile(text, self.params.margin)
        if found.script is None or expected.script is None:
            raise Skip("no_letters")
        # A name, or a number with its unit, says nothing of a language.
        is_sure = min(found.letters, expected.letters) >= _FEWEST_LETTERS
        if found.script == expected.script:
            is_sure = is_sure and found.language is not None and expected.language is not None
        if not is_sure:
            raise Skip("uncertain")
        wanted, got = expected.language or expected.script, found.language or found.script
        margins = {"expected": round(expected.margin, 4), "found": round(found.margin, 4)}
        return Result(wanted != got, label=f"{wanted}/{got}", evidence={**evidence, "margins": margins})

    def _expected(self, target: Exchange) -> Profile:
        language = self.params.expected
        if language is not None:
            return Profile(FEWEST_LETTERS, script_of(language), language, 1.0)
        asked, _ = capped(target.asked)
        if _TARGET.search(asked) or _TARGET.search(capped(target.system)[0]):
            raise Skip("explicit_target")
        return profile(asked, self.params.margin)
