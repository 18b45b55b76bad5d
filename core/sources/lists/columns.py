"""What the columns of a list hold, judged by what stands in them: sounds, text, speakers, numbers, phonemes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from core.sources.collections.sound_index import SOUNDS

# Headings, with accents and capitals taken away. They decide between columns that could both be text, never alone.
FILE_HEADINGS = (
    *("audio_file", "audio_filepath", "audio_path", "audio_filename", "file_name", "filename", "file_path", "filepath"),
    *("wav_path", "wav_file", "wav_filename", "audio", "path", "wav", "file", "clip", "clip_name", "utt_id", "id"),
    *("arquivo", "nome_do_arquivo", "caminho", "ficheiro", "archivo", "fichero", "ruta", "fichier", "chemin", "datei"),
    *("dateiname", "pfad", "nome_file", "percorso", "bestand", "plik", "sciezka", "soubor", "dosya", "fajl"),
    *("файл", "имя_файла", "путь", "文件", "文件名", "音频", "ファイル", "ファイル名", "音声"),
    *("파일", "파일명", "ملف", "फ़ाइल"),
)  # fmt: skip
TEXT_HEADINGS = (
    *("text", "transcription", "transcript", "sentence", "utterance", "raw_text", "orthographic", "caption"),
    *("texto", "transcricao", "frase", "fala", "transcripcion", "oracion", "texte", "phrase", "transkription", "satz"),
    *("testo", "trascrizione", "tekst", "transcriptie", "zin", "transkrypcja", "zdanie", "prepis", "veta", "metin"),
    *("cumle", "szoveg", "mondat", "текст", "транскрипция", "предложение", "фраза", "文本", "文字", "句子", "テキスト"),
    *("文章", "텍스트", "문장", "نص", "النص", "पाठ", "वाक्य"),
)  # fmt: skip
NORMALIZED_HEADINGS = (
    *("normalized_text", "text_normalized", "normalised_text", "normalized", "normalized_transcription", "norm_text"),
    *("normalized_transcript", "clean_text", "cleaned_text", "texto_normalizado", "text_norm"),
)
SPEAKER_HEADINGS = (
    *("speaker", "speaker_name", "speaker_id", "spk", "spk_id", "client_id", "voice", "narrator", "reader", "sid"),
    *("locutor", "falante", "orador", "locuteur", "hablante", "sprecher", "parlante", "spreker", "mowca", "mluvci"),
    *("konusmaci", "beszelo", "спикер", "диктор", "говорящии", "说话人", "話者", "화자", "المتحدث", "वक्ता"),
)  # fmt: skip
_OTHER_HEADINGS = (
    *("language", "lang", "locale", "accent", "accents", "gender", "age", "emotion", "style", "duration", "ipa"),
    *("phonemes", "phoneme", "phonetic", "phones", "idioma", "lingua", "langue", "sprache", "dil", "jezyk", "язык"),
    *(
        "up_votes",
        "down_votes",
        "segment",
        "variant",
        "sentence_id",
        "sentence_domain",
        "split",
        "语言",
        "言語",
        "언어",
    ),
    *("original_text_id", "translation", "traducao", "prompt_id", "word2ph", "sample_rate", "quality"),
)

_NUMBER = re.compile(r"[-+]?[\d\s.,:]*\d%?|nan|None|\[[\d,\s.]*\]", re.IGNORECASE)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z]{2,4})?")
_LANGUAGES_MOST = 20
_IPA = re.compile("[ɐ-ʯˈˌːˑ̃θðŋɾβ]")
_ARPABET = re.compile(r"[A-Z]{1,2}[0-2]?|sil|sp|spn|\W+")
_TONE_SYLLABLE = re.compile(r"[a-zü]+[1-5]")
_PINYIN = re.compile(r"[a-zü]+[1-5]|\W+")
# Scripts that write words without spaces between them.
_DENSE = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
_ALIKE = 0.6  # of letters in the same order: a text and its normalised copy; a translation has 0.3
_COMPARED_ROWS = 40
_ENDS = (".", "!", "?", "…", "。", "！", "？", "।", "؟")
_SHORT_WORDS, _MORE_WORDS = 3.5, 1.7


@dataclass(frozen=True)
class Column:
    """A column: its ``heading`` ("" if the list has none) and its ``role``.

    Roles: ``file``, ``text``, ``word`` (single words, perhaps text), ``label`` (few values that return), ``speaker``,
    ``constant``, ``language``, ``number``, ``path``, ``phonemes``, ``signs`` (hardly a letter), ``empty``,
    ``other``.
    """

    heading: str
    role: str
    words: float = 0.0  # in a cell, on average
    is_sentences: bool = False  # many cells end as sentences do


@dataclass(frozen=True)
class TextColumns:
    """Which columns hold the text: the first that is not empty counts. ``is_sure`` False: a person has to say."""

    columns: tuple[int, ...]
    is_sure: bool


def plain_heading(cell: str) -> str:
    """A heading as it is compared: ``Áudio file`` is ``audio_file``."""
    letters = unicodedata.normalize("NFKD", cell.strip(" \t\"'\ufeff").casefold())
    return re.sub(r"[\s\-./]+", "_", "".join(letter for letter in letters if not unicodedata.combining(letter)))


KNOWN_HEADINGS = frozenset(
    map(plain_heading, (*FILE_HEADINGS, *TEXT_HEADINGS, *NORMALIZED_HEADINGS, *SPEAKER_HEADINGS, *_OTHER_HEADINGS))
)
TEXT = [plain_heading(heading) for heading in (*TEXT_HEADINGS, *NORMALIZED_HEADINGS)]
_SPEAKER = frozenset(map(plain_heading, SPEAKER_HEADINGS))
_NO_TEXT = frozenset(map(plain_heading, (*FILE_HEADINGS, *SPEAKER_HEADINGS, *_OTHER_HEADINGS)))


def is_heading(row: Sequence[str]) -> bool:
    """Whether a first row that names no sound looks like headings: a known one, or short words without an end mark."""
    if any(plain_heading(cell) in KNOWN_HEADINGS for cell in row):
        return True
    contents = [cell.strip() for cell in row if cell.strip()]
    return bool(contents) and all(
        len(cell) <= 40 and len(cell.split()) <= 3 and cell[-1].isalnum() and not cell.lower().endswith(SOUNDS)
        for cell in contents
    )


def columns_of(rows: Sequence[Sequence[str]], file: int, headings: Sequence[str] = ()) -> list[Column]:
    """What each column holds, by its cells in these rows and its heading; ``file`` is the one that names the sounds."""
    width = max([len(headings), *map(len, rows)], default=0)
    columns = []
    for index in range(width):
        heading = headings[index].strip() if index < len(headings) else ""
        if index == file:
            columns.append(Column(heading, "file"))
            continue
        cells = [row[index].strip() for row in rows if index < len(row) and row[index].strip()]
        role, words = _role(cells), _words(cells)
        plain = plain_heading(heading)
        if plain in _NO_TEXT and role in ("text", "word", "label"):
            role = "speaker" if plain in _SPEAKER else "other"
        ends = sum(_ends_sentence(cell) for cell in cells)
        columns.append(Column(heading, role, words, ends * 3 > len(cells)))
    return columns


def text_columns(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> TextColumns:
    """Which of the columns hold what is said.

    A column that reads like text counts; a heading decides between several. Of a text and its normalised copy the one
    as written comes first: the voice model's tokenizer writes numbers out itself, and twice would corrupt them.
    """
    readable = [index for index, column in enumerate(columns) if column.role == "text"]
    possible = [index for index, column in enumerate(columns) if column.role in ("text", "word", "label")]
    by_heading = [index for index in possible if plain_heading(columns[index].heading) in TEXT]
    if by_heading:
        by_heading.sort(key=lambda index: TEXT.index(plain_heading(columns[index].heading)))
        copies = [index for index in by_heading[1:] if _alike(rows, by_heading[0], index)]
        return TextColumns((by_heading[0], *copies), len(copies) == len(by_heading) - 1)
    if not readable:
        words = [index for index in possible if columns[index].role == "word"]
        return TextColumns(tuple(words[:1]), False)
    # A name of two words reads like text, where no longer one stands beside it.
    longest = max(columns[index].words for index in readable)
    readable = [
        index
        for index in readable
        if columns[index].is_sentences
        or columns[index].words >= _SHORT_WORDS
        or longest < _MORE_WORDS * columns[index].words
    ]
    first, *further = readable
    copies = [index for index in further if _alike(rows, first, index)]
    return TextColumns((first, *copies), len(copies) == len(further))


def speaker_column(columns: Sequence[Column]) -> int | None:
    """Which column says who speaks: by its heading; without headings the first whose values return."""
    for index, column in enumerate(columns):
        if plain_heading(column.heading) in _SPEAKER:
            return index
    if any(column.heading for column in columns):
        return None
    return next((index for index, column in enumerate(columns) if column.role in ("label", "constant")), None)


def _role(cells: Sequence[str]) -> str:
    if not cells:
        return "empty"
    count, values = len(cells), set(cells)

    def share(test: Callable[[str], object]) -> float:
        return sum(bool(test(cell)) for cell in cells) / count

    if share(_NUMBER.fullmatch) >= 0.9:
        return "number"
    if share(_is_path) >= 0.8:
        return "path"
    if len(values) == 1 and count > 1:
        return "constant"
    if len(values) <= _LANGUAGES_MOST and share(_LANGUAGE.fullmatch) >= 0.9 and len(values) * 3 <= count:
        return "language"
    if share(_is_phonetic) >= 0.6:
        return "phonemes"
    if share(_has_letters) < 0.5:
        return "signs"
    if share(_reads_like_text) >= 0.5:
        returns = len(values) * 3 <= count and (len(values) < 5 or sum(map(len, values)) / len(values) < 25)
        return "label" if returns else "text"
    if len(values) * 2 <= count:
        return "label"
    return "word" if share(_is_word) >= 0.8 else "other"


def _is_path(cell: str) -> bool:
    return cell.lower().endswith(SOUNDS) or (("/" in cell or "\\" in cell) and " " not in cell)


def _is_phonetic(cell: str) -> bool:
    letters = sum(map(str.isalpha, cell))
    if letters and len(_IPA.findall(cell)) >= 0.08 * letters:
        return True
    tokens = cell.split()
    if len(tokens) > 3 and sum(bool(_TONE_SYLLABLE.fullmatch(token)) for token in tokens) * 5 >= 2 * len(tokens):
        return True  # each character with its pinyin
    return len(tokens) > 1 and any(
        all(map(spelling.fullmatch, tokens)) and any(token[-1:].isdigit() for token in tokens)
        for spelling in (_ARPABET, _PINYIN)
    )


def _has_letters(cell: str) -> bool:
    letters = sum(unicodedata.category(letter)[0] in "LM" for letter in cell)
    return letters * 2 >= len(cell.replace(" ", ""))


def _is_word(cell: str) -> bool:
    return all(letter.isalpha() or unicodedata.category(letter)[0] in "MP" for letter in cell) and "_" not in cell


def _reads_like_text(cell: str) -> bool:
    if not _has_letters(cell):
        return False
    # A path or an id has no spaces and no end of a sentence; some scripts have no spaces at all.
    if len(_DENSE.findall(cell)) >= 3 or _ends_sentence(cell):
        return True
    return len([word for word in cell.split() if any(map(str.isalpha, word))]) > 1


def _ends_sentence(cell: str) -> bool:
    return cell.rstrip("\"'”’»)").endswith(_ENDS)


def _words(cells: Sequence[str]) -> float:
    return sum(len(cell.split()) + len(_DENSE.findall(cell)) / 2 for cell in cells) / max(1, len(cells))


def likeness(first: str, second: str) -> float:
    """How much of two texts is the same letters in the same order, 0 to 1."""
    a, b = _letters(first), _letters(second)
    return SequenceMatcher(None, a, b, autojunk=False).ratio() if a and b else 0.0


def _letters(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFC", text.casefold()) if letter.isalnum())[:200]


def _alike(rows: Sequence[Sequence[str]], first: int, second: int) -> bool:
    """Whether two columns say the same; also if no row has both."""
    pairs = [row for row in rows if max(first, second) < len(row) and row[first].strip() and row[second].strip()]
    step = max(1, len(pairs) // _COMPARED_ROWS)
    ratios = [likeness(row[first], row[second]) for row in pairs[::step]]
    return not ratios or sum(ratios) / len(ratios) >= _ALIKE
