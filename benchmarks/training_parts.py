"""The measured pieces of `benchmarks.training`, each run in a process of its own:
``python -m benchmarks.training_parts PIECE OPTIONS_AS_JSON`` prints a JSON object as its last line."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks import RECORDING, Stopwatch, prompts
from core import REPOSITORY
from core.audio.samples import read, write_wav
from core.engines.speaking import evaluating
from core.engines.xtts.features.extract import Features, prepare
from core.engines.xtts.infer.reference import Conditioning
from core.engines.xtts.infer.voice import XttsVoice
from core.engines.xtts.model import tiny
from core.engines.xtts.model.load import load_base, load_dvae, load_mel_stats, new_dvae
from core.engines.xtts.options import XttsTrainConfig
from core.engines.xtts.train.session import XttsSession, start
from core.jobs.args.training import TrainArgs
from core.jobs.job import Job
from core.jobs.reporter import Reporter

HELD_BACK = 4
# Dense tensor-core peaks in TFLOP/s, bfloat16 (float16 where there is none), as the makers publish them; a name that
# another begins with comes after that.
PEAKS = {"H200": 989, "H100": 989, "A100": 312, "L40S": 362, "L40": 181, "L4": 121, "A10G": 70, "A10": 125}
PEAKS |= {"4090": 165, "3090": 71, "V100": 125, "T4": 65}
SENTENCES = (
    "The morning train was late again, so I walked along the river instead.",
    "Could you tell me where the nearest bakery is?",
    "First warm the milk, then add the chocolate, and stir it slowly until it is smooth.",
    "Nobody had told her that the shop would close at noon.",
    "We counted eleven boats before the fog came in.",
    "Please leave the keys with the neighbour on the second floor.",
    "It took him three attempts to open the old wooden box.",
    "The answer was shorter than anyone had expected.",
    "In winter the lake froze so hard that carts could cross it.",
    "Ask the driver to stop at the corner by the church.",
    "My grandmother kept her letters in a tin under the stairs.",
    "If it rains tomorrow, we will stay at home and bake bread.",
)


def make(options: dict[str, Any]) -> dict[str, Any]:
    """A dataset of real speech and a base of random weights: ``small`` as for tests, ``full`` has published sizes.

    Both have an encoder as wide as the published one, since GPTTrainer knows no other; that of ``tiny`` is narrow.
    """
    folder, size = Path(options["folder"]), options["size"]
    base, codes = folder / "base", 8192 if size == "full" else tiny.CODES
    if size == "full":
        tiny.LAYERS, tiny.CHANNELS, tiny.HEADS, tiny.CODES = 30, 1024, 16, codes
    tiny.make_untrained(base)
    torch.manual_seed(0)
    hidden = 64 if size == "tiny" else 512
    dvae = new_dvae(channels=80, hidden_dim=hidden, codebook_dim=hidden, num_tokens=codes)
    dataset, lines = folder / "dataset", []
    (dataset / "wavs").mkdir(parents=True)
    for number, (text, start_s, end_s) in enumerate(prompts()):
        write_wav(dataset / "wavs" / f"c{number:03d}.wav", *read(RECORDING, start_s, end_s, 22_050))
        lines.append(f"c{number:03d}|{text}|{text}\n")
    parts = {"": lines, "_train": lines[:-HELD_BACK], "_val": lines[-HELD_BACK:]}
    for name, part in parts.items():
        (dataset / f"metadata{name}.csv").write_text("".join(part))
    (dataset / "dataset.json").write_text(json.dumps({"id": "dataset", "language": "en"}))
    _spread_codebook(dvae, base, dataset)
    torch.save({name: v for name, v in dvae.state_dict().items() if "discrete" not in name}, base / "dvae.pth")
    return {"clips": len(lines)}


def _spread_codebook(dvae: Any, base: Path, dataset: Path) -> None:
    """Entries where the encoder's outputs lie; drawn at random a single code would win everywhere."""
    from core.engines.xtts.features.encoder import Encoder, read_audio

    encoder = Encoder(dvae.eval(), load_mel_stats(base), "cpu")
    with torch.no_grad():
        waves = [read_audio(path) for path in sorted((dataset / "wavs").glob("*.wav"))[:8]]
        hidden = torch.cat([dvae.encoder(encoder.mel(wave, encoder.code_mel))[0] for wave in waves], dim=1)
        drawn = torch.randint(hidden.shape[1], (dvae.codebook.embed.shape[1],))
        dvae.codebook.embed.copy_(hidden[:, drawn] + 0.01 * torch.randn_like(dvae.codebook.embed))


