"""Character encodings: UTF-8, UTF-16, UTF-32, else one in which the text looks like its language.

No guess that cannot fail: what comes out of an older encoding has to be words of that language's letters, written as
words are. `charset-normalizer`, held to the same encodings, read 38 of 201 short texts wrongly, "Amanhã às 10h" among
them.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from functools import lru_cache
from itertools import islice

from core.errors import UserError
from core.sources.alphabets import Writing, writing_of

_MOST_WORDS = 20_000  # are looked at
_WORST = 0.1  # of the words with signs beyond ASCII may be none of the language
_FOREIGN = 0.12  # of all words may have letters of others, as names do
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_NULS = 0.01  # of the signs: a text has more only if it is a wide one that was damaged
_CUT = 1_000_000  # bytes: one so long may have been read in part
_NO_TEXT = re.compile("[\0-\x08\x0e-\x1f\x7f-\x9f\ufffd-\uffff\ue000-\uf8ff]")
_WORD = re.compile("[^ \t\r\n\f\v\u2028\u3000]*[^\0-\x7f\u2028\u3000][^ \t\r\n\f\v\u2028\u3000]*")
# A space that does not break stands before some signs, beside numbers and after short words, never before a comma.
_HARD_SPACE = re.compile("\xa0(?=[,.)]|$)|(?<=\\w\\w\\w)\xa0(?=[^\\W\\d])")
_OPENING, _CLOSING = (
    "([{<\"'“„‟‘‚‛«»‹›¿¡「『（《〈【*_#-–—…♪♫♬€£¥§№&@+=~",
    ")]}>\"'”“‟’‘‛»«›‹.,:;!?…-–—」』）》〉】。、，！？：；、،؛؟׃~♪♫♬%‰°º",
)
_OPENING += ")]}>/|\\.,:;!?%"  # what markup and haste put there
_CLOSING += "([{</|\\*_#$€£¥§&@+=™®©"
_AFTER_DIGIT = "ºª°²³½¼¾€£¥%‰×÷′″"
_UNIT = re.compile("[a-z]{1,2}[²³ºª°]")  # m², cm³, nº
_JOINTS = re.compile(r"[-'’‑–—…./,:;|\\(){}\[\]<>\"“”«»_*#&@+=0-9!?~]+")
_AMID_LETTERS = re.compile(r"(?<!\S)[!-~]*[a-z][^\0-\x7f“”‘’…—–、。，！？][!-~]*(?!\S)")
_ODD = re.compile("(?<![\\d])(?<!\\d[ \xa0])(?<!^)[€£¥](?![ \xa0]?\\d)", re.MULTILINE)  # money without an amount
_EAST = re.compile("[\u3000-\u303f\uff00-\uff60\uffe0-\uffe6“”‘’…—–·•♪♫♬○●★☆※×℃°～〜￥€£©®½]")


def decode_text(data: bytes, language: str, name: str = "") -> str:
    """The text in the bytes of a file.

    Args:
        data: the file's content, or its beginning: a letter that is cut through at the end is left out.
        language: the code of the language the text should be in, such as ``pt-BR``.
        name: what the person calls the file, for the error.

    Raises:
        UserError: ``text.encoding``: in no encoding of that language does it look like it.
    """
    return _reading(data, language, name)[0]


def encoding_of(data: bytes, language: str, name: str = "") -> str:
    """The encoding `decode_text` reads these bytes in, as Python calls it; arguments and errors are the same."""
    return _reading(data, language, name)[1]


def _reading(data: bytes, language: str, name: str) -> tuple[str, str]:
    """The text and its encoding."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            text = _decode_or_none(data[len(mark) :], encoding)
            if text is None:
                raise _unreadable(name, language)
            return text, {"utf-8": "utf-8-sig"}.get(encoding, encoding[:6])  # which pass over the mark
    writing = writing_of(language)
    plain = _decode_or_none(data, "utf-8")
    if plain is not None and not _NO_TEXT.search(plain):
        return plain, "utf-8"
    candidates = writing.encodings + _WIDE if plain is None or "\x1b$" in plain else _WIDE
    readings = [(text, encoding) for encoding in candidates if (text := _decode_or_none(data, encoding)) is not None]
    costs = [min(cost_of(text, writing), _cost_of_wide(text) if code in _WIDE else 2) for text, code in readings]
    if not costs or min(costs) > 1:
        if plain is not None and "\x1b" not in plain and plain.count("\0") <= _NULS * len(plain):
            return plain.replace("\0", ""), "utf-8"
        raise _unreadable(name, language)
    return readings[costs.index(min(costs))]


