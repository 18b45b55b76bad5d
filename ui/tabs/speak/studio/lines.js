// A line's text is sent when it is left, with the stamp of what stood there when a person began to change it.
element.addEventListener('focusin', (event) => {
  const field = event.target.closest('textarea[data-line]');
  if (field) field.vwSeen = field.dataset.stamp;
});
element.addEventListener('change', (event) => {
  const field = event.target.closest('textarea[data-line]');
  if (!field) return;
  window.vw.act();
  trigger('act', {
    do: 'line-text', id: field.dataset.line, value: field.value, view: location.search, seen: field.vwSeen || '',
    window: windowId,
  });
});
// Enter ends a line, as in a table; a line holds no break.
element.addEventListener('keydown', (event) => {
  const field = event.target.closest('textarea[data-line]');
  if (field && event.key === 'Enter' && !event.isComposing) { event.preventDefault(); field.blur(); }
});
// One line, or one of its takes, by itself: the player of the text plays it.
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-url]');
  if (!button) return;
  const { key, number } = button.closest('[data-number]').dataset;
  document.dispatchEvent(new CustomEvent('vw-play', {
    detail: { url: button.dataset.url, line: Number(key.replace('line-', '')), number: Number(number) },
  }));
});
