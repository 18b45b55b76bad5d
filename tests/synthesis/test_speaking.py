"""One process speaks for everybody: in order, the same as ever, and whatever happens to it."""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from core.audio.samples import Samples
from core.engines import registry
from core.engines.voice import ReferenceClip
from core.errors import Busy, Cancelled, UserError
from core.files import write_json
from core.jobs import guest, locks
from core.jobs.args.speech import SynthesizeArgs
from core.project.workspace import Project, Workspace
from core.synthesis import speaking, warm_voice, wire
from core.synthesis.speaking_process import SpeakingProcess, _Turn, lock_path, log_path, socket_path
from core.synthesis.start import complete, speech_request, start_speak, takes
from core.synthesis.voices import DEFAULT, named_voice
from core.synthesis.wire import SpeechRequest
from core.system.hardware import Card
from tests.conftest import Mount
from tests.jobs.conftest import until
from tests.synthesis.conftest import process_id

TEXT = "Hum a line."
SLOW = {"pace_s": 0.02}


def request(project: Project, text: str = TEXT, **wish: object) -> SpeechRequest:
    """What the process is asked for."""
    return speech_request(project, complete(project, SynthesizeArgs(text=text, **wish)))


def expected(project: Project, text: str = TEXT, seed: int = 0) -> Samples:
    """What the engine itself says."""
    engine = registry.get_engine("toy")
    voice = engine.load_voice(engine.base_folder(project.workspace.models, "tuning-fork"), None)
    heard = voice.condition([ReferenceClip(project.clip_file("s1-0000"), "Hum la.")])
    return voice.speak(text, "en", heard, seed)[0]


def end_process(workspace: Workspace) -> None:
    """Let the process go, and wait until it has."""
    speaking.dismiss(workspace)
    until(lambda: not locks.is_locked(lock_path(workspace)))


def kill(project: Project) -> None:
    """End the process as the system does that lacks memory."""
    os.kill(process_id(project), signal.SIGKILL)


def test_it_says_what_the_engine_says_and_a_job_keeps_it(humming: Project) -> None:
    samples, rate = speaking.say(humming.workspace, request(humming, seed=3))
    assert rate == 16_000
    np.testing.assert_array_equal(samples, expected(humming, seed=3))
    first = process_id(humming)
    view = start_speak(humming, SynthesizeArgs(text=TEXT, seed=3)).wait(60)
    assert view.status == "done", view.text
    [take] = takes(humming)
    assert take.text == TEXT and take.seconds == pytest.approx(len(samples) / rate)
    assert process_id(humming) == first != 0


def test_nobody_but_this_account_can_ask_it(humming: Project) -> None:
    speaking.say(humming.workspace, request(humming))
    path = socket_path(humming.workspace)
    assert len(str(path)) > 108, "longer than what a socket can be called"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700 and stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_sound_comes_before_the_text_is_said(humming: Project) -> None:
    began, times = time.monotonic(), []
    for _ in speaking.stream(humming.workspace, request(humming, TEXT * 2, settings=SLOW)):
        times.append(time.monotonic() - began)
    assert len(times) == 22 and times[0] < 0.5 * times[-1]


def test_killed_in_mid_sentence_it_goes_on_as_if_nothing_had_been(humming: Project) -> None:
    pieces: list[Samples] = []
    for piece, _ in speaking.stream(humming.workspace, request(humming, settings=SLOW)):
        pieces.append(piece)
        if len(pieces) == 4:
            kill(humming)
    np.testing.assert_array_equal(np.concatenate(pieces), expected(humming))


def test_killed_again_and_again_it_fails_with_words_and_the_next_text_is_said(humming: Project) -> None:
    def on_stage(stage: str, done: int, total: int) -> None:
        if stage == "speak":
            kill(humming)

    with pytest.raises(UserError) as caught:  # so slow that each time it is killed long before its end
        speaking.say(humming.workspace, request(humming, settings={"pace_s": 0.5}), on_stage=on_stage)
    assert caught.value.code == "speak.process_died"
    assert len(speaking.say(humming.workspace, request(humming))[0])


