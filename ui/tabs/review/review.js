// Review: players, the word at the play head, keys, and where the focus stands. Runs after panel.js, with its names.
const RATES = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];
const $ = (selector) => root.querySelector(selector);
const card = () => $('#review-card');
const player = () => $('#review-card audio[controls]');
const field = () => $('#review-text');
const isOpen = () => window.vw.tab() === 'review';
// A browser may be told to keep nothing; the page works all the same.
const kept = (store, name) => { try { return window[store].getItem(name); } catch { return null; } };
const keep = (store, name, value) => { try { value === null ? window[store].removeItem(name) : window[store].setItem(name, value); } catch { /* as it says above */ } };
let rate = Number(kept('localStorage', 'vw-rate')) || 1, loops = false, shown = '', acted = false;

// ---- What is heard

const start = (sound, from) => {
  if (from !== undefined) sound.currentTime = from;
  sound.playbackRate = rate;
  sound.play().catch(() => {});  // another clip came first, or the browser wants a click before it plays
};
function tune() {
  const output = $('#review-rate');
  if (output) output.textContent = rate.toLocaleString(document.documentElement.lang || undefined) + '×';
  $('[data-loop]')?.setAttribute('aria-pressed', loops);
  const sound = player();
  if (sound) { sound.playbackRate = sound.defaultPlaybackRate = rate; sound.loop = loops; }
}
function changeRate(step) {
  const place = RATES.indexOf(rate) < 0 ? 2 : RATES.indexOf(rate);
  rate = RATES[Math.max(0, Math.min(RATES.length - 1, place + step))];
  keep('localStorage', 'vw-rate', rate);
  tune();
}
const seek = (seconds) => {
  const sound = player();
  if (sound) sound.currentTime = Math.max(0, Math.min(sound.duration || 0, sound.currentTime + seconds));
};

// ---- Words

const words = () => [...root.querySelectorAll('.vw-word')];
// Painted as often as the screen is while it plays, and no oftener than it plays: 'timeupdate' comes four times a second.
let painting = 0;
function paint() {
  const sound = player();
  painting = 0;
  if (!sound) return;
  const at = sound.currentTime;
  $('[data-wave]')?.style.setProperty('--at', sound.duration ? at / sound.duration : 0);
  const here = !sound.paused || at > 0 ? words().filter((word) => Number(word.dataset.at) <= at + 0.02).at(-1) : null;
  const now = here && at <= Number(here.dataset.to) + 0.15 ? here : null;
  root.querySelectorAll('.vw-word.now').forEach((word) => word !== now && word.classList.remove('now'));
  now?.classList.add('now');
  if (!sound.paused && !document.hidden) painting = requestAnimationFrame(paint);
}
for (const event of ['play', 'seeked', 'pause']) {
  element.addEventListener(event, (it) => { if (it.target === player() && !painting) paint(); }, true);
}
const playWord = (word) => { const sound = player(); if (sound) start(sound, Number(word.dataset.at)); };
function focusWord(word) {
  words().forEach((other) => { other.tabIndex = other === word ? 0 : -1; });
  word?.focus();
}
function nextDoubt() {
  const doubts = words().filter((word) => word.classList.contains('doubt'));
  const place = doubts.indexOf(document.activeElement);
  const next = doubts[(place + 1) % doubts.length];
  if (next) { focusWord(next); playWord(next); } else write();
}
function takeWord(button) {
  const text = field();
  const { begin, end, text: other } = button.dataset;
  if (text.value !== text.defaultValue) return write();  // typed in since: where the word stands is not known any more
  text.value = text.value.slice(0, begin) + other + text.value.slice(end);
  acted = true;
  text.dispatchEvent(new Event('change', { bubbles: true }));
}

// ---- Text

