"""Numbers, signs and strange characters in all seventeen languages: what the model reads, as plain coqui-tts does."""

from __future__ import annotations

import unicodedata

import pytest
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import Whitespace
from TTS.tts.layers.xtts import tokenizer as coqui

from core.engines.registry import info
from core.engines.xtts.model.tiny_vocabulary import starter_vocabulary
from core.engines.xtts.model.tokenizer import Tokenizer as OurTokenizer
from core.engines.xtts.text import reading
from core.engines.xtts.text.spelling import spell
from core.spelling import numbers

LANGUAGES = info("xtts").languages
# Of each kind some; all of it must be readable in every language.
WRITTEN = [
    *("3,5 km", "12.75", "0,5", "3,05", "1.234", "1,234.56", "1.234,56", "1 000 000", "100 000", "007", "1" + "0" * 35),
    *("27,50 €", "€5.00", "€ 1", "20 $", "$20", "US$ 1,50", "£3", "¥500", "₹20 ₽3 ₺4 ₩5", "R$ 1.234,56", "$2 million"),
    *("50 %", "12,75%", "%14", "5 ‰", "10:30", "10:05:30", "24/7", "3/4/2024", "3.5.2024", "2024-05-03", "in 1990"),
    *("1st 2nd", "1º 2ª", "1. test", "Am 3. Mai", "5te", "1er 2e", "-5", "−5 °C", "10-12", "1990–1995", "5km/h"),
    *("§ 5", "C#", "2 + 2 = 4", "3 x 4 × 5 ÷ 6", "a@b.com", "½ m² x³", "№ 5", "Rock & Roll", "±1°", "1e5", "A4 MP3"),
    *("0800 123 4567", "(11) 98765-4321", "+55 11 98765-4321", "٣٫٥ ۳ १२", "１２３！", "ﬁn ⅓", "H₂O", "Ⅳ ①"),
    *(
        "“Curly” quotes ’ it’s ‘fine’… – x",
        "— Olá — disse.",
        "¡Hola! ¿Qué?",
        "«Ça va ?»",
        "[a] {b} <c> *d* _e_ ~f |g \\h",
    ),
    *(
        "I İ i ı İstanbul",
        "HELLO THERE",
        "© ® ™ brand",
        "Dr. X. Mr. Y.",
        "tab\there\u00a0and\u200bthere\u00ad",
        "[en] [STOP]",
    ),
    *("R$ 1.000.000,00", "1/2", "CPF 123.456.789-00", "art. 5º", "º ª", "Smith & Co. Ltd.", "b.com", "5 100", "1'234"),
]


def narrow_vocabulary() -> Tokenizer:
    """As few signs as the published vocabulary has: no quotation marks, no long dashes, no currencies."""
    known = [entry for entry in starter_vocabulary().get_vocab() if len(entry) == 1]
    letters = [name for name in known if unicodedata.category(name)[0] in "LM" or name in "!'(),-./:;?12345\"…"]
    special = ["[STOP]", "[UNK]", "[SPACE]", *(f"[{language}]" for language in LANGUAGES)]
    tokens = [*special, *letters, "[START]"]
    tokenizer = Tokenizer(BPE(vocab={token: n for n, token in enumerate(tokens)}, merges=[], unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in (*special, "[START]")])
    return tokenizer


VOCABULARIES = {"wide": starter_vocabulary(), "narrow": narrow_vocabulary()}


def plain_coqui(vocabulary: Tokenizer) -> coqui.VoiceBpeTokenizer:
    """Coqui's own tokenizer, cleaner and all."""
    tokenizer = coqui.VoiceBpeTokenizer()
    tokenizer.tokenizer = vocabulary
    return tokenizer


@pytest.mark.parametrize("name", VOCABULARIES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_and_signs_are_read_in_every_language_as_plain_coqui_reads_what_is_shown(
    language: str, name: str
) -> None:
    vocabulary = VOCABULARIES[name]
    theirs, ours = plain_coqui(vocabulary), OurTokenizer()
    ours.tokenizer = vocabulary
    for text in WRITTEN:
        shown = reading.normalize(vocabulary, text, language)
        tokens = reading.token_ids(vocabulary, text, language)
        assert reading.unknown_characters(vocabulary, text, language) == "", (text, shown)
        assert not any(character.isdigit() for character in shown), (text, shown)
        assert tokens == theirs.encode(shown.strip().lower(), language), (text, shown)
        assert tokens == ours.encode(text, language) == ours.encode(shown, language), (text, shown)
        assert reading.normalize(vocabulary, shown, language) == shown, text


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "ja"])
def test_every_abbreviation_of_coquis_is_written_out_before_it_sees_it(language: str) -> None:
    code = language.split("-")[0]
    for pattern, _ in coqui._abbreviations[code]:
        short = pattern.pattern.removeprefix("\\b").removesuffix("\\b").replace("\\", "")
        shown = spell(f"Da {short} Xyz", language)
        assert coqui.expand_abbreviations_multilingual(shown, code) == shown, short


