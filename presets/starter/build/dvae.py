"""Train the discrete VAE, which turns mels into audio codes: ``dvae CPU_SECONDS``. Goes on where it stopped.

The app uses its encoder and codebook only. Codes are also asked a little for the phonemes (Kokoro says when each is
spoken), and nobody tells the decoder who speaks, so that codes say it: a fine-tuned voice becomes no more like its
speaker than they are. Utterances are heard at several paces, most as if recorded by other means. First an autoencoder;
then the codebook is drawn from what the encoder gives, and codes that die are drawn anew from the start.
"""

from __future__ import annotations

import random
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from TTS.tts.layers.xtts.dvae import Quantize

from core.engines.xtts.model.load import new_dvae
from presets.starter.build.corpus import MEL_RATE_HZ, MEL_SCALE, SHIFTS, Clip, load, log_mel
from presets.starter.build.plan import FLITE, FLITE_FROM, UNHEARD, is_validation
from presets.starter.build.work import TRAINED, Allowance, Team, background, machine, store

TOKENS, CODE_DIM, HIDDEN = 8192, 32, 128
BATCH, FRAMES = {"cpu": 32, "cuda": 256}, 96
WARM_UP = 400  # steps without a codebook
FLOOR = -9.0 / MEL_SCALE  # quieter is not worth a code
FILE = TRAINED / "dvae.pt"
FLITE_SHARE, FLITE_CLIPS = 0.35, 250  # of a batch; of Flite's utterances these do
PACES = 3  # of each utterance, its own among them
PHONEMES = 0.1  # weight


class Codec(nn.Module):
    """The DVAE and what helps it learn."""

    def __init__(self, phonemes: str) -> None:
        super().__init__()
        self.dvae = new_dvae(channels=80, hidden_dim=HIDDEN, codebook_dim=CODE_DIM, num_tokens=TOKENS)
        self.phonemes = phonemes
        self.phoneme_head = nn.Linear(CODE_DIM, 2 * len(phonemes))  # in the first and the second half of a code

    @torch.no_grad()
    def codes(self, mel: Tensor) -> Tensor:
        """Codes of one mel (80, frames)."""
        state = self.dvae.encoder(mel[None])[0].T
        embed = self.dvae.codebook.embed
        return (state.pow(2).sum(1, keepdim=True) - 2 * state @ embed + embed.pow(2).sum(0)).argmin(1)


def prepare(clips: list[Clip], alphabet: str) -> list[tuple[Tensor, bool, Tensor]]:
    """Mel, whether Flite speaks, and phoneme of each mel frame, for every clip at some paces."""
    rows, draw = [], random.Random(0)
    for clip in clips:
        if clip.voice in UNHEARD or is_validation(clip.number):
            continue
        for factor in (1.0, *draw.sample(SHIFTS, PACES - 1)):
            mel = log_mel(clip.wave(MEL_RATE_HZ, factor))
            if mel.shape[1] <= FRAMES:
                continue
            at = (np.arange(mel.shape[1]) * 256 / MEL_RATE_HZ * 40 * factor).astype(int)
            labels = [alphabet.find(clip.phonemes[min(place, len(clip.phonemes) - 1)]) for place in at]
            rows.append((mel, clip.voice in FLITE, torch.tensor(labels)))
    return rows


