"""Train the GPT on codes: ``gpt CPU_SECONDS``. Goes on where it stopped; takes a graphics card where one is.

Coqui's own `GPT` at a small size. Three things make words come early: the cross entropy is joined by attention that is
guided to the word that is being said (Kokoro's durations tell which), on a few heads, and by a head for training only
that must tell the mel from the latents, interpolated as ``HifiDecoder`` does, so that the decoder will find it there.
A speaker is a row of learned latents in place of the perceiver's, which learns to give them afterwards.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
import time
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from TTS.tts.layers.xtts.gpt import GPT

from presets.starter.build.codes import FILE as CORPUS
from presets.starter.build.corpus import MEL_SCALE
from presets.starter.build.dvae import SPEAKERS, TOKENS
from presets.starter.build.dvae import trained as trained_codec
from presets.starter.build.plan import is_validation
from presets.starter.build.text import tokenizer, tokens
from presets.starter.build.work import TRAINED, background, machine

START, STOP = TOKENS, TOKENS + 1
LAYERS, CHANNELS, HEADS, LATENTS = 4, 256, 4, 32
GUIDED = ((1, 0), (1, 1), (2, 0), (2, 1), (3, 0))  # layer, head
GUIDE_UNTIL = 0.6  # of the time; from then on attention is free
GUIDE_WIDTH = 1.5  # tokens
BATCH_CODES = {"cpu": 900, "cuda": 8000}
RATE = 1e-3
FILE = TRAINED / "gpt.pt"


@dataclass
class Row:
    """One clip: text tokens, codes, where to look, speaker."""

    text: list[int]
    codes: Tensor
    looks: Tensor
    speaker: int
    number: int
    said: str


class Trainee(nn.Module):
    """The GPT with what is there for training only."""

    def __init__(self) -> None:
        super().__init__()
        ids = tokenizer()
        self.gpt = GPT(
            layers=LAYERS,
            model_dim=CHANNELS,
            heads=HEADS,
            start_text_token=ids.token_to_id("[START]"),
            stop_text_token=ids.token_to_id("[STOP]"),
            number_text_tokens=ids.get_vocab_size(),
            max_text_tokens=402,
            max_mel_tokens=605,
            max_prompt_tokens=70,
            num_audio_tokens=TOKENS + 2,
            start_audio_token=START,
            stop_audio_token=STOP,
            use_perceiver_resampler=True,
        )
        self.speakers = nn.Parameter(torch.randn(len(SPEAKERS), LATENTS, CHANNELS) * 0.02)
        self.mel_head = nn.Sequential(
            nn.Conv1d(CHANNELS, 256, 5, padding=2),
            nn.GELU(),
            nn.Conv1d(256, 256, 3, padding=1),
            nn.GELU(),
            nn.Conv1d(256, 80, 1),
        )

    def embed(self, rows: list[Row], device: torch.device) -> tuple[Tensor, Tensor, int, int]:
        """Inputs (b, latents + text + codes, channels), targets (b, codes) with -1 where there is nothing."""
        start, stop = self.gpt.start_text_token, self.gpt.stop_text_token
        text = _padded([torch.tensor([start, *row.text, stop]) for row in rows], stop).to(device)
        inputs = _padded([F.pad(row.codes, (1, 0), value=START) for row in rows], STOP).to(device)
        targets = _padded([F.pad(row.codes, (0, 1), value=STOP) for row in rows], -1).to(device)
        text_state = self.gpt.text_embedding(text) + self.gpt.text_pos_embedding(text)
        code_state = self.gpt.mel_embedding(inputs) + self.gpt.mel_pos_embedding(inputs)
        latents = self.speakers[torch.tensor([row.speaker for row in rows], device=device)]
        return torch.cat([latents, text_state, code_state], 1), targets, text.shape[1], inputs.shape[1]

    def run(self, states: Tensor, text_count: int, code_count: int, is_guided: bool) -> tuple[Tensor, list[Tensor]]:
        """Latents of the codes' places, and of the guided heads the log attention (b, codes, text)."""
        size, length, width = states.shape
        attention = []
        text = slice(LATENTS, LATENTS + text_count)
        for layer, block in enumerate(self.gpt.gpt.h):
            parts = block.attn.c_attn(block.ln_1(states)).split(width, 2)
            query, key, value = (part.view(size, length, HEADS, -1).transpose(1, 2) for part in parts)
            for head in (head for at, head in GUIDED if at == layer and is_guided):
                # Over latents and text only: what of the codes is looked at stays free.
                scores = query[:, head, -code_count:].float() @ key[:, head, : text.stop].float().transpose(1, 2)
                attention.append((scores / query.shape[-1] ** 0.5).log_softmax(-1)[:, :, text])
            mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
            states = states + block.attn.c_proj(mixed.transpose(1, 2).reshape(size, length, width))
            states = states + block.mlp(block.ln_2(states))
        return self.gpt.final_norm(self.gpt.gpt.ln_f(states))[:, -code_count:], attention

    def losses(self, rows: list[Row], mels: list[Tensor], is_guided: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Cross entropy of the codes (nats), guided attention (nats), mel L1 (nats). ``mels``: (80, 4 a code)."""
        device = self.speakers.device
        states, targets, text_count, code_count = self.embed(rows, device)
        latents, attention = self.run(states, text_count, code_count, is_guided)
        entropy = F.cross_entropy(self.gpt.mel_head(latents).float().flatten(0, 1), targets.flatten(), ignore_index=-1)
        guide = torch.zeros((), device=device)
        if attention:
            # The place that predicts a code looks at what that code says; the last one at the stop token.
            looks = _padded([F.pad(row.looks + 1, (0, 1), value=len(row.text) + 1.0) for row in rows], 0).to(device)
            away = (torch.arange(text_count, device=device) + 0.5 - looks[:, :, None]) / GUIDE_WIDTH
            weight = (-0.5 * away**2).clamp(min=-20)
            is_real = targets >= 0
            guide = sum(-torch.logsumexp(one + weight, -1)[is_real].mean() for one in attention) / len(attention)
        frames = F.interpolate(latents.transpose(1, 2).float(), scale_factor=[4.0], mode="linear")
        mel = self.mel_head(frames)
        real = _padded([mel_.T for mel_ in mels], 0.0).transpose(1, 2).to(device)
        count = min(mel.shape[2], real.shape[2])
        lengths = torch.tensor([len(row.codes) * 4 for row in rows], device=device)
        inside = torch.arange(count, device=device) < lengths[:, None]
        apart = ((mel[:, :, :count] - real[:, :, :count]).abs() * inside[:, None]).sum() / (inside.sum() * 80)
        return entropy, guide, apart * MEL_SCALE


def _padded(rows: list[Tensor], value: float) -> Tensor:
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value)


def rows_of_corpus() -> list[Row]:
    """All clips as `codes.py` wrote them."""
    arrays = np.load(CORPUS)
    ends = np.cumsum(arrays["sizes"].astype(int))
    codes = torch.from_numpy(arrays["codes"].astype(np.int64))
    looks = torch.from_numpy(arrays["looks"].astype(np.float32))
    rows = []
    for (number, said, speaker), end, size in zip(
        json.loads(CORPUS.with_suffix(".json").read_text(encoding="utf-8")), ends, arrays["sizes"], strict=True
    ):
        part = slice(int(end) - int(size), int(end))
        rows.append(Row(tokens(said)[0], codes[part], looks[part], speaker, number, said))
    return rows


def batches(rows: list[Row], draw: random.Random, most: int) -> list[list[Row]]:
    """An epoch: clips of like length together, about ``most`` codes each."""
    order = sorted(rows, key=lambda row: len(row.codes) + draw.random() * 8)
    out: list[list[Row]] = [[]]
    for row in order:
        if (len(out[-1]) + 1) * len(row.codes) > most and out[-1]:
            out.append([])
        out[-1].append(row)
    draw.shuffle(out)
    return out


def train(seconds: float) -> None:
    """Use up ``seconds`` (of processor time, or of the clock on a card), then rest."""
    device, clock = machine()
    torch.manual_seed(0)
    draw = random.Random(time.time())
    trainee = Trainee()
    saved = torch.load(FILE, weights_only=True) if FILE.exists() else None
    step, spent = 0, 0.0
    if saved:
        trainee.load_state_dict(saved["trainee"])
        step, spent = saved["step"], saved["seconds"]
    trainee.to(device)
    resting = ("gpt.conditioning_", "gpt.text_head")
    learning = [value for name, value in trainee.named_parameters() if not name.startswith(resting)]
    optimizer = torch.optim.AdamW(learning, RATE, betas=(0.9, 0.98), weight_decay=0.05)
    if saved and saved.get("optimizer"):
        optimizer.load_state_dict(saved["optimizer"])
    codec = trained_codec()
    every = rows_of_corpus()
    mel_of = _Mels(codec)
    validation = [row for row in every if is_validation(row.number)][::7][:24]
    rows = [row for row in every if not is_validation(row.number)]
    print(f"{len(rows)} clips, {sum(len(row.codes) for row in rows)} codes, {device}", flush=True)
    began, last, seen = clock(), time.time(), 0
    log: list[tuple[float, ...]] = []
    epochs = (batches(rows, draw, BATCH_CODES[device.type]) for _ in itertools.count())
    for group in itertools.chain.from_iterable(epochs):
        used = spent + clock() - began
        if used >= seconds:
            break
        for parameters in optimizer.param_groups:
            parameters["lr"] = RATE * min(1, (step + 1) / 100) * max(0.05, 1 - used / seconds)
        with torch.autocast(device.type, torch.bfloat16):
            entropy, guide, mel = trainee.losses(group, [mel_of(row) for row in group], used < GUIDE_UNTIL * seconds)
        optimizer.zero_grad()
        (entropy + guide + mel).backward()
        nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        step += 1
        seen += sum(len(row.codes) for row in group)
        log.append((entropy.item(), guide.item(), mel.item()))
        if step % 50 == 0:
            with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
                held = [float(x) for x in trainee.losses(validation, [mel_of(row) for row in validation], True)]
            means = np.mean(log[-50:], 0)
            print(
                f"{step} entropy {means[0]:.3f} guide {means[1]:.3f} mel {means[2]:.3f} | held out {held[0]:.3f} "
                f"{held[1]:.3f} {held[2]:.3f} | {seen / (clock() - began):.0f} codes a second, {used:.0f} s",
                flush=True,
            )
        if time.time() - last > 180:
            last = time.time()
            save(trainee, optimizer, step, used)
    save(trainee, optimizer, step, seconds)


class _Mels:
    """What the mel head has to tell: the mel that the codec gives of the codes, made once for each clip."""

    def __init__(self, codec: object) -> None:
        self.codec, self.kept = codec, {}

    def __call__(self, row: Row) -> Tensor:
        key = id(row)
        if key not in self.kept:
            with torch.no_grad():
                book = self.codec.dvae.codebook.embed_code(row.codes)[None].transpose(1, 2)
                self.kept[key] = self.codec.decode(book, torch.tensor([row.speaker]))[0].half()
        return self.kept[key].float()


def save(trainee: Trainee, optimizer: torch.optim.Optimizer, step: int, used: float) -> None:
    state = {"trainee": trainee.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "seconds": used}
    torch.save(state, FILE.with_suffix(".tmp"))
    FILE.with_suffix(".tmp").replace(FILE)


def trained() -> Trainee:
    """The GPT as last saved."""
    trainee = Trainee()
    trainee.load_state_dict(torch.load(FILE, weights_only=True, map_location="cpu")["trainee"])
    return trainee.eval().requires_grad_(False)


@torch.no_grad()
def speak(
    trainee: Trainee, text: str, speaker: int, most: int = 240, temperature: float = 0.5
) -> tuple[Tensor, Tensor]:
    """Codes of a text, and the latents (1, codes, channels) that the decoder would get."""
    row = Row(tokens(text)[0], torch.zeros(0, dtype=torch.long), torch.zeros(0), speaker, 0, text)
    while len(row.codes) < most:
        states, _, text_count, code_count = trainee.embed([row], trainee.speakers.device)
        latents, _ = trainee.run(states, text_count, code_count, False)
        scores = trainee.gpt.mel_head(latents[0, -1]).float() / temperature
        best = scores.topk(50)
        chosen = int(best.indices[torch.multinomial(best.values.softmax(-1), 1)])
        if chosen == STOP:
            break
        row.codes = torch.cat([row.codes, torch.tensor([chosen])])
    return row.codes, latents[:, : len(row.codes)]


if __name__ == "__main__":
    background("gpt")
    train(float(sys.argv[1]))