def test_hung_it_is_ended_and_asked_once_more_and_the_next_text_is_said(
    humming: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_process(humming.workspace)
    monkeypatch.setenv("VOICEWRIGHT_SPEAKING_PATIENCE_S", "1.5")
    stuck, begins = request(humming, settings={"pace_s": 60}), []
    with pytest.raises(UserError) as caught:
        speaking.say(humming.workspace, stuck, on_stage=lambda stage, *_: begins.append(stage))
    assert caught.value.code == "speak.process_hung" and begins.count("speak") == 2
    assert "voicewright_toy" in log_path(humming.workspace).read_text(), "where it hung stands in the log"
    assert len(speaking.say(humming.workspace, request(humming))[0])


def test_a_text_that_waits_has_no_part_in_what_kills_the_process(
    humming: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [
        ({"event": "begin", "device": "cpu"}, b""),
        ({"event": "samples", "rate": 1}, bytes(4)),
        ({"event": "done"}, b""),
    ]
    asked: list[int] = []

    def ask(*_: object) -> Iterator[tuple[dict[str, object], bytes]]:
        asked.append(1)
        if len(asked) <= 10:
            raise speaking._Died
        yield from said

    monkeypatch.setattr(speaking, "_ask", ask)
    assert len(speaking.say(humming.workspace, request(humming))[0]) == 1 and len(asked) == 11


def test_many_at_once_are_answered_in_order_and_none_is_lost(humming: Project) -> None:
    workspace, order, answers = humming.workspace, [], {}
    asked = [speaking.stream(workspace, request(humming, seed=seed, settings={"pace_s": 0.005})) for seed in range(8)]

    def take(seed: int) -> None:
        answers[seed] = np.concatenate([piece for piece, _ in asked[seed]])
        order.append(seed)

    threads = [threading.Thread(target=take, args=[seed]) for seed in range(8)]
    for thread in threads:
        thread.start()
        time.sleep(0.03)
    for thread in threads:
        thread.join(30)
    assert order == list(range(8))
    for seed in range(8):
        np.testing.assert_array_equal(answers[seed], expected(humming, seed=seed))


def test_who_stops_or_goes_away_holds_up_nobody(humming: Project) -> None:
    long = request(humming, TEXT * 100, settings=SLOW)  # for 22 s
    for _ in speaking.stream(humming.workspace, long):
        break
    with pytest.raises(Cancelled):
        speaking.say(humming.workspace, long, should_stop=lambda: True)
    began = time.monotonic()
    speaking.say(humming.workspace, request(humming))
    assert time.monotonic() - began < 5


def test_hundreds_of_texts_leave_no_handle_and_no_thread_behind(humming: Project) -> None:
    def count() -> tuple[int, int]:
        process = Path("/proc", str(process_id(humming)))
        return len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))

    speaking.say(humming.workspace, request(humming))
    until(lambda: count()[1] < 10)
    before = count()
    for seed in range(200):
        speaking.say(humming.workspace, request(humming, "la", seed=seed))
    until(lambda: count()[0] <= before[0] and count()[1] <= before[1] + 1)


