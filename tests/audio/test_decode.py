"""FFmpeg is used safely, and what comes out is a mono FLAC at the recording's own rate."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile

from core.audio.decode import decode_to_flac, probe
from core.audio.levels import frames, frames_file, scan
from core.errors import Cancelled, DiskFull, UserError
from tests.audio.sounds import convert, long_flac, silence, tone, write


def _decode(source: Path, **options: object) -> Path:
    target = source.parent / "out" / "decoded.flac"
    decode_to_flac(source, target, **{"max_hours": 24.0, **options})  # type: ignore[arg-type]
    return target


USUAL = [
        ("wav", [], 0.001), ("flac", [], 0.001), ("mp3", [], 0.1), ("m4a", [], 0.1), ("aac", ["-f", "adts"], 0.2),
        ("ogg", [], 0.05), ("opus", ["-c:a", "libopus"], 0.05), ("webm", ["-c:a", "libopus"], 0.05), ("mka", [], 0.1),
        ("aiff", [], 0.001), ("au", [], 0.001), ("w64", [], 0.001), ("caf", [], 0.001), ("wma", [], 0.2),
        ("wv", [], 0.001),
]  # fmt: skip


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of each kind; starting FFmpeg once for each would take longest."""
    folder = tmp_path_factory.mktemp("usual")
    wav = write(folder / "in.wav", np.stack([tone(2, 48_000), tone(2, 48_000)], axis=1), 48_000)
    outputs = [part for ending, options, _ in USUAL[:-1] for part in (*options, str(folder / f"source.{ending}"))]
    ending, options, _ = USUAL[-1]
    convert(wav, folder / f"source.{ending}", *outputs, *options)
    return folder


@pytest.mark.parametrize(("ending", "options", "seconds_off"), USUAL)
def test_every_usual_format_comes_out_as_mono_flac_of_the_same_length(
    tmp_path: Path, usual: Path, ending: str, options: list[str], seconds_off: float
) -> None:
    info = soundfile.info(_decode(Path(shutil.copy(usual / f"source.{ending}", tmp_path))))
    assert info.channels == 1 and info.format == "FLAC" and info.subtype == "PCM_16"
    assert info.samplerate == 48_000
    assert info.duration == pytest.approx(2, abs=seconds_off)


@pytest.mark.parametrize(
    ("rate", "options", "form"),
    [
        (44_100, [], "wav"), (11_025, [], "flac"), (48_000, ["-c:a", "pcm_s24le"], "wav"),
        (44_100, ["-c:a", "pcm_f32le"], "wav"), (384_000, [], "wav"), (44_100, [], "mp3"),
    ],
)  # fmt: skip
def test_what_is_measured_while_a_recording_is_written_is_what_its_file_holds(
    tmp_path: Path, rate: int, options: list[str], form: str
) -> None:
    noise = np.random.default_rng(3).normal(0, 0.1, (round(2.3456 * rate), 2)).astype(np.float32)
    source = convert(write(tmp_path / "in.wav", noise, rate, subtype="FLOAT"), tmp_path / f"source.{form}", *options)
    decoded = _decode(source)
    assert frames_file(decoded).exists()
    kept, read = frames(decoded), scan(decoded)
    for name in ("dbfs", "low", "high", "frame_s", "seconds"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(read, name))


def test_levels_stay_with_their_sound_where_the_format_changes_on_the_way(tmp_path: Path) -> None:
    parts = []
    for number, (rate, channels) in enumerate([(44_100, 2), (22_050, 1), (44_100, 2)]):
        sound = np.random.default_rng(number).normal(0, 0.1, (3 * rate, channels)).astype(np.float32)
        wav = write(tmp_path / f"{number}.wav", sound, rate)
        parts.append(convert(wav, tmp_path / f"{number}.mp3").read_bytes())
    (tmp_path / "spliced.mp3").write_bytes(b"".join(parts))
    decoded = _decode(tmp_path / "spliced.mp3")
    kept, read = frames(decoded), scan(decoded)
    assert kept.seconds == read.seconds > 8.5
    np.testing.assert_array_equal(kept.dbfs, read.dbfs)


def test_a_system_that_allows_no_large_pipes_decodes_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.audio.ffmpeg._PIPE_BYTES", 2**30)  # more than any system allows
    source = write(tmp_path / "in.wav", tone(1))
    assert soundfile.info(_decode(source)).duration == 1


