"""Which language is a text in? By its script, then by its most frequent small words; None where that is not sure."""

# ruff: noqa: RUF001 - other alphabets

from collections.abc import Mapping
from typing import Final, NamedTuple

from gateway_plugins._patterns import compiled
from gateway_plugins._text import prose, words

FEWEST_LETTERS: Final = 40
_JAPANESE_KANA: Final = 0.05  # share of kana from which a text in Han letters is Japanese

_SCRIPTS: Final = {
    "latin": r"\p{Latin}+",
    "cyrillic": r"\p{Cyrillic}+",
    "greek": r"\p{Greek}+",
    "arabic": r"\p{Arabic}+",
    "hebrew": r"\p{Hebrew}+",
    "devanagari": r"\p{Devanagari}+",
    "thai": r"\p{Thai}+",
    "hangul": r"\p{Hangul}+",
    "han": r"\p{Han}+",
    "kana": r"[\p{Hiragana}\p{Katakana}]+",
}
# Scripts that one of our languages alone uses.
_ALONE: Final = {
    "greek": "el", "hebrew": "he", "devanagari": "hi", "thai": "th", "hangul": "ko", "han": "zh", "kana": "ja",
}  # fmt: skip
_SMALL_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "en": (
        "latin",
        "the a of and to in is that it for was on are as with his they at be this have from or had by not but what "
        "all were we when your can there an which their if will each about how up them then she many some so these "
        "would into has more her two him you do does i my me no its our should could than only also",
    ),
    "de": (
        "latin",
        "der die das und ist nicht ein eine einen einem einer zu in den dem des mit auf für von im sich auch als "
        "an es ich sie wir ihr er war wird sind haben hat kann aus bei nach wie oder aber wenn nur noch über so um "
        "durch dass mehr man zum zur vor werden diese dieser dieses keine mein dein sein was wo",
    ),
    "fr": (
        "latin",
        "le la les de des du un une et est en que qui dans pour pas sur au aux avec ce cette ces il elle nous vous "
        "ils elles je tu ne se sont par plus ou mais son sa ses leur leurs être avoir fait comme tout si on à où "
        "été votre notre mon ma même aussi très",
    ),
    "es": (
        "latin",
        "el la los las de del y en que es un una por con para no se lo al su sus como más pero fue este esta estos "
        "son entre cuando muy sin sobre también me hasta hay donde quien desde todo nos ya o porque tiene puede "
        "ser qué está tu mi yo sí",
    ),
    "it": (
        "latin",
        "il lo la i gli le di del della dei delle e è in che un una per con non si da dal dalla al alla nel nella "
        "sono come più ma anche questo questa quello se ho ha hanno essere molto tutto suo sua mi ti ci vi o "
        "perché cosa può quando dove io tu noi",
    ),
    "pt": (
        "latin",
        "o a os as de do da dos das e em no na nos nas que é um uma por para com não se ao à mais como mas foi ele "
        "ela seu sua ou ser quando muito há já está eu também só pelo pela até isso são você nós meu minha tem "
        "onde porque pode",
    ),
    "nl": (
        "latin",
        "de het een en van in is dat op te zijn met voor niet aan er om ook als dan maar bij nog uit door naar "
        "heeft hebben wordt werd deze dit die wat hij zij ze wij we je jij u ik mijn kan kunnen meer geen over of "
        "tot al hoe waar omdat worden",
    ),
    "sv": (
        "latin",
        "och att det som en på är av för med den till inte har de ett om var jag men från vi så kan när hon han "
        "man ska eller alla där mot vid sin nu du mig dig efter upp bara vad hur mycket också skulle blir detta "
        "dessa vara",
    ),
    "da": (
        "latin",
        "og at det som en på er af for med den til ikke har de et om var jeg men fra vi så kan når hun han man "
        "skal eller alle hvor mod ved sin nu du mig dig efter op bare hvad hvordan meget også ville bliver dette "
        "disse være hvis",
    ),
    "pl": (
        "latin",
        "i w na z że się nie do jest to jak o ale po co tak za od przez dla czy przy być są był była było jego jej "
        "ich ten ta te tym które który która lub oraz już tylko może bardzo także kiedy gdzie ja ty my wy mnie",
    ),
    "cs": (
        "latin",
        "a v na se že je to s z do o i jak pro ale po za by od nebo jsou byl byla bylo jeho její jejich ten ta "
        "které který která jako už jen může velmi také když kde já ty my vy co podle při není jsem",
    ),
    "tr": (
        "latin",
        "ve bir bu da de için ile çok olarak daha gibi en ama ne kadar sonra var olan o ben sen biz siz mi mı "
        "değil ya her ki şey göre olduğu nasıl veya ise bunu bana neden nerede",
    ),
    "id": (
        "latin",
        "yang dan di ini itu dengan untuk tidak dari dalam akan pada juga saya ke karena ada mereka kita oleh bisa "
        "telah sudah atau seperti adalah lebih kami anda dapat hanya apa bagaimana sebagai",
    ),
    "vi": (
        "latin",
        "và của là có không được cho các một những trong này với để người khi đã từ như về ra cũng tôi bạn đến "
        "nhiều nào thì sẽ vào nếu hoặc hay rất gì",
    ),
    "ru": (
        "cyrillic",
        "и в не на я что он с как это по но она они мы к у из за от так же для вы бы его её все или если о то был "
        "была было были только может уже когда где при чтобы есть очень их быть нет этот эта эти который которые",
    ),
    "uk": (
        "cyrillic",
        "і в не на я що він з як це по але вона вони ми до у із за від так же для ви б його її все або якщо про то "
        "був була було були тільки може вже коли де при щоб є дуже їх бути ні цей ця ці який які та й",
    ),
    "bg": (
        "cyrillic",
        "и в не на аз че той с как това по но тя те ние към у от за така да се вие би го я всички или ако то беше "
        "са само може вече когато къде при е много ги бъде няма този тази тези който които",
    ),
    "ar": (
        "arabic",
        "في من على أن إلى عن هذا هذه التي الذي ما لا مع كان هو هي أو كل بعد قد لم إن كما بين هل يمكن ذلك أي",
    ),
    "fa": (
        "arabic",
        "در از به که این را با است برای آن یک خود تا کرد بر هم نیز می های شود شده اما یا اگر دارد چه من شما",
    ),
}  # fmt: skip
LANGUAGES: Final = (*_SMALL_WORDS, *_ALONE.values())
_WORDS: Final = {language: (script, frozenset(text.split())) for language, (script, text) in _SMALL_WORDS.items()}