@pytest.mark.parametrize(
    ("language", "text", "read"),
    [
        ("tr", "İstanbul çok güzel.", "istanbul çok güzel."),
        ("tr", "ISPARTA'DA IŞIK", "ısparta'da ışık"),
        ("tr", "Saat 3,5 ve %14.", "saat üç virgül beş ve yüzde ondört."),
        ("en", "İstanbul", "istanbul"),
        ("de", "Es sind 3,5 km bis 27,50 €.", "es sind drei komma fünf km bis siebenundzwanzig euro und fünfzig cent."),
        ("de", "Am 3. Mai um 10:30 Uhr bin ich 5.", "am dritten mai um zehn uhr dreißig bin ich fünf."),
        ("de", "1 € und 1.000.000 €", "ein euro und eine million euro"),
        ("en", "$5.50, $2 million and 1990s", "five dollars, fifty cents, two million dollars and nineteen nineties"),
        (
            "en",
            "It’s 1,234.56 — 50 %.",
            "it’s one thousand, two hundred and thirty-four point five six — fifty percent.",
        ),
        ("fr", "1 234,5 € et la 1re", "mille deux cent trente-quatre virgule cinq euros et la première"),
        ("de", "um 10.30 Uhr", "um zehn uhr dreißig"),
        ("fr", "n° 5", "numéro cinq"),
        ("fr", "1.000.000 € à 10h30", "un million d'euros à dix heures trente"),
        ("es", "21 € y 1 £", "veintiún euros y una libra"),
        ("it", "1 € e la 2ª", "un euro e la seconda"),
        ("pl", "2 zł, 5 $ i 22 £", "dwa zł, pięć dolarów i dwadzieścia dwa funty"),
        ("ru", "1-й и 22-я", "первый и двадцать второй"),
        ("ru", "5,50 ₽ и 21 $", "пять рублей, пятьдесят копеек и двадцать один доллар"),
        ("cs", "1. ledna 2 €", "první ledna dva eura"),
        ("hi", "मेरे पास 14% और 1,00,000 हैं।", "मेरे पास चौदह प्रतिशत और एक लाख हैं।"),
        ("ar", "٣٫٥ كم", "ثلاثة فاصلة خمسة كم"),
        ("zh-cn", "2024年12.5%，3个", "二零二四年百分之十二点五，三个"),
        ("zh-cn", "¥10005", "一万零五元"),
        ("ja", "3.5度と$20", "三点五度と二十ドル"),
        ("ko", "10:30에 5달러", "열시 삼십분에 오달러"),
        ("hu", "Az 1. teszt 3,5 €", "az első teszt három egész öt tized euró"),
        ("nl", "2e test om 10:30 uur", "tweede test om tien uur dertig"),
        ("sv", "Hej 5 Å", "hej 5 å"),  # a language that a base was only given a tag for
    ],
)
def test_a_text_is_read_as_its_speakers_read_it(language: str, text: str, read: str) -> None:
    assert spell(text, language) == unicodedata.normalize("NFC", read)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("R$ 1.234,56", "mil duzentos e trinta e quatro reais e cinquenta e seis centavos"),
        ("R$ 1", "um real"),
        ("R$1,00", "um real"),
        ("R$ 0,50", "cinquenta centavos"),
        ("R$ 0,01", "um centavo"),
        ("R$ 2 milhões", "dois milhões de reais"),
        ("R$ 1,5 bilhão", "um vírgula cinco bilhão de reais"),
        ("R$ 3 mil", "três mil reais"),
        ("R$ 1.000.000,00", "um milhão de reais"),
        ("R$ 10-20", "dez a vinte reais"),
        ("R$ -5,00", "menos cinco reais"),
        ("US$ 20", "vinte dólares"),
        ("€ 5,00", "cinco euros"),
        ("£ 2", "duas libras"),
        ("10h30", "dez horas e trinta"),
        ("10h", "dez horas"),
        ("à 1h", "à uma hora"),
        ("às 14:05", "às catorze horas e cinco"),
        ("14h05min", "catorze horas e cinco"),
        ("22h", "vinte e duas horas"),
        ("1.234", "mil duzentos e trinta e quatro"),
        ("3,5", "três vírgula cinco"),
        ("12,75%", "doze vírgula setenta e cinco por cento"),
        ("1º, 2ª e 21ª", "primeiro, segunda e vigésima primeira"),
        ("5o lugar", "quinto lugar"),
        ("25/12/2026", "vinte e cinco de dezembro de dois mil e vinte e seis"),
        ("01/05/2026", "primeiro de maio de dois mil e vinte e seis"),
        ("nº 5", "número cinco"),
        ("80 km/h", "oitenta quilômetros por hora"),
        ("em km/h", "em quilômetros por hora"),
        ("5 kg e 1 kg", "cinco quilos e um quilo"),
        ("25 °C", "vinte e cinco graus celsius"),
        ("-3 ºC", "menos três graus celsius"),
        ("Dr. Silva e Sra. Ana", "doutor silva e senhora ana"),
        ("Rua A, s/n", "rua a, sem número"),
        ("(11) 98765-4321", "um um, nove oito sete seis cinco, quatro três dois um"),
        ("0800 123 4567", "zero oito zero zero, um dois três, quatro cinco seis sete"),
        ("em 1990", "em mil novecentos e noventa"),
        ("1990-1995", "mil novecentos e noventa a mil novecentos e noventa e cinco"),
        ("2ª feira", "segunda-feira"),
        ("-5", "menos cinco"),
        ("10-12", "dez a doze"),
        ("de 10 a 12", "de dez a doze"),
        ("das 8h às 18h", "das oito horas às dezoito horas"),
        ("2h de aula, 9h-18h", "duas horas de aula, nove horas às dezoito horas"),
        ("2h30min15s", "duas horas, trinta minutos e quinze segundos"),
        ("R$ 5/kg, US$ 1,5 bi", "cinco reais por quilo, um vírgula cinco bilhão de dólares"),
        ("3/4 e 1½, 24/7", "três quartos e um e meio, vinte e quatro por sete"),
        ("22 mulheres, 200 mil pessoas", "vinte e duas mulheres, duzentas mil pessoas"),
        ("1 ou 2 vezes, 2 dias", "uma ou duas vezes, dois dias"),
        ("Em 1998 elas, fase 2 termina", "em mil novecentos e noventa e oito elas, fase dois termina"),
        ("Dom Pedro II, João XXIII, século XXI", "dom pedro segundo, joão vinte e três, século vinte e um"),
        ("10%-15%", "dez por cento a quinze por cento"),
        ("2.000,00 e 30 s", "dois mil e trinta segundos"),
        ("Ele tem 2. Depois saiu, etc.", "ele tem dois. depois saiu, et cétera."),
        ("A casa amarela.", "a casa amarela."),
    ],
)
def test_portuguese_is_read_as_a_brazilian_reads_it(text: str, read: str) -> None:
    assert spell(text, "pt") == read


