"""The container's clock: sound that begins late, or lacks a piece, keeps its place through silence."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

LEAST_LEAD_S = 0.1  # a start this close is that of the container; what encoders put before the sound is shorter
LEAST_HOLE_S = 0.2  # stamps waver by less (browsers, rounding); small gaps add up until they reach it
MOST_HOLE_S = 600.0  # of one hole, and of all beyond the sound itself; stamps that jump further are damaged
_BACK_S = 1.0  # stamps that fall behind the sound by more begin anew
_MOST_EVENTS = 500
# A filter's `print` gives numbers alone: hundredths of a second, then those of the length, then the kind.
_EVENT = re.compile(r"^(?:\[[^\[\]]*\] )?(\d+)\.0+$")
_FIRST, _HOLE, _FORWARD, _BACK = range(1, 5)


@dataclass(frozen=True)
class Timeline:
    """What the time stamps of a decoded track showed, in seconds of what was written.

    ``first_s`` is the first stamp, None if it was not seen. ``holes_s`` became silence. ``jump_s`` is where stamps
    first jumped further than can be followed; what comes after is later than its stamps say by an unknown time.
    ``restarts`` counts where they began anew.
    """

    first_s: float | None = None
    holes: int = 0
    holes_s: float = 0.0
    jump_s: float | None = None
    restarts: int = 0


def follow() -> str:
    """Filters that put silence where stamps leave a hole, and print what they meet; see `read_timeline`.

    All sound is kept, one sample after the other: without a hole it comes out bit by bit as it went in. (`aresample`
    by itself would also drop what seems to overlap, and hold hours of silence in memory for a damaged stamp.)
    """
    # 1: where the sound so far ends, in samples; 2: this frame's stamp; 3: what is added to stamps; 4: by how much the
    # frame is late; 5: silence so far; 6: where the frame goes; 7: events printed; 8: an event, printed with the next
    # frame: FFmpeg also asks for the stamp of the end, which is none.
    hole, back, longest = f"{LEAST_HOLE_S}*SR", f"-{_BACK_S}*SR", f"{MOST_HOLE_S}*SR"
    is_bounded = f"lte(ld(4),{longest})*lte(ld(5)+ld(4),{longest}+ld(1))"
    follows = f"st(5,ld(5)+ld(4));{_event('ld(1)', 'ld(4)', _HOLE)};st(1,ld(2))"
    stays = f"{_event('ld(1)', longest, _FORWARD)};st(3,ld(3)-ld(4))"
    restarts = f"{_event('ld(1)', '0', _BACK)};st(3,ld(3)-ld(4))"
    expression = (
        f"if(ld(8),if(lt(st(7,ld(7)+1),{_MOST_EVENTS}),print(ld(8),16));st(8,0));"  # 16: FFmpeg's level of errors
        f"if(eq(N,0),st(1,PTS*TB*SR);{_event('max(0,ld(1))', '0', _FIRST)});"
        "st(2,PTS*TB*SR+ld(3));st(4,ld(2)-ld(1));"
        f"if(gt(ld(4),{hole}),if({is_bounded},{follows},{stays}),if(lt(ld(4),{back}),{restarts}));"
        "st(6,ld(1));st(1,ld(1)+NB_SAMPLES);ld(6)/SR/TB"
    )
    return f"asetpts='{expression}'"


def _event(at: str, length: str, kind: int) -> str:
    return f"st(8,floor(({at})/SR*100)*1000000+min(99999,floor(({length})/SR*100))*10+{kind})"


FILL = "aresample=async=1"  # after `follow`: silence for each hole; without one it passes samples on as they are


def is_event(line: str) -> bool:
    """Whether a line of FFmpeg's is one that `follow` printed."""
    return _EVENT.match(line) is not None


def read_timeline(lines: Iterable[str]) -> Timeline:
    """What `follow` printed."""
    first_s = jump_s = None
    holes = restarts = 0
    holes_s = 0.0
    for line in lines:
        match = _EVENT.match(line)
        if match is None:
            continue
        rest, kind = divmod(int(match.group(1)), 10)
        at_s, length_s = (value / 100 for value in divmod(rest, 100_000))
        if kind == _FIRST:
            first_s = at_s if first_s is None else first_s  # where the format changes, filters begin anew
        elif kind == _HOLE:
            holes, holes_s = holes + 1, holes_s + length_s
        elif kind == _FORWARD:
            jump_s = at_s if jump_s is None else jump_s
        else:
            restarts += 1
    return Timeline(first_s, holes, holes_s, jump_s, restarts)