def test_the_sound_of_a_video_is_taken_and_its_picture_is_not(tmp_path: Path) -> None:
    wav = write(tmp_path / "in.wav", tone(1.5))
    picture = ["-f", "lavfi", "-i", "color=c=blue:s=64x64:d=1.5", "-c:v", "mpeg4", "-map", "0:a", "-map", "1:v"]
    video = convert(wav, tmp_path / "film.mp4", *picture)
    samples, rate = soundfile.read(_decode(video))
    assert rate == 16_000 and len(samples) / rate == pytest.approx(1.5, abs=0.1)
    assert np.sqrt(np.mean(samples[4000:-4000] ** 2)) == pytest.approx(10 ** (-12 / 20), rel=0.05)


@pytest.mark.parametrize(("subtype", "expected"), [("PCM_16", "PCM_16"), ("PCM_24", "PCM_24"), ("FLOAT", "PCM_24")])
def test_a_deep_recording_keeps_24_bit(tmp_path: Path, subtype: str, expected: str) -> None:
    source = write(tmp_path / "in.wav", tone(0.5), subtype=subtype)
    assert soundfile.info(_decode(source)).subtype == expected


@pytest.mark.parametrize(("rate", "expected"), [(8000, 8000), (11_025, 11_025), (192_000, 192_000), (384_000, 96_000)])
def test_the_rate_is_kept_up_to_what_makes_sense(tmp_path: Path, rate: int, expected: int) -> None:
    info = soundfile.info(_decode(write(tmp_path / "in.wav", tone(0.5, rate), rate)))
    assert info.samplerate == expected and info.duration == pytest.approx(0.5, abs=0.01)


def test_eight_bits_and_eight_channels_come_out_as_any_other(tmp_path: Path) -> None:
    eight_bit = write(tmp_path / "old.wav", tone(1), subtype="PCM_U8")
    assert soundfile.info(_decode(eight_bit)).duration == pytest.approx(1, abs=0.001)
    surround = tmp_path / "surround.wav"
    voice = convert(
        write(tmp_path / "voice.wav", tone(1, 48_000, dbfs=-20), 48_000), surround, "-af", "aformat=channel_layouts=7.1"
    )
    samples, rate = soundfile.read(_decode(voice))
    assert probe(surround).channels == 8 and (rate, samples.ndim) == (48_000, 1)
    assert np.abs(samples).max() > 0.01


PITCHES = [300, 600, 900, 1200, 1500, 1800, 2100, 2400, 2700, 3000]


