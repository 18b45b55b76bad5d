"""The loss we train with is coqui's own, without its broken prompt masking."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.engines.dropout import drop
from core.engines.voice import ReferenceClip
from core.engines.xtts.options import XttsTrainConfig
from core.engines.xtts.train.collate import Item, SpecialTokens, collate
from core.engines.xtts.train.conditioning import Latents
from core.engines.xtts.train.loader import BatchLoader
from core.engines.xtts.train.loss import Losses, losses
from core.engines.xtts.train.session import XttsSession, start
from core.errors import Cancelled

CONFIG = XttsTrainConfig(
    **{"batch_size": 3, "accumulation": 1, "max_steps": 20, "lora_rank": 8, "learning_rate": 3e-3, "warmup_steps": 2},
    precision="float32",
    reference_pool=24,
)


def coqui_loss(session: XttsSession, rows: list[Item]) -> Losses:
    """What coqui's own forward makes of the same clips, conditioned on the same mels."""
    wide, narrow = max(len(row.codes) for row in rows), max(len(row.tokens) for row in rows)
    codes, text = torch.zeros(len(rows), wide, dtype=torch.long), torch.zeros(len(rows), narrow, dtype=torch.long)
    for number, row in enumerate(rows):
        codes[number, : len(row.codes)] = torch.from_numpy(row.codes.astype(int))
        text[number, : len(row.tokens)] = torch.tensor(row.tokens)
    clips = {clip.id: clip for clip in session.features.train}
    references = [row.reference for row in rows]
    frames = min(reference.frames for reference in references)
    mels = [session.features.mel(clips[p.clip_id])[:, p.start : p.start + frames] for p in references]
    given = torch.from_numpy(np.stack(mels).astype(np.float32))[:, None]
    lengths = torch.tensor([len(row.tokens) for row in rows]), torch.tensor([len(row.codes) * 1024 for row in rows])
    found, mel, _ = session.xtts.gpt(text, lengths[0], codes, lengths[1], cond_mels=given, cond_idxs=None)
    return Losses(found, mel)


def our_loss(session: XttsSession, rows: list[Item]) -> Losses:
    return losses(
        session.xtts.gpt,
        collate(rows, SpecialTokens.of(session.xtts.gpt)),
        session.latents.of([r.reference for r in rows]),
    )


def mixed_rows(session: XttsSession) -> list[Item]:
    """Clips that differ in length, so that padding matters, with slices of one length, as coqui needs them."""
    rows = next(r for r in map(session.loader.rows, range(20)) if len({len(row.codes) for row in r}) > 2)
    return [
        replace(row, reference=row.reference._replace(frames=min(r.reference.frames for r in rows))) for row in rows
    ]


@pytest.fixture
def session(features: Any, starter: Path) -> XttsSession:
    return start(CONFIG, features, starter, None)


def test_loss_equals_coquis_own_forward(session: XttsSession) -> None:
    session.xtts.gpt.train(False)
    rows = mixed_rows(session)
    ours, theirs = our_loss(session, rows), coqui_loss(session, rows)
    assert abs(ours.mel - theirs.mel) < 1e-5
    assert abs(ours.text - theirs.text) < 1e-5


def test_gradients_are_those_of_coquis_own_forward(session: XttsSession) -> None:
    """The fused transformer, not only its loss: every adapter learns the same."""
    session.xtts.gpt.train(False)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in session.parameters:
            parameter.add_(0.02 * torch.randn_like(parameter))
    rows, found = mixed_rows(session), []
    for loss in (our_loss, coqui_loss):
        text, mel = loss(session, rows)
        (mel + 0.01 * text).backward()
        found.append([parameter.grad.clone() for parameter in session.parameters if parameter.grad is not None])
        session.optimizer.zero_grad()
    assert len(found[0]) == len(session.parameters)
    for ours, theirs in zip(*found, strict=True):
        assert torch.allclose(ours, theirs, atol=2e-6, rtol=1e-3)