@pytest.mark.parametrize("language", [language.split("-")[0] for language in LANGUAGES])
def test_no_number_fails_in_any_language(language: str) -> None:
    for number in (*range(0, 130), 999, 1000, 1001, 2024, 10_000, 123_456, 10**6, 10**9, 10**12, 10**15 - 1, 10**40):
        words = numbers.cardinal(number, language)
        assert words == words.lower() and words.strip() and not any(map(str.isdigit, words))
    assert (
        numbers.cardinal(10_010, "zh") == "一万零十"
        and numbers.cardinal(1_234_567, "zh") == "一百二十三万四千五百六十七"
    )


@pytest.mark.parametrize("language", ["en", "pt", "ja", "ko", "zh-cn", "ar", "hi"])
def test_what_has_no_sound_is_told_with_its_code(language: str) -> None:
    for text, sign in (("I like 🍕.", "🍕"), ("A → B", "→"), ("Hi ꙮ there", "ꙮ"), ("bad \ufffd text", "\ufffd")):
        found = reading.problem(VOCABULARIES["narrow"], text, language)
        assert found is not None and found.kind == "unknown_characters", text
        assert f"(U+{ord(sign):04X} " in found.values["characters"]


def test_japanese_never_leaves_letters_out_without_a_word() -> None:
    assert reading.unknown_characters(VOCABULARIES["wide"], "これは Ж です", "ja") == "Ж".lower()
    assert not reading.unknown_characters(VOCABULARIES["wide"], "「カフェ」、café？", "ja")


@pytest.mark.parametrize(
    "text", [*WRITTEN, "Plain words, and more.", "", "…", "a" * 90, "Ünïcode śtays", "ꙮ", "é" * 150, "word " * 60]
)
@pytest.mark.parametrize("language", ["en", "pt", "ru", "hi"])
def test_the_quick_look_of_a_page_agrees_with_the_whole_verdict(text: str, language: str) -> None:
    for vocabulary in VOCABULARIES.values():
        letters = reading.letters_of(vocabulary)
        if reading._is_plain(text, letters, language):
            assert reading.problem(vocabulary, text, language) is None
