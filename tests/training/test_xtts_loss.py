"""The loss we train with is coqui's own, without its broken prompt masking."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from core.engines.xtts.batches import Batch
from core.engines.xtts.loss import Losses, losses
from core.engines.xtts.session import XttsSession, start
from core.errors import Cancelled
from core.training.config import TrainConfig

CONFIG = TrainConfig(batch_size=3, accumulation=1, max_steps=20, lora_rank=8, learning_rate=3e-3, warmup_steps=2)


def coqui_loss(gpt: Any, batch: Batch) -> Losses:
    text, mel, _ = gpt(
        batch.text, batch.text_lengths, batch.codes, batch.samples, cond_mels=batch.mels[:, None], cond_idxs=None
    )
    return Losses(text, mel)


@pytest.fixture
def session(features: Any, starter: Path) -> XttsSession:
    return start(CONFIG, features, starter, None)


def mixed_batch(session: XttsSession) -> Batch:
    """A batch whose clips differ in length, so that padding matters."""
    return next(b for b in map(session.training_batch, range(20)) if len(set(b.code_lengths.tolist())) > 2)


def test_loss_equals_coquis_own_forward(session: XttsSession) -> None:
    session.xtts.gpt.train(False)
    batch = mixed_batch(session)
    ours, theirs = losses(session.xtts.gpt, batch), coqui_loss(session.xtts.gpt, batch)
    assert abs(ours.mel - theirs.mel) < 1e-5
    assert abs(ours.text - theirs.text) < 1e-5


def test_padding_changes_nothing(session: XttsSession) -> None:
    session.xtts.gpt.train(False)
    batch = mixed_batch(session)
    alone, weights = [], []
    for i in range(len(batch.text)):
        t, c = int(batch.text_lengths[i]), int(batch.code_lengths[i])
        one = Batch(
            batch.text[i : i + 1, :t],
            batch.text_lengths[i : i + 1],
            batch.codes[i : i + 1, :c],
            batch.code_lengths[i : i + 1],
            batch.samples[i : i + 1],
            batch.mels[i : i + 1],
        )
        alone.append(losses(session.xtts.gpt, one).mel)
        weights.append(one.code_targets)
    mean = sum(loss * weight for loss, weight in zip(alone, weights, strict=True)) / sum(weights)
    assert abs(losses(session.xtts.gpt, batch).mel - mean) < 1e-5


def test_one_update_is_the_same_however_it_is_cut_into_batches(features: Any, starter: Path) -> None:
    """The gradient is the mean over all codes of the update, not the mean of the batches' means."""
    session = start(CONFIG.model_copy(update={"lora_dropout": 0.0}), features, starter, None)
    session.xtts.gpt.train(False)
    whole = mixed_batch(session)
    parts = [
        Batch(**{name: value[rows] for name, value in whole.__dict__.items()})
        for rows in (slice(0, 1), slice(1, len(whole.text)))
    ]
    session._backward([whole])
    expected = [parameter.grad.clone() for parameter in session.parameters if parameter.grad is not None]
    session.optimizer.zero_grad()
    session._backward(parts)
    got = [parameter.grad for parameter in session.parameters if parameter.grad is not None]
    assert expected and max(float((a - b).abs().max()) for a, b in zip(expected, got, strict=True)) < 1e-6


def test_only_the_adapter_learns_and_the_loss_falls_on_a_tiny_set(session: XttsSession) -> None:
    before = {name: value.clone() for name, value in session.xtts.named_parameters()}
    values = [session.step()["loss_mel_ce"] for _ in range(CONFIG.max_steps)]
    changed = {name for name, value in session.xtts.named_parameters() if not torch.equal(value, before[name])}
    assert changed and all("lora_" in name and name.startswith("gpt.gpt.") for name in changed)
    assert sum(values[-5:]) < 0.9 * sum(values[:5])


def test_a_batch_whose_loss_is_not_a_number_changes_no_weight(
    session: XttsSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.step()
    before = [parameter.detach().clone() for parameter in session.parameters]
    monkeypatch.setattr(
        "core.engines.xtts.session.losses",
        lambda gpt, batch: Losses(*(loss * float("nan") for loss in losses(gpt, batch))),
    )
    assert session.step()["skipped"] == 1.0
    assert all(torch.equal(a, b) for a, b in zip(before, session.parameters, strict=True))
    monkeypatch.undo()
    assert "skipped" not in session.step()
    assert not all(torch.equal(a, b) for a, b in zip(before, session.parameters, strict=True))


def test_resume_is_exact(features: Any, starter: Path, dataset: Path, tmp_path: Path) -> None:
    whole = start(CONFIG, features, starter, None)
    straight = [whole.step()["loss_mel_ce"] for _ in range(4)]
    first = start(CONFIG, features, starter, None)
    losses_seen = [first.step()["loss_mel_ce"] for _ in range(2)]
    first.save(tmp_path)
    # Neither evaluating nor speaking may move what comes after.
    second = start(CONFIG, features, starter, tmp_path)
    second.evaluate()
    voice = second.voice()
    speaker = voice.condition([dataset / "wavs" / f"{features.train[0].id}.wav"])
    assert len(voice.speak("Said on the way.", "en", speaker, seed=3, max_seconds=0.5)[0]) > 1000
    losses_seen += [second.step()["loss_mel_ce"] for _ in range(2)]
    assert losses_seen == straight
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters, second.parameters, strict=True))


