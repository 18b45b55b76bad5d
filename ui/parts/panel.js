// Patches the panel's content in place and sends 'act' events for elements with data-do.
const root = element.querySelector('.vw-panel');

const key = (node) => node.dataset?.key || '';
const kind = (node) => node.nodeType + node.nodeName + (node.classList?.[0] || '') + '#' + key(node);

// Makes the children of `from` those of `to`. An element that is still wanted stays where it is, since moving it would
// stop its player: what is new is put in before it, what is gone is taken out.
function patch(from, to) {
  const fresh = [...to.childNodes], wanted = new Set(fresh.map(key).filter(Boolean));
  const keep = (node) => wanted.has(key(node));
  let now = from.firstChild;
  for (const node of fresh) {
    let match = now;
    while (match && kind(match) !== kind(node) && (key(node) || !keep(match))) match = match.nextSibling;
    if (!match || kind(match) !== kind(node)) { from.insertBefore(node, now); continue; }
    while (now !== match && !keep(now)) { const gone = now; now = now.nextSibling; gone.remove(); }
    if (now === match) now = now.nextSibling; else from.insertBefore(match, now);
    update(match, node);
  }
  while (now) { const gone = now; now = now.nextSibling; gone.remove(); }
}

function update(now, node) {
  if (now.nodeType !== 1) { if (now.data !== node.data) now.data = node.data; return; }
  // A script's own sound: taken away before a browser has looked at it, it would never begin, and without a word.
  const own = 'own' in now.dataset ? 'src' : '';
  for (const { name } of [...now.attributes])
    if (!node.hasAttribute(name) && name !== own && !(name === 'open' && now.nodeName === 'DETAILS')) now.removeAttribute(name);
  for (const { name, value } of [...node.attributes])
    if (now.getAttribute(name) !== value) {
      // A player that hears something as it is spoken goes on with that: the whole waits for its end.
      if (name === 'src' && 'live' in now.dataset && !now.paused && !now.ended) { now.nextSource = value; continue; }
      now.setAttribute(name, value);
      if (name === 'value' && now !== document.activeElement) now.value = value;
    }
  if (now.nodeName === 'TEXTAREA') {
    if (now.defaultValue !== node.defaultValue) {
      now.defaultValue = node.defaultValue;
      if (now !== document.activeElement) now.value = node.value;
    }
    return;
  }
  patch(now, node);
  // What a person picked hides a later `selected` attribute.
  if (now.nodeName === 'SELECT' && now !== document.activeElement) now.value = node.value;
}

let arrived = '';
function render() {
  // A template is inert: nothing in it loads or plays before it is taken over.
  const next = document.createElement('template');
  next.innerHTML = props.value || '';
  patch(root, next.content);
  if (root.querySelector('.vw-steps')) window.vw.show(window.vw.tab());
  const move = root.querySelector('[data-arrive]');
  const stamp = move ? move.dataset.arrive + '#' + move.dataset.stamp : '';
  const late = move?.dataset.madeFor && move.dataset.madeFor !== location.search;
  if (stamp && stamp !== arrived && !late) window.vw.arrive(move.dataset.arrive);
  if (!late) arrived = stamp;
  reveal();
  startFirstSound();
}

// What a click had spoken is heard from its first sound on. Not by 'autoplay', which waits until the rest would come fast
// enough: a slow computer speaks slower than it is heard.
const startedPlayers = new Set();
function startFirstSound() {
  for (const player of root.querySelectorAll('audio[data-begin]')) {
    if (startedPlayers.has(player.dataset.begin)) continue;
    startedPlayers.add(player.dataset.begin);
    if (navigator.userActivation?.hasBeenActive && document.hasFocus()) player.play().catch(() => {});
  }
}

// What a click has brought about (a job, a question) is brought into view once, where it first appears.
const revealed = new Set();
function reveal() {
  for (const part of root.querySelectorAll('[data-reveal]')) {
    const isNew = !revealed.has(part.dataset.reveal);
    revealed.add(part.dataset.reveal);
    if (!isNew || !window.vw.hasActed()) continue;
    part.scrollIntoView({ block: 'nearest' });
    // Other parts of the page follow (a form that opens again), unless somebody scrolls on meanwhile.
    const place = window.scrollY;
    setTimeout(() => {
      if (part.isConnected && Math.abs(window.scrollY - place) < 2) part.scrollIntoView({ block: 'nearest' });
    }, 500);
  }
}

