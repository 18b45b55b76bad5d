// The page's own script: which tab is open (in the address, so a reload keeps it), and the call for a refresh.
window.vw = {
  tabs: ['home', 'sources', 'segments', 'transcripts', 'review', 'dataset', 'train', 'listen', 'speak', 'voices', 'system'],
  tab() {
    const tab = new URLSearchParams(location.search).get('tab');
    return this.tabs.includes(tab) ? tab : 'home';
  },
  project() { return new URLSearchParams(location.search).get('project') || ''; },
  address(project, tab) {
    const query = new URLSearchParams(project === this.project() ? location.search : '');
    project ? query.set('project', project) : query.delete('project');
    query.set('tab', tab);
    return location.pathname + '?' + query;
  },
  show(tab) {
    if (document.body.dataset.tab !== tab) this.acted = -Infinity;
    document.body.dataset.tab = tab;
    document.querySelectorAll('.vw-step').forEach((step) =>
      step.getAttribute('data-go') === tab ? step.setAttribute('aria-current', 'page') : step.removeAttribute('aria-current'));
    const page = document.querySelector('#page-' + tab);
    if (page) page.dataset.title = document.querySelector('.vw-step[aria-current] b')?.textContent || '';
    // The row is swiped to the open step once, when it changes; the page itself never moves.
    const row = document.querySelector('.vw-steps'), step = row?.querySelector('[aria-current]');
    this.hint(row);
    if (!step || this.shown === tab) return;
    this.shown = tab;
    row.scrollLeft += step.getBoundingClientRect().left - row.getBoundingClientRect().left - (row.clientWidth - step.clientWidth) / 2;
  },
  // Says on which sides of the row of steps there are more of them than are seen.
  hint(row) {
    if (!row) return;
    const left = row.scrollLeft > 4, right = row.scrollLeft + row.clientWidth < row.scrollWidth - 4;
    row.parentElement.dataset.more = [left && 'left', right && 'right'].filter(Boolean).join(' ');
  },
  go(tab, view) {
    if (tab !== this.tab()) history.pushState({}, '', this.address(this.project(), tab));
    if (view) history.replaceState({}, '', this.merged(view));
    this.show(tab);
    window.scrollTo({ top: 0 });
    this.refresh();
  },
  merged(view) {
    const query = new URLSearchParams(location.search);
    new URLSearchParams(view).forEach((value, name) => value ? query.set(name, value) : query.delete(name));
    return location.pathname + '?' + query;
  },
  // Another place within the tab: a page of a list, a filter, a clip. Back leads to the one before.
  place(view) { history.pushState({}, '', this.merged(view)); this.refresh(); },
  // The server has moved on (next clip, new project): the address follows.
  arrive(view) {
    const query = new URLSearchParams(view);
    if (query.get('project')) this.open(query.get('project'), query.get('tab'));
    else history.replaceState({}, '', this.merged(view));
  },
  open(project, tab) {
    this.keepDrafts();
    history.pushState({}, '', this.address(project, tab || 'sources'));
    this.show(this.tab());
    this.refresh();
  },
  // What is typed and not sent yet is kept in this browser, for each project: it survives a reload.
  drafts() {
    const project = this.project();
    if (!project) return;
    document.querySelectorAll('.vw-draft[id] :is(textarea, input[type=text])').forEach((field) => {
      const name = `vw-draft:${project}:${field.closest('.vw-draft').id}`;
      try {
        if (field.dataset.draft === name) return this.keepDraft(field);
        field.dataset.draft = name;
        const draft = localStorage.getItem(name) || '';
        if (field === document.activeElement || field.value === draft) return;
        field.value = draft;
        field.dispatchEvent(new Event('input', { bubbles: true }));
      } catch { /* a browser that keeps nothing */ }
    });
  },
  keepDraft(field) {
    field.value ? localStorage.setItem(field.dataset.draft, field.value) : localStorage.removeItem(field.dataset.draft);
  },
  // Before another project is shown in the same fields.
  keepDrafts() {
    try { document.querySelectorAll('[data-draft]').forEach((field) => this.keepDraft(field)); } catch { /* as above */ }
  },
  // When something was last asked for on this tab: what it brings about within this time may move the page.
  ACTED_MS: 20000,
  acted: -Infinity,
  act() { this.acted = performance.now(); },
  hasActed() { return performance.now() - this.acted < this.ACTED_MS; },
  refresh() {},  // the steps' panel puts another in its place (app.py)
};
// A session that has ended (here, elsewhere or by its age) leads to the login and from there back to this place. A page
// that has only just come was let in, so it does not turn round and round.
const fetchAsBefore = window.fetch;
window.fetch = async (...request) => {
  const answer = await fetchAsBefore(...request);
  if (answer.status === 401 && answer.url.startsWith(location.origin + '/') && performance.now() > 3000) location.reload();
  return answer;
};
document.addEventListener('scroll', (event) => { if (event.target.classList?.contains('vw-steps')) window.vw.hint(event.target); }, true);
window.addEventListener('resize', () => window.vw.hint(document.querySelector('.vw-steps')));
document.addEventListener('DOMContentLoaded', () => window.vw.show(window.vw.tab()));
window.addEventListener('pagehide', () => window.vw.drafts());
window.addEventListener('popstate', () => { window.vw.keepDrafts(); window.vw.show(window.vw.tab()); window.vw.refresh(); });
// Whole-page keys for the tab that is open: an element with data-key-press="a" is clicked by that key.
document.addEventListener('keydown', (event) => {
  if (document.querySelector('dialog[open]')) return;  // keys of the page are not meant by who reads a sheet above it
  if (event.key === 'Escape' && /INPUT|TEXTAREA|SELECT/.test(event.target.nodeName)) return event.target.blur();
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || /INPUT|TEXTAREA|SELECT/.test(event.target.nodeName)) return;
  // A player that has the focus keeps its own keys, and Space presses the button it stands on.
  if (event.target.closest('audio') || (event.key === ' ' && event.target.closest('button, summary, a, [role=button]'))) return;
  const open = document.querySelector('#page-' + window.vw.tab());
  const target = open && [...open.querySelectorAll('[data-key-press]')]
    .find((one) => one.dataset.keyPress.split(' ').includes(event.key === ' ' ? 'Space' : event.key));
  if (target) { event.preventDefault(); target.nodeName === 'AUDIO' ? (target.paused ? target.play().catch(() => {}) : target.pause()) : target.click(); }
});
// Files that are chosen or dropped, and a recording that ends, are asked for without a button of ours.
document.addEventListener('drop', () => window.vw.act(), true);
document.addEventListener('change', (event) => { if (event.target.matches('input[type=file]')) window.vw.act(); }, true);
document.addEventListener('click', (event) => { if (event.target.closest('.stop-button')) window.vw.act(); }, true);
// The project switcher and the language links of the header.
document.addEventListener('change', (event) => {
  if (event.target.matches('select[data-open]')) window.vw.open(event.target.value, window.vw.tab() === 'home' ? 'sources' : window.vw.tab());
});
document.addEventListener('click', (event) => {
  const link = event.target.closest('a[data-language]');
  if (!link) return;
  event.preventDefault();
  document.cookie = 'voicewright_lang=' + link.dataset.language + ';path=/;max-age=31536000;SameSite=Lax';
  location.assign(link.getAttribute('href') + location.search);
});
