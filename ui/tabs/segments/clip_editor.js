// The waveform of one recording with its clips: zoom, scroll, listen, and change borders by mouse, finger and keys.
// What is shown is fetched a stretch at a time; where one is stands in the address (from, to, at).
const root = element.querySelector('.vw-panel');
const STEP_S = 0.01, FINE = 8, FOLLOW = 0.9, COMMIT_MS = 700, GRAB_PX = 5, GAP_S = 10, TEXT_PX = 64;
let config = null, data = null, overview = null, chosen = null, gain = 1;
let from = 0, to = 1, cursor = 0, playing = null, pending = false, answered = false, waiting = null, asked = 0, typed = null;

const $ = (name) => root.querySelector('.vw-ed-' + name);
const span = () => to - from;
const clips = () => data.parts.filter((part) => part.kind === 'clip');
const partAt = (time) => data && data.parts.find((part) => part.start <= time && time < part.end);
const middle = (part) => (part.start + part.end) / 2;
const editable = () => config && !config.preview && !config.off && !pending;

// ---- What is shown

function view(begin, length) {
  const shortest = Math.min(0.5, config.seconds);
  length = Math.max(shortest, Math.min(length, config.seconds));
  from = Math.max(0, Math.min(begin, config.seconds - length));
  to = from + length;
  draw();
  later('fetch', load, 120);
  later('address', remember, 300);
}

function zoom(factor, around = chosen && chosen.end > from && chosen.start < to ? middle(chosen) : from + span() / 2) {
  view(around - (around - from) * factor, span() * factor);
}

function show(part) {
  if (part.start >= from && part.end <= to) return;
  const length = Math.max(span(), (part.end - part.start) * 1.3);
  view(middle(part) - length / 2, length);
}

const timers = {};
function later(name, call, ms) { clearTimeout(timers[name]); timers[name] = setTimeout(() => { delete timers[name]; call(); }, ms); }

function remember() {
  if (window.vw.tab() !== 'segments' || !config) return;
  const at = chosen ? '&at=' + middle(chosen).toFixed(2) : '&at=';
  history.replaceState({}, '', window.vw.merged(`from=${from.toFixed(2)}&to=${to.toFixed(2)}${at}`));
}

// ---- Fetching