@pytest.fixture(scope="module")
def stairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Ten seconds, each at its own pitch, by ending."""
    folder = tmp_path_factory.mktemp("stairs")
    wav = write(folder / "in.wav", np.concatenate([tone(1, 16_000, hz) for hz in PITCHES]))
    return {ending: convert(wav, folder / f"steps.{ending}") for ending in ("wav", "mp3", "m4a")}


@pytest.mark.parametrize(
    ("start_s", "end_s", "expected"), [(2.0, 5.0, 3.0), (7.25, None, 2.75), (0.0, 4.25, 4.25), (6.0, 99.0, 4.0)]
)
@pytest.mark.parametrize("ending", ["wav", "mp3", "m4a"])
def test_a_part_of_a_recording_is_exactly_that_part(
    stairs: dict[str, Path], ending: str, start_s: float, end_s: float | None, expected: float
) -> None:
    samples, rate = soundfile.read(_decode(stairs[ending], start_s=start_s, end_s=end_s))
    assert len(samples) / rate == pytest.approx(expected, abs=0.1)
    middle = samples[rate // 2 - 400 : rate // 2 + 400]  # half a second into the part
    pitch = np.argmax(np.abs(np.fft.rfft(middle * np.hanning(800)))) * rate / 800
    assert pitch == pytest.approx(PITCHES[int(start_s + 0.5)], abs=60)


@pytest.mark.parametrize(("start_s", "end_s"), [(3.0, 2.0), (10.0, 12.0), (-1.0, 2.0)])
def test_a_part_that_is_not_there_is_refused(tmp_path: Path, start_s: float, end_s: float) -> None:
    with pytest.raises(UserError) as error:
        _decode(write(tmp_path / "in.wav", tone(5)), start_s=start_s, end_s=end_s)
    assert error.value.code == "audio.no_part" and "0:05" in error.value.hint


def test_a_part_of_what_is_too_long_is_not_too_long(tmp_path: Path) -> None:
    source = write(tmp_path / "in.wav", tone(60, 8000), 8000)
    assert soundfile.info(_decode(source, max_hours=10 / 3600, start_s=20, end_s=25)).duration == pytest.approx(5)


@pytest.mark.parametrize("ending", ["wav", "mp3", "flac", "mp4", "m3u8"])
@pytest.mark.parametrize("kind", ["hls", "concat", "sdp"])
def test_a_playlist_under_any_name_reads_no_other_file(tmp_path: Path, ending: str, kind: str) -> None:
    secret = write(tmp_path / "secret.wav", tone(1))
    content = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5.0,\n{secret}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{secret}'\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
    }[kind]
    playlist = tmp_path / f"list.{ending}"
    playlist.write_text(content)
    with pytest.raises(UserError) as error:
        _decode(playlist, name="my talk")
    assert error.value.code == "audio.not_audio" and "my talk" in error.value.text
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


@pytest.mark.parametrize(
    "content", [b"", b"hello, this is text\n" * 50, b"\x89PNG\r\n\x1a\n" + b"\0" * 200, b"\0" * 5000]
)
def test_what_is_no_recording_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.wav"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        _decode(path)
    assert error.value.code in ("audio.empty", "audio.not_audio", "audio.no_sound") and "notes.wav" in error.value.text


def test_a_video_without_sound_is_refused(tmp_path: Path) -> None:
    video = tmp_path / "mute.mp4"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=s=64x64:d=1", "-c:v", "mpeg4", str(video)]
    subprocess.run(command, check=True)
    assert not probe(video).has_audio
    with pytest.raises(UserError) as error:
        _decode(video)
    assert error.value.code == "audio.no_sound"


def test_a_hundred_hours_are_refused_before_anything_is_decoded(tmp_path: Path) -> None:
    source = long_flac(tmp_path / "long.flac", 100)
    assert probe(source).seconds == pytest.approx(360_000)
    with pytest.raises(UserError) as error:
        _decode(source)
    assert error.value.code == "audio.too_long"
    assert not (tmp_path / "out").exists()


def test_a_source_longer_than_it_says_is_refused_while_decoding(tmp_path: Path) -> None:
    # A stream without a header announces no length, or a wrong one.
    wav = write(tmp_path / "in.wav", tone(60, 8000), 8000)
    source = tmp_path / "stream.webm"
    with open(source, "wb") as file:
        command = ["ffmpeg", "-v", "error", "-i", str(wav), "-c:a", "libopus", "-f", "webm", "pipe:1"]
        subprocess.run(command, check=True, stdout=file)
    assert probe(source).seconds is None
    with pytest.raises(UserError) as error:
        _decode(source, max_hours=30 / 3600)
    assert error.value.code == "audio.too_long"
    assert list((tmp_path / "out").iterdir()) == []


def test_a_name_that_looks_like_an_address_or_an_option_is_only_a_name(tmp_path: Path) -> None:
    for name in ("-i.wav", "http:example.wav", "50%d.wav", "a b'c.wav"):
        source = write(tmp_path / name, tone(0.3))
        assert soundfile.info(_decode(source)).duration == pytest.approx(0.3, abs=0.01)


def test_progress_rises_to_the_end(tmp_path: Path) -> None:
    source = write(tmp_path / "in.wav", tone(60, 48_000), 48_000)
    told: list[tuple[float, float | None]] = []
    _decode(source, on_progress=lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == pytest.approx(60, abs=0.5) and told[-1][1] == pytest.approx(60)


def test_stop_kills_ffmpeg_and_leaves_nothing(tmp_path: Path) -> None:
    source = write(tmp_path / "in.wav", silence(1800, 8000), 8000)
    seen: list[int] = []

    def stop() -> bool:
        children = [child.pid for child in psutil.Process().children() if child.name() == "ffmpeg"]
        seen.extend(children)
        return bool(children)

    with pytest.raises(Cancelled):
        _decode(source, should_stop=stop)
    assert seen and not any(psutil.pid_exists(pid) for pid in seen)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_mp4_without_its_list_of_contents_is_refused_with_what_to_do(tmp_path: Path) -> None:
    good = convert(write(tmp_path / "in.wav", tone(5)), tmp_path / "good.m4a")
    broken = tmp_path / "broken.m4a"
    broken.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    with pytest.raises(UserError) as error:
        _decode(broken)
    assert error.value.code == "audio.cut_short" and "broken.m4a" in error.value.text


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Thirty seconds of noise by ending, in which nothing is lost."""
    folder = tmp_path_factory.mktemp("good")
    noise = np.random.default_rng(1).normal(0, 0.05, 30 * 16_000).astype(np.float32)
    wav = write(folder / "in.wav", noise)
    files = {ending: convert(wav, folder / f"good.{ending}") for ending in ("mp3", "flac", "m4a", "mka", "ogg")}
    for file in files.values():
        assert decode_to_flac(file, folder / "decoded.flac", max_hours=1).lost_of_s is None
    return files


