"""Worth a look before freezing: clips cut inside a word, the same sound twice, and what sounds like somebody else."""

from __future__ import annotations

from core.clips import ends, history, searches
from core.clips.doubles import REASON, Double, doubles
from core.clips.ends import MOST_AT_ONCE, OpenClip, open_clips
from core.jobs.args.base import JobArgs
from core.jobs.args.clips import FindCutWordsArgs, FindDoublesArgs
from core.measures.flags import SHORT_S
from core.measures.voices import OTHER_VOICE
from core.project import conflicts
from core.project.records import Clip, ClipFilter
from core.project.workspace import Project
from ui import html
from ui.http.audio_routes import audio_url
from ui.http.clip_routes import piece_url
from ui.i18n import Translator

_SHOWN = 12
_BEFORE_S = 1.5  # of a clip's end that is enough to hear whether a word is whole
_REASONS = (REASON, OTHER_VOICE)
_SEARCHES: dict[str, type[JobArgs]] = {args.kind: args for args in (FindCutWordsArgs, FindDoublesArgs)}


def checks(t: Translator, project: Project, count: int) -> str:
    """HTML for a `Panel`; its buttons send what `act_on_check` takes.

    Very many clips (``count``) are looked through by a job for each search, when it is asked for.
    """
    body = _undo_rejection(t, project)
    if searches.needs_job(project):
        body += _search(t, project, FindCutWordsArgs.kind, count, bool(open_clips(project)))
        body += _search(t, project, FindDoublesArgs.kind, count, bool(doubles(project)))
    body += _cut_words(t, project)
    body += _doubles(t, project)
    body += _strangers(t, project)
    if not body:
        return ""
    return f'<section data-key="checks"><h3>{html.e(t("dataset.checks"))}</h3>{body}</section>'


def act_on_check(project: Project, do: str, id_: str, digest: str | None = None) -> bool:
    """Do what a button of `checks` sends; False if it is none of them.

    ``digest`` is what a button for many stood on.

    Raises:
        UserError: ``clips.changed``: there are others now than its window showed.
    """
    if do == "extend":
        ends.extend(project, [id_])
    elif do == "extend_all":
        ends.extend(project, _as_seen([open_clip.clip.id for open_clip in open_clips(project)], digest))
    elif do == "undo_ends":
        ends.undo(project, id_)
    elif do in _SEARCHES:
        searches.start(project, _SEARCHES[do]())
    elif do == "reject_double":
        _reject(project, [_still_approved(project, id_)], REASON)
    elif do == "reject_doubles":
        _reject(project, _as_seen([double.clip_id for double in doubles(project)], digest), REASON)
    elif do == "reject_stranger":
        _reject(project, [_still_approved(project, id_)], OTHER_VOICE)
    elif do == "reject_strangers":
        _reject(project, _as_seen([clip.id for clip in _other_voices(project)], digest), OTHER_VOICE)
    elif do == "undo_rejection":
        history.undo(project, stamp=id_)
    else:
        return False
    return True


def _as_seen(clip_ids: list[str], digest: str | None) -> list[str]:
    if digest is not None and digest != conflicts.digest(*clip_ids):
        raise conflicts.stale_errors()
    return clip_ids


def _still_approved(project: Project, clip_id: str) -> str:
    if project.store.clip(clip_id).status != "approved":
        raise conflicts.stale_errors()
    return clip_id


def _reject(project: Project, clip_ids: list[str], reason: str) -> None:
    project.store.edit_clips(clip_ids, status="rejected", reason=reason)


def _undo_rejection(t: Translator, project: Project) -> str:
    """The way back, as long as what this page rejected is the last change of the project."""
    group = project.store.last_change()
    if group is None or group.stamp != history.last_stamp(project):
        return ""
    if not any(
        revision.at == group.at and revision.new in _REASONS for revision in project.store.revisions(group.clip_id)
    ):
        return ""
    return html.notice(t("dataset.rejected"), "good", html.action(t("common.undo"), "undo_rejection", group.stamp))


def _cut_words(t: Translator, project: Project) -> str:
    open_ends = open_clips(project)
    action = ends.undoable(project)
    undo = ""
    if action:
        undo = html.notice(t("dataset.ends_done"), "good", html.action(t("common.undo"), "undo_ends", action))
    if not open_ends:
        return undo
    mendable = [open_end for open_end in open_ends if open_end.moves]
    count = min(len(mendable), MOST_AT_ONCE)
    bulk = ""
    if count > 1:
        label = t("dataset.extend_all", count=t.number(count))
        bulk = html.action(label, "extend_all", confirm=t("dataset.extend_question", count=t.number(count)))
        bulk = html.standing_on(conflicts.digest(*(open_end.clip.id for open_end in open_ends)), bulk)
    rows = "".join(
        _cut_word(t, project, open_end)
        for open_end in [*mendable, *(open_end for open_end in open_ends if not open_end.moves)][:_SHOWN]
    )
    return undo + _finding(t, "ends", len(open_ends), rows, bulk)


