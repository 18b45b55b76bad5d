"""Write the corpus as codes: ``codes``. Every sentence and utterance, with its resampled variants.

``corpus.npz`` holds codes (uint16, one after another), how many each clip has, and the places
in its text's tokens at which the model should look while it says each code; ``corpus.json`` has its utterance, text
and speaker.
"""

from __future__ import annotations

import json

import numpy as np
import torch

from presets.starter.build.corpus import CODE_HOP, FACTORS, MEL_RATE_HZ, Clip, load, log_mel
from presets.starter.build.dvae import SPEAKERS, Codec, trained
from presets.starter.build.plan import VOICES
from presets.starter.build.text import tokens
from presets.starter.build.work import TRAINED, background

FILE = TRAINED / "corpus.npz"
LONGEST = 240  # codes: 11 s


def places(clip: Clip, factor: float, count: int) -> np.ndarray | None:
    """For each of ``count`` codes the place among the tokens that is spoken in its middle; None if words differ."""
    _, spans = tokens(clip.text)
    if len(spans) != len(clip.words):
        return None
    times = [time / factor for word in clip.words for time in word]
    where = [float(place) for span in spans for place in span]
    middle = (np.arange(count) + 0.5) * CODE_HOP / MEL_RATE_HZ
    return np.interp(middle, np.maximum.accumulate(times), where).astype(np.float16)


def encode(codec: Codec, clip: Clip, factor: float) -> np.ndarray:
    """The clip's codes, as many as the app makes."""
    wave = clip.wave(MEL_RATE_HZ, factor)
    return codec.codes(log_mel(wave))[: -(-len(wave) // CODE_HOP)].numpy().astype(np.uint16)


def main() -> None:
    """All clips of the training voices."""
    torch.set_num_threads(1)
    codec = trained()
    known: set[tuple[int, str]] = set()
    rows, codes, looks = [], [], []
    for clip in [*load(), *load(whole=True)]:
        if clip.voice not in VOICES or (clip.number, clip.text) in known:
            continue
        known.add((clip.number, clip.text))
        for factor in FACTORS:
            row = encode(codec, clip, factor)
            look = places(clip, factor, len(row))
            if look is None or len(row) > LONGEST:
                continue
            codes.append(row)
            looks.append(look)
            rows.append([clip.number, clip.text, SPEAKERS.index((clip.voice, factor))])
    sizes = np.array([len(row) for row in codes], np.uint16)
    np.savez_compressed(FILE, codes=np.concatenate(codes), looks=np.concatenate(looks), sizes=sizes)
    FILE.with_suffix(".json").write_text(json.dumps(rows, separators=(",", ":")), encoding="utf-8")
    used = np.bincount(np.concatenate(codes), minlength=4096) / sizes.sum()
    used = used[used > 0]
    entropy = -(used * np.log(used)).sum()
    print(f"{len(rows)} clips, {sizes.sum()} codes, {len(used)} different, entropy {entropy:.2f} nats")


if __name__ == "__main__":
    background("codes")
    main()
