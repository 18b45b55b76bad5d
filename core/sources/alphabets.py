"""What a language is written with: its letters, the commonest of them, and the older encodings its texts come in."""

from __future__ import annotations

from dataclasses import dataclass

_WESTERN = ("cp1252", "iso8859-15", "mac-roman", "cp850")
_CENTRAL = ("cp1250", "iso8859-2", "cp852")
_CYRILLIC = ("cp1251", "koi8-r", "cp866", "iso8859-5")
_UKRAINIAN = ("cp1251", "koi8-u", "cp1125", "iso8859-5")
_BALTIC = ("cp1257", "iso8859-13", "cp775", "iso8859-4")
_ARABIC = ("cp1256", "iso8859-6", "cp720")

_HAN = (
    "的一是不了在人有我他这個个们們中来來上大为為和国國地到以说說时時要就出会會可也你对對生能而子那得于於着著下自之年过過"
    "发發后後作里裡用道行所然家种種事成方多经經么麼去法学學如都同现現当當没沒动動面起看定天分还還进進好小部其些主样樣"
    "理心她本前开開但因只从從想实實吗嗎呢吧啊把给給她很這"
)
_KANA = "のにるたとはしいをでてがなれからさっりすあもこまうくよきんめおけそつだやえどわちみせ"
_HANGUL = "이다에의는로하을가고지서한은기으년대사시를리도인스일요어아니나안해게네습저우세오자만라거그것들여면야있없"


@dataclass(frozen=True, slots=True)
class Writing:
    """How a language is written.

    ``letters`` are its small letters beyond a to z, ``common`` the commonest of a script that is not Latin; encodings
    come in the order of how probable they are. ``script`` is ``letters``, or ``han``, ``kana`` or ``hangul``.
    """

    encodings: tuple[str, ...]
    letters: str = ""
    common: str = ""
    script: str = "letters"


_RUSSIAN = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
_SERBIAN = "абвгдђежзијклљмнњопрстћуфхцчџш"
_PERSIAN = "".join(
    map(chr, (*range(0x621, 0x64B), *range(0x64B, 0x653), 0x670, 0x67E, 0x686, 0x698, 0x6A9, 0x6AF, 0x6CC))
)
_URDU = "".join(map(chr, (0x679, 0x688, 0x691, 0x6BA, 0x6BE, 0x6C1, 0x6C2, 0x6D2)))
_HEBREW = "".join(map(chr, (*range(0x5D0, 0x5EB), *range(0x5B0, 0x5C3))))
_THAI = "".join(map(chr, (*range(0xE01, 0xE3B), *range(0xE40, 0xE4F))))
_VIETNAMESE = (
    "àáảãạăằắẳẵặâầấẩẫậèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵđ"  # as composed; cp1258 has tones apart
)

_WRITINGS = {
    "en": Writing(_WESTERN, "áàâäçéèêëíïñóôöúü"),
    "pt": Writing(_WESTERN, "áàâãçéêíóôõúü"),
    "es": Writing(_WESTERN, "áéíñóúü"),
    "gl": Writing(_WESTERN, "áéíñóúü"),
    "ca": Writing(_WESTERN, "àçéèíïóòúü"),
    "fr": Writing(_WESTERN, "àâæçéèêëîïôœùûüÿ"),
    "de": Writing(_WESTERN, "äöüß"),
    "it": Writing(_WESTERN, "àèéìíîòóùú"),
    "nl": Writing(_WESTERN, "áàâäéèêëíïóôöúûü"),
    "sv": Writing(_WESTERN, "åäöé"),
    "fi": Writing(_WESTERN, "äöåšž"),
    "da": Writing(_WESTERN, "æøåé"),
    "no": Writing(_WESTERN, "æøåéèêòóôü"),
    "is": Writing(_WESTERN, "áðéíóúýþæö"),
    "pl": Writing(_CENTRAL, "ąćęłńóśźż"),
    "cs": Writing(_CENTRAL, "áčďéěíňóřšťúůýž"),
    "sk": Writing(_CENTRAL, "áäčďéíĺľňóôŕšťúýž"),
    "hu": Writing(_CENTRAL, "áéíóöőúüű"),
    "ro": Writing((*_CENTRAL, "iso8859-16"), "ăâîşţșț"),
    "hr": Writing(_CENTRAL, "čćđšž"),
    "bs": Writing(_CENTRAL, "čćđšž"),
    "sl": Writing(_CENTRAL, "čšž"),
    "sq": Writing((*_CENTRAL, "cp1252"), "çë"),
    "ru": Writing(_CYRILLIC, _RUSSIAN, "оеаинтсрвлкм"),
    "be": Writing(_UKRAINIAN, "абвгдеёжзійклмнопрстуўфхцчшыьэюя", "аенірысклодў"),
    "uk": Writing(_UKRAINIAN, "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя", "оаниірвтескл"),
    "bg": Writing(_CYRILLIC, "абвгдежзийклмнопрстуфхцчшщъьюяѝ", "аиоентрсвлкд"),
    "mk": Writing(_CYRILLIC, "абвгдѓежзѕијклљмнњопрстќуфхцчџшѝѐ", "аоиетнрсвдкј"),
    "sr": Writing(("cp1251", *_CENTRAL, "iso8859-5"), "čćđšž" + _SERBIAN, "аиоенрсуткјв"),
    "el": Writing(
        ("cp1253", "iso8859-7", "cp737", "cp869"), "αάβγδεέζηήθιίϊΐκλμνξοόπρστυύϋΰφχψωώς", "αάτοόιίεέηήνρσςκπ"
    ),
    "tr": Writing(("cp1254", "iso8859-9", "cp857"), "âçğıîöşûüi̇"),
    "he": Writing(("cp1255", "iso8859-8", "cp862"), _HEBREW, "יוהלרבתמאשנע"),
    "ar": Writing(_ARABIC, _PERSIAN, "اليمونرتبةعد"),
    "fa": Writing(_ARABIC, _PERSIAN, "ایردنهومتبسل"),
    "ur": Writing(_ARABIC, _PERSIAN + _URDU, "ایکروںےنہمتس"),
    "lt": Writing(_BALTIC, "ąčęėįšųūž"),
    "lv": Writing(_BALTIC, "āčēģīķļņšūž"),
    "et": Writing(_BALTIC, "äõöüšž"),
    "vi": Writing(("cp1258",), _VIETNAMESE),
    "th": Writing(("cp874",), _THAI, "านรอกเงมยลวด"),
    "zh": Writing(("gb18030", "big5hkscs"), common=_HAN, script="han"),
    "ja": Writing(("iso2022_jp", "cp932", "euc_jp"), common=_KANA, script="kana"),
    "ko": Writing(("cp949",), common=_HANGUL, script="hangul"),
    "hi": Writing((), "".join(map(chr, range(0x900, 0x980))), "करसनतमहपयलवज"),
}  # fmt: skip
_DEFAULT_WRITING = Writing(_WESTERN, "áàâäãåæçéèêëíìîïñóòôöõøœúùûüß")


def writing_of(language: str) -> Writing:
    """How a language is written, by its code (``pt-BR``); an unknown one as those of the west are."""
    parts = language.strip().lower().replace("_", "-").split("-")
    writing = _WRITINGS.get({"nb": "no", "nn": "no", "iw": "he"}.get(parts[0], parts[0]), _DEFAULT_WRITING)
    if parts[0] == "zh" and {"tw", "hk", "mo", "hant"} & set(parts):
        return Writing(writing.encodings[::-1], common=writing.common, script=writing.script)
    return writing
