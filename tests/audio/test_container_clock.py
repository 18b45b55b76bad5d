"""A decoded recording is on its container's clock, and without need not one sample is touched."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.audio.decode import decode_to_flac
from core.audio.levels import frames, scan
from core.audio.probe import MediaInfo
from tests.audio.sounds import Samples, tone, write

RATE = 48_000
TS = "-f mpegts"
PICTURE = ["-f", "lavfi", "-i", "color=c=blue:s=64x64:d=12:r=2"]
VIDEO = ["-c:v", "mpeg4", "-map", "1:v"]


def run(*command: str | Path) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, command)], check=True)


def decode(source: Path, **options: object) -> tuple[MediaInfo, Samples, int]:
    target = source.parent / "decoded.flac"
    info = decode_to_flac(source, target, max_hours=24, **options)  # type: ignore[arg-type]
    samples, rate = soundfile.read(target, dtype="float32")
    np.testing.assert_array_equal(frames(target).dbfs, scan(target).dbfs)  # levels are on the same clock
    assert info.seconds == len(samples) / rate
    return info, samples, rate


def heard(samples: Samples, rate: int, level: float = 0.02) -> list[tuple[float, float]]:
    """Where there is sound, in whole tenths of a second."""
    loud = np.abs(samples) > level
    places = np.flatnonzero(loud)
    breaks = np.flatnonzero(np.diff(places) > 0.25 * rate)
    starts, ends = places[np.r_[0, breaks + 1]], places[np.r_[breaks, len(places) - 1]]
    return [(round(a / rate, 1), round(b / rate, 1)) for a, b in zip(starts, ends, strict=True)]


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of sound in stereo."""
    sound = np.stack([tone(6, RATE), tone(6, RATE, 300)], axis=1)
    return write(tmp_path_factory.mktemp("clock") / "in.wav", sound, RATE)


ORDINARY = [
    ("wav", ""), ("flac", ""), ("mp3", ""), ("m4a", ""), ("aac", "-f adts"), ("ogg", ""), ("opus", "-c:a libopus"),
    ("webm", "-c:a libopus"), ("mka", "-c:a aac"), ("ts", TS), ("ts", "-c:a mp2 -f mpegts"), ("avi", "-c:a mp3"),
    ("flv", "-c:a aac -ar 44100"), ("wma", ""), ("mov", "-c:a pcm_s24le"),
    ("mp4", "-c:a aac -movflags frag_keyframe"),
]  # fmt: skip
WITH_PICTURE = [kind for kind in ORDINARY if kind[0] in ("webm", "mka", "ts", "avi", "flv", "mov", "mp4")]
CASES = [(*kind, False) for kind in ORDINARY] + [(*kind, True) for kind in WITH_PICTURE]


@pytest.fixture(scope="module")
def ordinary(wav: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, bool], tuple[Path, Path]]:
    """Files of all kinds, and what FFmpeg alone decodes of each; starting it once for each would take longest."""
    folder = tmp_path_factory.mktemp("ordinary")
    files: dict[tuple[str, str, bool], tuple[Path, Path]] = {}
    encode: list[str | Path] = []
    inputs, filters, outputs = [], [], []
    for number, (ending, options, picture) in enumerate(CASES):
        source, plain = folder / f"{number}.{ending}", folder / f"{number}.plain.flac"
        files[ending, options, picture] = source, plain
        video = ["-map", "1:v", "-c:v", {"webm": "libvpx", "flv": "flv"}.get(ending, "mpeg4")] if picture else []
        encode += ["-map", "0:a", *video, *options.split(), source]
        depth = "s32" if "pcm_s24le" in options else "s16"
        inputs += ["-i", source]
        filters += [f"[{number}:a:0]aformat=sample_fmts={depth}:channel_layouts=mono[a{number}]"]
        outputs += ["-map", f"[a{number}]", plain]
    run("-i", wav, *PICTURE, *encode)
    run(*inputs, "-filter_complex", ";".join(filters), *outputs)
    return files


@pytest.mark.parametrize(("ending", "options", "picture"), CASES)
def test_ordinary_files_come_out_bit_by_bit_as_ffmpeg_decodes_them(
    tmp_path: Path, ordinary: dict[tuple[str, str, bool], tuple[Path, Path]], ending: str, options: str, picture: bool
) -> None:
    file, plain = ordinary[ending, options, picture]
    source = Path(shutil.copy(file, tmp_path))
    info, samples, _ = decode(source)
    assert (info.bits == 24) is ("pcm_s24le" in options)
    np.testing.assert_array_equal(samples, soundfile.read(plain, dtype="float32")[0])
    assert (info.holes, info.jump_s, info.lead_s, info.channel) == (0, None, 0.0, None)


LATE = ["-itsoffset", "4"]


