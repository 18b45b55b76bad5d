"""The tokenizer of the starter: the letters of the seventeen languages and some pairs. Light: a page may have it."""

from __future__ import annotations

import string

from tokenizers import AddedToken, Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import Whitespace

from core.engines.registry import info

# What the cleaners leave of the 17 languages: Chinese, Japanese and Korean arrive in Latin letters.
_RANGES = (
    *((0xDF, 0x17F), (0x1A0, 0x1B4), (0x218, 0x21B), (0x1E80, 0x1EF9), (0x300, 0x304), (0x430, 0x45F)),
    *((0x621, 0x65F), (0x66E, 0x6D3), (0x900, 0x963), (0x966, 0x96F)),
)
_SIGNS = "¡¿«»‘’“”„–—…°ºª·।،؛؟€£₹、。！？，：；"
_MERGES = (
    "t h,th e,i n,e r,a n,r e,o n,e n,o r,e s,s t,a r,o u,d e,q u,i s,i t,a l,n d,in g,an d,e d,l e,c h,a s,o s,"
    "r a,d o,d a,a o,c o,m a,t e,n a,n o,p a,p r,s e,t a,t o,v e,w h,y ou,u m,e m,ã o,ç ão,l h,n h,õ es"
)


def starter_vocabulary() -> Tokenizer:
    """A tokenizer of the same form as the published one's."""
    special = ["[STOP]", "[UNK]", "[SPACE]", *(f"[{language}]" for language in info("xtts").languages)]
    letters = [chr(code) for first, last in _RANGES for code in range(first, last + 1)]
    characters = dict.fromkeys(string.printable[:36] + string.punctuation + _SIGNS + "".join(letters))
    merges = [(head, tail) for head, tail in (pair.split(" ") for pair in _MERGES.split(","))]
    tokens = [*special, *characters, *("".join(pair) for pair in merges), "[START]"]
    tokenizer = Tokenizer(BPE(vocab={token: n for n, token in enumerate(tokens)}, merges=merges, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in (*special, "[START]")])
    return tokenizer
