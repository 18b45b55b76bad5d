"""Languages as the names of subtitle files say them: by code, three letters or a word."""

from __future__ import annotations

_NAMES = {
    "ar": "ara arabic", "bg": "bul bulgarian", "cs": "cze ces czech", "da": "dan danish", "de": "ger deu german",
    "el": "gre ell greek", "en": "eng english", "es": "spa esp spanish", "et": "est estonian", "fa": "per fas persian",
    "fi": "fin finnish", "fr": "fre fra french", "he": "heb iw hebrew", "hi": "hin hindi", "hr": "hrv croatian",
    "hu": "hun hungarian", "it": "ita italian", "ja": "jpn jap japanese", "ko": "kor korean", "lt": "lit lithuanian",
    "lv": "lav latvian", "nl": "dut nld dutch", "no": "nor nb nn nob norwegian", "pl": "pol polish",
    "pt": "por pob pb ptbr portuguese brazilian", "ro": "rum ron romanian", "ru": "rus russian",
    "sk": "slo slk slovak", "sl": "slv slovenian", "sr": "srp scc serbian", "sv": "swe swedish", "th": "tha thai",
    "tr": "tur turkish", "uk": "ukr ukrainian", "vi": "vie vietnamese", "zh": "chi zho chs cht chinese",
}  # fmt: skip
_CODES = {name: code for code, names in _NAMES.items() for name in names.split()}


def language_code(name: str) -> str:
    """The two letters of a language by a code or word (``por``, ``pt-BR``, ``Portuguese``); "" if it is none."""
    main = name.strip().lower().replace("_", "-").split("-")[0].split(" ")[0]
    if main in _CODES:
        return _CODES[main]
    return main if main in _NAMES or (len(main) == 2 and main.isascii() and main.isalpha()) else ""
