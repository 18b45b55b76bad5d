"""Language of a text by its commonest small words: enough to see that a dataset is in another one than was chosen."""

from __future__ import annotations

import re
from collections import Counter

# The commonest small words of each language, as everybody who speaks it knows them; letters that several share count
# for each. Languages without spaces are told by their script.
_WORDS = {
    "en": "the of and to in is that it was for on are with as his they be at this have from or had by not but what",
    "es": "el la los las de que y en un una por con no se para del al es lo como más pero sus le ya o este sí porque",
    "pt": "o a os as de que e em um uma por com não se para do da dos das é ao mais como mas foi ele tem seu você isso",
    "fr": "le la les de des et en un une que qui dans pour pas sur ne se ce il est au du par plus avec vous mais",
    "de": "der die das und in den von zu mit sich des auf für ist im dem nicht ein eine als auch es an werden aus",
    "it": "il la di che e in un una per non è del con si da i le gli al come più ma anche della sono nel questo lo",
    "nl": "de het een van en in is dat op te zijn met voor niet aan er om ook als dan maar bij uit door naar werd ze",
    "pl": "w i z na nie się do to że jest o jak po co ale za od czy dla tak był przez są już tylko może być",
    "cs": "a v se na je že o s z do i to k ve pro za by ale si po jako za od ze tak jak jsem už byl jsou nebo",
    "tr": "ve bir bu da de için ile çok ne o daha gibi kadar ama olarak sonra var en mi ben her olan değil ya",
    "hu": "a az és hogy nem is egy ez meg van volt de ha csak mint már még el ki sem vagy én azt kell lehet",
}
_SCRIPTS = (
    ("ja", r"[\u3040-\u30ff]"),
    ("ko", r"[\uac00-\ud7af]"),
    ("zh", r"[\u4e00-\u9fff]"),
    ("ru", r"[\u0400-\u04ff]"),
    ("ar", r"[\u0600-\u06ff]"),
    ("hi", r"[\u0900-\u097f]"),
)
_SETS = {language: frozenset(words.split()) for language, words in _WORDS.items()}
_LEAST_WORDS = 60
_LEAST_SHARE = 0.12  # of all words; running text has 25 to 45 %
_LEAD = 1.8  # times the share of the next language: Spanish and Portuguese have many small words in common
_MOSTLY = 0.3  # of the letters, for a script


def likely_language(text: str) -> str:
    """The code of the language that a text is clearly in; "" where it is short, mixed, or none of those known."""
    letters = sum(char.isalpha() for char in text)
    for language, pattern in _SCRIPTS:
        if letters >= _LEAST_WORDS and len(re.findall(pattern, text)) > _MOSTLY * letters:
            return language
    words = Counter(re.findall(r"[^\W\d_]+", text.casefold()))
    total = words.total()
    if total < _LEAST_WORDS:
        return ""
    shares = {language: sum(words[word] for word in vocabulary) / total for language, vocabulary in _SETS.items()}
    (best, share), (_, second) = sorted(shares.items(), key=lambda item: -item[1])[:2]
    return best if share >= _LEAST_SHARE and share >= _LEAD * second else ""