def test_padding_changes_nothing(session: XttsSession) -> None:
    session.xtts.gpt.train(False)
    rows = mixed_rows(session)
    alone = [our_loss(session, [row]).mel for row in rows]
    weights = [row.code_targets for row in rows]
    mean = sum(loss * weight for loss, weight in zip(alone, weights, strict=True)) / sum(weights)
    assert abs(our_loss(session, rows).mel - mean) < 1e-5


def test_dropout_leaves_the_mean_and_the_asked_share(session: XttsSession) -> None:
    torch.manual_seed(0)
    ones = torch.ones(3, 1001, 7)
    dropped = drop(ones, 0.25)
    assert abs(float((dropped == 0).float().mean()) - 0.25) < 0.01 and abs(float(dropped.mean()) - 1) < 0.01
    assert not torch.equal(drop(ones, 0.25), dropped) and drop(ones, 0.0) is ones


def test_latents_are_coquis_own_and_do_not_depend_on_what_is_asked_beside(session: XttsSession) -> None:
    references = session.loader.references.pool[:6]
    together = session.latents.of(references)
    alone = Latents(session.xtts.gpt, session.features, "cpu")
    assert all(
        torch.equal(alone.of([reference])[0], row)
        for reference, row in zip(reversed(references), together.flip(0), strict=True)
    )
    clip = next(clip for clip in session.features.train if clip.id == references[0].clip_id)
    mel = session.features.mel(clip)[:, references[0].start :][:, : references[0].frames].astype(np.float32)
    expected = session.xtts.gpt.get_style_emb(torch.from_numpy(mel)[None]).transpose(1, 2)[0]
    assert torch.allclose(together[0], expected, atol=1e-6) and not together.requires_grad


