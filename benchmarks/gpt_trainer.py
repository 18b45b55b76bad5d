"""Coqui's own `GPTTrainer` at work: real steps of its real loop on a dataset in LJSpeech form.

Run by `benchmarks.training` in a process of its own: ``python -m benchmarks.gpt_trainer OPTIONS_AS_JSON``.
"""

from __future__ import annotations

import csv
import json
import math
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import torch


def samples(dataset: Path) -> list[dict[str, Any]]:
    """The training clips of a frozen dataset as coqui's formatters give them."""
    with open(dataset / "metadata_train.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE))
    wavs = dataset / "wavs"
    return [
        {"text": row[1], "audio_file": str(wavs / f"{row[0]}.wav"), "language": "en", "speaker_name": "one"}
        for row in rows
    ]


def make_trainer(options: dict[str, Any]) -> Any:
    """A `Trainer` around a `GPTTrainer`: no evaluation, dashboard or checkpoints; otherwise as its recipe has it."""
    from trainer import Trainer, TrainerArgs
    from trainer.logging import DummyLogger
    from TTS.config.shared_configs import BaseDatasetConfig
    from TTS.tts.layers.xtts.trainer.gpt_trainer import GPTArgs, GPTTrainer, GPTTrainerConfig
    from TTS.tts.models.xtts import XttsAudioConfig

    base, dataset, out = Path(options["base"]), Path(options["dataset"]), Path(options["out"])
    given = json.loads((base / "config.json").read_text())["model_args"]
    names = (
        *("gpt_layers", "gpt_n_model_channels", "gpt_n_heads", "gpt_num_audio_tokens", "gpt_start_audio_token"),
        *("gpt_stop_audio_token", "decoder_input_dim"),
    )
    arguments = GPTArgs(
        **{name: given[name] for name in names},
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
        train_samples=samples(dataset),
        parse_command_line_args=False,
        dashboard_logger=quiet,
    )


class Clock:
    """Counts real codes and the time from the end of one step to the end of the next."""

    def __init__(self, skip: int) -> None:
        self.skip, self.steps, self.codes, self.began, self.began_cpu = skip, 0, 0, 0.0, 0.0
        self.losses: list[float] = []

    def watch(self, trainer: Any) -> None:
        """Hang it into a trainer."""
        model, train_step = trainer.model, trainer.model.train_step

        def counted(batch: dict[str, Any], *rest: Any, **named: Any) -> Any:
            if self.steps >= self.skip:
                self.codes += int(torch.ceil(batch["wav_lengths"] / 1024).sum())
            return train_step(batch, *rest, **named)

        model.train_step = counted
        done = trainer.callbacks.on_train_step_end

        def ended(which: Any) -> None:
            done(which)
            self.steps += 1
            if self.steps == self.skip:
                _wait()
                self.began, self.began_cpu = time.perf_counter(), time.process_time()

        trainer.callbacks.on_train_step_end = ended


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
    clock = Clock(options["skip"])
    clock.watch(trainer)
    from trainer.generic_utils import KeepAverage

    while clock.steps < options["skip"] + options["steps"]:
        trainer.keep_avg_train = KeepAverage()
        trainer.train_epoch()
    _wait()
    seconds, cpu_s = time.perf_counter() - clock.began, time.process_time() - clock.began_cpu
    steps = clock.steps - options["skip"]
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if torch.cuda.is_available():
        peak_mb = torch.cuda.max_memory_reserved() / 2**20
    result = {
        "codes_per_s": clock.codes / seconds,
        "seconds": seconds,
        "codes_per_cpu_s": clock.codes / cpu_s,
        "batches": steps,
        "codes": clock.codes,
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
