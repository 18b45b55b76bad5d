"""Write the corpus as codes: ``codes``. Sentences and utterances, some with their resampled variants.

A speaker is a voice and the factor at which it is played.

``corpus.npz`` holds codes (uint16, one after another), how many each clip has, and the places
in its text's tokens at which the model should look while it says each code; ``corpus.json`` has its utterance, text,
voice and factor; ``mels.npy`` what the codes were made of (float16, four frames of 80 bands a code); ``styles.npz``
for each speaker some clips as the conditioning encoder hears them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from presets.starter.build.corpus import CODE_HOP, MEL_RATE_HZ, SHIFTS, Clip, load, log_mel, style_mel
from presets.starter.build.dvae import TOKENS, Codec, trained
from presets.starter.build.plan import FLITE, SHIFTED_FROM, UNHEARD, is_validation
from presets.starter.build.text import tokens
from presets.starter.build.work import TRAINED, background

FILE = TRAINED / "corpus.npz"
MELS = TRAINED / "mels.npy"
STYLES = TRAINED / "styles.npz"
LONGEST = 240  # codes: 11 s
REFERENCES = 24  # of a speaker at most


def places(clip: Clip, factor: float, count: int) -> np.ndarray | None:
    """For each of ``count`` codes the place among the tokens that is spoken in its middle; None if words differ."""
    _, spans = tokens(clip.text)
    if len(spans) != len(clip.words):
        return None
    times = [time / factor for word in clip.words for time in word]
    where = [float(place) for span in spans for place in span]
    middle = (np.arange(count) + 0.5) * CODE_HOP / MEL_RATE_HZ
    return np.interp(middle, np.maximum.accumulate(times), where).astype(np.float16)


def encode(codec: Codec, wave: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Codes of samples at 22,050 Hz, as many as the app makes, and the mel (4 * codes, 80)."""
    mel = log_mel(wave)
    codes = codec.codes(mel)[: -(-len(wave) // CODE_HOP)].numpy().astype(np.uint16)
    frames = F.pad(mel, (0, max(0, 4 * len(codes) - mel.shape[1])), value=float(mel.min()))[:, : 4 * len(codes)]
    return codes, frames.T.numpy().astype(np.float16)


def chosen() -> Iterator[tuple[Clip, tuple[float, ...]]]:
    """Which clips, at which factors. Of Flite's utterances every other one is cut into its sentences."""
    draw = random.Random(0)
    for is_whole in (False, True):
        for clip in load(whole=is_whole):
            if clip.voice in FLITE:
                if clip.number % 2 == int(is_whole):
                    yield clip, (1.0,) if clip.number < SHIFTED_FROM else (draw.choice(SHIFTS),)
            elif clip.voice not in UNHEARD:
                yield clip, (1.0, *draw.sample(SHIFTS, 3 if is_whole else 1))


def main() -> None:
    """All clips but those of the voices that nothing learns."""
    torch.set_num_threads(1)
    codec = trained()
    known: set[tuple[int, str]] = set()
    rows, codes, looks, mels = [], [], [], []
    styles: dict[str, list[np.ndarray]] = {}
    for clip, factors in chosen():
        if (clip.number, clip.text) in known:
            continue
        known.add((clip.number, clip.text))
        for factor in factors:
            wave = clip.wave(MEL_RATE_HZ, factor)
            row, mel = encode(codec, wave)
            look = places(clip, factor, len(row))
            if look is None or len(row) > LONGEST:
                continue
            codes.append(row)
            looks.append(look)
            mels.append(mel)
            rows.append([clip.number, clip.text, clip.voice, factor])
            heard = styles.setdefault(f"{clip.voice} {factor}", [])
            if len(heard) < REFERENCES and not is_validation(clip.number) and len(wave) > 2 * MEL_RATE_HZ:
                heard.append(style_mel(wave).numpy().astype(np.float16))
    sizes = np.array([len(row) for row in codes], np.uint16)
    np.savez_compressed(FILE, codes=np.concatenate(codes), looks=np.concatenate(looks), sizes=sizes)
    np.save(MELS, np.concatenate(mels))
    np.savez(STYLES, **{f"{name} {n}": mel for name, some in styles.items() for n, mel in enumerate(some)})
    FILE.with_suffix(".json").write_text(json.dumps(rows, separators=(",", ":")), encoding="utf-8")
    used = np.bincount(np.concatenate(codes), minlength=TOKENS) / sizes.sum()
    used = used[used > 0]
    entropy = -(used * np.log(used)).sum()
    print(
        f"{len(rows)} clips of {len(styles)} speakers, {sizes.sum()} codes, {len(used)} different, entropy "
        f"{entropy:.2f} nats"
    )


if __name__ == "__main__":
    background("codes")
    main()