@pytest.mark.parametrize(
    ("ending", "before_sound", "before_picture", "options", "first"),
    [
        ("mp4", LATE, [], "-c:a aac", 4.0), ("mkv", LATE, [], "-c:a aac", 4.0), ("webm", LATE, [], "-c:a libopus", 4.0),
        ("ts", LATE, [], TS, 4.0), ("mov", LATE, [], "-c:a pcm_s16le", 4.0), 
        ("mkv", LATE, [], "-c:a aac -output_ts_offset 100", 4.0), ("ts", LATE, [], f"{TS} -output_ts_offset 100", 4.0),
        ("mp4", [], LATE, "-c:a aac", 0.0), ("mkv", [], LATE, "-c:a aac", 0.0), ("ts", [], LATE, TS, 0.0),
        ("mkv", [], [], "-c:a aac -output_ts_offset 3000", 0.0), ("ts", [], [], f"{TS} -output_ts_offset 95440", 0.0),
        ("m4a", LATE, None, "-c:a aac", 4.0), ("mka", LATE, None, "-c:a libopus", 4.0), ("ts", LATE, None, TS, 0.0),
    ],
)  # fmt: skip
def test_sound_begins_where_the_container_says(
    tmp_path: Path, wav: Path, ending: str, before_sound: list[str], before_picture: list[str] | None, options: str,
    first: float,
) -> None:  # fmt: skip
    source = tmp_path / f"late.{ending}"
    codec = ["-map", "0:a", "-map", "1:v", "-c:v", "libvpx" if ending == "webm" else "mpeg4"]
    picture = [] if before_picture is None else [*before_picture, *PICTURE]
    run(*before_sound, "-i", wav, *picture, *(codec if picture else []), *options.split(), source)
    info, samples, rate = decode(source)
    assert heard(samples, rate) == [(pytest.approx(first, abs=0.11), pytest.approx(first + 6, abs=0.11))]
    assert info.lead_s == pytest.approx(first, abs=0.11) and info.lost_of_s is None
    if first:
        assert not samples[: int(3.8 * rate)].any()


@pytest.mark.parametrize(("start_s", "end_s", "spans"), [(2.0, 7.0, [(2.0, 5.0)]), (5.0, 7.0, [(0.0, 2.0)])])
@pytest.mark.parametrize("ending", ["mp4", "mkv", "m4a", "ts"])
def test_a_part_is_counted_from_the_containers_zero(
    tmp_path: Path, wav: Path, ending: str, start_s: float, end_s: float, spans: list[tuple[float, float]]
) -> None:
    source = tmp_path / f"late.{ending}"
    run(*LATE, "-i", wav, *(["-map", "0:a"] if ending == "m4a" else [*PICTURE, *VIDEO, "-map", "0:a"]), source)
    _, samples, rate = decode(source, start_s=start_s, end_s=end_s)
    assert len(samples) / rate == pytest.approx(end_s - start_s, abs=0.1)
    assert [pytest.approx(span, abs=0.11) for span in spans] == heard(samples, rate)


def spliced(folder: Path, wav: Path, ending: str, codec: str, offsets: list[float]) -> Path:
    """Pieces of two seconds, each at its own time, the way a receiver or a browser leaves them out."""
    pieces = [folder / f"{number}.{ending}" for number in range(len(offsets))]
    outputs: list[str | Path] = []
    for number, (piece, offset) in enumerate(zip(pieces, offsets, strict=True)):
        shift = ["-output_ts_offset", str(offset)] if ending == "ts" else []  # else the list sets them
        outputs += ["-ss", str(number * 2), "-t", "2", *codec.split(), *shift, piece]
    run("-i", wav, *outputs)
    target = folder / f"spliced.{ending}"
    if ending == "ts":  # as recorders write: one after the other
        target.write_bytes(b"".join(piece.read_bytes() for piece in pieces))
        return target
    packets = folder / "list.txt"
    gaps = [*np.diff(offsets), 2]
    starts = [f"file '{piece}'\ninpoint 0\nduration {gap}" for piece, gap in zip(pieces, gaps, strict=True)]
    packets.write_text("ffconcat version 1.0\n" + "\n".join(starts))
    run("-f", "concat", "-safe", "0", "-i", packets, "-c", "copy", target)
    return target


@pytest.mark.parametrize(("ending", "codec"), [("ts", TS), ("mkv", "-c:a flac"), ("webm", "-c:a libopus"), ("mka", "")])
@pytest.mark.parametrize(
    ("offsets", "spans", "holes_s"),
    [
        ([0, 8, 10], [(0, 2), (8, 12)], 6.0), ([0, 2.5, 5], [(0, 2), (2.5, 4.5), (5, 7)], 1.0),
        ([0, 32, 64], [(0, 2), (32, 34), (64, 66)], 60.0),
    ],
)  # fmt: skip
def test_a_hole_in_the_stamps_stays_as_silence(
    tmp_path: Path, wav: Path, ending: str, codec: str, offsets: list[float], spans: list[tuple[float, float]],
    holes_s: float,
) -> None:  # fmt: skip
    info, samples, rate = decode(spliced(tmp_path, wav, ending, codec, offsets))
    assert heard(samples, rate) == [pytest.approx(span, abs=0.11) for span in spans]
    assert info.holes_s == pytest.approx(holes_s, abs=0.1) and info.jump_s is None and info.lost_of_s is None