@pytest.mark.parametrize("ending", ["mp3", "flac", "m4a", "mka", "ogg"])
@pytest.mark.parametrize("damage", ["hole", "noise"])
def test_a_file_damaged_in_the_middle_is_used_as_far_as_it_goes(
    tmp_path: Path, good: dict[str, Path], ending: str, damage: str
) -> None:
    data = bytearray(good[ending].read_bytes())
    middle, size = len(data) // 2, len(data) // 10
    data[middle : middle + size] = bytes(size) if damage == "hole" else np.random.default_rng(2).bytes(size)
    broken = tmp_path / f"broken.{ending}"
    broken.write_bytes(data)
    info = decode_to_flac(broken, tmp_path / "out.flac", max_hours=1)
    assert info.seconds is not None and info.lost_of_s in (None, pytest.approx(30, abs=0.1))
    assert info.lost_of_s or info.holes_s > 1
    assert 20 < info.seconds - info.holes_s < 29.8  # what is missing is silence where time stamps tell its place
    assert (info.seconds == pytest.approx(30, abs=0.3)) is (ending != "mp3")
    assert frames(tmp_path / "out.flac").seconds == info.seconds


@pytest.mark.parametrize("ending", ["mp3", "flac", "mka"])
def test_a_file_that_breaks_off_is_used_up_to_there(tmp_path: Path, good: dict[str, Path], ending: str) -> None:
    broken = tmp_path / f"broken.{ending}"
    broken.write_bytes(good[ending].read_bytes()[: good[ending].stat().st_size // 3])
    info = decode_to_flac(broken, tmp_path / "out.flac", max_hours=1)
    assert info.lost_of_s == pytest.approx(30, abs=0.1) and info.seconds == pytest.approx(10, abs=1)


def test_a_picture_longer_than_the_sound_is_no_damage(tmp_path: Path) -> None:
    wav = write(tmp_path / "in.wav", tone(2))
    picture = ["-f", "lavfi", "-i", "color=c=blue:s=64x64:d=5", "-map", "0:a", "-map", "1:v", "-c:v", "mpeg4"]
    for ending in ("mp4", "mkv"):
        video = convert(wav, tmp_path / f"film.{ending}", *picture)
        info = decode_to_flac(video, tmp_path / "out.flac", max_hours=1)
        assert info.seconds == pytest.approx(2, abs=0.1) and info.lost_of_s is None


def test_a_disk_that_fills_up_while_decoding_is_named_and_keeps_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import contextlib
    from collections.abc import Iterator

    @contextlib.contextmanager
    def full(path: Path) -> Iterator[Path]:
        yield Path("/dev/full")  # every write to it fails as on a full disk

    source = write(tmp_path / "in.wav", tone(20, 48_000), 48_000)
    kept = write(tmp_path / "decoded.flac", tone(1))
    before = kept.read_bytes()
    monkeypatch.setattr("core.audio.decode.replacing", full)
    with pytest.raises(DiskFull) as error:
        decode_to_flac(source, kept, max_hours=1)
    assert error.value.code == "audio.no_room" and "in.wav" in error.value.text and kept.read_bytes() == before


def test_too_little_room_is_told_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    source = write(tmp_path / "in.wav", tone(1))
    room = list(os.statvfs(tmp_path))
    room[4] = 10  # f_bavail
    monkeypatch.setattr("core.audio.decode.os.statvfs", lambda _: os.statvfs_result(room))
    with pytest.raises(DiskFull) as error:
        _decode(source)
    assert error.value.code == "audio.no_room"


def test_a_missing_ffmpeg_is_told_with_the_way_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError) as error:
        probe(write(tmp_path / "in.wav", tone(0.2)))
    assert error.value.code == "audio.no_ffmpeg" and "apt install ffmpeg" in error.value.hint