async function get(begin, end, columns) {
  const query = new URLSearchParams({ start: begin, end, columns });
  if (config.options) query.set('options', config.options);
  const answer = await fetch(config.window + '?' + query);
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

// More than is seen is fetched, so that scrolling shows something at once.
async function load(force = false) {
  if (!config || !root.clientWidth) return;
  const spare = span() / 2, begin = Math.max(0, from - spare), end = Math.min(config.seconds, to + spare);
  const zoomed = data ? (data.end - data.start) / (end - begin) : 0;
  if (!force && data && data.start <= from && data.end >= to && zoomed < 1.4 && zoomed > 0.5) return;
  const number = ++asked;
  try {
    const found = await get(begin, end, Math.round(root.clientWidth * (end - begin) / span()));
    if (number !== asked) return;
    data = found;
    settle();
    root.classList.remove('gone');
    reselect();
    fill();
  } catch (error) {
    if (number === asked) { data = null; settle(); root.classList.add('gone'); $('stage').innerHTML = ''; say(config.words.gone); }
  }
}

async function loadOverview() {
  const mine = config;
  try {
    const found = await get(0, mine.seconds, 800);
    if (config !== mine) return;
    overview = found;
    gain = Math.min(FINE, 95 / Math.max(1, ...found.high.map((high, i) => Math.max(high, -found.low[i]))));
    const regions = found.shares ? sharesSvg(found.shares) : found.parts.map((part) => partHtml({ ...part, text: '' }, found, {})).join('');
    $('whole').innerHTML = regions + outlineSvg(found, gain);
    if (data) fill();
  } catch (error) { $('whole').innerHTML = ''; }
}

// ---- Drawing

// A change is done when what came of it has been fetched: before, ids are still those of before.
function settle() {
  if (!answered) return;
  answered = pending = false;
  clearTimeout(timers.pending);
}

// What is chosen is found again in what has come: ids are new after each change, times are not.
function reselect() {
  const time = waiting !== null ? waiting : chosen ? middle(chosen) : -1;
  // What comes while a change is under way may still be from before it.
  if (!pending && time >= data.start && time <= data.end && !data.shares && !typed && !(drag && drag.side)) {
    const part = partAt(time) || null;
    // A piece of what is left out may have been chosen: it stays as it is while it lies within one.
    const piece = waiting === null && part && part.kind !== 'clip' && chosen.start >= part.start && chosen.end <= part.end;
    if (!piece) choose(part);
    waiting = null;
  }
}

function fill() {
  const stage = $('stage');
  const body = data.shares ? sharesSvg(data.shares) : data.parts.map((part) => partHtml(part, data, config.words)).join('');
  stage.innerHTML = body + outlineSvg(data, gain) + '<div class="vw-ed-chosen"></div><div class="vw-ed-cursor"></div>';
  draw();
}

function percent(time, begin, end) { return (time - begin) / (end - begin) * 100; }

function draw() {
  const stage = $('stage'), box = $('box');
  if (!config) return;
  box.style.left = percent(from, 0, config.seconds) + '%';
  box.style.width = span() / config.seconds * 100 + '%';
  $('ruler').innerHTML = ticks(from, to, root.clientWidth).map(([at, label]) => `<span style="left:${percent(at, from, to)}%">${label}</span>`).join('');
  if (data) {
    stage.style.left = percent(data.start, from, to) + '%';
    stage.style.width = (data.end - data.start) / span() * 100 + '%';
    const wide = TEXT_PX * span() / Math.max(1, root.clientWidth);
    stage.querySelectorAll('.vw-ed-part').forEach((one) => one.classList.toggle('roomy', Number(one.dataset.seconds) > wide));
  }
  drawChosen();
}

function drawChosen() {
  const mark = $('chosen'), line = $('cursor'), grips = root.querySelectorAll('.vw-ed-grip');
  if (mark && data) {
    mark.hidden = !chosen;
    if (chosen) {
      mark.className = 'vw-ed-chosen' + (chosen.kind === 'clip' ? '' : ' out');
      mark.style.left = percent(chosen.start, data.start, data.end) + '%';
      mark.style.width = (chosen.end - chosen.start) / (data.end - data.start) * 100 + '%';
    }
    line.style.left = percent(cursor, data.start, data.end) + '%';
    line.hidden = !cursor && !chosen;
  }
  grips.forEach((grip) => {
    const side = grip.dataset.side, at = chosen && chosen[side];
    // Beside the border, so that two that are close can still be told apart.
    grip.hidden = !chosen || config.preview || Boolean(config.off) || at < from - 0.001 || at > to + 0.001;
    if (grip.hidden) return;
    grip.style.left = percent(at, from, to) + '%';
    grip.setAttribute('aria-valuenow', at.toFixed(2));
    grip.setAttribute('aria-valuetext', clock(at));
  });
  about();
}

function say(text) { const line = $('about'); if (line.textContent !== text) line.textContent = text; }

function about() {
  const words = config.words, own = chosen && chosen.kind === 'clip', can = editable();
  root.classList.toggle('busy', pending);
  if (!root.classList.contains('gone')) {
    if (!chosen) say(data && data.shares ? words.crowded : config.preview ? words.hint_preview : words.hint);
    else {
      const times = { from: clock(chosen.start), to: clock(chosen.end), seconds: (chosen.end - chosen.start).toLocaleString(lang, { maximumFractionDigits: 2 }) };
      const name = own ? (chosen.id ? filled(words.clip, { number: chosen.id.split('-').pop().replace(/^0+/, '') }) : words.planned) : words['kind_' + chosen.kind];
      say([filled(words.about, { name, ...times }), ...chosen.marks.map((one) => words['mark_' + one] || one)].join(' · '));
    }
  }
  $('text').textContent = own ? chosen.text || '' : '';
  const next = own && following();
  const reasons = {
    split: !own ? words.choose_clip : '', remove: !own ? words.choose_clip : '', join: !own ? words.choose_clip : !next ? words.no_next : '',
    bring: !chosen || own ? words.choose_out : chosen.end - chosen.start > config.longest ? words.too_long : chosen.end - chosen.start < config.shortest ? words.too_short : '',
    undo: config.undo ? '' : words.no_undo,
  };
  root.querySelectorAll('[data-edit]').forEach((button) => {
    const why = config.off || (config.preview ? words.cut_first : '') || reasons[button.dataset.edit] || '';
    button.disabled = Boolean(why) || pending;
    button.title = why || button.dataset.title;
    button.hidden = button.dataset.edit === 'bring' ? !chosen || own : ['split', 'join', 'remove'].includes(button.dataset.edit) && Boolean(chosen) && !own;
  });
  $('nudges').hidden = !chosen || config.preview;
  root.querySelectorAll('[data-nudge]').forEach((button) => { button.disabled = !can; });
  $('play').setAttribute('aria-pressed', String(Boolean(playing)));
  $('play').querySelector('b').textContent = playing ? words.pause : words.play;
}

function choose(part) {
  chosen = part ? { ...part, marks: [...part.marks] } : null;
  if (typed) { clearTimeout(timers.commit); typed = null; }
}

function following() {
  const all = clips(), at = all.findIndex((part) => part.id === chosen.id);
  return at >= 0 ? all[at + 1] : null;
}

// ---- Listening: pieces from the server, one after the other, so that a recording of hours needs no seeking.

const audio = () => $('audio');
function play(begin, end) {
  const piece = Math.min(end, begin + config.piece_s);
  playing = { begin, piece, end };
  audio().src = `${config.piece}?start=${begin.toFixed(3)}&end=${piece.toFixed(3)}`;
  document.querySelectorAll('audio').forEach((other) => other !== audio() && other.pause());
  audio().play().catch(() => { playing = null; about(); });
  about();
  requestAnimationFrame(follow);
}

function stop() { playing = null; audio().pause(); about(); }

function follow() {
  if (!playing || !audio()) return;
  cursor = Math.min(playing.piece, playing.begin + audio().currentTime);
  if (cursor > to || cursor < from) view(cursor - span() * (1 - FOLLOW), span());
  drawCursor();
  requestAnimationFrame(follow);
}

function drawCursor() { const line = $('cursor'); if (line && data) { line.hidden = false; line.style.left = percent(cursor, data.start, data.end) + '%'; } }

function ended() {
  if (!playing) return;
  if (playing.piece < playing.end - 0.001) return play(playing.piece, playing.end);
  cursor = playing.end;
  playing = null;
  drawCursor();
  about();
}

function toggle() {
  if (playing) return stop();
  if (!chosen) return play(cursor >= config.seconds - 0.05 ? 0 : cursor, config.seconds);
  const inside = cursor >= chosen.start && cursor < chosen.end - 0.05;
  play(inside ? cursor : chosen.start, chosen.end);
}

// ---- Changing

// Between the neighbours: a border never enters another clip.
function limits(side) {
  const least = config.shortest, others = clips().filter((part) => part.id !== chosen.id);
  const out = chosen.kind !== 'clip' && data.parts.find((part) => part.kind !== 'clip' && part.start <= middle(chosen) && middle(chosen) < part.end);
  const low = out ? out.start : Math.max(0, ...others.filter((part) => part.end <= chosen.start + 0.005).map((part) => part.end));
  const high = out ? out.end : Math.min(config.seconds, ...others.filter((part) => part.start >= chosen.end - 0.005).map((part) => part.start));
  return side === 'start' ? [Math.max(low, chosen.end - config.longest), chosen.end - least] : [chosen.start + least, Math.min(high, chosen.start + config.longest)];
}

function setBorder(side, time) {
  const [low, high] = limits(side);
  chosen[side] = Math.round(Math.max(low, Math.min(time, high)) * 1e4) / 1e4;
  const long = chosen.end - chosen.start > config.limits[1], kept = chosen.marks.filter((one) => !['too_long', 'forced_' + side].includes(one));
  chosen.marks = chosen.kind === 'clip' && long ? [...kept, 'too_long'] : kept;
  drawChosen();
}

function nudge(side, seconds) {
  if (!editable() || !chosen) return;
  typed = chosen;
  setBorder(side, chosen[side] + seconds);
  later('commit', commit, COMMIT_MS);
}

// A moved border of a clip is sent; one of a left-out piece only says what would be brought back.
function commit() {
  typed = null;
  if (!chosen || chosen.kind !== 'clip') return;
  const was = clips().find((part) => part.id === chosen.id);
  if (was && (was.start !== chosen.start || was.end !== chosen.end)) send('move', chosen.id, { start: chosen.start, end: chosen.end }, middle(chosen));
}

function send(what, id, value, then) {
  if (!editable()) return;
  pending = true;
  waiting = then;
  if (timers.address) { clearTimeout(timers.address); delete timers.address; remember(); }
  about();
  // The answer brings a new stamp; without one (a lost connection) the page can be used again all the same.
  later('pending', () => { answered = true; load(true); }, 10000);
  // What is changed, as it is shown here: the server refuses if another window has changed it since.
  const seen = what === 'undo' ? config.undo_seen : clips().find((part) => part.id === id)?.seen || '';
  trigger('act', { do: what, id: id || '', value: JSON.stringify({ ...value, seen }), view: location.search });
}

function edit(what) {
  if (!editable()) return;
  if (typed) { clearTimeout(timers.commit); return commit(); }
  const own = chosen && chosen.kind === 'clip';
  if (playing) stop();
  if (what === 'undo' && config.undo) return send('undo', config.source, {}, chosen ? middle(chosen) : null);
  if (what === 'split' && own) {
    // With the cursor at an end there is nothing to split off: the middle is meant.
    const inside = cursor - chosen.start >= config.shortest && chosen.end - cursor >= config.shortest;
    const at = inside ? cursor : middle(chosen);
    return send('split', chosen.id, { at }, (chosen.start + at) / 2);
  }
  const next = what === 'join' && own && following();
  if (next) return send('join', chosen.id, { next: next.id, next_seen: next.seen }, middle(chosen));
  if (what === 'remove' && own) return send('remove', chosen.id, {}, middle(chosen));
  if (what === 'bring' && chosen && !own) send('bring', config.source, { start: chosen.start, end: chosen.end }, middle(chosen));
}

// ---- Mouse, finger, keys

const fingers = new Map();
let drag = null, lastTouch = '';
const timeAt = (x) => { const box = $('view').getBoundingClientRect(); return from + (x - box.left) / box.width * span(); };

function down(event) {
  if (event.button > 0 || !config || !event.target.closest('.vw-ed-view, .vw-ed-strip')) return;
  fingers.set(event.pointerId, event.clientX);
  lastTouch = event.pointerType;
  if (fingers.size === 2) { drag = { pinch: spread(), from, span: span() }; return; }
  const grip = event.target.closest('.vw-ed-grip');
  const whole = event.target.closest('.vw-ed-strip');
  if (grip && editable()) { drag = { side: grip.dataset.side, offset: timeAt(event.clientX) - chosen[grip.dataset.side] }; grip.focus({ preventScroll: true }); }
  else if (whole) { drag = { whole }; moveBox(event); }
  else if (event.target.closest('.vw-ed-view')) drag = { x: event.clientX, from, moved: false };
  if (drag) event.target.setPointerCapture?.(event.pointerId);
}

const spread = () => { const [one, other] = [...fingers.values()]; return Math.max(20, Math.abs(one - other)); };

function moveBox(event) {
  const box = drag.whole.getBoundingClientRect();
  view((event.clientX - box.left) / box.width * config.seconds - span() / 2, span());
}

function move(event) {
  if (!drag || !fingers.has(event.pointerId)) return;
  fingers.set(event.pointerId, event.clientX);
  if (drag.pinch) { const length = drag.span * drag.pinch / spread(); return view(drag.from + (drag.span - length) / 2, length); }
  if (drag.side) return setBorder(drag.side, timeAt(event.clientX) - drag.offset);
  if (drag.whole) return moveBox(event);
  const way = event.clientX - drag.x;
  if (!drag.moved && Math.abs(way) < GRAB_PX) return;
  drag.moved = true;
  view(drag.from - way / $('view').clientWidth * span(), span());
}

function up(event) {
  const done = drag;
  fingers.delete(event.pointerId);
  if (!done || fingers.size) return;
  drag = null;
  if (done.side) return event.type === 'pointercancel' ? cancel() : commit();
  if (event.type === 'pointerup' && done.moved === false) click(timeAt(event.clientX));
}

function click(time) {
  if (!data || data.shares) return zoom(0.2, time);
  let part = partAt(time);
  if (!part) return;
  // Of a long silence or a piece of music nobody wants all: what is around the click.
  if (part.kind !== 'clip' && part.end - part.start > config.longest)
    part = { ...part, start: Math.max(part.start, time - GAP_S / 2), end: Math.min(part.end, time + GAP_S / 2) };
  const again = chosen && chosen.kind === part.kind && time >= chosen.start && time < chosen.end;
  if (!again) choose(part);
  cursor = again ? time : chosen.start;
  later('address', remember, 300);
  drawChosen();
  play(cursor, chosen.end);
}

function cancel() {
  const was = chosen && data.parts.find((part) => part.id && part.id === chosen.id);
  if (was) choose(was);
  drawChosen();
}

function step(way) {
  if (!data || !data.parts.length) return;
  const at = chosen ? data.parts.findIndex((part) => part.start <= middle(chosen) && middle(chosen) < part.end) : -1;
  const all = data.parts.slice();
  let index = chosen ? at + way : all.findIndex((part) => part.kind === 'clip' && part.end > from);
  while (all[index] && all[index].kind === 'pause') index += way;
  if (!all[index]) return;
  choose(all[index]);
  cursor = chosen.start;
  show(chosen);
  drawChosen();
  later('address', remember, 300);
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const grip = event.target.closest('.vw-ed-grip');
  if (event.key === 'Escape' && typed) { cancel(); event.preventDefault(); }
  else if (event.key === 'Enter' && typed) { clearTimeout(timers.commit); commit(); event.preventDefault(); }
  else if (way && grip) { nudge(grip.dataset.side, way * STEP_S * (event.shiftKey ? 10 : 1)); event.preventDefault(); }
  else if (way && event.target.closest('.vw-ed-view')) { step(way); event.preventDefault(); }
}

let repeat = null;
function press(event) {
  const button = event.target.closest('[data-nudge]');
  if (!button || button.disabled) return;
  const [side, way] = button.dataset.nudge.split(' ');
  const once = () => nudge(side, Number(way) * STEP_S * (event.shiftKey ? 10 : 1));
  once();
  repeat = setTimeout(() => { repeat = setInterval(once, 60); }, 350);
}
function release() { clearTimeout(repeat); clearInterval(repeat); repeat = null; }

function build() {
  root.innerHTML = props.skeleton;
  root.addEventListener('pointerdown', down);
  root.addEventListener('pointermove', move);
  root.addEventListener('pointerup', up);
  root.addEventListener('pointercancel', up);
  root.addEventListener('keydown', key);
  root.addEventListener('pointerdown', press);
  ['pointerup', 'pointercancel', 'pointerleave'].forEach((name) => root.addEventListener(name, release));
  root.addEventListener('dblclick', (event) => {
    if (lastTouch === 'touch' || !event.target.closest('.vw-ed-view') || event.target.closest('.vw-ed-grip') || !chosen) return;
    cursor = timeAt(event.clientX);
    if (chosen.kind === 'clip') edit('split');
  });
  $('view').addEventListener('wheel', (event) => {
    if (!config || (!event.ctrlKey && !event.metaKey && !event.shiftKey && Math.abs(event.deltaX) <= Math.abs(event.deltaY))) return;
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) return zoom(Math.exp(Math.max(-50, Math.min(50, event.deltaY)) / 100), timeAt(event.clientX));
    view(from + (event.deltaX || event.deltaY) / $('view').clientWidth * span(), span());
  }, { passive: false });
  root.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (!button || button.disabled || !config) return;
    // Else Space would press this button again, where it should play.
    if (event.detail > 0) $('view').focus({ preventScroll: true });
    if (button.dataset.edit) edit(button.dataset.edit);
    else if (button.dataset.zoom) zoom(Number(button.dataset.zoom));
    else if (button.dataset.scroll) view(from + Number(button.dataset.scroll) * span() * 0.8, span());
    else if (button === $('play')) toggle();
    else if (button.dataset.nudge && event.detail === 0) { const [side, way] = button.dataset.nudge.split(' '); nudge(side, Number(way) * STEP_S); }
  });
  audio().addEventListener('ended', ended);
  audio().addEventListener('pause', () => { if (playing && !audio().ended) stop(); });
  new ResizeObserver(() => { if (config && root.clientWidth) { draw(); later('fetch', load, 200); } }).observe(root);
}

