// A text that is longer than what a page sends at once stays in its field, and the page says what to do instead.
element.addEventListener('submit', (event) => {
  const form = event.target.closest('form[data-most-bytes]');
  if (!form) return;
  // As it will be on its way: JSON within JSON.
  const bytes = new Blob([JSON.stringify(JSON.stringify(form.elements.text.value))]).size;
  const isTooLong = bytes > Number(form.dataset.mostBytes);
  form.querySelector('.vw-too-long').hidden = !isTooLong;
  if (!isTooLong) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);
