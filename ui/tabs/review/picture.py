"""The picture of a clip within its recording, and its two ends, which can be moved into what lies beside it."""

from __future__ import annotations

import numpy as np

from core.audio.waveform import Peaks, peaks
from core.clips.edit import LONGEST_S, SHORTEST_S
from core.clips.review import Spot
from core.project.workspace import Project
from ui import html, plots
from ui.http.clip_routes import LONGEST_PIECE_S, piece_url
from ui.i18n import Translator

_BUCKETS = 400
_BESIDE_S = (0.5, 2.0)  # of the recording shown on either side: at least and at most
_BESIDE = 0.3  # of the clip's length, between those


def clip_picture(t: Translator, project: Project, spot: Spot) -> str:
    """HTML of the waveform. A click on what lies beside the clip plays it; the page's script moves the ends and sends
    ``move`` with them as JSON."""
    clip, source = spot.clip, spot.source
    beside_s = min(max(_BESIDE * clip.seconds, _BESIDE_S[0]), _BESIDE_S[1])
    from_s, to_s = max(0.0, clip.start_s - beside_s), min(source.seconds, clip.end_s + beside_s)
    try:
        outline = peaks(project.sound_file(source), _BUCKETS, from_s, to_s)
    except (OSError, RuntimeError):  # the recording is gone from the disk; the clip may still be heard
        return (
            f'<div class="vw-wavebox">{_wave(t, np.zeros((0, 2), np.float32), clip.seconds)}<i class="vw-at"></i></div>'
        )
    first, last = (round(len(outline) * (at - from_s) / max(to_s - from_s, 1e-9)) for at in (clip.start_s, clip.end_s))
    wave = f'<div class="vw-own" style="flex-grow:{clip.seconds:.3f}">{_wave(t, outline[first:last], clip.seconds)}'
    before = _beside(t, outline[:first], clip.start_s - from_s, "before")
    after = _beside(t, outline[last:], to_s - clip.end_s, "after")
    # Up to the neighbours: an end never enters another clip.
    low_s, high_s = project.store.neighbour_bounds(source.id, clip.start_s - 0.001, clip.end_s)
    facts = {
        "start": clip.start_s,
        "end": clip.end_s,
        "from": from_s,
        "to": to_s,
        "low": min(clip.start_s, max(from_s, low_s)),
        "high": max(clip.end_s, min(to_s, high_s)),
        "shortest": SHORTEST_S,
        "longest": LONGEST_S,
        "heard": LONGEST_PIECE_S,
    }
    data = "".join(f' data-{name}="{value:.4f}"' for name, value in facts.items())
    grips = "".join(_grip(t, side, at, from_s, to_s) for side, at in (("start", clip.start_s), ("end", clip.end_s)))
    piece = html.e(piece_url(project.slug, source.id))
    return (
        f'<div class="vw-wavebox vw-ends" data-key="ends-{html.e(clip.id)}" data-piece="{piece}"{data}>{before}{wave}'
        f'<i class="vw-at"></i></div>{after}<i class="vw-moved" hidden></i>{grips}'
        '<audio preload="none" hidden data-beside></audio></div>'
    )


def _wave(t: Translator, outline: Peaks, seconds: float) -> str:
    return plots.waveform([(float(low), float(high)) for low, high in outline], seconds, (), t("review.wave"))


def _beside(t: Translator, outline: Peaks, seconds: float, side: str) -> str:
    """What lies before or after the clip; nothing where the recording ends there."""
    if seconds < 0.01:
        return ""
    return (
        f'<div class="vw-beside" data-side="{side}" style="flex-grow:{seconds:.3f}"'
        f' title="{html.e(t(f"review.play_{side}"))}" aria-hidden="true">{_wave(t, outline, seconds)}</div>'
    )


def _grip(t: Translator, side: str, at_s: float, from_s: float, to_s: float) -> str:
    percent = 100 * (at_s - from_s) / max(to_s - from_s, 1e-9)
    label = html.e(t(f"review.move_{side}"))
    return (
        f'<div class="vw-grip {side}" data-grip="{side}" role="slider" tabindex="0" aria-label="{label}"'
        f' title="{label}" aria-valuemin="{from_s:.2f}" aria-valuemax="{to_s:.2f}" aria-valuenow="{at_s:.2f}"'
        f' style="left:{percent:.2f}%"><i></i></div>'
    )