// ---- What the server says

function render() {
  const next = props.value ? JSON.parse(props.value) : null;
  root.hidden = !next;
  if (!next) { config = null; return; }
  if (!root.firstChild) build();
  if (timers.address) { clearTimeout(timers.address); delete timers.address; remember(); }
  const other = !config || config.source !== next.source || config.window !== next.window;
  const changed = !config || config.stamp !== next.stamp;
  config = next;
  const place = new URLSearchParams(location.search);
  const [begin, end, at] = ['from', 'to', 'at'].map((name) => parseFloat(place.get(name)));
  if (other) { data = null; chosen = null; cursor = 0; if (playing) stop(); $('whole').innerHTML = ''; $('stage').innerHTML = ''; }
  if (other || (end > begin && (Math.abs(begin - from) > 0.02 || Math.abs(end - to) > 0.02))) {
    const length = end > begin ? end - begin : Math.max(15, (root.clientWidth || 1000) / 18);
    from = Math.max(0, Math.min(end > begin ? begin : 0, config.seconds - Math.min(length, config.seconds)));
    to = Math.min(config.seconds, from + length);
    if (at >= 0) { waiting = at; cursor = at; }
  }
  answered = answered || changed;
  draw();
  load(changed);
  if (changed) loadOverview();
}

render();
onValue(render);
