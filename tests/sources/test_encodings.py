"""Text files in the encodings of their countries are read as what they say, or refused: never as another language."""

from __future__ import annotations

import unicodedata

import pytest

from core.errors import UserError
from core.sources.encodings import decode_text

TEXTS = {
    "pl": "Święta są blisko, więc kupię coś małego dla żony.", "cs": "Dobrý den, jak se máte? Příště zas, říkám.",
    "hu": "Jó napot kívánok, nem értem, mit akarsz tőlem.", "sk": "Kŕdeľ šťastných ďatľov učí koňa.",
    "ro": "Mulţumesc, mă simt foarte bine şi vreau acasă.", "hr": "Čovječe, što radiš? Žao mi je.",
    "ru": "Привет, как дела?\nСегодня хорошая погода.", "uk": "Її ім'я знає кожен, хто їздить у Київ.",
    "bg": "Здравей, как си? Днес времето е хубаво.", "sr": "Њихов пас је веома љут, а ти?",
    "el": "Άλλη μια φορά, παρακαλώ. Τι κάνεις;", "tr": "İstanbul'da ışığı kapatır mısın? Çok güzel.",
    "he": "שלום, מה שלומך? היום מזג האוויר יפה.", "ar": "مرحبا، كيف حالك؟ الطقس جميل اليوم.",
    "lt": "Ačiū, man viskas gerai, o kaip tau?", "lv": "Labdien, kā jums klājas? Šodien ir jauks laiks.",
    "vi": "Xin chào, hôm nay trời đẹp quá.", "zh-cn": "他们说这个地方很漂亮，下次再来吧。",
    "zh-tw": "他們說這個地方很漂亮，下次再來吧。", "ja": "こんにちは、今日は天気がいいですね。",
    "ko": "안녕하세요, 오늘 날씨가 좋네요.", "pt-BR": "Amanhã às 10h nós vamos à praia; é só isso, não?",
    "es": "¿Qué tal, señor? Mañana será otro día.", "fr": "Ça va ? C’est déjà l’été, où étais-tu ?",
    "de": "Schöne Grüße aus München, es heißt „Straße“.", "en": "It’s “fine” — a café costs £5, 20 €.",
    "hi": "नमस्ते, आप कैसे हैं?",
}  # fmt: skip
ENCODINGS = {
    **dict.fromkeys(("pl", "cs", "hu", "sk", "ro", "hr"), ("cp1250", "iso8859-2", "cp852")),
    "ru": ("cp1251", "koi8-r", "cp866", "iso8859-5"), "uk": ("cp1251", "koi8-u"), "bg": ("cp1251",), "sr": ("cp1251",),
    "el": ("cp1253", "iso8859-7", "cp737"), "tr": ("cp1254", "cp857"), "he": ("cp1255", "iso8859-8"),
    "ar": ("cp1256", "iso8859-6"), "lt": ("cp1257",), "lv": ("cp1257",), "vi": ("cp1258",),
    "zh-cn": ("gb18030", "gbk"), "zh-tw": ("big5",), "ja": ("cp932", "euc_jp", "iso2022_jp"), "ko": ("cp949",),
    **dict.fromkeys(("pt-BR", "es", "fr", "de"), ("cp1252", "cp850", "mac-roman")), "en": ("cp1252",),
}  # fmt: skip
SRT = "1\n00:00:00,100 --> 00:00:02,500\n{}\n"


def encoded(text: str, encoding: str) -> bytes:
    if encoding == "cp1258":  # has tones as signs of their own
        tones = "\u0300\u0301\u0303\u0309\u0323"
        pieces = [unicodedata.normalize("NFD", sign) for sign in text]
        text = "".join(
            unicodedata.normalize("NFC", "".join(c for c in piece if c not in tones))
            + "".join(c for c in piece if c in tones)
            for piece in pieces
        )
    return text.encode(encoding, errors="ignore" if encoding in ("cp850", "mac-roman") else "strict")


@pytest.mark.parametrize(
    ("language", "encoding"), [(code, encoding) for code, names in ENCODINGS.items() for encoding in names]
)
@pytest.mark.parametrize("frame", ["{}", SRT])
def test_a_text_in_an_encoding_of_its_country_says_what_it_says(language: str, encoding: str, frame: str) -> None:
    data = encoded(frame.format(TEXTS[language]), encoding)
    expected = data.decode(encoding) if encoding in ("cp850", "mac-roman") else frame.format(TEXTS[language])
    assert decode_text(data, language) == expected


@pytest.mark.parametrize("language", TEXTS)
def test_unicode_is_read_with_and_without_a_mark_whatever_the_language(language: str) -> None:
    text = SRT.format(TEXTS[language])
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        assert decode_text(text.encode(encoding), "pt") == text
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        assert decode_text(text.encode(encoding), language) == text, encoding
        assert decode_text(f"\ufeff{text}".encode(encoding), language) == text, encoding


@pytest.mark.parametrize(
    ("written", "encoding", "project"),
    [
        ("pl", "cp1250", "pt"), ("pl", "cp1250", "en"), ("cs", "cp1250", "de"), ("ru", "cp1251", "en"),
        ("ru", "cp1251", "pl"), ("ru", "koi8-r", "fr"), ("el", "cp1253", "ru"), ("tr", "cp1254", "pt"),
        ("zh-cn", "gbk", "ja"), ("zh-cn", "gbk", "ko"), ("zh-cn", "gbk", "en"), ("ja", "cp932", "zh"),
        ("ja", "euc_jp", "zh"), ("ko", "cp949", "zh"), ("ko", "cp949", "ja"), ("pt-BR", "cp1252", "ru"),
        ("pt-BR", "cp1252", "pl"), ("fr", "cp1252", "zh"), ("ar", "cp1256", "he"), ("de", "cp1252", "hi"),
    ],
)  # fmt: skip
def test_what_does_not_look_like_the_language_is_refused_by_name(written: str, encoding: str, project: str) -> None:
    with pytest.raises(UserError) as refused:
        decode_text(SRT.format(TEXTS[written]).encode(encoding, errors="ignore"), project, "fala.srt")
    assert refused.value.code == "text.encoding"
    assert "fala.srt" in refused.value.text and "UTF-8" in refused.value.hint


def test_a_few_names_of_elsewhere_and_spoken_signs_do_not_make_a_text_foreign() -> None:
    text = "Herr Citroën und Señor Peña zahlen 20 € und 50 % für 5 m² bei 25 °C, § 5, ½ Liter, 3–4 Stück.\n" * 3
    text += "Danach gehen sie mit allen anderen nach Hause und schlafen dort bis zum nächsten Morgen, so ist es.\n" * 3
    assert decode_text(text.encode("cp1252"), "de") == text


def test_a_letter_cut_through_at_the_end_of_what_was_read_costs_only_itself() -> None:
    text = "Não é você. " * 100_000
    assert decode_text(text.encode()[: 1_200_000 + 2], "pt").startswith("Não é você. ")
    with pytest.raises(UserError):
        decode_text("Não é você".encode() + b"\xc3", "pt")
