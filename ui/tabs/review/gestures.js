// Review: moving a clip's ends into its recording, and swiping. Runs between panel.js and review.js, with their names.
const STEP_S = 0.01, EAR_S = 0.9, MOVE_MS = 900, TURN_PX = 12;

// ---- The ends of the clip

let moving = null;  // {side, start, end, drag} while an end is being moved
let movedSide = '';  // the end that was moved and sent: its grip keeps the focus
let moveTimer = 0;
const ends = () => $('.vw-ends');
const facts = () => Object.fromEntries(Object.entries(ends().dataset).map(([name, value]) => [name, Number(value)]));
const grip = (side) => $(`[data-grip=${side}]`);

function hearPiece(from, to) {
  const sound = $('[data-beside]');
  if (!sound) return;
  sound.src = ends().dataset.piece + '?' + new URLSearchParams({ start: from.toFixed(3), end: Math.min(to, from + facts().heard).toFixed(3) });
  sound.playbackRate = sound.defaultPlaybackRate = rate;
  sound.play().catch(() => {});  // another sound came first
}
// What the moved end cuts: the clip's last moment, or its first.
const hearEnd = ({ side, start, end }) => side === 'start' ? hearPiece(start, Math.min(end, start + EAR_S)) : hearPiece(Math.max(start, end - EAR_S), end);

function drawEnds() {
  const box = ends(), of = facts(), now = moving || of, mark = $('.vw-moved');
  const percent = (time) => (time - of.from) / (of.to - of.from) * 100;
  for (const side of ['start', 'end']) {
    grip(side).style.left = percent(now[side]) + '%';
    grip(side).setAttribute('aria-valuenow', now[side].toFixed(2));
  }
  mark.hidden = !moving;
  mark.style.left = percent(now.start) + '%';
  mark.style.width = percent(now.end) - percent(now.start) + '%';
  box.classList.toggle('moving', !!moving);
}
function moveEnd(side, time) {
  const of = facts();
  if (moving && moving.side !== side && !moving.drag) commitEnds();
  moving = moving || { side, start: of.start, end: of.end };
  moving.side = side;
  const [low, high] = side === 'start' ? [Math.max(of.low, moving.end - of.longest), moving.end - of.shortest]
    : [moving.start + of.shortest, Math.min(of.high, moving.start + of.longest)];
  moving[side] = Math.round(Math.max(low, Math.min(time, high)) * 1e4) / 1e4;
  drawEnds();
}
function nudgeEnd(side, seconds) {
  moveEnd(side, (moving || facts())[side] + seconds);
  hearEnd(moving);
  clearTimeout(moveTimer);
  moveTimer = setTimeout(commitEnds, MOVE_MS);
}
function cancelEnds() {
  clearTimeout(moveTimer);
  moving = null;
  if (ends()) drawEnds();
}
// A moved end is answered, and shown if that was done. Until then the marks stay where they are; refused, they go back.
window.vw.endMoved = () => {
  movedSide = '';
  card()?.removeAttribute('aria-busy');
  if (!moving && ends()) drawEnds();
};
// True if an end was moved, and sent.
function commitEnds() {
  clearTimeout(moveTimer);
  const { side, start, end } = moving || {}, of = ends() && facts();
  if (!moving || !of || (start === of.start && end === of.end)) { cancelEnds(); return false; }
  moving = null;
  movedSide = side;
  card().setAttribute('aria-busy', 'true');  // nothing is decided until it is answered
  acted = true;
  window.vw.act();
  trigger('move', {
    do: 'move', id: card().dataset.clip, value: JSON.stringify({ start, end }), view: location.search,
    seen: card().dataset.seen, window: windowId,
  });
  return true;
}
// Keys of a grip; true if it was one.
function gripKey(event, key) {
  const side = event.target.dataset?.grip;
  if (!side || event.ctrlKey || event.metaKey || event.altKey) return false;
  const way = { arrowleft: -1, arrowdown: -1, arrowright: 1, arrowup: 1 }[key];
  if (way) nudgeEnd(side, way * STEP_S * (event.shiftKey ? 10 : 1));
  else if (key === 'enter' && moving) commitEnds();
  else if (key === 'escape') { cancelEnds(); card().focus({ preventScroll: true }); }
  else return false;
  return true;
}
element.addEventListener('pointerdown', (event) => {
  const side = event.target.closest('[data-grip]')?.dataset.grip;
  if (!side || event.button > 0) return;
  event.preventDefault();  // no text is selected on the way
  grip(side).focus({ preventScroll: true });
  grip(side).setPointerCapture(event.pointerId);
  const of = facts(), box = ends().getBoundingClientRect(), at = (x) => of.from + (x - box.left) / box.width * (of.to - of.from);
  const offset = at(event.clientX) - (moving || of)[side];
  moveEnd(side, (moving || of)[side]);
  moving.drag = true;
  clearTimeout(moveTimer);
  const follow = (it) => { if (moving) moveEnd(side, at(it.clientX) - offset); };
  const course = new AbortController(), { signal } = course;
  const end = (isDone) => () => {
    course.abort();
    if (!moving) return;
    if (!isDone) return cancelEnds();
    const { start, end: until } = moving;
    if (start !== of.start || until !== of.end) hearEnd(moving);
    commitEnds();
  };
  grip(side).addEventListener('pointermove', follow, { signal });
  grip(side).addEventListener('pointerup', end(true), { signal });
  grip(side).addEventListener('pointercancel', end(false), { signal });
});
element.addEventListener('focusout', (event) => { if (event.target.dataset?.grip && moving && !moving.drag) commitEnds(); });
element.addEventListener('click', (event) => {
  const side = event.target.closest('.vw-beside')?.dataset.side;
  if (!side) return;
  const of = facts();
  side === 'before' ? hearPiece(of.from, of.start) : hearPiece(of.end, of.to);
});

