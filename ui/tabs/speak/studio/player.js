// Plays the lines of a text one after the other, as far as they are spoken, and waits for those that are on their way.
const PAUSE_LOOK_MS = 1000;
let queue = [], current = null, timer = 0, course = 0;
const box = () => root.querySelector('.vw-player'), sound = () => root.querySelector('.vw-player audio');

// A rule, no class: lines are made anew all the time.
const rule = document.head.appendChild(document.createElement('style'));
let marked = 0;
function mark(number) {
  marked = Number(number) || marked;
  rule.textContent = number ? `.vw-said[data-number="${number}"] { background: var(--vw-accent-soft); border-radius: 10px; }` : '';
  const now = root.querySelector('.vw-now');
  if (now) now.textContent = number ? `${now.dataset.lineWord} ${number}` : '';
}
function play(url, number) {
  const player = sound();
  if (!player) return;
  mark(number);
  player.src = url;
  player.play().catch(() => {});  // left before it began
}
async function next(after) {
  const mine = course, list = box()?.dataset.list;
  if (!list) return;
  if (!queue.length) {
    let answer;
    try { answer = await (await fetch(`${list}?after=${after}`, { cache: 'no-store' })).json(); } catch { answer = { items: [], waits: true }; }
    if (mine !== course) return;
    queue = answer.items;
    if (!queue.length) {
      mark('');
      const now = root.querySelector('.vw-now');
      if (answer.waits) {
        if (now) now.textContent = now.dataset.waiting;
        timer = setTimeout(() => next(after), PAUSE_LOOK_MS);
      }
      current = null;
      return;
    }
  }
  current = queue.shift();
  play(current.url, current.number);
}
// Whoever has the text spoken hears it from its first new line on, as soon as that is there.
const ALONG = 'vw-play-along', LOOK_MS = 500;
let along = 0, looks = 0;
function begin(number) {
  clearInterval(looks);
  along = number;
  looks = setInterval(() => {
    if (!along) return clearInterval(looks);
    if (!box() || current) return;
    const from = along;
    along = 0;
    stop();
    next(from - 1);
  }, LOOK_MS);
}
document.addEventListener('click', (event) => {
  if (!event.target.closest('#studio-speak')) return;
  const tick = document.querySelector('[data-play-along]');
  if (tick?.checked) begin(Number(tick.dataset.playAlong));
});
document.addEventListener('change', (event) => {
  const tick = event.target.closest('[data-play-along]');
  if (!tick) return;
  if (!tick.checked) along = 0;
  try { localStorage.setItem(ALONG, tick.checked ? '' : 'off'); } catch { /* a browser that keeps nothing */ }
});
function stop() { course += 1; clearTimeout(timer); queue = []; current = null; }

element.addEventListener('click', (event) => {
  if (!event.target.closest('[data-play-text]')) return;
  // From the line that a person is at, else from the first.
  const line = marked || 1;
  stop();
  next(line - 1);
});
document.addEventListener('vw-play', (event) => {
  if (!sound()) return;
  stop();
  play(event.detail.url, event.detail.number);
});
element.addEventListener('ended', () => {
  if (!current) return;
  const from = current;
  timer = setTimeout(() => next(from.number), 1000 * from.pause_s);
}, true);
// What was chosen in this browser before.
const remembered = new MutationObserver(() => {
  const tick = document.querySelector('[data-play-along]');
  if (!tick || tick.vwRemembered) return;
  tick.vwRemembered = true;
  try { tick.checked = localStorage.getItem(ALONG) !== 'off'; } catch { /* as above */ }
});
remembered.observe(document.querySelector('#page-speak') || document.body, { childList: true, subtree: true });