_ASIDE: Final = compiled(
    r"`[^`\n]*`|https?://\S+|[\w.+-]{1,64}@\S{1,200}|\"[^\"\n]{1,200}\"|«[^»\n]{1,200}»|„[^“”\n]{1,200}[“”]|"
    r"“[^”\n]{1,200}”|「[^」\n]{1,200}」"
)


class Profile(NamedTuple):
    """What a text looks like. `script`: in which most of its letters are. `language`: None where it is not sure."""

    letters: int
    script: str | None
    language: str | None
    margin: float


def profile(text: str, least_margin: float) -> Profile:
    """Look at a text, without its code, addresses and quotations."""
    text = _ASIDE.without(prose(text))
    counts = {script: sum(map(len, pattern.findall(text))) for script, pattern in _PATTERNS.items()}
    letters = sum(counts.values())
    if not letters:
        return Profile(0, None, None, 0.0)
    if counts["kana"] >= _JAPANESE_KANA * (counts["kana"] + counts["han"]) > 0:
        counts["kana"] += counts["han"]
        counts["han"] = 0
    script = max(counts, key=counts.__getitem__)
    if script in _ALONE:
        return Profile(letters, script, _ALONE[script], 1.0)
    language, margin = _by_small_words(text, script)
    is_sure = letters >= FEWEST_LETTERS and margin >= least_margin
    return Profile(letters, script, language if is_sure else None, margin)


def script_of(language: str) -> str:
    """Return the script in which a language is written."""
    alone = {known: script for script, known in _ALONE.items()}
    return alone.get(language) or _SMALL_WORDS[language][0]


def _by_small_words(text: str, script: str) -> tuple[str | None, float]:
    """Return the language whose small words are the largest share, and how much larger that is than the next one's."""
    found = words(text)
    shares = [
        (sum(word in small for word in found) / max(len(found), 1), language)
        for language, (its_script, small) in _WORDS.items()
        if its_script == script
    ]
    (best, language), (next_best, _), *_ = sorted(shares, reverse=True)
    return language, best - next_best


_PATTERNS: Final = {script: compiled(pattern) for script, pattern in _SCRIPTS.items()}