const windowId = Math.random().toString(36).slice(2);
const near = (target, name) => target.closest(`[${name}]`)?.getAttribute(name) || '';
function send(target) {
  const { do: what, id } = target.dataset;
  window.vw.act();
  // data-value-of: a button (or what it stands in) that takes the content of a field along.
  // Not dataset.valueOf: every object has a function of that name.
  const selector = near(target, 'data-value-of');
  const field = selector ? root.querySelector(selector) : target;
  // data-seen: what the button stands on, as this window shows it.
  const seen = near(target, 'data-seen');
  trigger('act', {
    do: what, id: id || '', value: field && 'value' in field ? String(field.value) : '', view: location.search,
    seen, window: windowId,
  });
}

element.addEventListener('click', (event) => {
  const link = event.target.closest('[data-go]');
  if (link && element.contains(link)) return window.vw.go(link.dataset.go, link.dataset.view);
  const project = event.target.closest('button[data-open]');
  if (project && element.contains(project)) return window.vw.open(project.dataset.open, project.dataset.tab);
  const place = event.target.closest('button[data-view]');
  if (place && element.contains(place) && !place.disabled) return window.vw.place(place.dataset.view);
  const target = event.target.closest('button[data-do], a[data-do], tr[data-do]');
  if (!target || !element.contains(target) || target.disabled) return;
  if (target.classList.contains('busy')) return;  // the second half of a double click
  if (target.dataset.confirm && !window.confirm(target.dataset.confirm)) return;
  target.classList.add('busy');
  setTimeout(() => target.classList.remove('busy'), 600);
  send(target);
});
element.addEventListener('change', (event) => {
  const target = event.target.closest('input[data-do], select[data-do], textarea[data-do]');
  // A name cannot be taken away: the field shows again what it was.
  if (target && target.required && !target.value.trim()) target.value = target.defaultValue;
  else if (target) send(target);
  const place = event.target.closest('select[data-view], input[data-view]');
  if (place) window.vw.place(place.dataset.view + '=' + encodeURIComponent(place.value));
});
// A form with data-do sends its fields by name, as JSON, and the name and value of the button that was pressed.
element.addEventListener('submit', (event) => {
  const form = event.target.closest('form[data-do]');
  if (!form) return;
  event.preventDefault();
  const fields = JSON.stringify(Object.fromEntries(new FormData(form, event.submitter)));
  if (form.sent === fields) return;  // the second half of a double click
  form.sent = fields;
  setTimeout(() => { form.sent = null; }, 600);
  window.vw.act();
  trigger('act', {
    do: form.dataset.do, id: form.dataset.id || '', value: fields, view: location.search,
    seen: near(form, 'data-seen'), window: windowId,
  });
});
// A picture with data-wave shows where its player is (--at, 0 to 1); a click on it goes there.
element.addEventListener('timeupdate', (event) => {
  const box = event.target.closest('[data-wave]');
  if (box && event.target.controls && event.target.duration) box.style.setProperty('--at', event.target.currentTime / event.target.duration);
}, true);
element.addEventListener('click', (event) => {
  const picture = event.target.closest('.vw-wave');
  const player = picture && picture.closest('[data-wave]')?.querySelector('audio[controls]');
  if (!player) return;
  const box = picture.getBoundingClientRect();
  const seek = () => { player.currentTime = (event.clientX - box.left) / box.width * player.duration; };
  player.readyState ? seek() : player.addEventListener('loadedmetadata', seek, { once: true });
  player.play().catch(() => {});  // left before it began
});
// A button with data-switch goes on in the other of two players, at the same place.
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-switch]');
  if (!button) return;
  const [first, second] = button.closest('[data-players]').querySelectorAll('audio');
  const from = first.paused ? second : first, to = from === first ? second : first;
  const play = () => { to.currentTime = from.currentTime; to.play().catch(() => {}); };
  to.readyState ? play() : (to.addEventListener('loadedmetadata', play, { once: true }), to.load());
});
// A button with data-play-row plays the players beside it one after the other.
element.addEventListener('click', (event) => {
  const row = event.target.closest('[data-play-row]')?.closest('[data-row]');
  if (!row) return;
  const players = [...row.querySelectorAll('audio')], course = new AbortController();
  const { signal } = course;
  const play = (at) => {
    if (!players[at]) return;
    players[at].currentTime = 0;
    players[at].addEventListener('ended', () => play(at + 1), { once: true, signal });
    players[at].play().catch(() => {});
  };
  // Stopped by hand it is over; a player that has come to its end pauses as well.
  row.addEventListener('pause', (it) => { if (!it.target.ended) course.abort(); }, { capture: true, signal });
  play(0);
});
element.addEventListener('ended', (event) => {
  const { nextSource } = event.target;
  if (nextSource) { event.target.nextSource = ''; event.target.src = nextSource; }
}, true);
// One player at a time.
element.addEventListener('play', (event) => {
  document.querySelectorAll('audio').forEach((other) => other !== event.target && other.pause());
}, true);

render();
onValue(render);