const doubts = () => JSON.parse(field()?.dataset.doubts || '[]');
function write() {
  const text = field();
  if (!text) return;
  text.focus();
  const [begin, end] = doubts()[0] || [text.value.length, text.value.length];
  if (text.value === text.defaultValue) text.setSelectionRange(begin, end);
}
function nextDoubtInText() {
  const text = field(), all = text.value === text.defaultValue ? doubts() : [];
  const next = all.find(([begin]) => begin > text.selectionStart) || all[0];
  if (next) text.setSelectionRange(...next);
}
function saveAndApprove() {
  // The decision takes the text along; left as it is, the field would save it by itself as well.
  const text = field();
  text.removeAttribute('data-do');
  card().focus({ preventScroll: true });
  text.dataset.do = 'text';  // if the decision is refused, what is typed next counts again
  $('#review-approved').click();
}
// What the model will read of it, a moment after the last key.
let typing = 0, asked = 0;
element.addEventListener('input', (event) => {
  if (event.target !== field()) return;
  keepDraft();
  clearTimeout(typing);
  typing = setTimeout(async () => {
    const reads = $('#review-reads'), number = ++asked;
    const body = JSON.stringify({ text: field().value.slice(0, 20000) });
    try {
      const answer = await fetch(reads.dataset.url, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
      if (answer.ok && number === asked && reads.isConnected) reads.innerHTML = await answer.text();
    } catch { /* the page says by itself that the server is gone */ }
  }, 250);
});
// What was typed and not saved outlives a reload of the page.
const DRAFT = 'vw-review-draft';
const keepDraft = () => keep('sessionStorage', DRAFT, JSON.stringify([location.pathname, window.vw.project(), card().dataset.clip, field().defaultValue, field().value]));
function restoreDraft() {
  const [, project, clip, before, text] = JSON.parse(kept('sessionStorage', DRAFT) || '[]');
  if (!clip || project !== window.vw.project() || clip !== card().dataset.clip) return;
  if (before === field().defaultValue && field().value === before) field().value = text;
  else keep('sessionStorage', DRAFT, null);
}
element.addEventListener('change', (event) => { if (event.target === field()) keep('sessionStorage', DRAFT, null); });

// ---- What is shown anew

// On a small or zoomed window a new clip below the fold would be decided unseen.
function bring(now) {
  const { top, bottom } = now.getBoundingClientRect();
  if (top > innerHeight / 2 || bottom < innerHeight / 4) now.scrollIntoView({ block: 'start' });
}
function settle() {
  const now = card();
  if (!now) { if (acted && isOpen()) $('.vw-empty button')?.focus({ preventScroll: true }); acted = false; shown = ''; return; }
  tune();
  $('.vw-listed')?.classList.remove('waiting');
  const turned = shown && now.dataset.clip !== shown;
  if (now.dataset.clip !== shown) {
    const first = !shown, sound = player();
    shown = now.dataset.clip;
    $('[data-wave]')?.style.setProperty('--at', 0);
    moving = null;
    // What a moved end cuts is heard on; the new clip does not talk over it.
    if (!movedSide) root.querySelectorAll('audio').forEach((other) => other !== sound && other.pause());
    if (sound && !first && !movedSide && isOpen() && now.dataset.plays === 'yes') start(sound, 0);
    if (first) restoreDraft();
  }
  const active = document.activeElement;
  const inPanel = acted && root.contains(active) && !/TEXTAREA|INPUT|SELECT/.test(active.nodeName);
  const lost = !active || active === document.body;
  const kept = movedSide && grip(movedSide);
  if (isOpen() && (inPanel || (lost && (acted || turned)))) {
    (kept || now).focus({ preventScroll: true });
    if (acted) bring(now);
  }
  acted = false;
}
onValue(settle);
settle();

// ---- Keys and clicks

element.addEventListener('click', (event) => {
  // A clip with a moved end is another one, to be decided on anew: what is pressed before it is shown is not meant for it.
  if (event.target.closest('[data-do], [data-view]') && (movedSide || commitEnds())) return event.stopImmediatePropagation();
  const split = event.target.closest('[data-do=split]');
  if (split) $('#review-at').value = player()?.currentTime || 0;
  if (event.target.closest('[data-do], #review-card [data-view], .vw-next [data-view]')) acted = true;
  if (event.target.closest('[data-turn]')) $('.vw-listed').classList.add('waiting');
}, true);
element.addEventListener('click', (event) => {
  const word = event.target.closest('.vw-word'), other = event.target.closest('.vw-other');
  if (word) { focusWord(word); playWord(word); }
  if (other) takeWord(other);
  const step = event.target.closest('[data-rate]');
  if (step) changeRate(Number(step.dataset.rate));
  if (event.target.closest('[data-loop]')) { loops = !loops; tune(); }
  if (event.target.closest('#review-write')) write();
  if (event.target.closest('[data-help]')) help();
});

// The sheet is copied out of the panel: what is patched meanwhile would close it.
function help() {
  const sheet = document.createElement('dialog');
  sheet.className = 'vw-panel vw-sheet';
  sheet.innerHTML = $('#review-sheet').innerHTML;
  sheet.setAttribute('aria-label', sheet.querySelector('h2').textContent);
  sheet.addEventListener('click', (event) => { if (event.target === sheet || event.target.closest('[data-close]')) sheet.close(); });
  sheet.addEventListener('close', () => { sheet.remove(); card()?.focus({ preventScroll: true }); });
  document.body.append(sheet);
  sheet.showModal();
}

const press = (selector) => { const button = $(selector); if (button && !button.disabled) button.click(); };
const KEYS = {
  e: write, d: nextDoubt, t: () => press('#take-second_text, #take-raw_text'), l: () => press('[data-loop]'),
  '[': () => grip('start')?.focus(), ']': () => grip('end')?.focus(),
  p: () => player() && start(player(), 0), '?': help, '/': () => $('#review-search')?.focus(),
  '+': () => changeRate(1), '=': () => changeRate(1), '-': () => changeRate(-1), '−': () => changeRate(-1), f8: nextDoubt,
};
function reasons(event) {
  const choice = $('#review-reasons');
  if (!choice) return false;
  if (event.shiftKey && event.key.toLowerCase() === 'r') { askReason(); return true; }
  if (!choice.open) return false;
  if (event.key === 'Escape') { choice.open = false; card().focus({ preventScroll: true }); return true; }
  const button = /^[0-9]$/.test(event.key) && choice.querySelectorAll('.vw-btn')[Number(event.key)];
  if (button) button.click();
  return !!button;
}
// Before the keys of the whole page, which know of no modifiers.
document.addEventListener('keydown', (event) => {
  if (!isOpen() || !card() || document.querySelector('dialog[open]')) return;
  const key = event.key.toLowerCase(), target = event.target;
  const done = () => { event.preventDefault(); event.stopImmediatePropagation(); };
  if (target === field()) {
    if (key === 'enter' && (event.ctrlKey || event.metaKey)) { done(); saveAndApprove(); }
    else if (key === 'f8') { done(); nextDoubtInText(); }
    else if (key === 'escape') { done(); acted = true; card().focus({ preventScroll: true }); }
    return;
  }
  if (/INPUT|TEXTAREA|SELECT/.test(target.nodeName) || target.closest('audio')) return;
  if ((event.ctrlKey || event.metaKey) && key === 'z') { done(); return press(event.shiftKey ? '.vw-tools [data-do=redo]' : '.vw-tools [data-do=undo]'); }
  if (gripKey(event, key)) return done();
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (!event.repeat && reasons(event)) return done();
  if (event.shiftKey && (key === 'arrowleft' || key === 'arrowright')) { done(); return seek(key === 'arrowleft' ? -1 : 1); }
  if (event.shiftKey && key === 'z') { done(); return press('.vw-tools [data-do=redo]'); }
  const word = target.closest('.vw-word');
  if (word && (key === 'arrowleft' || key === 'arrowright')) {
    const all = words(), forward = (key === 'arrowright') === (getComputedStyle(word).direction !== 'rtl');
    done();
    return focusWord(all[Math.max(0, Math.min(all.length - 1, all.indexOf(word) + (forward ? 1 : -1)))]);
  }
  if (key === 'enter' && (target === document.body || target === card())) { done(); return write(); }
  if (!event.repeat && KEYS[key]) { done(); acted = true; KEYS[key](); acted = key === 't'; }
}, true);
