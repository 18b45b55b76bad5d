// The list to choose from: a filter, all or none of what it leaves, and the length of what is chosen.
const rows = () => [...root.querySelectorAll('[data-row]')];
const box = (row) => row.querySelector('input[type=checkbox]');
// Large, then small: ß and ss, ı and i, the sigma at a word's end and any other become the same.
const plain = (text) => text.toUpperCase().toLowerCase().normalize('NFD').replace(/[\u0300-\u036f]/g, '')
  .replace(/[ςøđłı]/g, (sign) => ({ ς: 'σ', ø: 'o', đ: 'd', ł: 'l', ı: 'i' })[sign]);
const clock = (seconds) => {
  const whole = Math.round(seconds), two = (number) => String(number).padStart(2, '0');
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
};

function apply() {
  const filter = root.querySelector('[data-filter]');
  if (!filter) return;
  const wanted = plain(filter.value.trim());
  rows().forEach((row) => { row.hidden = !!wanted && !plain(row.dataset.row).includes(wanted); });
  const chosen = rows().filter((row) => box(row).checked);
  const seconds = chosen.reduce((sum, row) => sum + Number(row.dataset.seconds || 0), 0);
  const unknown = chosen.some((row) => !row.dataset.seconds);
  const total = root.querySelector('[data-total]');
  total.textContent = total.dataset.total
    .replace('{count}', chosen.length).replace('{length}', (unknown ? '≥ ' : '') + clock(seconds));
  const add = root.querySelector('button[type=submit]');
  add.disabled = !chosen.length || add.hasAttribute('data-off');
}

element.addEventListener('input', apply);
element.addEventListener('change', apply);
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-all]');
  if (!button) return;
  rows().filter((row) => !row.hidden && !box(row).disabled).forEach((row) => { box(row).checked = button.dataset.all === 'yes'; });
  apply();
});
apply();
onValue(apply);
