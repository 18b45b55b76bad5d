// A file that is read in the browser and sent as text: cookies never lie in an upload folder.
element.addEventListener('change', async (event) => {
  const field = event.target.closest('input[type=file][data-file-do]');
  const file = field?.files?.[0];
  if (!file) return;
  const text = await file.slice(0, Number(field.dataset.most) + 1).text();
  trigger('act', { do: field.dataset.fileDo, id: file.name, value: text, view: location.search });
  field.value = '';
});

// Once a link is taken its form makes room for an empty one: what was typed meanwhile moves over.
let typed = '', sent = '';
element.addEventListener('input', (event) => { if (event.target.name === 'link') typed = event.target.value; });
element.addEventListener('submit', () => { sent = typed; }, true);
onValue(() => {
  const field = root.querySelector('input[name=link]');
  if (!field) return;
  if (!field.value && typed && typed !== sent) { field.value = typed; field.focus(); }
  typed = field.value;
  // The form folds away when a recording has come in, but not over a link that is being typed.
  if (typed && typed !== sent) setTimeout(() => document.querySelector('#add-recordings button.label-wrap:not(.open)')?.click(), 100);
});
