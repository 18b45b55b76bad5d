"""Coqui's own `GPTTrainer` at work: real steps of its real loop on a dataset in LJSpeech form.

Run by `benchmarks.training` in a process of its own: ``python -m benchmarks.gpt_trainer OPTIONS_AS_JSON``.
"""

from __future__ import annotations

import json
import math
import os
import resource
import sys
from pathlib import Path
from typing import Any

import torch

from benchmarks import Stopwatch
from core.engines.frozen_clips import rows


def samples(options: dict[str, Any]) -> list[dict[str, Any]]:
    """The training clips of a frozen dataset as coqui's formatters give them.

    Where workers load them, often enough that one epoch holds all that is measured: workers are started anew for each
    epoch, which of the few clips here would be most of its time, and is little of it in a training.
    """
    clips = [
        {"text": row.text, "audio_file": str(row.path), "language": "en", "speaker_name": "one"}
        for row in rows(Path(options["dataset"]), "train")
    ]
    if not options["workers"]:
        return clips
    return clips * math.ceil((options["skip"] + options["steps"]) * options["batch_size"] / len(clips))


def make_trainer(options: dict[str, Any]) -> Any:
    """A `Trainer` around a `GPTTrainer`: no evaluation, dashboard or checkpoints; otherwise as its recipe has it."""
    from trainer import Trainer, TrainerArgs
    from trainer.logging import DummyLogger
    from TTS.config.shared_configs import BaseDatasetConfig
    from TTS.tts.layers.xtts.trainer.gpt_trainer import GPTArgs, GPTTrainer, GPTTrainerConfig
    from TTS.tts.models.xtts import XttsAudioConfig

    base, dataset, out = Path(options["base"]), Path(options["dataset"]), Path(options["out"])
    sizes = json.loads((base / "config.json").read_text())["model_args"]
    names = (
        *("gpt_layers", "gpt_n_model_channels", "gpt_n_heads", "gpt_num_audio_tokens", "gpt_start_audio_token"),
        *("gpt_stop_audio_token", "decoder_input_dim"),
    )
    arguments = GPTArgs(
        **{name: sizes[name] for name in names},
        max_conditioning_length=132_300,
        min_conditioning_length=66_150,
        max_wav_length=255_995,
        max_text_length=200,
        mel_norm_file=str(base / "mel_stats.pth"),
        dvae_checkpoint=str(base / "dvae.pth"),
        xtts_checkpoint=str(base / "model.pth"),
        tokenizer_file=str(base / "vocab.json"),
        gpt_use_masking_gt_prompt_approach=True,
        gpt_use_perceiver_resampler=True,
    )
    config = GPTTrainerConfig(
        output_path=str(out),
        model_args=arguments,
        run_name="benchmark",
        audio=XttsAudioConfig(sample_rate=22_050, dvae_sample_rate=22_050, output_sample_rate=24_000),
        batch_size=options["batch_size"],
        num_loader_workers=options["workers"],
        datasets=[BaseDatasetConfig(dataset_name="one", path=str(dataset), language="en")],
        optimizer="AdamW",
        optimizer_wd_only_on_weights=True,
        optimizer_params={"betas": [0.9, 0.96], "eps": 1e-8, "weight_decay": 1e-2},
        lr=5e-6,
        lr_scheduler="MultiStepLR",
        lr_scheduler_params={"milestones": [900_000], "gamma": 0.5, "last_epoch": -1},
        run_eval=False,
        save_checkpoints=False,
        print_step=10**9,
        plot_step=10**9,
        mixed_precision=options["precision"] != "float32",
        precision={"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}[options["precision"]],
    )
    model = GPTTrainer.init_from_config(config)
    arguments = TrainerArgs(grad_accum_steps=options["accumulation"], skip_train_epoch=False, start_with_eval=False)
    quiet: Any = DummyLogger()
    return Trainer(
        arguments,
        config,
        output_path=str(out),
        model=model,
        train_samples=samples(options),
        parse_command_line_args=False,
        dashboard_logger=quiet,
    )


class Counter:
    """Counts steps, and from the end of the last of ``skip`` warm-up steps real codes and time."""

    def __init__(self, skip: int) -> None:
        self.skip, self.steps, self.codes, self.stopwatch = skip, 0, 0, Stopwatch()

    def watch(self, trainer: Any) -> None:
        """Hang it into a trainer."""
        train_step, on_end = trainer.model.train_step, trainer.callbacks.on_train_step_end

        def count_codes(batch: dict[str, Any], *arguments: Any, **options: Any) -> Any:
            if self.steps >= self.skip:
                self.codes += int(torch.ceil(batch["wav_lengths"] / 1024).sum())
            return train_step(batch, *arguments, **options)

        def count_step(trainer: Any) -> None:
            on_end(trainer)
            self.steps += 1
            if self.steps == self.skip:
                _wait()
                self.stopwatch = Stopwatch()

        trainer.model.train_step = count_codes
        trainer.callbacks.on_train_step_end = count_step


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def main() -> None:
    """Train ``steps`` batches after ``skip`` warm-up ones and print what it took as JSON."""
    options = json.loads(sys.argv[1])
    trainer = make_trainer(options)
    # Its dataset module sets one thread for the whole process when it is imported: as shipped, that is what one gets.
    if options["threads"]:
        torch.set_num_threads(options["threads"])
    counter = Counter(options["skip"])
    counter.watch(trainer)
    from trainer.generic_utils import KeepAverage

    while counter.steps < options["skip"] + options["steps"]:
        trainer.keep_avg_train = KeepAverage()
        trainer.train_epoch()
    _wait()
    seconds, cpu_s = counter.stopwatch.read()
    steps = counter.steps - options["skip"]
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if torch.cuda.is_available():
        peak_mb = torch.cuda.max_memory_reserved() / 2**20
    result = {
        "codes_per_s": counter.codes / seconds,
        "seconds": seconds,
        "codes_per_cpu_s": counter.codes / cpu_s,
        "batches": steps,
        "codes": counter.codes,
        "batch_s": seconds / steps,
        "peak_mb": peak_mb,
        "threads": torch.get_num_threads(),
        "loss": float(trainer.keep_avg_train.avg_values.get("avg_loss_mel_ce", math.nan)),
        "options": {name: options[name] for name in ("batch_size", "accumulation", "precision", "threads", "workers")},
    }
    print(json.dumps(result), flush=True)
    os._exit(0)  # the trainer's loggers and workers may linger


if __name__ == "__main__":
    main()