def test_a_masked_clip_learns_everything_but_the_codes_it_was_shown(features: Any, starter: Path) -> None:
    """Per item, in codes, never the stop codes; coqui masks the last item of a batch only, at mel frames."""
    session = start(CONFIG.model_copy(update={"conditioning": "masked"}), features, starter, None)
    session.xtts.gpt.train(False)
    stop = session.xtts.gpt.stop_audio_token
    for number in range(4):
        rows = session.loader.rows(number)
        batch, place = collate(rows, session.loader.special_tokens), 0
        for which, row in enumerate(rows):
            first, last = row.masked_codes
            assert row.reference.clip_id == session.loader.clips(number)[which].id
            assert (first, last) == (row.reference.start // 4, (row.reference.start + row.reference.frames) // 4)
            assert 0 <= first < last <= len(row.codes) and last - first <= len(row.codes) / 2
            learnt = [*row.codes[:first], *row.codes[last:], *[stop] * 4]
            assert batch.mel_out[place : place + len(learnt)].tolist() == learnt
            assert len(learnt) == row.code_targets
            place += len(learnt)
        assert place == batch.code_targets
        # Everybody's loss over all codes, less that of the codes it was shown.
        whole = collate([replace(row, masked_codes=(0, 0)) for row in rows], session.loader.special_tokens)
        shown = torch.ones(whole.code_targets, dtype=torch.bool)
        shown[torch.isin(whole.mel_at, batch.mel_at)] = False
        hidden = replace(whole, mel_at=whole.mel_at[shown], mel_out=whole.mel_out[shown])
        latents = session.latents.of([row.reference for row in rows])
        with torch.no_grad():
            total, of_shown, ours = (float(losses(session.xtts.gpt, b, latents).mel) for b in (whole, hidden, batch))
        expected = total * whole.code_targets - of_shown * hidden.code_targets
        assert hidden.code_targets > 0 and abs(ours * batch.code_targets - expected) < 1e-2
    assert "skipped" not in session.step()


def test_one_update_is_the_same_however_it_is_cut_into_batches(features: Any, starter: Path) -> None:
    """The gradient is the mean over all codes of the update, not the mean of the batches' means."""
    session = start(CONFIG.model_copy(update={"lora_dropout": 0.0, "dropout": 0.0}), features, starter, None)
    session.xtts.gpt.train(False)
    rows = mixed_rows(session)
    session._backward([session.loader.part(rows)])
    expected = [parameter.grad.clone() for parameter in session.parameters if parameter.grad is not None]
    session.optimizer.zero_grad()
    session._backward([session.loader.part(rows[:1]), session.loader.part(rows[1:])])
    got = [parameter.grad for parameter in session.parameters if parameter.grad is not None]
    assert expected and max(float((a - b).abs().max()) for a, b in zip(expected, got, strict=True)) < 1e-6


def test_only_the_adapter_learns_and_the_loss_falls_on_a_tiny_set(session: XttsSession) -> None:
    before = {name: value.clone() for name, value in session.xtts.named_parameters()}
    values = [session.step()["loss"] for _ in range(CONFIG.max_steps)]
    changed = {name for name, value in session.xtts.named_parameters() if not torch.equal(value, before[name])}
    assert changed and all("lora_" in name and name.startswith("gpt.gpt.") for name in changed)
    assert sum(values[-5:]) < 0.9 * sum(values[:5])


def test_a_batch_whose_loss_is_not_a_number_changes_no_weight(
    session: XttsSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.step()
    before = [parameter.detach().clone() for parameter in session.parameters]
    monkeypatch.setattr(
        "core.engines.xtts.train.session.losses",
        lambda *given, **named: Losses(*(loss * float("nan") for loss in losses(*given, **named))),
    )
    assert session.step()["skipped"] == 1.0
    assert all(torch.equal(a, b) for a, b in zip(before, session.parameters, strict=True))
    monkeypatch.undo()
    assert "skipped" not in session.step()
    assert not all(torch.equal(a, b) for a, b in zip(before, session.parameters, strict=True))


@pytest.mark.parametrize("precision", ["float32", "auto"])  # auto: bfloat16 where the processor has it
def test_resume_is_exact(features: Any, starter: Path, dataset: Path, tmp_path: Path, precision: str) -> None:
    config = CONFIG.model_copy(update={"precision": precision})
    whole = start(config, features, starter, None)
    straight = [whole.step()["loss"] for _ in range(4)]
    first = start(config, features, starter, None)
    losses_seen = [first.step()["loss"] for _ in range(2)]
    first.save(tmp_path)
    # Neither evaluating nor speaking may move what comes after.
    second = start(config, features, starter, tmp_path)
    second.evaluate()
    voice = second.voice()
    speaker = voice.condition([ReferenceClip(dataset / "wavs" / f"{features.train[0].id}.wav")])
    assert len(voice.speak("Said on the way.", "en", speaker, seed=3, max_seconds=0.5)[0]) > 1000
    losses_seen += [second.step()["loss"] for _ in range(2)]
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

    def limited(gpt: Any, batch: Any, *rest: Any, **named: Any) -> Losses:
        seen.append(len(batch.grid))
        if len(seen) == after:
            raise torch.OutOfMemoryError("injected")
        return losses(gpt, batch, *rest, **named)

    monkeypatch.setattr("core.engines.xtts.train.session.losses", limited)
    return seen


def test_out_of_memory_halves_the_batch_of_the_same_update(
    features: Any, starter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = CONFIG.model_copy(update={"batch_size": 4, "accumulation": 2, "lora_dropout": 0.0, "dropout": 0.0})
    # Without dropout: its draws depend on how a batch is cut; the rest must not.
    whole, halved = (start(config, features, starter, None) for _ in range(2))
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
    assert again["lr"] == expected[0]["lr"] / 2 and again["loss"] == expected[0]["loss"]
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
    assert held_back.isdisjoint(reference.clip_id for reference in session.loader.references.pool)


def test_a_batch_that_could_not_be_prepared_is_prepared_anew(
    session: XttsSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a card the next update's batches are prepared beside the one at work."""
    loader, asked = BatchLoader(session.config, session.features, SpecialTokens.of(session.xtts.gpt), "cuda"), []

    def prepared(number: int, division: int) -> list[Any]:
        asked.append(number)
        if asked.count(1) == 1 and number == 1:
            raise MemoryError
        return [number]

    monkeypatch.setattr(loader, "_update", prepared)
    assert loader.update(0) == [0]
    with pytest.raises(MemoryError):
        loader.update(1)
    assert loader.update(1) == [1]