def _cut_word(t: Translator, project: Project, open_clip: OpenClip) -> str:
    clip = open_clip.clip
    sides = "both" if open_clip.cut.start and open_clip.cut.end else "start" if open_clip.cut.start else "end"
    if open_clip.moves:
        by = (clip.start_s - open_clip.start_s) + (open_clip.end_s - clip.end_s)
        players = _player(t, project, "as_is", clip.source_id, clip.start_s, clip.end_s, sides)
        players += _player(t, project, "extended", clip.source_id, open_clip.start_s, open_clip.end_s, sides)
        button = html.action(t("dataset.extend", seconds=t.number(by, 2)), "extend", clip.id)
    else:
        players = html.player(audio_url(project.slug, "clip", clip.id), clip.text[:60])
        button = f'<span class="vw-dim">{html.e(t("dataset.no_quiet"))}</span>'
    return _row(t, clip, t(f"dataset.cut_{sides}"), players, button)


def _player(
    t: Translator, project: Project, name: str, source_id: str, start_s: float, end_s: float, sides: str
) -> str:
    """A player of what lies around the end in question."""
    if sides == "end":
        start_s = max(start_s, end_s - _BEFORE_S)
    elif sides == "start":
        end_s = min(end_s, start_s + _BEFORE_S)
    label = t(f"dataset.{name}")
    sound = html.player(piece_url(project.slug, source_id, start_s, end_s), label)
    return f'<div><span class="vw-dim">{html.e(label)}</span>{sound}</div>'


def _search(t: Translator, project: Project, kind: str, count: int, has_findings: bool) -> str:
    """The button that starts a search's job, and that the last one found nothing."""
    job = project.latest(kind)
    busy = t(f"dataset.{kind}_busy") if job and job.alive() else ""
    button = html.action(t(f"dataset.{kind}", count=t.number(count)), kind, off_reason=busy)
    empty = ""
    if not busy and not has_findings and searches.last(project, _SEARCHES[kind]):
        empty = html.notice(t(f"dataset.{kind}_none"), "good")
    return f'{empty}<div class="vw-row" data-key="{kind}">{button}{html.reason(busy)}</div>'


def _doubles(t: Translator, project: Project) -> str:
    pairs = doubles(project)
    if not pairs:
        return ""
    rows = "".join(_double(t, project, double) for double in pairs[:_SHOWN])
    bulk = _reject_all(t, "reject_doubles", [double.clip_id for double in pairs])
    return _finding(t, "doubles", len(pairs), rows, bulk)


def _double(t: Translator, project: Project, double: Double) -> str:
    first, clip = project.store.clip(double.first_id), project.store.clip(double.clip_id)
    players = "".join(html.player(audio_url(project.slug, "clip", side.id), side.text[:60]) for side in (first, clip))
    note = t("dataset.same_text" if first.text == clip.text else "dataset.other_text", text=first.text)
    return _row(t, clip, note, players, html.action(t("dataset.reject"), "reject_double", clip.id))


def _other_voices(project: Project) -> list[Clip]:
    """Approved clips that sound like somebody else, those least like the project's voice first."""
    clips = project.store.clips(ClipFilter("approved", flag=OTHER_VOICE))
    return sorted(clips, key=lambda clip: (clip.seconds < SHORT_S, clip.speaker_similarity or 0.0))


def _strangers(t: Translator, project: Project) -> str:
    clips = _other_voices(project)
    if not clips:
        return ""
    rows = ""
    for clip in clips[:_SHOWN]:
        note = t("dataset.likeness", value=t.number(clip.speaker_similarity or 0.0, 2))
        player = html.player(audio_url(project.slug, "clip", clip.id), clip.text[:60])
        rows += _row(t, clip, note, player, html.action(t("dataset.reject"), "reject_stranger", clip.id))
    return _finding(t, "voices", len(clips), rows, _reject_all(t, "reject_strangers", [clip.id for clip in clips]))


def _reject_all(t: Translator, do: str, clip_ids: list[str]) -> str:
    count = t.number(len(clip_ids))
    button = html.action(t("dataset.reject_all", count=count), do, confirm=t("dataset.reject_question", count=count))
    return html.standing_on(conflicts.digest(*clip_ids), button)


def _finding(t: Translator, name: str, count: int, rows: str, bulk: str) -> str:
    """One kind of finding, closed until it is looked at."""
    note = (
        f'<p class="vw-dim">{html.e(t("dataset.more", count=t.number(count - _SHOWN)))}</p>' if count > _SHOWN else ""
    )
    body = f'<p class="vw-dim">{html.e(t(f"dataset.{name}_about"))}</p>{rows}{note}<div class="vw-row">{bulk}</div>'
    return f'<div data-key="{name}">{html.details(t(f"dataset.{name}_found", count=t.number(count)), body)}</div>'


def _row(t: Translator, clip: Clip, note: str, players: str, button: str) -> str:
    link = html.go(t("dataset.to_clip"), "review", style="quiet", view=f"filter=all&clip={clip.id}")
    return (
        f'<div class="vw-finding" data-key="{html.e(clip.id)}"><div><p>{html.e(clip.text)}</p>'
        f'<p class="vw-dim">{html.e(note)}</p></div><div class="vw-hearings">{players}</div>'
        f'<div class="vw-row">{button}{link}</div></div>'
    )