def features(options: dict[str, Any]) -> dict[str, Any]:
    """All features of the dataset, the encoder's loading apart."""
    load_dvae(Path(options["base"]), options["device"])  # a first time takes longer than what is taken off below
    stopwatch = Stopwatch()
    load_dvae(Path(options["base"]), options["device"])
    loading_s, loading_cpu_s = stopwatch.read()
    stopwatch = Stopwatch()
    computed = _features(options)
    seconds, cpu_s = stopwatch.read()
    seconds, cpu_s = seconds - loading_s, cpu_s - loading_cpu_s
    sound_s = sum(clip.seconds for clip in (*computed.train, *computed.val))
    return {
        "seconds": seconds,
        "sound_s": sound_s,
        "times_real_time": sound_s / seconds,
        "cpu_s": cpu_s,
        **_usage(options),
    }


def ours(options: dict[str, Any]) -> dict[str, Any]:
    """Updates of our session; only real codes count, padding and stop codes do not."""
    session, steps, skip = _session(options), options["steps"], options["skip"]
    for _ in range(skip):
        session.step()
    _wait(options)
    stopwatch = Stopwatch()
    for _ in range(steps):
        values = session.step()
    _wait(options)
    seconds, cpu_s = stopwatch.read()
    rows = [row for part in range(skip, skip + steps) for row in _rows(session, part)]
    codes = sum(len(row.codes) for row in rows)
    figures = {
        "codes_per_s": codes / seconds,
        "codes_per_cpu_s": codes / cpu_s,
        "seconds": seconds,
        "updates": steps,
        "clips": len(rows),
        "codes": codes,
        "update_s": seconds / steps,
        "loss": values["loss"],
        "precision": str(session.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
    }
    if options["device"] == "cuda" and (peak_tflops := _peak_tflops()):
        figures["flops_utilisation"] = flops(session, rows) / seconds / (peak_tflops * 1e12)
        figures["peak_tflops"] = peak_tflops
    return {**figures, **_usage(options)}


def samples(options: dict[str, Any]) -> dict[str, Any]:
    """The same sentences said by coqui's ``inference`` one by one, and by us in one go; as many codes each."""
    base, device = Path(options["base"]), options["device"]
    xtts = load_base(base, device)
    xtts.untrained_max_s = options["sentence_s"]
    voice = XttsVoice(xtts)
    channels = xtts.gpt.model_dim
    speaker = Conditioning(torch.randn(1, 32, channels) / 8, torch.randn(1, 512, 1) / 16)
    texts = SENTENCES[: options["sentences"]]
    settings = voice.settings()

    def theirs() -> float:
        from core.engines.xtts.model.load import inference_gpt

        length = 0.0
        with evaluating(xtts, xtts.device, 0), inference_gpt(xtts), torch.inference_mode():
            for text in texts:
                length += len(xtts.inference(text, "en", *vars(speaker).values(), **settings)["wav"]) / 24_000
        return length

    def together() -> float:
        sounds = voice.speak_many(texts, "en", speaker, range(len(texts)))
        return sum(len(sound) / rate for sound, rate in sounds)

    figures: dict[str, Any] = {"sentences": len(texts)}
    for name, say in (("coqui", theirs), ("ours", together)):
        say()
        _wait(options)
        stopwatch = Stopwatch()
        spoken_s = sum(say() for _ in range(options["repeat"])) / options["repeat"]
        _wait(options)
        seconds, cpu_s = (time / options["repeat"] for time in stopwatch.read())
        figures[name] = {
            "seconds": seconds,
            "cpu_s": cpu_s,
            "spoken_s": spoken_s,
            "real_time_factor": seconds / spoken_s,
        }
    return {**figures, "ratio": figures["coqui"]["seconds"] / figures["ours"]["seconds"], **_usage(options)}


def soak(options: dict[str, Any]) -> dict[str, Any]:
    """Many updates with checks and samples: does memory stay, does the loss fall, how long is the loop stopped?

    Checks and checkpoints come as often as they do by default, or four times in a shorter run.
    """
    session, steps = _session({**options, "max_steps": options["soak"]}), options["soak"]
    check_every, save_every = (
        min(updates, max(1, steps // 4)) for updates in (session.config.eval_every, session.config.save_every)
    )
    losses, memory, began = [], [], time.perf_counter()
    stopped = {"evaluate": 0.0, "speak": 0.0, "save": 0.0}
    channels, texts, longest_s = session.xtts.gpt.model_dim, SENTENCES[:4], options["sentence_s"]
    speaker = Conditioning(torch.randn(1, 32, channels) / 8, torch.randn(1, 512, 1) / 16)
    for number in range(1, steps + 1):
        losses.append(session.step()["loss"])
        due: dict[str, tuple[int, Callable[[], object]]] = {
            "evaluate": (check_every, session.evaluate),
            "speak": (
                save_every,
                lambda: session.voice().speak_many(texts, "en", speaker, range(4), max_seconds=longest_s),
            ),
            "save": (save_every, lambda: _save(session, Path(options["out"]) / "soak")),
        }
        for name, (interval, do) in due.items():
            if number % interval == 0:
                _wait(options)  # the updates before it are not its time
                pause = time.perf_counter()
                do()
                stopped[name] += time.perf_counter() - pause
        if number % save_every == 0:
            memory.append(_usage(options)["peak_mb"])
    seconds = time.perf_counter() - began
    tenth = max(1, steps // 10)
    return {
        "updates": steps,
        "seconds": seconds,
        "loss_first_tenth": sum(losses[:tenth]) / tenth,
        "loss_last_tenth": sum(losses[-tenth:]) / tenth,
        "peak_mb_at_each_checkpoint": memory,
        "stopped": {name: entry / seconds for name, entry in stopped.items()},
        **_usage(options),
    }


def kill_and_resume(options: dict[str, Any]) -> dict[str, Any]:
    """A process that trains is killed; another goes on from what it saved, compared with one that was never stopped."""
    steps = options["steps"] + 2
    straight = _losses(_session(options), 2 * steps)
    folder = Path(options["out"]) / "killed"
    command = [sys.executable, "-m", "benchmarks.training_parts", "train_until_killed"]
    child = subprocess.Popen([*command, json.dumps({**options, "out": str(folder), "updates": steps})], cwd=REPOSITORY)
    while not (folder / "ready").exists() and child.poll() is None:
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    resumed = _losses(_session(options, folder / "saved"), steps)
    worst = max(abs(a - b) for a, b in zip(straight[steps:], resumed, strict=True))
    return {"killed_after": steps, "resumed": len(resumed), "largest_difference_of_loss": worst}


def train_until_killed(options: dict[str, Any]) -> dict[str, Any]:
    """Save after some updates, then go on until it is killed or nobody is left who would."""
    parent = os.getppid()
    session, folder = _session(options), Path(options["out"])
    for _ in range(options["updates"]):
        session.step()
    session.save(_made(folder / "saved"))
    while os.getppid() == parent:
        session.step()
        (folder / "ready").touch()
    return {}


def _losses(session: XttsSession, updates: int) -> list[float]:
    """The loss of each of so many updates."""
    losses = []
    for _ in range(updates):
        session.metrics.drop()  # else it would be that of the update before
        losses.append(session.step()["loss"])
    return losses


def _save(session: XttsSession, folder: Path) -> None:
    """Write all that a checkpoint holds, and copy what is learnt, as the loop does then."""
    session.save(_made(folder))
    session.snapshot()


def _features(options: dict[str, Any]) -> Features:
    folder = Path(options["features"])
    reporter = Reporter(Job.create(_made(folder / "jobs"), TrainArgs(dataset="d", base="starter")))
    return prepare(Path(options["dataset"]), Path(options["base"]), folder, reporter, device=options["device"])


def _session(options: dict[str, Any], resume_from: Path | None = None) -> XttsSession:
    settings = {"max_steps": options.get("max_steps", 1000), **options["settings"]}
    return start(
        XttsTrainConfig(**settings), _features(options), Path(options["base"]), resume_from, device=options["device"]
    )


def _rows(session: XttsSession, update: int) -> list[Any]:
    first, count = update * session.config.accumulation, session.config.accumulation
    return [row for number in range(first, first + count) for row in session.loader.rows(number)]


def flops(session: XttsSession, rows: list[Any], attention: bool = True) -> float:
    """Floating-point operations that an update needs: no recomputation, no padding, causal attention at half.

    Forward and the gradients of what goes in cost 2 each a weight and position, those of weights another 2 where they
    learn (Kaplan et al. 2020, appendix; Chowdhery et al. 2022, appendix B).
    """
    weights = sum(p.numel() for n, p in session.xtts.gpt.gpt.named_parameters() if p.ndim == 2)
    learning = sum(p.numel() for p in session.parameters if p.ndim == 2 and len(p) > 0)
    heads = session.xtts.gpt.mel_head.weight.numel(), session.xtts.gpt.text_head.weight.numel()
    layers, channels = len(session.xtts.gpt.gpt.h), session.xtts.gpt.model_dim
    total = 0.0
    for row in rows:
        total += row.positions * (4 * weights + 2 * min(learning, weights))
        total += 4 * (row.code_targets * heads[0] + row.text_targets * heads[1])
        total += 3 * layers * 2 * row.positions**2 * channels if attention else 0
    return total


def _peak_tflops() -> float | None:
    """What this card's maker publishes; None of a card that is not known here."""
    name = torch.cuda.get_device_name()
    return next((float(peak) for key, peak in PEAKS.items() if key in name), None)


def _usage(options: dict[str, Any]) -> dict[str, Any]:
    if options["device"] == "cuda":
        return {"peak_mb": torch.cuda.max_memory_reserved() / 2**20, "card": torch.cuda.get_device_name()}
    return {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _wait(options: dict[str, Any]) -> None:
    if options["device"] == "cuda":
        torch.cuda.synchronize()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


PIECES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    stage.__name__: stage for stage in (make, features, ours, samples, soak, kill_and_resume, train_until_killed)
}

if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    print(json.dumps(PIECES[sys.argv[1]](json.loads(sys.argv[2]))), flush=True)