def cost_of(text: str, writing: Writing) -> float:
    """How little a text looks like a language: 0 is best, beyond 1 it cannot be."""
    if _NO_TEXT.search(text.rstrip("\x1a\0")):
        return 2.0
    words = list(islice((match.group() for match in _WORD.finditer(text)), _MOST_WORDS))
    if not words:
        return 0.0
    if writing.script != "letters":
        return _cost_of_signs(" ".join(words), writing)
    verdicts = [_verdict(word, writing.letters) for word in words]
    bad, foreign = (verdicts.count("bad") + len(_ODD.findall(text))) / len(words), verdicts.count("foreign")
    capitals = verdicts.count("capitals") / len(words)
    uncommon = _uncommon("".join(words).lower(), writing)
    all_words = max(len(words), len(text.split()))
    if bad > _WORST or uncommon > 1 or foreign > _FOREIGN * all_words:
        return 1.0 + bad + foreign / all_words + uncommon
    return bad + 0.5 * foreign / len(words) + 0.1 * capitals + 0.2 * uncommon


def _cost_of_wide(text: str) -> float:
    """UTF-16 and UTF-32 taken for each other give signs that do not exist, and few of ASCII."""
    if _NO_TEXT.search(text.rstrip("\0")) or any(unicodedata.category(sign) == "Cn" for sign in text[:_MOST_WORDS]):
        return 2.0
    return 0.5 if 3 * sum(sign.isascii() for sign in text) >= len(text) else 2.0


