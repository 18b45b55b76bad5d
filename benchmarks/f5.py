"""F5-TTS against its own trainer, fed the same clips in one process each: ``python -m benchmarks.f5``.

A small DiT with random weights on the processor. Measured are an update end to end (reading included), reading alone,
and speaking, in seconds and in seconds of a core, which a busy machine changes less, and what a checkpoint takes. The
package's side is its own ``CustomDataset``, ``collate_fn`` and ``CFM.forward`` with AdamW, as ``Trainer.train`` runs
them, without its mean of the weights and its logging, which would slow it more. Each does what it does by default: ours
learns an adapter, in bfloat16 where the processor multiplies in it (``--precision``), theirs the whole model in
float32. Reading is mels and tokens: theirs computes a mel each time it reads a clip, ours did once before the run,
which is not counted. With the noise, which ours draws while it reads and theirs in the update, it is told apart.
Speaking is one sentence in sixteen steps up to its mel, by our own loop and by ``CFM.sample``.

Takes two minutes on two quiet cores. What is measured is written after every round (benchmarks/results/f5.json).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

from benchmarks import RECORDING, Stopwatch, in_child, machine, prompts, write_results

_STEPS = 16  # of a sentence
SIDES = ("ours", "theirs")  # in turn: the machine may grow busy meanwhile


def main() -> None:
    """Measure both in turn and print the ratios of their best rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--updates", type=int, default=10)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--depth", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--piece", default="")
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args()
    if args.piece:
        print(json.dumps(_measure(args)))
        return
    where = machine("torch", "f5-tts")
    with tempfile.TemporaryDirectory() as name:
        options = [f"--{key}={value}" for key, value in vars(args).items() if key not in ("piece", "folder")]
        rounds: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
        # As the app's jobs have it: threads that wait do not count as work, on a busy machine either.
        environment = {"OMP_NUM_THREADS": str(args.threads), "OMP_WAIT_POLICY": "PASSIVE"}

        def run(piece: str) -> dict[str, float]:
            return in_child("benchmarks.f5", *options, f"--folder={name}", f"--piece={piece}", environment=environment)

        run("make")
        for number in range(args.rounds):
            for side in SIDES:
                rounds[side].append(run(side))
                print(side, rounds[side][-1], flush=True)
            _write(where, rounds, number + 1)  # what is measured so far is there, whatever becomes of the rest


def _write(where: dict[str, Any], rounds: dict[str, list[dict[str, float]]], count: int) -> None:
    """Print the best of each side so far with their ratios, and keep them."""
    best = {side: {key: min(entry[key] for entry in values) for key in values[0]} for side, values in rounds.items()}
    ratios = {key: best["theirs"][key] / best["ours"][key] for key in best["ours"]}
    for key, ratio in ratios.items():
        print(f"{key}: ours {best['ours'][key]:.4g}, theirs {best['theirs'][key]:.4g}, {ratio:.2f} times", flush=True)
    write_results("f5", {"machine": where, "rounds": count, **best, "ratios": ratios})


def _measure(args: argparse.Namespace) -> dict[str, float]:
    return {"make": _make, "ours": _ours, "theirs": _theirs}[args.piece](args)


def _make(args: argparse.Namespace) -> dict[str, float]:
    """A dataset of real speech, and a base of random weights."""
    from core.audio.samples import read, write_wav
    from core.engines.f5.model.tiny import make_starter

    dataset = args.folder / "dataset"
    (dataset / "wavs").mkdir(parents=True)
    lines = []
    for number, (text, start_s, end_s) in enumerate(prompts(args.clips)):
        write_wav(dataset / "wavs" / f"{number}.wav", *read(RECORDING, start_s, end_s, 24_000))
        lines.append(f"{number}|{text}|-\n")
    for part in ("metadata", "metadata_train"):
        (dataset / f"{part}.csv").write_text("".join(lines))
    (dataset / "metadata_val.csv").write_text("")
    (dataset / "dataset.json").write_text(json.dumps({"id": "dataset", "language": "en"}))
    make_starter(args.folder / "base", dim=args.dim, depth=args.depth)
    return {}


