// Notifications of the browser, where a person has switched them on: the page asks now and then which jobs are at work,
// and while nobody looks at it tells of those that have ended since.
window.vw.notify = {
  EVERY_MS: 20000,
  FLAG: 'vw-notify',
  known: [],
  state() {
    if (!('Notification' in window) || !window.isSecureContext) return 'insecure';
    if (Notification.permission === 'denied') return 'denied';
    return Notification.permission === 'granted' && localStorage.getItem(this.FLAG) ? 'on' : 'off';
  },
  async toggle() {
    if (this.state() === 'on') localStorage.removeItem(this.FLAG);
    else if (await Notification.requestPermission() === 'granted') localStorage.setItem(this.FLAG, '1');
    this.label();
  },
  label() {
    for (const part of document.querySelectorAll('[data-notify]')) {
      const state = this.state(), button = part.querySelector('button'), note = part.querySelector('p');
      const label = state === 'on' ? part.dataset.off : part.dataset.on, about = part.dataset[state + 'Note'] || '';
      const cannot = state === 'insecure' || state === 'denied';
      if (button.textContent !== label) button.textContent = label;
      if (note.textContent !== about) note.textContent = about;
      if (button.disabled !== cannot) button.disabled = cannot;
    }
  },
  async look() {
    if (this.state() !== 'on') { this.known = []; return; }
    try {
      const query = new URLSearchParams({ lang: document.documentElement.lang, jobs: this.known.join(',') });
      const answer = await fetch('../news?' + query, { cache: 'no-store' });
      if (!answer.ok) return;
      const { running, ended } = await answer.json();
      // Whoever looks at the page sees it there. Of several windows the browser shows one message a job (its tag).
      if (document.hidden) for (const message of ended) this.tell(message);
      this.known = running;
    } catch { /* the server is away for a moment: what ends meanwhile is told of when it is back */ }
  },
  tell({ key, title, text, project }) {
    const shown = new Notification(title, { body: text, tag: key });
    shown.onclick = () => { window.focus(); if (project !== window.vw.project()) location.href = window.vw.address(project, 'home'); };
  },
};
document.addEventListener('click', (event) => { if (event.target.closest('[data-notify] button')) window.vw.notify.toggle(); });
setInterval(() => { if (!document.hidden) window.vw.notify.label(); }, 1000);
setInterval(() => window.vw.notify.look(), window.vw.notify.EVERY_MS);