// ---- Swiping: right approves, left asks for the reason of a rejection

// What is dragged, typed in or scrolled sideways by itself is no place to swipe from.
const NO_SWIPE = 'textarea, input, select, audio, .vw-wavebox';
let swipe = null;
const wide = () => Math.min(140, card().clientWidth * 0.35);

function drawSwipe(way) {
  const shown = card();
  shown.style.transform = way ? `translateX(${way}px)` : '';
  shown.classList.toggle('swiped-right', way > 0);
  shown.classList.toggle('swiped-left', way < 0);
  shown.classList.toggle('decided', Math.abs(way) >= wide());
}
element.addEventListener('pointerdown', (event) => {
  if (swipe) { drawSwipe(0); swipe = null; return; }  // a second finger: no swipe
  const inside = event.pointerType === 'touch' && event.isPrimary && event.target.closest('#review-card');
  if (!inside || event.target.closest(NO_SWIPE) || !getSelection().isCollapsed) return;
  swipe = { id: event.pointerId, x: event.clientX, y: event.clientY, at: event.timeStamp, clip: card().dataset.clip, is: '' };
});
element.addEventListener('pointermove', (event) => {
  if (!swipe || event.pointerId !== swipe.id) return;
  const across = event.clientX - swipe.x, down = event.clientY - swipe.y;
  if (!swipe.is) {
    if (Math.hypot(across, down) < TURN_PX) return;
    // Held before it moved, a finger selects text.
    if (Math.abs(across) < 1.5 * Math.abs(down) || event.timeStamp - swipe.at > 500) { swipe = null; return; }
    swipe.is = 'across';
  }
  if (card()?.dataset.clip !== swipe.clip || !getSelection().isCollapsed) { if (card()) drawSwipe(0); swipe = null; return; }
  drawSwipe(across);
});
for (const name of ['pointerup', 'pointercancel']) {
  element.addEventListener(name, (event) => {
    if (!swipe || event.pointerId !== swipe.id) return;
    const { is, x } = swipe, across = event.clientX - x;
    swipe = null;
    if (!is || !card()) return;
    drawSwipe(0);
    if (name === 'pointercancel' || Math.abs(across) < wide()) return;
    if (across > 0) return press('#review-approved');
    askReason();
  });
}
function askReason() {
  const choice = $('#review-reasons');
  choice.open = true;
  choice.scrollIntoView({ block: 'nearest' });
  choice.querySelector('.vw-btn').focus();
}
