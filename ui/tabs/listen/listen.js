// The blind pair: both sounds are decoded before, keys play and switch, votes tell what was heard. Runs after panel.js.
const NAME = 'vw-listener';
const LETTERS = ['A', 'B'];
const ROUNDS = 5;  // it goes on by itself, so that one can go to and fro
const box = () => root.querySelector('[data-ab]');
const stored = () => { try { return localStorage.getItem(NAME) || ''; } catch { return ''; } };
let player = null, pairId = '';

// Who listens is known to this browser; the address tells the server.
function sayWho() {
  if (window.vw.tab() !== 'listen') return;
  const query = new URLSearchParams(location.search), name = stored();
  if (name && !query.get('by')) {
    history.replaceState({}, '', window.vw.merged('by=' + encodeURIComponent(name)));
    window.vw.refresh();
  }
}
element.addEventListener('change', (event) => {
  if (!event.target.matches('[data-listener]')) return;
  try { localStorage.setItem(NAME, event.target.value.trim()); } catch { /* a browser that keeps nothing */ }
}, true);

function sync() {
  sayWho();
  const part = box();
  if (!part) { player?.pause(); player = null; pairId = ''; return; }
  if (part.dataset.pair !== pairId) {
    player?.pause();
    pairId = part.dataset.pair;
    player = new window.vw.AbPlayer([part.dataset.left, part.dataset.right], paint, { rounds: ROUNDS });
    window.vw.ab = player;
  }
  for (const url of (part.dataset.next || '').split(' ').filter(Boolean)) window.vw.AbPlayer.load(url).catch(() => {});
  paint();
}
const enough = () => (box()?.dataset.enough || '0 0').split(' ').map(Number);
const heard = () => [0, 1].map((side) => player.heardSeconds(side));
const missing = () => enough().map((seconds, side) => Math.max(0, seconds - 0.05 - heard()[side]));

function paint() {
  const part = box();
  if (!part || !player || part.dataset.pair !== pairId) return;
  const lacks = missing(), loaded = Boolean(player.buffers);
  part.querySelectorAll('.vw-side').forEach((card, side) => {
    card.classList.toggle('heard', player.picked === side && Boolean(player.playing));
    card.setAttribute('aria-pressed', player.picked === side);
    const needed = enough()[side] || 1;
    card.querySelector('.vw-heardbar i').style.width = Math.min(100, 100 * heard()[side] / needed) + '%';
  });
  const place = part.querySelector('.vw-place i');
  place.style.width = player.seconds ? Math.min(100, 100 * player.position / player.seconds) + '%' : '0';
  const play = part.querySelector('#play-pair span');
  play.textContent = player.playing ? play.dataset.pause : play.dataset.play;
  const hint = part.querySelector('.vw-hear');
  if (!hint) return;
  for (const button of part.querySelectorAll('[data-vote]')) button.disabled = !loaded || lacks.some((seconds) => seconds > 0);
  const sides = LETTERS.filter((_, side) => lacks[side] > 0).join(` ${hint.dataset.and} `);
  const message = player.error ? hint.dataset.broken : !loaded ? hint.dataset.loading : sides ? hint.dataset.more.replace('{sides}', sides) : hint.dataset.ready;
  if (hint.textContent !== message) hint.textContent = message;
}
element.addEventListener('click', (event) => {
  if (!player) return;
  const side = event.target.closest('.vw-side');
  if (side) {
    const wish = LETTERS.indexOf(side.dataset.side);
    if (player.playing && player.picked === wish) return player.pause();
    player.pick(wish);
    if (!player.playing) player.play().catch(() => {});
    return;
  }
  if (event.target.closest('#play-pair')) return void player.toggle();
  const answer = event.target.closest('[data-vote]');
  if (!answer || answer.disabled || answer.classList.contains('busy')) return;
  answer.classList.add('busy');
  setTimeout(() => answer.classList.remove('busy'), 600);
  window.vw.act();
  player.pause();
  const value = JSON.stringify({ heard: heard() });
  trigger('act', { do: answer.dataset.vote, id: pairId, value, view: location.search, seen: '', window: windowId });
});
window.addEventListener('popstate', sync);
sync();
onValue(sync);