def _ours(args: argparse.Namespace) -> dict[str, float]:
    import torch

    from core.engines.f5.features.extract import prepare
    from core.engines.f5.infer.sampling import sample_mels
    from core.engines.f5.options import F5TrainConfig
    from core.engines.f5.train import collate as collating
    from core.engines.f5.train.session import start
    from core.engines.voice import ReferenceClip
    from core.jobs.args.training import TrainArgs
    from core.jobs.job import Job
    from core.jobs.reporter import Reporter

    reporter = Reporter(Job.create(args.folder / "jobs", TrainArgs(dataset="d", base="b")))
    features = prepare(args.folder / "dataset", args.folder / "base", args.folder / "cache", reporter)
    config = F5TrainConfig(batch_size=args.batch, accumulation=1, precision=args.precision)
    session = start(config, features, args.folder / "base", None, device="cpu")
    session.step()
    with_noise = _timed("read_with_noise", args.updates, session.loader.update)
    items = [session.loader.items(number) for number in range(args.updates)]
    with mock.patch.object(collating, "draw_noise"):
        read = _timed("read", args.updates, lambda number: collating.collate(features, items[number]))
    voice = session.voice()
    speaker = voice.condition([ReferenceClip(args.folder / "dataset" / "wavs" / "0.wav", _texts(args)[0])])
    parts = voice.parts(_texts(args)[1], "en", speaker, 0)[:1]
    with torch.no_grad():
        speak = _timed("speak", 3, lambda _: sample_mels(voice.model, parts, speaker, settings={"steps": _STEPS}))
    update = _timed("update", args.updates, lambda _: session.step())
    folder = Path(tempfile.mkdtemp(dir=args.folder))
    session.save(folder)
    size = (folder / "adapter.safetensors").stat().st_size
    return {**update, **read, **with_noise, **speak, "checkpoint_mb": size / 1e6}


def _texts(args: argparse.Namespace) -> list[str]:
    return [prompt.text for prompt in prompts(args.clips)]


def _timed(name: str, times: int, do: Callable[[int], object]) -> dict[str, float]:
    """The mean of so many calls in a row, in seconds and in seconds of a core."""
    stopwatch = Stopwatch()
    for number in range(times):
        do(number)
    seconds, core_s = stopwatch.read()
    return {f"{name}_s": seconds / times, f"{name}_core_s": core_s / times}


def _theirs(args: argparse.Namespace) -> dict[str, float]:
    module: Any = ModuleType("datasets")  # what its module imports for other sources of data than a list
    module.Dataset, module.load_from_disk = object, None
    sys.modules.setdefault("datasets", module)
    import soundfile
    import torch

    from core.engines.f5.features.mel import BANDS, HOP, read_wave
    from core.engines.f5.model.load import load_base
    from core.engines.f5.model.package import CFM, DiT, convert_char_to_pinyin, get_tokenizer

    theirs = import_module("f5_tts.model.dataset")  # after `package`, which leaves the trainer out
    dataset, base = args.folder / "dataset", args.folder / "base"
    rows = []
    for number, text in enumerate(_texts(args)):
        path = dataset / "wavs" / f"{number}.wav"
        tokens = convert_char_to_pinyin([text])[0]
        rows.append({"audio_path": str(path), "text": tokens, "duration": soundfile.info(path).duration})
    vocabulary, _ = get_tokenizer(str(base / "vocab.txt"), "custom")
    ours = load_base(base)
    transformer = DiT(**ours.arch, mel_dim=BANDS)  # as published, with its own attention
    transformer.load_state_dict(ours.transformer.state_dict())
    model = CFM(transformer=transformer, vocab_char_map=vocabulary)
    optimizer = torch.optim.AdamW(model.parameters(), lr=7.5e-5)
    data = theirs.CustomDataset(rows, durations=[row["duration"] for row in rows], mel_spec_module=model.mel_spec)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(1)).tolist()

    def batch(number: int) -> dict[str, Any]:
        at = [order[(number * args.batch + place) % len(order)] for place in range(args.batch)]
        collated: dict[str, Any] = theirs.collate_fn([data[index] for index in at])
        return collated

    def update(number: int) -> None:
        part = batch(number)
        mel = part["mel"].permute(0, 2, 1)
        loss, _, _ = model(mel, text=part["text"], lens=part["mel_lengths"])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    model.train()
    update(0)
    read_timed = _timed("read", args.updates, batch)
    update_timed = _timed("update", args.updates, update)
    wave, texts = read_wave(dataset / "wavs" / "0.wav")[None], _texts(args)
    known = wave.shape[-1] // HOP
    said = f"{texts[0]}. ".replace(".. ", ". ")
    frames = known + int(known / len(said.encode()) * len(texts[1].encode()))
    model.eval()

    def speak(_: int) -> None:
        tokens = convert_char_to_pinyin([said + texts[1]])
        model.sample(cond=wave, text=tokens, duration=frames, steps=_STEPS, cfg_strength=2.0, sway_sampling_coef=-1.0)

    with torch.no_grad():
        speak_timed = _timed("speak", 3, speak)
    # Raw weights, their mean, and two moments: what `Trainer.save_checkpoint` writes.
    size = 4 * sum(value.numel() * value.element_size() for value in model.state_dict().values())
    with_noise = {f"read_with_noise{end}": read_timed[f"read{end}"] for end in ("_s", "_core_s")}
    return {**update_timed, **read_timed, **with_noise, **speak_timed, "checkpoint_mb": size / 1e6}


if __name__ == "__main__":
    main()
