// The grid: arrow keys walk, a cell plays, the last two stand side by side. Runs after panel.js, with its names.
const MOST_DB = 70;  // what the 255 steps of a mel picture span (core.audio.spectrogram)
const cells = () => [...root.querySelectorAll('[data-cell]')];
const cellAt = (place) => root.querySelector(`[data-cell="${place}"]`);
const compare = () => root.querySelector('[data-compare]');
const pictures = new Map();
let chosen = [], player = null;  // places of the cells that are compared, the one heard last behind

const drawing = (cell) => {
  const url = cell.dataset.picture;
  if (!pictures.has(url)) {
    const answer = fetch(url).then((reply) => reply.ok ? reply.json() : null).catch(() => null);
    answer.then((picture) => { if (!picture) pictures.delete(url); });
    pictures.set(url, answer);
  }
  return pictures.get(url);
};
function focusCell(cell) {
  if (!cell) return;
  cells().forEach((other) => { other.tabIndex = other === cell ? 0 : -1; });
  cell.focus({ preventScroll: true });
  cell.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}
// The next cell that way which has a sound.
function walk(cell, down, right) {
  let [line, column] = cell.dataset.cell.split(' ').map(Number);
  const lines = root.querySelectorAll('.vw-grid tbody tr').length, columns = root.querySelectorAll('.vw-grid thead th').length - 1;
  for (;;) {
    line += down; column += right;
    if (line < 0 || column < 0 || line >= lines || column >= columns) return;
    const next = cellAt(`${line} ${column}`);
    if (next) return focusCell(next);
  }
}
async function choose(cell) {
  const place = cell.dataset.cell;
  if (chosen.at(-1) === place && player) return void player.toggle();
  chosen = [...chosen.filter((other) => other !== place), place].slice(-2);
  if (player) player.pause();
  player = null;
  mark();
  await show(true);
}
async function show(plays) {
  const mine = chosen, parts = mine.map(cellAt);
  if (!compare() || parts.some((part) => !part)) { chosen = []; return; }
  const drawn = await Promise.all(parts.map(drawing));
  if (mine !== chosen) return;
  compare().hidden = false;
  const told = compare().querySelector('[data-grid-told]');
  const bad = parts.map((part, side) => !drawn[side] ? [part, 'broken'] : drawn[side].silent ? [part, 'silent'] : null).filter(Boolean);
  told.textContent = bad.map(([part, word]) => `${part.dataset.name}: ${compare().dataset[word]}`).join(' ');
  paint(parts, drawn);
  const last = parts.length - 1;
  if (!plays || !drawn[last]) return;
  const pair = parts.every((_, side) => drawn[side]) ? [...parts.keys()] : [last];
  const lufs = pair.map((side) => drawn[side].lufs ?? -23), quietest = Math.min(...lufs);
  player = window.vw.grid = new window.vw.AbPlayer(pair.map((side) => parts[side].dataset.sound), mark, {
    levels: lufs.map((level) => 10 ** ((quietest - level) / 20)),
    offsets: pair.map((side) => Math.max(0, drawn[side].onset - 0.05)),
  });
  player.picked = pair.length - 1;
  player.play(0).catch(() => { told.textContent = `${parts[last].dataset.name}: ${compare().dataset.broken}`; });
}
function mark() {
  const heard = player && chosen.length ? chosen[Math.min(player.picked, chosen.length - 1)] : chosen.at(-1);
  for (const cell of cells()) {
    cell.classList.toggle('chosen', chosen.includes(cell.dataset.cell));
    const plays = Boolean(player?.playing) && cell.dataset.cell === heard;
    cell.classList.toggle('plays', plays);
    const sign = plays ? '❚❚' : '▶';
    if (cell.textContent !== sign) cell.textContent = sign;
  }
  const part = compare();
  if (!part) return;
  part.querySelectorAll('.vw-picture[data-side]').forEach((box, side) => box.classList.toggle('heard', chosen[side] === heard));
  part.querySelector('[data-grid-switch]').disabled = chosen.length < 2 || player?.urls.length === 1;
}

// ---- Pictures: both in the same scale of time and loudness, the speech of both beginning at the same place.

