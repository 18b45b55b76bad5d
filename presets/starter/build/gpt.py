"""Train the GPT on codes: ``gpt CPU_SECONDS``. Goes on where it stopped; takes a graphics card where one is.

Coqui's own `GPT` at a small size. Three things make words come early: the cross entropy is joined by attention that is
guided to the word that is being said (phonemes' durations tell which) on a few heads: some to its letter, some to its
end, where a causal model has read the whole word. A head for training only must tell the mel from the latents,
interpolated as ``HifiDecoder`` does, so that the decoder will find it there. Some codes of the input are replaced at
random, so that the text is listened to when speech goes wrong; and three clips in ten begin as one sentence and go on
as another of the same speaker, cut between words, so that no sentence is learnt by heart.
A speaker is what the conditioning encoder and the perceiver make of other clips of theirs, as when it speaks: both
learn along. A batch holds few speakers, each of whom is listened to once. First they learn alone to tell who speaks,
and are kept to it from then on: else they come to give the same of everybody. Half of the speakers are moved towards
another, so that somebody new is not far from all that was learnt.
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
from presets.starter.build.codes import LONGEST, MELS, STYLES
from presets.starter.build.corpus import MEL_HOP, MEL_RATE_HZ, MEL_SCALE
from presets.starter.build.dvae import TOKENS
from presets.starter.build.plan import FLITE, is_validation
from presets.starter.build.text import tokenizer, tokens
from presets.starter.build.work import TRAINED, Allowance, Team, background, bfloat16, machine, store

START, STOP = TOKENS, TOKENS + 1
LAYERS, CHANNELS, HEADS, LATENTS = 4, 256, 4, 32
AT_LETTER = ((1, 0), (2, 0), (3, 0))  # layer, head
AT_END = ((1, 1), (2, 1))
GUIDE_UNTIL = 0.85  # of the time; from then on attention is free
GUIDE_WIDTH = 1.5  # tokens
SPLICED = 0.3  # of the clips
TOGETHER = 3  # speakers in a batch beside those who say most
HEARD_S = (1.8, 3.4)  # of a piece
PIECES = (1, 1, 2, 4)  # of a speaker for each batch
LISTEN_S, LISTENERS = 330, 24  # seconds in which it only learns to tell speakers, so many at once
MORE_LISTENERS = 8  # later, in each batch beside its own speakers; at a part of the rate, else it forgets them:
LISTENING_RATE = 0.25
SPEAKERS = 256  # at most
MOVED, DISTURBED = 0.5, 0.15  # how far towards another speaker, and by how much noise, at most
SPOILT = 0.2  # of the input's codes at most
BATCH_CODES = {"cpu": 2400, "cuda": 8000}
RATE = 1.6e-3
MAIN = [(voice, 1.0) for voice in FLITE[:2]]
FILE = TRAINED / "gpt.pt"
Speaker = tuple[str, float]


@dataclass
class Row:
    """One clip: text tokens, codes, where to look, who speaks (voice and factor)."""

    text: list[int]
    codes: Tensor
    looks: Tensor  # where in ``text`` the letter stands that each code says
    speaker: Speaker
    number: int
    said: str
    spans: list[tuple[int, int]]  # each word's first token and last + 1
    mel: Tensor | None = None  # (80, 4 * codes), half precision: of the sound itself, finer than its codes

    def word_ends(self) -> Tensor:
        """Where in ``text`` the word ends that each code says: at the space after it, or after the last token."""
        space = tokenizer().token_to_id("[SPACE]")
        ends = torch.tensor([*(place for place, token in enumerate(self.text) if token == space), len(self.text)])
        return ends[torch.searchsorted(ends, self.looks.floor().long())] + 0.5

    def border(self, word: int) -> tuple[int, int]:
        """The first token of a word, and the code with which it begins."""
        token = self.spans[word][0]
        return token, int((self.looks < token - 0.5).sum())


@dataclass
class Inputs:
    """Of the transformer: speakers' latents (s, LATENTS, channels), which of them each clip has, text and codes.

    ``states``: (b, text + codes, channels). ``is_text``: (b, text), False where it is padded.
    """

    prefix: Tensor
    which: Tensor
    states: Tensor
    is_text: Tensor
    code_count: int


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
        self.mel_context = nn.Conv1d(CHANNELS, 160, 3, padding=1)  # a latent does not know its own code; the next does
        self.mel_head = nn.Sequential(
            nn.Conv1d(160, 160, 5, padding=2),
            nn.GELU(),
            nn.Conv1d(160, 160, 3, padding=1),
            nn.GELU(),
            nn.Conv1d(160, 80, 1),
        )
        self.speaker_head = nn.Linear(CHANNELS, SPEAKERS)

    def mel_of(self, latents: Tensor) -> Tensor:
        """The mel (b, 80, 4 * codes) that latents (b, codes, channels) mean, at the codec's scale."""
        around = F.gelu(self.mel_context(latents.transpose(1, 2).float()))
        return self.mel_head(F.interpolate(around, scale_factor=[4.0], mode="linear"))

    def listen(self, mels: Tensor) -> Tensor:
        """Latents (s, LATENTS, channels) of speakers, from mels (s, pieces, 80, frames) of each."""
        return self.gpt.get_style_emb(mels.flatten(0, 1)).transpose(1, 2).unflatten(0, mels.shape[:2]).mean(1)

    def speaker_loss(self, latents: Tensor, speakers: Tensor) -> Tensor:
        """Cross entropy (nats) of who speaks, from latents (s, LATENTS, channels)."""
        return F.cross_entropy(self.speaker_head(latents.mean(1)).float(), speakers)

    def embed(self, rows: list[Row], heard: dict[Speaker, Tensor]) -> tuple[Inputs, Tensor]:
        """What the transformer gets, and targets (b, codes) with -1 where there is nothing.

        ``heard``: of each speaker mels (pieces, 80, frames) to listen to, all of one shape.
        """
        device = self.gpt.mel_head.weight.device
        start, stop = self.gpt.start_text_token, self.gpt.stop_text_token
        text = _padded([torch.tensor([start, *row.text, stop]) for row in rows], stop).to(device)
        codes = _padded([F.pad(row.codes, (1, 0), value=START) for row in rows], STOP).to(device)
        targets = _padded([F.pad(row.codes, (0, 1), value=STOP) for row in rows], -1).to(device)
        if self.training:
            spoilt = torch.rand(codes.shape, device=device) < SPOILT * torch.rand(len(rows), 1, device=device)
            spoilt &= codes < TOKENS
            codes = torch.where(spoilt, torch.randint_like(codes, TOKENS), codes)
        states = torch.cat(
            [
                self.gpt.text_embedding(text) + self.gpt.text_pos_embedding(text),
                self.gpt.mel_embedding(codes) + self.gpt.mel_pos_embedding(codes),
            ],
            1,
        )
        speakers = sorted({row.speaker for row in rows})
        which = torch.tensor([speakers.index(row.speaker) for row in rows])
        prefix = self.listen(torch.stack([heard[speaker].float() for speaker in speakers]).to(device))
        lengths = torch.tensor([len(row.text) + 2 for row in rows], device=device)
        is_text = torch.arange(text.shape[1], device=device) < lengths[:, None]
        return Inputs(prefix, which, states, is_text, codes.shape[1]), targets

    def run(self, inputs: Inputs, is_guided: bool = False) -> tuple[Tensor, dict[tuple[int, int], Tensor]]:
        """Latents of the codes' places (b, codes, channels), and the log attention (b, codes, text) of guided heads.

        Each speaker's latents come first and see only themselves: they run once for all clips of theirs.
        """
        prefix, states, code_count = inputs.prefix, inputs.states, inputs.code_count
        if torch.is_autocast_enabled(states.device.type):  # else each product converts what it gets
            prefix, states = prefix.bfloat16(), states.bfloat16()
        size, length, _ = states.shape
        text_count = length - code_count
        mask = torch.ones(length, LATENTS + length, dtype=torch.bool, device=states.device).tril(LATENTS)
        mask = mask.repeat(size, 1, 1)
        mask[:, text_count:, LATENTS : LATENTS + text_count] &= inputs.is_text[:, None]
        hidden = torch.zeros(mask.shape, dtype=torch.bfloat16, device=mask.device).masked_fill_(~mask, -1e4)[:, None]
        prefix_hidden = hidden.new_full((LATENTS, LATENTS), -1e4).triu(1)
        attention = {}
        for layer, block in enumerate(self.gpt.gpt.h):
            before = _heads(block.attn.c_attn(block.ln_1(prefix)))
            query, key, value = _heads(block.attn.c_attn(block.ln_1(states)))
            key, value = (torch.cat([a[inputs.which], b], 2) for a, b in zip(before[1:], (key, value), strict=True))
            scores = query @ key.transpose(2, 3) + hidden
            if is_guided:
                for at, head in (*AT_LETTER, *AT_END):
                    if at == layer:  # over latents and text only: what of the codes is looked at stays free
                        seen = scores[:, head, text_count:, : LATENTS + text_count]
                        attention[at, head] = seen.float().log_softmax(-1)[:, :, LATENTS:]
            states = _after(block, states, scores.softmax(-1).to(value.dtype) @ value)
            if layer < LAYERS - 1:
                scores = before[0] @ before[1].transpose(2, 3) + prefix_hidden
                prefix = _after(block, prefix, scores.softmax(-1).to(value.dtype) @ before[2])
        return self.gpt.final_norm(self.gpt.gpt.ln_f(states[:, text_count:])), attention

    def losses(
        self, rows: list[Row], heard: dict[Speaker, Tensor], is_guided: bool, numbers: dict[Speaker, int]
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Cross entropy of the codes (nats), guided attention (nats), mel L1 (nats), who speaks (nats)."""
        inputs, targets = self.embed(rows, heard)
        device = targets.device
        speakers = sorted({row.speaker for row in rows})
        speaker_numbers = torch.tensor([numbers[speaker] for speaker in speakers], device=device)
        speaker_loss = self.speaker_loss(inputs.prefix, speaker_numbers)
        if self.training:
            inputs.prefix = moved(inputs.prefix)
        latents, attention = self.run(inputs, is_guided)
        entropy = F.cross_entropy(self.gpt.mel_head(latents).float().flatten(0, 1), targets.flatten(), ignore_index=-1)
        guide = torch.zeros((), device=device)
        if attention:
            # The place that predicts a code looks at what that code says; the last one at the stop token.
            is_real = targets >= 0
            for heads, places in (
                (AT_LETTER, [row.looks for row in rows]),
                (AT_END, [row.word_ends() for row in rows]),
            ):
                last = [len(row.text) + 1.0 for row in rows]
                looks = [F.pad(place + 1, (0, 1), value=end) for place, end in zip(places, last, strict=True)]
                text = torch.arange(inputs.is_text.shape[1], device=device) + 0.5
                away = (text - _padded(looks, 0).to(device)[:, :, None]) / GUIDE_WIDTH
                weight = (-0.5 * away**2).clamp(min=-20)
                for head in heads:
                    guide = guide - torch.logsumexp(attention[head] + weight, -1)[is_real].mean() / len(attention)
        half = slice(random.randrange(2), None, 2) if self.training and len(rows) > 1 else slice(None)  # it is dear
        mel = self.mel_of(latents[half])
        real = _padded([row.mel.T.float() for row in rows[half]], 0.0).transpose(1, 2).to(device)
        count = min(mel.shape[2], real.shape[2])
        lengths = torch.tensor([len(row.codes) * 4 for row in rows[half]], device=device)
        inside = torch.arange(count, device=device) < lengths[:, None]
        apart = ((mel[:, :, :count] - real[:, :, :count]).abs() * inside[:, None]).sum() / (inside.sum() * 80)
        return entropy, guide, apart * MEL_SCALE, speaker_loss


def moved(prefix: Tensor) -> Tensor:
    """Latents of speakers, every other one moved towards the next one's and disturbed."""
    size = (len(prefix), 1, 1)
    share = MOVED * torch.rand(size, device=prefix.device) * (torch.rand(size, device=prefix.device) < 0.5)
    noise = DISTURBED * torch.randn_like(prefix) * prefix.detach().std()
    return prefix + share * (prefix.roll(1, 0) - prefix) + share * noise


def _heads(mixed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scaled query, key and value (b, heads, length, size) of (b, length, 3 * width)."""
    query, key, value = (part.view(*part.shape[:2], HEADS, -1).transpose(1, 2) for part in mixed.chunk(3, dim=2))
    return query / query.shape[-1] ** 0.5, key, value


def _after(block: nn.Module, states: Tensor, mixed: Tensor) -> Tensor:
    states = states + block.attn.c_proj(mixed.transpose(1, 2).reshape(states.shape))
    wide = F.gelu(block.mlp.c_fc(block.ln_2(states)), approximate="tanh")  # transformers' own in one operation
    return states + block.mlp.c_proj(wide)


def _padded(rows: list[Tensor], value: float) -> Tensor:
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value)


def rows_of_corpus() -> list[Row]:
    """All clips as `codes.py` wrote them."""
    arrays = np.load(CORPUS)
    ends = np.cumsum(arrays["sizes"].astype(int))
    codes = torch.from_numpy(arrays["codes"].astype(np.int64))
    looks = torch.from_numpy(arrays["looks"].astype(np.float32))
    rows = []
    for (number, said, voice, factor), end, size in zip(
        json.loads(CORPUS.with_suffix(".json").read_text(encoding="utf-8")), ends, arrays["sizes"], strict=True
    ):
        part = slice(int(end) - int(size), int(end))
        text, spans = tokens(said)
        rows.append(Row(text, codes[part], looks[part], (voice, factor), number, said, spans))
    return rows


def add_mels(rows: list[Row]) -> None:
    """The mel of each of all rows."""
    mels = torch.from_numpy(np.load(MELS, mmap_mode="c"))
    begin = 0
    for row in rows:
        row.mel = mels[begin : begin + 4 * len(row.codes)].T
        begin += 4 * len(row.codes)


def spliced(first: Row, second: Row, draw: random.Random) -> Row:
    """The first words of one clip and the last ones of another of the same speaker."""
    if min(len(first.spans), len(second.spans)) < 2:
        return first
    token, code = first.border(draw.randrange(1, len(first.spans)))
    from_token, from_code = second.border(draw.randrange(1, len(second.spans)))
    return Row(
        first.text[:token] + second.text[from_token:],
        torch.cat([first.codes[:code], second.codes[from_code:]]),
        torch.cat([first.looks[:code], second.looks[from_code:] - from_token + token]),
        first.speaker,
        first.number,
        "",
        [],
        torch.cat([first.mel[:, : 4 * code], second.mel[:, 4 * from_code :]], 1),
    )


class References:
    """Mels of speakers to listen to."""

    def __init__(self) -> None:
        self.mels: dict[Speaker, list[Tensor]] = {}
        with np.load(STYLES) as stored:
            for name in stored:
                voice, factor, _ = name.split()
                self.mels.setdefault((voice, float(factor)), []).append(torch.from_numpy(stored[name]))

    def draw(self, speakers: set[Speaker], draw: random.Random, count: int = 0) -> dict[Speaker, Tensor]:
        """Pieces (pieces, 80, frames) of clips of each, as many of everybody and all equally long."""
        count = count or draw.choice(PIECES)
        clips = {speaker: draw.choices(self.mels[speaker], k=count) for speaker in sorted(speakers)}
        size = int(draw.uniform(*HEARD_S) * MEL_RATE_HZ / MEL_HOP)
        size = min([size, *(mel.shape[1] for mels in clips.values() for mel in mels)])
        return {speaker: torch.stack([piece(mel, size, draw) for mel in mels]) for speaker, mels in clips.items()}


def piece(mel: Tensor, size: int, draw: random.Random) -> Tensor:
    """So many frames of a mel (80, frames), from anywhere."""
    at = draw.randrange(mel.shape[1] - size + 1)
    return mel[:, at : at + size]


def epoch(rows: list[Row], draw: random.Random) -> list[list[Row]]:
    """Every clip, part of them spliced with another, in groups of few speakers: the main voices are in each."""
    by_speaker: dict[Speaker, list[Row]] = {}
    for row in rows:
        by_speaker.setdefault(row.speaker, []).append(row)
    others = [speaker for speaker in by_speaker if speaker not in MAIN]
    draw.shuffle(others)
    group_of = {speaker: place // TOGETHER for place, speaker in enumerate(others)}
    groups: list[list[Row]] = [[] for _ in range(len(others) // TOGETHER + 1)]
    for row in rows:
        mixed = spliced(row, draw.choice(by_speaker[row.speaker]), draw) if draw.random() < SPLICED else row
        if 4 < len(mixed.codes) <= LONGEST:
            groups[group_of.get(row.speaker, draw.randrange(len(groups)))].append(mixed)
    return groups


def batches(groups: list[list[Row]], draw: random.Random, most: int) -> list[list[Row]]:
    """An epoch: clips of like length together, about ``most`` codes each."""
    out: list[list[Row]] = []
    for rows in groups:
        out.append([])
        for row in sorted(rows, key=lambda row: len(row.codes) + draw.random() * 8):
            if (len(out[-1]) + 1) * len(row.codes) > most and out[-1]:
                out.append([])
            out[-1].append(row)
    draw.shuffle(out)
    return [batch for batch in out if batch]


def train(seconds: float) -> None:
    """Use up ``seconds`` (of processor time, or of the clock on a card), then rest."""
    device, clock = machine()
    torch.manual_seed(0)
    draw = random.Random(time.time())
    trainee = Trainee()
    saved = torch.load(FILE, weights_only=True) if FILE.exists() else None
    step, spent = 0, 0.0
    if saved:
        known = trainee.state_dict()  # of another codec's GPT what knows no codes goes on
        same = {name: value for name, value in saved["trainee"].items() if name in known}
        fitting = {name: value for name, value in same.items() if value.shape == known[name].shape}
        is_other = len(fitting) < len(same)
        trainee.load_state_dict(fitting, strict=False)  # a restored state lacks what did not learn
        if is_other:
            saved = {"step": 0, "seconds": 0.0}
    if saved:
        step, spent = saved["step"], saved["seconds"]
    trainee.to(device)
    team = Team()
    torch.manual_seed(team.rank)
    learning = [value for name, value in trainee.named_parameters() if not name.startswith("gpt.text_head")]
    listeners = [value for name, value in trainee.named_parameters() if is_listening(name)]
    groups = [
        {"params": [value for value in learning if all(value is not listener for listener in listeners)], "scale": 1.0},
        {"params": listeners, "scale": LISTENING_RATE},
    ]
    optimizer = torch.optim.AdamW(groups, RATE, betas=(0.9, 0.98), weight_decay=0.05, fused=True)
    if saved and saved.get("optimizer"):
        optimizer.load_state_dict(saved["optimizer"])
    every = rows_of_corpus()
    add_mels(every)
    references = References()
    every = [row for row in every if row.speaker in references.mels]
    validation = [
        random.Random(0).sample(
            [row for row in every if is_validation(row.number) and (row.speaker in MAIN) == is_main], 16
        )
        for is_main in (True, False)
    ]
    rows = [row for row in every if not is_validation(row.number)]
    print(f"{len(rows)} clips, {sum(len(row.codes) for row in rows)} codes, {device}", flush=True)
    numbers = {speaker: number for number, speaker in enumerate(sorted(references.mels))}
    allowance, last, seen = Allowance(seconds, spent, clock, team), time.time(), 0
    if not step:
        listen(trainee, optimizer, references, numbers, draw, team)
    log: list[tuple[float, ...]] = []
    epochs = (batches(epoch(rows, draw), draw, BATCH_CODES[device.type]) for _ in itertools.count())
    for group in itertools.chain.from_iterable(epochs):
        if (share := allowance.share()) >= 1:
            break
        for parameters in optimizer.param_groups:
            parameters["lr"] = RATE * parameters["scale"] * min(1, (step + 1) / 100) * max(0.05, 1 - share)
        heard = references.draw({row.speaker for row in group}, draw)
        with bfloat16(device):
            entropy, guide, mel, speaker_loss = trainee.losses(group, heard, share < GUIDE_UNTIL, numbers)
            listening = listening_loss(trainee, references, numbers, MORE_LISTENERS, draw)
        optimizer.zero_grad()
        (entropy + guide + 2 * mel + 0.5 * speaker_loss + listening).backward()
        team.share_gradients(learning)
        nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        step += 1
        seen += sum(len(row.codes) for row in group)
        log.append((entropy.item(), guide.item(), mel.item(), listening.item()))
        if step % 50 == 0 and not team.rank:
            held = ""
            for some in validation:
                with torch.no_grad(), bfloat16(device):
                    trainee.eval()
                    heard = references.draw({row.speaker for row in some}, random.Random(0))
                    held += " |" + "".join(f" {float(x):.3f}" for x in trainee.losses(some, heard, True, numbers))
                    trainee.train()
            means, used = np.mean(log[-50:], 0), allowance.used()
            print(
                f"{step} entropy {means[0]:.3f} guide {means[1]:.3f} mel {means[2]:.3f} who {means[3]:.3f}, "
                f"held out{held} | {seen / (used - spent):.0f} codes a second, {used:.0f} s",
                flush=True,
            )
        if time.time() - last > 180 and not team.rank:
            last = time.time()
            save(trainee, optimizer, step, allowance.used())
    if not team.rank:
        save(trainee, optimizer, step, allowance.used())


def is_listening(name: str) -> bool:
    """Whether a parameter is of what listens to a speaker."""
    return "conditioning" in name or "speaker_head" in name


def listening_loss(
    trainee: Trainee, references: References, numbers: dict[Speaker, int], count: int, draw: random.Random
) -> Tensor:
    """Cross entropy (nats) of who speaks, for so many speakers, each heard in one piece."""
    device = trainee.speaker_head.weight.device
    heard = references.draw(set(draw.sample(sorted(numbers), count)), draw, 1)
    latents = trainee.listen(torch.stack([mels.float() for mels in heard.values()]).to(device))
    return trainee.speaker_loss(latents, torch.tensor([numbers[speaker] for speaker in heard], device=device))


def listen(
    trainee: Trainee,
    optimizer: torch.optim.Optimizer,
    references: References,
    numbers: dict[Speaker, int],
    draw: random.Random,
    team: Team,
) -> None:
    """For ``LISTEN_S`` learn to tell speakers alone."""
    learning = [value for name, value in trainee.named_parameters() if is_listening(name)]
    device, clock = machine()
    allowance, log = Allowance(LISTEN_S, 0.0, clock, team), list[float]()
    while (share := allowance.share()) < 1:
        for parameters in optimizer.param_groups:
            parameters["lr"] = RATE / 2 * min(1, (len(log) + 1) / 50) * max(0.1, 1 - share)
        with bfloat16(device):
            loss = listening_loss(trainee, references, numbers, LISTENERS, draw)
        optimizer.zero_grad()
        loss.backward()
        team.share_gradients(learning)
        optimizer.step()
        log.append(loss.item())
        if len(log) % 50 == 0 and not team.rank:
            print(f"{len(log)} who speaks {np.mean(log[-50:]):.3f}, {allowance.used():.0f} s", flush=True)


def save(trainee: Trainee, optimizer: torch.optim.Optimizer, step: int, used: float) -> None:
    """Write what `train` goes on from and `trained` reads."""
    state = {"trainee": trainee.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "seconds": used}
    store(state, FILE)


def trained() -> Trainee:
    """The GPT as last saved."""
    trainee = Trainee()
    trainee.load_state_dict(torch.load(FILE, weights_only=True, map_location="cpu")["trainee"], strict=False)
    return trainee.eval().requires_grad_(False)


@torch.no_grad()
def speak(
    trainee: Trainee, text: str, heard: Tensor, most: int = 240, temperature: float = 0.25
) -> tuple[Tensor, Tensor]:
    """Codes of a text, and the latents (1, codes, channels) that the decoder would get.

    ``heard``: mels (pieces, 80, frames) of who is to speak.
    """
    speaker = ("", 1.0)
    row = Row(tokens(text)[0], torch.zeros(0, dtype=torch.long), torch.zeros(0), speaker, 0, text, [])
    while len(row.codes) < most:
        latents, _ = trainee.run(trainee.embed([row], {speaker: heard})[0])
        scores = trainee.gpt.mel_head(latents[0, -1]).float() / temperature
        best = scores.topk(30)
        chosen = int(best.indices[torch.multinomial(best.values.softmax(-1), 1)])
        if chosen == STOP:
            break
        row.codes = torch.cat([row.codes, torch.tensor([chosen])])
    return row.codes, latents[:, : len(row.codes)]


if __name__ == "__main__":
    background("gpt")
    train(float(sys.argv[1]))
