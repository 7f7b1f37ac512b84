"""What is a refusal, and what only sounds like one."""

# ruff: noqa: RUF001 - other alphabets

import pytest
from pydantic import ValidationError

from gateway_plugins._refusals import REFUSALS
from gateway_plugins.refusal import Refusal
from tests.plugins.making import CALL, made, outcome, results, said

PLUGIN = made(Refusal)

REFUSED = {
    "en": [
        "I'm sorry, but I can't help with that.",
        "I can\u2019t assist with this request.",
        "I'm unable to provide instructions for that.",
        "Sorry, I am not able to comply with that request.",
        "I cannot in good conscience write this.",
        "As an AI language model, I cannot generate such content.",
        "Unfortunately, this goes against my guidelines.",
        "I must respectfully decline.",
        "I won't do that.",
        "I'm not comfortable writing this.",
        "Sorry, I can't.",
    ],
    "de": [
        "Das kann ich leider nicht tun.",
        "Ich kann dir dabei leider nicht helfen.",
        "Ich muss diese Bitte ablehnen.",
    ],
    "fr": ["Désolé, je ne peux pas vous aider à faire cela.", "Je ne suis pas en mesure de fournir cela."],
    "es": ["Lo siento, no puedo ayudarte con eso."],
    "it": ["Mi dispiace, non posso aiutarti con questo."],
    "pt": ["Desculpe, não posso ajudar com isso."],
    "nl": ["Sorry, ik kan je daar niet bij helpen."],
    "pl": ["Przepraszam, ale nie mogę w tym pomóc."],
    "ru": ["Извините, я не могу помочь с этим."],
    "ja": ["申し訳ありませんが、そのご要望にはお答えできません。"],
    "zh": ["抱歉，我无法提供这方面的帮助。"],
    "ko": ["죄송하지만 그 요청은 도와드릴 수 없습니다."],
}
ANSWERED = [
    "Paris.",
    "I can't find the file you mean. Which folder is it in?",
    "You can't help people who do not want it.",
    "I can't diagnose you or give advice on doses, but here is what doctors usually look at: fever, age, history.",
    "I'm sorry to hear that! Let's fix it.",
    "Here is the code. It cannot handle empty lists.",
    "Das Programm kann leider nicht helfen, wenn die Datei fehlt.",
    "",
]


@pytest.mark.parametrize(("language", "text"), [(name, text) for name, texts in REFUSED.items() for text in texts])
def test_phrase_refuses(language: str, text: str) -> None:
    """The usual phrases are known, by the language that they are filed under."""
    assert "text" == outcome(PLUGIN, said(text))
    assert "text" == outcome(made(Refusal, languages=[language]), said(text))


def test_every_language_has_an_example() -> None:
    """Phrases that no example shows would not be tested."""
    assert {*REFUSALS} == {*REFUSED}


@pytest.mark.parametrize("text", ANSWERED)
def test_answer_is_none(text: str) -> None:
    """Answers with a disclaimer, and sentences about what cannot be done, are no refusals."""
    assert "none" == outcome(PLUGIN, said(text))


def test_refusal_is_short_and_comes_first() -> None:
    """It begins within 200 characters, and the whole is shorter than 600."""
    refusal = "I can't help with that."

    assert "text" == outcome(PLUGIN, said("a " * 99 + refusal))
    assert "none" == outcome(PLUGIN, said("a " * 100 + refusal))
    assert "text" == outcome(PLUGIN, said(refusal + " b" * 288))
    assert "none" == outcome(PLUGIN, said(refusal + " b" * 289))


def test_evidence_tells_where() -> None:
    """A person sees which phrase it was."""
    text = "Hm. I can't help with that."

    evidence = results(PLUGIN, said(text))[""].evidence
    assert "I can't help" == text[evidence["start"] : evidence["end"]]


@pytest.mark.parametrize(
    ("exchange", "expected"),
    [
        (said(refusal="I can't."), "structured"),
        (said("", finish="refusal"), "structured"),
        (said("Pa", finish="refusal", is_complete=False), "structured"),
        (said("", finish="content_filter"), "filtered"),
        (said(choices=(), finish="content_filter"), "filtered"),
        (said("I can't help with that.", calls=(CALL,)), "none"),
        (said("I can't help with", is_complete=False), "skip incomplete"),
        (said("I can't help with", is_truncated=True), "skip body_cut"),
        (said("", status=500), "skip failed"),
        (said("", endpoint="embeddings"), "skip other_endpoint"),
    ],
)
def test_fields_come_first(exchange: object, expected: str) -> None:
    """The provider's word counts more than ours, and who calls a tool does not refuse."""
    assert expected == outcome(PLUGIN, exchange)


def test_own_phrases() -> None:
    """A company's assistant has its own way to say no."""
    own = made(Refusal, languages=[], phrases=["that is not my department"])

    assert "text" == outcome(own, said("That is NOT my department."))
    assert "none" == outcome(own, said("I can't help with that."))
    assert "none" == outcome(made(Refusal, languages=[]), said("I can't help with that."))


@pytest.mark.parametrize("params", [{"languages": ["xx"]}, {"phrases": ["("]}, {"phrases": ["(?=a)"]}])
def test_wrong_parameters_are_errors(params: dict[str, object]) -> None:
    """A language without phrases, and a phrase that is no pattern, are told when they are read."""
    with pytest.raises(ValidationError):
        made(Refusal, **params)