def _decode_or_none(data: bytes, encoding: str) -> str | None:
    """The text, without a letter that is cut through at the end; None if the bytes are not in that encoding."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(data, final=len(data) < _CUT)
    except UnicodeDecodeError:
        return None
    return unicodedata.normalize("NFC", text) if encoding == "cp1258" else text


def _unreadable(name: str, language: str) -> UserError:
    return UserError(
        "text.encoding",
        "The letters of “{name}” cannot be read: it is not UTF-8, and in none of the older encodings does it look like "
        "the project's language ({language}).",
        "Open it in a text editor, save it as UTF-8, and add it again. If it is in another language, leave it out.",
        name=name or "text",
        language=language,
    )


def _verdict(word: str, letters: str) -> str:
    """Whether a word is written as in its language: ``good``, ``capitals``, with ``foreign`` letters, or ``bad``."""
    if _HARD_SPACE.search(word) or word[-1] in "‚„":
        return "bad"
    core = word.strip("\xa0").lstrip(_OPENING).rstrip(_CLOSING).replace("\xa0", "-")
    if not core:
        return "good"
    verdict = "good"
    for part in filter(None, _JOINTS.split(core)):
        part_verdict = _part_verdict(part, core, letters)
        if part_verdict == "bad":
            return part_verdict
        verdict = part_verdict if verdict != "foreign" and part_verdict != "good" else verdict
    return verdict


def _part_verdict(part: str, core: str, letters: str) -> str:
    small = part.lower()
    if part.isascii() or (len(part) == 1 and part in _AFTER_DIGIT):
        return "good"
    plain = small.rstrip(_AFTER_DIGIT) if core[:1].isdigit() or _UNIT.fullmatch(small) else small
    if not all(sign.isalpha() or unicodedata.category(sign) in ("Mn", "Mc") for sign in plain):
        return "bad"
    if not _is_cased_right(part):
        return "bad"
    letter_count = sum(sign in letters for sign in plain if not sign.isascii())
    sign_count = sum(not sign.isascii() for sign in plain)
    other_script = any(sign in letters and ord(sign) > 0x36F and not "\u1e00" <= sign <= "\u1eff" for sign in plain)
    if other_script and any(sign.isascii() for sign in plain):
        return "bad"
    if letter_count < sign_count:
        return "foreign"
    return "capitals" if len(part) > 1 and part.isupper() else "good"


def _is_cased_right(part: str) -> bool:
    letters = [sign for sign in part if sign.lower() != sign.upper()]
    middle = letters[1:]
    return not middle or all(sign.islower() for sign in middle) or all(sign.isupper() for sign in letters)


def _uncommon(text: str, writing: Writing) -> float:
    """How rare the letters of a text in another script than the Latin one are; beyond 1 is no text of that language."""
    if not writing.common:
        return 0.0
    foreign_letters = [sign for sign in text if sign.isalpha() and not sign.isascii() and (sign in writing.letters)]
    if not foreign_letters:
        return 0.0
    share = sum(sign in writing.common for sign in foreign_letters) / len(foreign_letters)
    least = 0.55 if len(foreign_letters) >= 60 else 0.4 if len(foreign_letters) >= 12 else 0.0
    return 1.0 + (1 - share) if share < least else 1 - share


def _cost_of_signs(text: str, writing: Writing) -> float:
    """The same for writing without letters: which signs there are, how common they are, what else stands among them."""
    signs = [sign for sign in text if not sign.isascii() and not _EAST.match(sign)]
    if not signs:
        return 0.0
    if len(_AMID_LETTERS.findall(text)) > _WORST * len(signs):
        return 2.0
    classes = [_class_of(sign) for sign in signs]
    han, kana, hangul = (classes.count(name) for name in ("han", "kana", "hangul"))
    script_count = {"han": han, "kana": han + kana, "hangul": hangul}[writing.script]
    bad = 1 - script_count / len(signs)
    if writing.script == "kana":
        of_script, least = [sign for sign, kind in zip(signs, classes, strict=True) if kind == "kana"], 0.15
        uncommon = 1 - len(of_script) / len(signs)
    else:
        of_script, least = signs, {"han": 0.08, "hangul": 0.15}[writing.script]
        uncommon = 1 - sum(sign in writing.common for sign in signs) / len(signs)
    rare = sum(map(_is_rare, signs)) / len(signs)
    too_few = len(signs) >= 6 and (1 - uncommon) < least
    if bad > _WORST or rare > 0.25 or too_few:
        return 1.0 + bad + rare + uncommon
    return min(1.0, bad + rare + 0.3 * uncommon)


def _class_of(sign: str) -> str:
    if "\u4e00" <= sign <= "\u9fff" or "\u3400" <= sign <= "\u4dbf" or sign in "々〆〇":
        return "han"
    if "\u3040" <= sign <= "\u30ff":
        return "kana"
    return "hangul" if "\uac00" <= sign <= "\ud7a3" else "other"


@lru_cache(maxsize=20_000)
def _is_rare(sign: str) -> bool:
    """Whether a Chinese character is in the first level of no national set, or a syllable not in KS X 1001."""
    for encoding, first, last in (("gb2312", 0xB0, 0xD7), ("big5", 0xA4, 0xC6), ("euc_jp", 0xB0, 0xCF)):
        try:
            if first <= sign.encode(encoding)[0] <= last:
                return False
        except UnicodeEncodeError:
            continue
    kind = _class_of(sign)
    return kind == "han" or (kind == "hangul" and len(sign.encode("euc_kr")) > 2)