@pytest.mark.parametrize("ending", ["ts", "mkv"])
@pytest.mark.parametrize("offset", [7_200.0, 80_000.0])
def test_stamps_that_jump_by_hours_write_no_hours(tmp_path: Path, wav: Path, ending: str, offset: float) -> None:
    codec = TS if ending == "ts" else "-c:a flac"
    info, samples, rate = decode(spliced(tmp_path, wav, ending, codec, [0, offset, offset + 2]))
    assert len(samples) / rate == pytest.approx(6, abs=0.2)
    assert info.jump_s == pytest.approx(2, abs=0.1) and info.holes_s == 0


def test_stamps_that_jump_back_lose_no_sound(tmp_path: Path, wav: Path) -> None:
    info, samples, rate = decode(spliced(tmp_path, wav, "ts", TS, [500, 3, 0]))
    assert heard(samples, rate) == [(0, pytest.approx(6, abs=0.2))] and info.holes == 0


def test_stamps_that_waver_change_nothing(tmp_path: Path, wav: Path) -> None:
    """Browsers stamp what comes with the time it came at: up to some hundredths of a second early or late."""
    source, plain = tmp_path / "jitter.webm", tmp_path / "plain.webm"
    run("-i", wav, "-c:a", "libopus", plain)
    run("-i", plain, "-c", "copy", "-bsf:a", "setts=ts=PTS+floor(40*random(0))", source)
    _, samples, _ = decode(source)
    np.testing.assert_array_equal(samples, decode(plain)[1])


def test_sound_that_changes_its_form_on_the_way_keeps_its_place(tmp_path: Path, wav: Path) -> None:
    """As in broadcasts: FFmpeg begins its filters anew there, and what they knew of the clock is gone."""
    for number, form in enumerate(["-ac 2 -ar 48000", "-ac 1 -ar 24000", "-ac 2 -ar 48000"]):
        run("-ss", number * 2, "-t", 2, "-i", wav, *form.split(), "-c:a", "mp2", tmp_path / f"{number}.mp2")
    (tmp_path / "form.mp2").write_bytes(b"".join((tmp_path / f"{number}.mp2").read_bytes() for number in range(3)))
    source = tmp_path / "form.ts"
    video = ["-map", "0:a", "-map", "1:v", "-c:a", "copy", "-c:v", "mpeg4"]
    run(*LATE, "-i", tmp_path / "form.mp2", *PICTURE, *video, source)
    _, samples, rate = decode(source)
    assert heard(samples, rate) == [(pytest.approx(4, abs=0.11), pytest.approx(10, abs=0.3))]


LEFT, RIGHT = tone(4, RATE, 440, -15), tone(4, RATE, 300, -15)
TURNS = np.tile(np.repeat([1.0, 0.0], RATE // 2), 4).astype(np.float32)[: len(LEFT)]
HISS = np.random.default_rng(1).normal(0, 0.0005, len(LEFT)).astype(np.float32)


@pytest.mark.parametrize(
    ("left", "right", "channel", "reason"),
    [
        (LEFT, -LEFT, 0, "inverted"), (LEFT, -0.999 * LEFT, 0, "inverted"), (0.5 * LEFT, -LEFT, 1, "inverted"),
        (LEFT, -LEFT + 0.1, 0, "inverted"), (LEFT + RIGHT, -LEFT - 0.7 * RIGHT, 0, "inverted"),
        (LEFT, np.where(np.arange(len(LEFT)) < 2 * RATE, LEFT, -LEFT), 0, "inverted"),  # from some place on
        (LEFT, 0 * LEFT, 0, "silent"), (HISS, LEFT, 1, "silent"), (LEFT, 0 * LEFT + 0.05, 0, "silent"),
        (LEFT, LEFT, None, ""), (LEFT, 0.2 * LEFT, None, ""), (LEFT, RIGHT, None, ""),
        (LEFT * TURNS, RIGHT * (1 - TURNS), None, ""), (LEFT * TURNS, 0.05 * RIGHT * (1 - TURNS), None, ""),
    ],
)  # fmt: skip
def test_channels_that_cancel_or_are_silent_are_found_and_voices_apart_are_not(
    tmp_path: Path, left: Samples, right: Samples, channel: int | None, reason: str
) -> None:
    pair = np.stack([left, right], axis=1).astype(np.float32)
    info, samples, _ = decode(write(tmp_path / "in.flac", pair, RATE))
    assert (info.channel, info.channel_reason) == (channel, reason)
    expected = pair.mean(axis=1) if channel is None else pair[:, channel]
    np.testing.assert_allclose(samples, expected, atol=2e-4)