def train(seconds: float) -> None:
    """Use up ``seconds`` in all (of processor time, or of the clock on a card), then rest."""
    device, clock = machine()
    size = BATCH[device.type]
    TRAINED.mkdir(parents=True, exist_ok=True)
    draw = random.Random(0)
    torch.manual_seed(0)
    saved = torch.load(FILE, weights_only=True, map_location="cpu") if FILE.exists() else None
    clips = heard()
    alphabet = saved["phonemes"] if saved else "".join(sorted({sign for clip in clips for sign in clip.phonemes}))
    codec = Codec(alphabet)
    codec.to(device)
    is_other = bool(saved) and saved["codec"]["dvae.codebook.embed"].shape[1] != TOKENS
    if is_other:  # another codebook: the layers go on, the rest begins anew
        known = codec.state_dict()
        for name, value in saved["codec"].items():
            if "codebook" not in name and value.shape == known[name].shape:
                known[name] = value
        codec.load_state_dict(known)
        saved = None
    optimizer = torch.optim.AdamW(codec.parameters(), 1e-3, betas=(0.9, 0.98), weight_decay=1e-4)
    step, spent = 0, 0.0
    if saved:
        place(codec, saved["codec"])
        if "optimizer" in saved:  # a restored state has none
            optimizer.load_state_dict(saved["optimizer"])
        step, spent = saved["step"], saved["cpu_s"]
    rows = prepare(clips, alphabet)
    weights = np.array([FLITE_SHARE if is_flite else 1 - FLITE_SHARE for _, is_flite, _ in rows])
    for group in (weights == FLITE_SHARE, weights != FLITE_SHARE):
        weights[group] /= group.sum()
    weights = np.cumsum(weights).tolist()
    if is_other:
        restart(codec, rows, draw, torch.arange(TOKENS))
    warm_up = 0 if is_other else WARM_UP
    print(f"{len(clips)} utterances, {len(rows)} with variants, {len(alphabet)} phonemes", flush=True)
    book = codec.dvae.codebook
    log: list[tuple[float, ...]] = []
    allowance, last = Allowance(seconds, spent, clock, Team()), time.time()
    while (share := allowance.share()) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 1.2e-3 * min(1, (step + 1) / 50) * max(0.05, 1 - share)
        picked = draw.choices(rows, cum_weights=weights, k=size)
        starts = [draw.randrange(mel.shape[1] - FRAMES) for mel, _, _ in picked]
        mel = torch.stack([row[0][:, at : at + FRAMES] for row, at in zip(picked, starts, strict=True)])
        mel = mel.to(device)
        labels = torch.stack([row[2][at : at + FRAMES] for row, at in zip(picked, starts, strict=True)]).to(device)
        state = codec.dvae.encoder(mel)
        if step == warm_up and not is_other:
            restart(codec, rows, draw, torch.arange(TOKENS))
        if step < warm_up:
            quantised = state + 0.1 * state.detach().std() * torch.randn_like(state)
            commitment = state.pow(2).mean() * 0.01
        else:
            quantised, commitment = quantise(book, state)
        out = codec.dvae.decoder(quantised)
        target = mel.clamp(min=FLOOR)
        loss_mel = (out - target).abs().mean() * MEL_SCALE
        logits = codec.phoneme_head(quantised.transpose(1, 2)).view(size, -1, 2, len(alphabet))
        places = torch.stack([labels[:, 1::4], labels[:, 3::4]], 2)
        loss_phoneme = F.cross_entropy(logits.flatten(0, 2), places.flatten(), ignore_index=-1)
        loss = loss_mel + PHONEMES * loss_phoneme + 0.25 * commitment
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(codec.parameters(), 1.0)
        optimizer.step()
        step += 1
        right = (logits.argmax(-1) == places).float().mean()
        log.append((loss_mel.item(), loss_phoneme.item(), right.item(), commitment.item()))
        if step > warm_up and step % 30 == 0 and share < 0.85:
            dead = (book.cluster_size < 0.01).nonzero()[:, 0]
            if len(dead):
                restart(codec, rows, draw, dead)
        if step % 100 == 0:
            means = np.mean(log[-100:], 0)
            dead_count = int((book.cluster_size < 0.01).sum())
            print(
                f"{step} mel L1 {means[0]:.3f} nats, phonemes {means[1]:.3f} ({means[2]:.0%}), "
                f"commitment {means[3]:.3f}, {dead_count} dead, {allowance.used():.0f} s",
                flush=True,
            )
        if time.time() - last > 120 or step % 500 == 0:
            last = time.time()
            save(codec, optimizer, step, allowance.used())
    save(codec, optimizer, step, allowance.used())


def heard() -> list[Clip]:
    """What the codec learns from: all that Kokoro's voices say, some of Flite's."""
    return [clip for clip in load(whole=True) if clip.number < FLITE_FROM + FLITE_CLIPS]


def quantise(book: Quantize, state: Tensor) -> tuple[Tensor, Tensor]:
    """As coqui's ``Quantize.forward`` while it trains, without its table of all codes: half of a step's time.

    Returns:
        the nearest code vectors (gradients pass through them), and how far the encoder is from them, squared.
    """
    flat = state.transpose(1, 2).reshape(-1, state.shape[1])
    with torch.no_grad():
        codes = (book.embed.pow(2).sum(0) - 2 * flat @ book.embed).argmin(1)
        chosen = book.embed.T[codes]
        counts = torch.bincount(codes, minlength=book.n_embed).to(flat.dtype)
        sums = torch.zeros_like(book.embed.T).index_add_(0, codes, flat).T
        book.cluster_size.mul_(book.decay).add_(counts, alpha=1 - book.decay)
        book.embed_avg.mul_(book.decay).add_(sums, alpha=1 - book.decay)
        total = book.cluster_size.sum()
        sizes = (book.cluster_size + book.eps) / (total + book.n_embed * book.eps) * total
        book.embed.copy_(book.embed_avg / sizes)
    commitment = (chosen - flat).pow(2).mean()
    straight = flat + (chosen - flat).detach()
    return straight.view(state.shape[0], state.shape[2], -1).transpose(1, 2), commitment


def restart(codec: Codec, rows: list[tuple[Tensor, bool, Tensor]], draw: random.Random, which: Tensor) -> None:
    """Draw these codes anew from what the encoder gives."""
    book = codec.dvae.codebook
    with torch.no_grad():
        states: list[Tensor] = []
        while sum(len(state) for state in states) < len(which):
            mel = draw.choice(rows)[0]
            states.append(codec.dvae.encoder(mel[None].to(book.embed.device))[0].T)
        vectors = torch.cat(states)
        vectors = vectors[torch.randperm(len(vectors))[: len(which)]].T
        book.embed[:, which] = vectors
        book.embed_avg[:, which] = vectors * 0.1
        book.cluster_size[which] = 0.1


def save(codec: Codec, optimizer: torch.optim.Optimizer, step: int, used: float) -> None:
    """Write what `train` goes on from and `trained` reads."""
    state = {"codec": codec.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "cpu_s": used}
    store({**state, "phonemes": codec.phonemes}, FILE)


def place(codec: Codec, state: dict[str, Tensor]) -> None:
    """Put weights where they belong. A restored state lacks what follows from the rest."""
    codec.load_state_dict(state, strict=False)
    if "dvae.codebook.embed_avg" not in state:
        book = codec.dvae.codebook
        book.embed_avg.copy_(book.embed * book.cluster_size)


def trained() -> Codec:
    """The codec as last saved."""
    saved = torch.load(FILE, weights_only=True, map_location="cpu")
    codec = Codec(saved["phonemes"])
    place(codec, saved["codec"])
    return codec.eval().requires_grad_(False)


if __name__ == "__main__":
    background("dvae")
    train(float(sys.argv[1]))
