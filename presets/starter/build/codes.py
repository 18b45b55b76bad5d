"""Write the corpus as codes: ``codes``. Sentences and utterances, some with their resampled variants.

``corpus.npz`` holds codes (uint16, one after another), how many each clip has, and the places
in its text's tokens at which the model should look while it says each code; ``corpus.json`` has its utterance, text
and speaker; ``mels.npy`` what the codes were made of (float16, four frames of 80 bands a code).
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F

from presets.starter.build.corpus import CODE_HOP, FACTORS, MEL_RATE_HZ, Clip, load, log_mel
from presets.starter.build.dvae import SPEAKERS, TOKENS, Codec, trained
from presets.starter.build.plan import FLITE, VOICES
from presets.starter.build.text import tokens
from presets.starter.build.work import TRAINED, background

FILE = TRAINED / "corpus.npz"
MELS = TRAINED / "mels.npy"
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


def encode(codec: Codec, clip: Clip, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """The clip's codes, as many as the app makes, and its mel (4 * codes, 80)."""
    wave = clip.wave(MEL_RATE_HZ, factor)
    mel = log_mel(wave)
    codes = codec.codes(mel)[: -(-len(wave) // CODE_HOP)].numpy().astype(np.uint16)
    frames = F.pad(mel, (0, max(0, 4 * len(codes) - mel.shape[1])), value=float(mel.min()))[:, : 4 * len(codes)]
    return codes, frames.T.numpy().astype(np.float16)


def chosen() -> Iterator[tuple[Clip, tuple[float, ...]]]:
    """Which clips, at which factors. Of Flite's utterances every other one is cut into its sentences."""
    for is_whole in (False, True):
        for clip in load(whole=is_whole):
            if clip.voice in FLITE and clip.number % 2 == int(is_whole):
                yield clip, FACTORS if clip.number % 16 < 2 else (1.0,)
            elif clip.voice in VOICES:
                yield clip, FACTORS if is_whole else (1.0,)


def main() -> None:
    """All clips of the training voices."""
    torch.set_num_threads(1)
    codec = trained()
    known: set[tuple[int, str]] = set()
    rows, codes, looks, mels = [], [], [], []
    for clip, factors in chosen():
        if (clip.number, clip.text) in known:
            continue
        known.add((clip.number, clip.text))
        for factor in factors:
            row, mel = encode(codec, clip, factor)
            look = places(clip, factor, len(row))
            if look is None or len(row) > LONGEST:
                continue
            codes.append(row)
            looks.append(look)
            mels.append(mel)
            rows.append([clip.number, clip.text, SPEAKERS.index((clip.voice, factor))])
    sizes = np.array([len(row) for row in codes], np.uint16)
    np.savez_compressed(FILE, codes=np.concatenate(codes), looks=np.concatenate(looks), sizes=sizes)
    np.save(MELS, np.concatenate(mels))
    FILE.with_suffix(".json").write_text(json.dumps(rows, separators=(",", ":")), encoding="utf-8")
    used = np.bincount(np.concatenate(codes), minlength=TOKENS) / sizes.sum()
    used = used[used > 0]
    entropy = -(used * np.log(used)).sum()
    print(f"{len(rows)} clips, {sizes.sum()} codes, {len(used)} different, entropy {entropy:.2f} nats")


if __name__ == "__main__":
    background("codes")
    main()