const bytes = (picture) => Uint8Array.from(atob(picture.mel), (letter) => letter.charCodeAt(0));
const skipped = (picture) => Math.max(0, Math.round((picture.onset - 0.05) / picture.hop));
const columnsOf = (picture) => picture.wave.length / 2 - skipped(picture);
const color = (name) => getComputedStyle(element).getPropertyValue(name).trim() || '#888';
function surface(canvas, width, height) {
  canvas.width = width; canvas.height = height;
  return canvas.getContext('2d');
}
function paint(parts, drawn) {
  const whole = drawn.filter(Boolean), columns = Math.max(1, ...whole.map(columnsOf));
  compare().querySelectorAll('.vw-picture[data-side]').forEach((box, side) => {
    const picture = drawn[side];
    box.hidden = side >= parts.length;
    if (box.hidden) return;
    const seconds = picture ? ` · ${compare().dataset.seconds.replace('{seconds}', picture.seconds.toLocaleString(document.documentElement.lang, { maximumFractionDigits: 1 }))}` : '';
    box.querySelector('b').textContent = `${'AB'[side]}: ${parts[side].dataset.name}${seconds}`;
    wave(box.querySelector('[data-draw=wave]'), picture, columns);
    mel(box.querySelector('[data-draw=mel]'), picture, columns);
  });
  const difference = compare().querySelector('[data-difference]');
  difference.hidden = drawn.length < 2 || whole.length < 2;
  if (!difference.hidden) subtract(difference.querySelector('canvas'), drawn, columns);
}
function wave(canvas, picture, columns) {
  const draw = surface(canvas, columns, 64);
  if (!picture) return;
  draw.fillStyle = color('--vw-dim');
  const from = skipped(picture), highest = 60;
  for (let x = 0; x < columnsOf(picture); x += 1) {
    const low = picture.wave[2 * (x + from)], high = picture.wave[2 * (x + from) + 1];
    draw.fillRect(x, 32 - high * 32 / highest, 1, Math.max(1, (high - low) * 32 / highest));
  }
}
function mel(canvas, picture, columns) {
  const bands = picture?.bands || 64, draw = surface(canvas, columns, bands), image = draw.createImageData(columns, bands);
  if (!picture) return;
  const levels = bytes(picture), all = picture.wave.length / 2, from = skipped(picture);
  for (let x = 0; x < columnsOf(picture); x += 1) for (let band = 0; band < bands; band += 1) {
    const level = levels[band * all + x + from] / 255, at = 4 * ((bands - 1 - band) * columns + x);
    // From dark blue over green to yellow: lightness grows evenly, also for who sees few colours.
    image.data.set([255 * level ** 1.6, 235 * level ** 1.1, 70 + 90 * Math.sin(Math.PI * level * 0.75), 255], at);
  }
  draw.putImageData(image, 0, 0);
}
// Where B is louder than A the picture is orange, where it is quieter blue, the more the stronger.
function subtract(canvas, [left, right], columns) {
  const bands = left.bands, draw = surface(canvas, columns, bands), image = draw.createImageData(columns, bands);
  const sides = [left, right].map((picture) => [bytes(picture), picture.wave.length / 2, skipped(picture)]);
  for (let x = 0; x < columns; x += 1) for (let band = 0; band < bands; band += 1) {
    const [a, b] = sides.map(([levels, all, from]) => x + from < all ? levels[band * all + x + from] : 0);
    const decibels = (b - a) / 255 * MOST_DB, strength = Math.min(1, Math.abs(decibels) / 30);
    const at = 4 * ((bands - 1 - band) * columns + x);
    image.data.set(decibels > 0 ? [234, 88, 12, 255 * strength] : [37, 99, 235, 255 * strength], at);
  }
  draw.putImageData(image, 0, 0);
}

element.addEventListener('click', (event) => {
  const cell = event.target.closest('[data-cell]');
  if (cell) { focusCell(cell); choose(cell); return; }
  if (event.target.closest('[data-grid-switch]') && player) {
    player.pick(1 - player.picked);
    if (!player.playing) player.play().catch(() => {});
  }
});
const WAYS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
element.addEventListener('keydown', (event) => {
  const cell = event.target.closest('[data-cell]');
  if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
  if (WAYS[event.key]) walk(cell, ...WAYS[event.key]);
  else if (event.key === 'Enter') choose(cell);
  else return;
  // Arrows are a vote elsewhere on this page, and Enter would click the cell once more.
  event.preventDefault();
  event.stopPropagation();
});
onValue(() => { if (chosen.length && !chosen.every(cellAt)) { chosen = []; player?.pause(); player = null; } mark(); if (chosen.length) show(false); });