def test_an_update_that_was_broken_off_is_done_again_exactly(features: Any, starter: Path, tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"batch_size": 1, "accumulation": 3, "lora_dropout": 0.2})
    whole = start(config, features, starter, None)
    straight = [whole.step() for _ in range(3)]
    first = start(config, features, starter, None)
    seen = [first.step()]
    looks = iter((False, True))
    with pytest.raises(Cancelled):
        first.step(lambda: next(looks))
    assert first.step_number == 1 and all(parameter.grad is None for parameter in first.parameters)
    first.save(tmp_path)
    second = start(config, features, starter, tmp_path)
    seen += [second.step() for _ in range(2)]
    assert seen == straight
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters, second.parameters, strict=True))


def out_of_memory_once(monkeypatch: pytest.MonkeyPatch, after: int) -> list[int]:
    """Let the card run out of memory once, at the ``after``-th forward pass from now; returns the batch sizes seen."""
    seen: list[int] = []

    def limited(gpt: Any, batch: Batch) -> Losses:
        seen.append(len(batch.text))
        if len(seen) == after:
            raise torch.OutOfMemoryError("injected")
        return losses(gpt, batch)

    monkeypatch.setattr("core.engines.xtts.session.losses", limited)
    return seen


def test_out_of_memory_halves_the_batch_of_the_same_update(
    features: Any, starter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = CONFIG.model_copy(update={"batch_size": 4, "accumulation": 2, "lora_dropout": 0.0})
    whole, halved = (start(config, features, starter, None) for _ in range(2))
    for session in (whole, halved):
        for module in session.xtts.gpt.gpt.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0  # its draws depend on how a batch is cut; the rest must not
    straight = [whole.step() for _ in range(4)]
    seen = [halved.step() for _ in range(2)]
    sizes = out_of_memory_once(monkeypatch, after=2)
    random = torch.get_rng_state()
    with pytest.raises(torch.OutOfMemoryError):
        halved.step()
    assert halved.step_number == 2 and all(parameter.grad is None for parameter in halved.parameters)
    assert torch.equal(torch.get_rng_state(), random)
    assert halved.halve_batch() and halved.micro_batch == 2
    seen += [halved.step() for _ in range(2)]
    assert sizes[2:] == [2] * 8, "the same clips, half as many at once"
    for ours, expected in zip(seen, straight, strict=True):
        assert ours == pytest.approx(expected, rel=1e-4)
    assert halved.halve_batch() and halved.micro_batch == 1 and not halved.halve_batch()


def test_resume_is_exact_after_a_halved_batch(features: Any, starter: Path, tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"batch_size": 4, "lora_dropout": 0.1})

    def halved_after_two() -> tuple[XttsSession, list[dict[str, float]]]:
        session = start(config, features, starter, None)
        seen = [session.step() for _ in range(2)]
        session.halve_batch()
        session.lower_rate(0.5)
        return session, [*seen, session.step()]

    whole, straight = halved_after_two()
    straight += [whole.step() for _ in range(2)]
    first, seen = halved_after_two()
    first.save(tmp_path)
    second = start(config, features, starter, tmp_path)
    seen += [second.step() for _ in range(2)]
    assert second.micro_batch == 2 and seen == straight
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters, second.parameters, strict=True))


def test_a_session_goes_back_to_a_snapshot_at_a_lower_rate(session: XttsSession) -> None:
    session.step()
    kept = session.snapshot()
    expected = [session.step() for _ in range(2)]
    for _ in range(2):  # one snapshot serves as often as it takes
        session.restore(kept)
        assert session.step_number == 1 and [session.step() for _ in range(2)] == expected
    session.restore(kept)
    session.lower_rate(0.5)
    again = session.step()
    assert again["lr"] == expected[0]["lr"] / 2 and again["loss_mel_ce"] == expected[0]["loss_mel_ce"]
    session.restore(kept)
    assert session.rate_factor == 0.5


def test_a_run_made_longer_keeps_learning(session: XttsSession) -> None:
    session.set_max_steps(10)
    session.step_number = 9
    late = session.step()["lr"]
    session.set_max_steps(1000)
    assert session.step()["lr"] > 5 * late


def test_an_evaluation_can_be_broken_off(session: XttsSession) -> None:
    with pytest.raises(Cancelled):
        session.evaluate(lambda: True)


def test_validation_is_the_same_every_time_and_never_uses_its_own_clip(session: XttsSession) -> None:
    assert session.evaluate() == session.evaluate()
    held_back = {clip.id for clip in session.features.val}
    assert held_back.isdisjoint(clip.id for clip in session.references.pool)
