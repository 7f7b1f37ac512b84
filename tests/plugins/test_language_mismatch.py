"""Languages of questions and answers."""

# ruff: noqa: E501, RUF001 - other alphabets

import pytest
from pydantic import ValidationError

from gateway.evaluation.api import Message
from gateway_plugins._languages import LANGUAGES, profile, script_of
from gateway_plugins.language_mismatch import LanguageMismatch
from tests.plugins.making import CALL, label, made, outcome, said

PLUGIN = made(LanguageMismatch)
TEXTS = {
    "en": "The train leaves at nine in the morning and it arrives in the city before noon, so you have time for lunch.",
    "de": "Der Zug fährt um neun Uhr ab und kommt vor dem Mittag in der Stadt an, so dass man noch Zeit zum Essen hat.",
    "fr": "Le train part à neuf heures du matin et il arrive dans la ville avant midi, donc vous avez le temps de manger.",
    "es": "El tren sale a las nueve de la mañana y llega a la ciudad antes del mediodía, por lo que hay tiempo para comer.",
    "it": "Il treno parte alle nove del mattino e arriva nella città prima di mezzogiorno, quindi c'è il tempo per mangiare.",
    "pt": "O trem sai às nove da manhã e chega na cidade antes do meio-dia, então você tem tempo para o almoço com os amigos.",
    "nl": "De trein vertrekt om negen uur en komt voor de middag aan in de stad, zodat je nog tijd hebt om te eten.",
    "sv": "Tåget går klockan nio på morgonen och det är framme i staden före lunch, så du har tid att äta med en vän.",
    "da": "Toget kører klokken ni om morgenen og er fremme i byen før middag, så du har tid til at spise med en af dine venner.",
    "pl": "Pociąg odjeżdża o dziewiątej rano i przyjeżdża do miasta przed południem, więc jest czas na obiad, ale nie za długi.",
    "cs": "Vlak odjíždí v devět ráno a do města přijede před polednem, takže je čas na oběd, ale ne na to, aby se šlo do kina.",
    "tr": "Tren sabah dokuzda kalkıyor ve öğleden önce şehre varıyor, bu yüzden yemek için zaman var ama çok da uzun değil.",
    "id": "Kereta berangkat pada pukul sembilan pagi dan tiba di kota sebelum siang, jadi anda ada waktu untuk makan dengan teman.",
    "vi": "Tàu rời ga vào chín giờ sáng và đến thành phố trước buổi trưa, vì vậy bạn có thời gian để ăn với một người bạn.",
    "ru": "Поезд отправляется в девять утра и прибывает в город до полудня, так что у вас есть время на обед, но не очень много.",
    "uk": "Поїзд відправляється о дев'ятій ранку і прибуває до міста до полудня, так що у вас є час на обід, але не дуже багато.",
    "bg": "Влакът тръгва в девет сутринта и пристига в града преди обяд, така че има време за обяд, но не е много, ако се бавите.",
    "ar": "يغادر القطار في الساعة التاسعة صباحا ويصل إلى المدينة قبل الظهر، لذلك هناك وقت كاف من أجل الغداء مع الأصدقاء في هذا اليوم",
    "fa": "قطار در ساعت نه صبح حرکت می کند و پیش از ظهر به شهر می رسد و برای ناهار هم وقت هست اما نه آن که با دوستان را ببینیم",
    "el": "Το τρένο φεύγει στις εννέα το πρωί και φτάνει στην πόλη πριν από το μεσημέρι.",
    "he": "הרכבת יוצאת בתשע בבוקר ומגיעה לעיר לפני הצהריים, כך שיש זמן לאכול.",
    "hi": "ट्रेन सुबह नौ बजे चलती है और दोपहर से पहले शहर पहुँच जाती है।",
    "th": "รถไฟออกตอนเก้าโมงเช้าและถึงเมืองก่อนเที่ยง จึงมีเวลากินข้าว",
    "ko": "기차는 아침 아홉 시에 출발하여 정오 전에 도시에 도착하므로 점심 먹을 시간이 있습니다.",
    "zh": "火车早上九点出发，中午之前到达城市，所以你有时间吃午饭，也可以和朋友见面。",
    "ja": "列車は朝九時に出発し、正午前に都市に到着するので、昼食を食べる時間があります。",
}