def test_a_checkpoint_deleted_amid_a_sentence_is_said_to_its_end_and_then_missed(
    humming: Project, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "step-000010"
    checkpoint.mkdir()
    write_json(checkpoint / "adapter.json", {"vibrato_hz": 3})
    (checkpoint / "adapter.safetensors").write_bytes(b"no weights")
    broken = request(humming).model_copy(update={"checkpoint": checkpoint})
    with pytest.raises(UserError) as caught:
        speaking.say(humming.workspace, broken)
    assert caught.value.code == "reason.failure" and caught.value.values["what"]["code"] == "reason.broken_file"
    from safetensors.numpy import save_file

    save_file({"log_pitch": np.array([5.5])}, checkpoint / "adapter.safetensors")
    write_json(checkpoint / "adapter.json", {"vibrato_hz": 4})
    slow = broken.model_copy(update={"settings": SLOW})
    pieces = 0
    for _ in speaking.stream(humming.workspace, slow):
        if pieces == 0:
            shutil.rmtree(checkpoint)
        pieces += 1
    assert pieces == len(TEXT)


def test_a_text_nobody_can_say_at_once_is_refused_before_anything_starts(humming: Project) -> None:
    for text, code in (("a" * 10_000_000, "speak.too_long"), (" \u200b\n", "speak.empty")):
        with pytest.raises(UserError) as caught:
            start_speak(humming, SynthesizeArgs(text=text))
        assert caught.value.code == code


@pytest.mark.parametrize("text", ["<speak>Hum <break/></speak>", "🎵🎶", "שלום עולם", "Olá, então?", "a\x00b\u202e"])
def test_strange_texts_come_through_as_they_are(humming: Project, text: str) -> None:
    asked = request(humming, text)
    np.testing.assert_array_equal(speaking.say(humming.workspace, asked)[0], expected(humming, asked.text))


def test_tags_of_ssml_are_not_said_and_signs_that_are_none_stay(humming: Project) -> None:
    ssml = '<speak>Hum &amp; low.<break time="1s"/> <prosody rate="x">La.</prosody></speak>'
    assert request(humming, ssml).text == "Hum & low. La."
    assert request(humming, "a < b and c > d.").text == "a < b and c > d."
    with pytest.raises(UserError) as caught:
        request(humming, "<speak><break/></speak>")
    assert caught.value.code == "speak.empty"


def test_it_speaks_on_a_full_disk_where_a_take_cannot_be_kept(humming: Project, tmp_path: Path, mount: Mount) -> None:
    folder = mount(tmp_path / "disk", 256 << 10)
    workspace = Workspace(folder / "w")
    wish = request(humming).model_copy(update={"engine": "toy", "base": str(_tone(humming))})
    (workspace.path / "private").mkdir(parents=True)
    with pytest.raises(OSError), open(folder / "filler", "wb") as file:
        while True:
            file.write(bytes(4096))
            file.flush()
    assert len(speaking.say(workspace, wish)[0])
    end_process(workspace)


def _tone(project: Project) -> Path:
    engine = registry.get_engine("toy")
    return engine.base_folder(project.workspace.models, "tuning-fork")


def test_what_is_no_request_is_answered_and_does_no_harm(humming: Project) -> None:
    speaking.say(humming.workspace, request(humming))
    before = process_id(humming)
    for message in ({"op": "dance"}, {"request": {"text": 7}}):
        with speaking._connected(humming.workspace) as connection:
            wire.send(connection, message)
            assert wire.receive(connection)[0]["event"] == "bug"
    for noise in (b"", b"\xff" * 100, b"\x00\x00\x00\x05\x00\x00\x00\x00[1,2]"):
        with speaking._connected(humming.workspace) as connection:
            connection.sendall(noise)
    speaking.say(humming.workspace, request(humming))
    assert process_id(humming) == before


def test_a_voice_that_takes_the_place_of_another_is_the_one_that_speaks(humming: Project, tmp_path: Path) -> None:
    folder, warm = tmp_path / "voice", warm_voice.WarmVoice(humming.workspace)

    def bring_in() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(_tone(humming), folder)
        write_json(folder / "manifest.json", {"name": "Ana"})

    bring_in()
    asked = request(humming).model_copy(update={"voice": folder})
    first = warm._loaded(asked, "cpu", lambda *_: None)
    assert warm._loaded(asked, "cpu", lambda *_: None) is first
    bring_in()
    assert warm._loaded(asked, "cpu", lambda *_: None) is not first


def test_of_two_voices_the_first_is_let_go_before_the_second_is_loaded(
    humming: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(_tone(humming), tmp_path / "voice")
    engine, warm = type(registry.get_engine("toy")), warm_voice.WarmVoice(humming.workspace)
    load, held = engine.load_voice, list[bool]()
    first = weakref.ref(warm._loaded(request(humming), "cpu", lambda *_: None))

    def load_second(*args: object, **kwargs: object) -> object:
        held.append(first() is not None)
        return load(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "load_voice", load_second)
    warm._loaded(request(humming).model_copy(update={"voice": tmp_path / "voice"}), "cpu", lambda *_: None)
    assert held == [False]


def test_idle_for_as_long_as_was_set_it_ends_and_the_next_text_starts_another(
    humming: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_process(humming.workspace)
    monkeypatch.setenv("VOICEWRIGHT_SPEAKING_IDLE_MINUTES", "0.01")
    speaking.say(humming.workspace, request(humming))
    first = process_id(humming)
    until(lambda: not locks.is_locked(lock_path(humming.workspace)))
    monkeypatch.undo()
    assert len(speaking.say(humming.workspace, request(humming))[0])
    assert first != 0 != process_id(humming) != first


def test_it_is_asked_over_any_descriptor() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2000:
        pytest.skip("this computer allows no more than 2000 open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
    near, far = socket.socketpair()
    with near, far, socket.socket(fileno=fcntl.fcntl(near, fcntl.F_DUPFD_CLOEXEC, 1500)) as high:
        assert not wire.can_receive(high, 0)
        wire.send(far, {"event": "done"})
        assert wire.can_receive(high, 1)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_damaged_project_keeps_no_other_voice_from_being_listed(humming: Project) -> None:
    damaged = humming.workspace.create("Damaged", "en", "toy")
    damaged.database.write_bytes(b"no database" * 1000)
    try:
        assert named_voice(humming.workspace, DEFAULT).project.slug == humming.slug
    finally:
        shutil.rmtree(damaged.path)


# ---- a guest on the card ---------------------------------------------------------------------------------------------


@pytest.fixture
def with_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process sees a card; those it starts see that there is none."""
    monkeypatch.setattr(warm_voice, "cards", lambda: (Card("Some card", 8.0, 8.0, 8.6),))


@pytest.fixture
def job_on_card(humming: Project) -> Iterator[Callable[[str], None]]:
    """``job_on_card(kind)`` takes the card as a job of that kind does."""
    handles: list[int] = []

    def take(kind: str) -> None:
        handle = locks.try_lock(humming.workspace.gpu_lock, {"kind": kind, "title": "", "path": "/somewhere"})
        assert handle is not None
        handles.append(handle)

    yield take
    locks.release(handles)


def test_it_is_a_guest_on_the_card_until_a_job_takes_it(
    humming: Project, with_card: None, job_on_card: Callable[[str], None]
) -> None:
    voice = warm_voice.WarmVoice(humming.workspace)
    assert voice.device(request(humming, device="cpu")) == "cpu"
    assert voice.device(request(humming)) == "auto" and not voice.is_unwelcome()
    job_on_card("train")
    assert voice.is_unwelcome()
    assert warm_voice.WarmVoice(humming.workspace).device(request(humming)) == "cpu"
    assert voice._guest is not None
    os.close(voice._guest)
    guest.wait_until_gone(humming.workspace.gpu_lock)


def test_a_job_that_speaks_is_no_reason_to_leave(
    humming: Project, with_card: None, job_on_card: Callable[[str], None]
) -> None:
    job_on_card("synthesize")
    voice = warm_voice.WarmVoice(humming.workspace)
    assert voice.device(request(humming)) == "auto" and not voice.is_unwelcome()
    assert voice._guest is not None
    os.close(voice._guest)


def test_when_a_job_takes_the_card_it_ends_its_sentence_leaves_and_the_processor_says_the_rest(
    humming: Project, with_card: None, job_on_card: Callable[[str], None]
) -> None:
    workspace = humming.workspace
    end_process(workspace)
    lock = locks.try_lock(lock_path(workspace), {})
    assert lock is not None
    listener = socket.socket(socket.AF_UNIX)
    with wire.address(socket_path(workspace)) as address:
        listener.bind(address)
    listener.listen()
    on_card = SpeakingProcess(workspace, 60)

    def run() -> None:
        on_card.run(listener, socket_path(workspace))
        listener.close()
        assert on_card.voice._guest is not None
        os.close(on_card.voice._guest)
        os.close(lock)

    thread = threading.Thread(target=run)
    thread.start()
    pieces = []
    for piece, _ in speaking.stream(workspace, request(humming, "Hum this. And that. And more.", settings=SLOW)):
        if not pieces:
            job_on_card("train")
        pieces.append(piece)
    thread.join(10)
    assert not thread.is_alive()
    guest.wait_until_gone(workspace.gpu_lock)
    said = np.concatenate(pieces)
    np.testing.assert_array_equal(
        said, np.concatenate([expected(humming, "Hum this."), expected(humming, "And that. And more.")])
    )


def test_after_an_error_on_the_card_the_next_text_gets_a_new_process(
    humming: Project, with_card: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    process = SpeakingProcess(humming.workspace, 60)

    def fail(*_: object) -> Iterator[object]:
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(process.voice, "say", fail)
    turns = [_Turn(request(humming)), _Turn(request(humming))]
    for turn in turns:
        process._turns.put(turn)
    process._serve_turns(tmp_path)
    assert [turns[0].messages.get()[0]["event"] for _ in range(2)] == ["begin", "error"]
    assert process._turns.get_nowait() is turns[1]
    assert process.voice._guest is not None
    os.close(process.voice._guest)


def test_a_guest_that_does_not_leave_is_ended(humming: Project) -> None:
    lock = humming.workspace.gpu_lock
    program = "import sys, time; from pathlib import Path; from core.jobs import guest; path = Path(sys.argv[1])\n"
    program += "assert guest.enter(path, path.parent / 'queue'); print('in', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program, str(lock)], stdout=subprocess.PIPE) as stuck:
        assert stuck.stdout is not None and stuck.stdout.readline() == b"in\n"
        guest.wait_until_gone(lock, wait_s=0.2)
        assert stuck.wait(10) == -signal.SIGKILL


def test_too_many_waiting_are_told_so(humming: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaking, "_ask", lambda *_: (message for message in [({"event": "full"}, b"")]))
    with pytest.raises(Busy) as caught:
        speaking.say(humming.workspace, request(humming))
    assert caught.value.code == "speak.too_many"
