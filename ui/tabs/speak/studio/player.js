// Plays the lines of a text one after the other, as far as they are spoken, and waits for those that are on their way.
const PAUSE_LOOK_MS = 1000;
let queue = [], current = null, timer = 0, course = 0;
const box = () => root.querySelector('.vw-player'), sound = () => root.querySelector('.vw-player audio');

function mark(number) {
  document.querySelectorAll('.vw-said.playing').forEach((line) => line.classList.remove('playing'));
  const line = number && document.querySelector(`.vw-said[data-number="${number}"]`);
  if (line) line.classList.add('playing');
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
function stop() { course += 1; clearTimeout(timer); queue = []; current = null; }

element.addEventListener('click', (event) => {
  if (!event.target.closest('[data-play-text]')) return;
  // From the line that a person is at, else from the first.
  const line = document.querySelector('.vw-said.playing')?.dataset.number || 1;
  stop();
  next(Number(line) - 1);
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
