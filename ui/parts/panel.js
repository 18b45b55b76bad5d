// Patches the panel's content in place and sends 'act' events for elements with data-do.
const root = element.querySelector('.vw-panel');

function patch(from, to) {
  const old = [...from.childNodes], fresh = [...to.childNodes];
  fresh.forEach((node, i) => {
    const now = old[i];
    if (!now) return from.appendChild(node);
    const sameKey = (now.dataset?.key || '') === (node.dataset?.key || '');
    if (now.nodeType !== node.nodeType || now.nodeName !== node.nodeName || !sameKey) return now.replaceWith(node);
    if (now.nodeType !== 1) { if (now.data !== node.data) now.data = node.data; return; }
    for (const { name } of [...now.attributes])
      if (!node.hasAttribute(name) && !(name === 'open' && now.nodeName === 'DETAILS')) now.removeAttribute(name);
    for (const { name, value } of [...node.attributes])
      if (now.getAttribute(name) !== value) {
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
  });
  old.slice(fresh.length).forEach((node) => node.remove());
}

function render() {
  const next = document.createElement('div');
  next.innerHTML = props.value || '';
  patch(root, next);
}

function send(target) {
  const { do: what, id } = target.dataset;
  trigger('act', { do: what, id: id || '', value: 'value' in target ? String(target.value) : '' });
}

element.addEventListener('click', (event) => {
  const link = event.target.closest('[data-go]');
  if (link && element.contains(link)) return window.vw.go(link.dataset.go);
  const target = event.target.closest('button[data-do], a[data-do], tr[data-do]');
  if (!target || !element.contains(target) || target.disabled) return;
  if (target.dataset.confirm && !window.confirm(target.dataset.confirm)) return;
  target.classList.add('busy');
  setTimeout(() => target.classList.remove('busy'), 600);
  send(target);
});
element.addEventListener('change', (event) => {
  const target = event.target.closest('input[data-do], select[data-do], textarea[data-do]');
  if (target) send(target);
});
// One player at a time.
element.addEventListener('play', (event) => {
  document.querySelectorAll('audio').forEach((other) => other !== event.target && other.pause());
}, true);

render();
watch('value', render);
