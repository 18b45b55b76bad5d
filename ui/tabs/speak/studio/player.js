// Plays the lines of a text one after the other, and waits for those that are about to be spoken. Each is asked for when
// its turn comes, never before: what a person changes meanwhile is heard as it is then.
const LOOK_MS = 1000, BEGIN_MS = 30000;
const box = () => root.querySelector('.vw-player'), sound = () => root.querySelector('.vw-player audio');
let course = 0;     // an answer to what was asked in an earlier one comes in vain
let timer = 0;
let line = null;    // the one that is heard, or was last: its id, number, the pause after it, and whether the next follows
let text = '', note = '';

// A rule, no class: lines are made anew all the time. By the line's id: its number changes with lines before it.
const rule = document.head.appendChild(document.createElement('style'));
function mark(id) {
  rule.textContent = id ? `.vw-said[data-key="line-${Number(id)}"] { background: var(--vw-accent-soft); border-radius: 10px; }` : '';
}
function say(word, values = {}) {
  note = word && box() ? box().dataset[word].replace(/\{(\w+)\}/g, (_, name) => values[name]) : '';
  show();
}
function show() {
  const now = root.querySelector('.vw-now');
  if (now && now.textContent !== note) now.textContent = note;
}
// After every change of the panel: what it says stays; with another text everything begins anew.
onValue(() => {
  const list = box()?.dataset.list || '';
  if (list !== text) { text = list; stop(); line = null; mark(0); say(''); }
  show();
});
text = box()?.dataset.list || '';

function stop() { course += 1; clearTimeout(timer); }
function later(work, ms) { clearTimeout(timer); timer = setTimeout(work, ms); }
function play(next) {
  line = next;
  mark(line.line);
  sound().src = line.url;
  sound().play().catch(() => {});  // left before it began; a sound that is missing is an 'error'
}
async function ask(place) {
  const mine = course;
  let answer;
  try {
    const response = await fetch(`${text}?${place}`, { cache: 'no-store' });
    answer = response.ok ? await response.json() : response.status === 404 ? {} : { waits: true };
  } catch { answer = { waits: true }; }  // a server that is started anew
  return mine === course && box() ? answer : null;
}
async function next(place) {
  const answer = await ask(place);
  if (!answer) return;
  if (answer.item) {
    say(answer.skipped ? 'after' : 'line', { number: answer.item.number, count: answer.skipped });
    return play({ ...answer.item, isRow: true });
  }
  mark(0);
  if (answer.waits) { say('waits'); return later(() => next(place), LOOK_MS); }
  line = null;
  say(answer.skipped ? 'rest' : 'end', { count: answer.skipped });
}
const goOn = () => next(`after=${line.line}&number=${line.number}`);
const isHeard = () => sound() && !sound().paused && !sound().ended;

// Whoever has the text spoken hears it from its first new line on, as soon as that is there. The click comes long before
// the job: until somebody is about to speak, there is nothing to wait for and no end either.
async function alongFrom(number, until) {
  const answer = await ask(`number=${number}`);
  if (!answer) return;
  if (answer.waits || answer.item?.number === number) next(`number=${number}`);
  else if (performance.now() < until) later(() => alongFrom(number, until), LOOK_MS / 2);
}
document.addEventListener('click', (event) => {
  const tick = event.target.closest('#studio-speak') && document.querySelector('[data-play-along]');
  if (!tick?.checked || !box() || isHeard()) return;
  stop();
  say('');
  alongFrom(Number(tick.dataset.playAlong), performance.now() + BEGIN_MS);
});
const ALONG = 'vw-play-along';
document.addEventListener('change', (event) => {
  const tick = event.target.closest('[data-play-along]');
  if (!tick) return;
  if (!tick.checked && !isHeard()) { stop(); say(''); }
  try { localStorage.setItem(ALONG, tick.checked ? '' : 'off'); } catch { /* a browser that keeps nothing */ }
});

element.addEventListener('click', (event) => {
  if (!event.target.closest('[data-play-text]')) return;
  stop();
  next(`number=${line?.number || 1}`);  // from the line that a person is at, else from the first
});
document.addEventListener('vw-play', (event) => {
  if (!sound()) return;
  stop();
  say('line', event.detail);
  play(event.detail);
});
element.addEventListener('ended', () => { if (line?.isRow) later(goOn, 1000 * line.pause_s); }, true);
element.addEventListener('error', () => {
  if (!line) return;
  mark(0);
  say('broken', { number: line.number });
  if (line.isRow) later(goOn, 2 * LOOK_MS);  // long enough to be read
}, true);
// What was chosen in this browser before.
const remembered = new MutationObserver(() => {
  const tick = document.querySelector('[data-play-along]');
  if (!tick || tick.vwRemembered) return;
  tick.vwRemembered = true;
  try { tick.checked = localStorage.getItem(ALONG) !== 'off'; } catch { /* as above */ }
});
remembered.observe(document.querySelector('#page-speak') || document.body, { childList: true, subtree: true });