@pytest.mark.parametrize("language", TEXTS)
def test_language_is_known(language: str) -> None:
    """One sentence is enough."""
    assert language == profile(TEXTS[language], 0.08).language


def test_every_language_has_a_text() -> None:
    """What no text shows would not be tested."""
    assert {*LANGUAGES} == {*TEXTS}


@pytest.mark.parametrize("asked", TEXTS)
@pytest.mark.parametrize("answered", ["en", "de", "ru", "uk", "ja", "ar"])
def test_answer_is_compared_with_the_question(asked: str, answered: str) -> None:
    """The same language is none, another one is a mismatch, and the label names both."""
    exchange = said(TEXTS[answered], asked=TEXTS[asked])

    assert (asked != answered) is outcome(PLUGIN, exchange)
    assert f"{asked}/{answered}" == label(PLUGIN, exchange)


@pytest.mark.parametrize("expected", TEXTS)
def test_parameter_says_what_is_expected(expected: str) -> None:
    """Whatever the question says, even which language it wants."""
    plugin = made(LanguageMismatch, expected=expected)

    assert outcome(plugin, said(TEXTS[expected], asked="Answer in English, please.")) is False
    assert outcome(plugin, said(TEXTS["de" if expected != "de" else "en"], asked="Hi")) is True
    assert script_of(expected)


@pytest.mark.parametrize(
    ("asked", "text", "why"),
    [
        (f"Translate this into something nice: {TEXTS['de']}", TEXTS["en"], "explicit_target"),
        (f"Please answer in German. {TEXTS['en']}", TEXTS["de"], "explicit_target"),
        (f"请用英语回答：{TEXTS['zh']}", TEXTS["en"], "explicit_target"),
        ("Where is it?", TEXTS["de"], "uncertain"),
        (TEXTS["en"], "Berlin", "uncertain"),
        (TEXTS["en"], "12345", "no_letters"),
        ("12345", TEXTS["en"], "no_letters"),
        (TEXTS["en"], "```\nfor x in y: print(x)\n```", "no_letters"),
        ("東京", TEXTS["en"], "uncertain"),
        ("Berlin Potsdam Hamburg Rostock Stralsund Greifswald Schwerin", TEXTS["en"], "uncertain"),
    ],
)
def test_unsure_cases_are_skipped(asked: str, text: str, why: str) -> None:
    """A named language, too few letters, and texts without small words."""
    assert f"skip {why}" == outcome(PLUGIN, said(text, asked=asked))


def test_system_prompt_may_name_the_language() -> None:
    """Then the question's language is not what counts."""
    exchange = said(TEXTS["fr"], asked=TEXTS["en"])
    system = Message("system", "Always answer in French.")
    with_system = said(TEXTS["fr"], messages=(system, *exchange.messages))

    assert outcome(PLUGIN, exchange) is True
    assert "skip explicit_target" == outcome(PLUGIN, with_system)


def test_quotations_code_and_addresses_do_not_count() -> None:
    """A German question about an English sentence is a German one."""
    asked = f"{TEXTS['de']} Was heißt „{TEXTS['en']}“ und `{TEXTS['fr']}`? https://example.com/the/of/and/to/in"

    assert outcome(PLUGIN, said(TEXTS["de"], asked=asked)) is False


def test_margin_is_how_sure_one_must_be() -> None:
    """A margin that nothing reaches leaves everything uncertain."""
    exchange = said(TEXTS["de"], asked=TEXTS["en"])

    assert "skip uncertain" == outcome(made(LanguageMismatch, margin=1), exchange)
    assert "skip tool_calls" == outcome(PLUGIN, said(calls=(CALL,)))


def test_unknown_language_is_an_error() -> None:
    """It is told when the parameters are read, with those that are known."""
    with pytest.raises(ValidationError, match="there are: ar, bg"):
        made(LanguageMismatch, expected="klingon")
