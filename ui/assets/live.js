// Keeps header, steps and the open tab live: asks the server every second, and only while the page can be seen.
window.vw.live = {
  EVERY_MS: 1000,
  panels: {},  // what shows a panel's HTML, by its name
  marks: {},   // the mark of what the server gave last
  filled: {},  // when something else filled it
  version: '', misses: 0, timer: 0, asking: null,
  add(name, show) { this.panels[name] = show; this.renew(name); },
  // An event has filled the panel: what is on its way is older, and the next answer has to bring it again.
  renew(name) { delete this.marks[name]; this.filled[name] = performance.now(); },
  follow() {
    // Without https, and from another computer, a browser has no microphone: the page says so.
    document.body.classList.toggle('vw-no-mic', !window.isSecureContext);
    clearTimeout(this.timer);
    if (document.hidden) { this.asking?.abort(); return; }
    if (!this.asking) this.ask();
  },
  async ask() {
    const asking = this.asking = new AbortController(), place = location.search, begun = performance.now();
    try {
      const answer = await fetch('live', {
        method: 'POST', signal: asking.signal, cache: 'no-store', headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ project: window.vw.project(), tab: window.vw.tab(), view: place, seen: this.marks }),
      });
      if (!answer.ok) throw new Error(answer.statusText);
      const now = await answer.json();
      // A server that was started anew is the same to an open page, unless the program has changed.
      if (this.version && now.version !== this.version) return location.reload();
      this.version = now.version;
      this.misses = 0;
      if (place === location.search) this.show(now, begun);
    } catch (error) {
      if (!asking.signal.aborted) this.misses += 1;
    }
    document.body.classList.toggle('vw-lost', this.misses > 1);
    this.asking = null;
    window.vw.drafts();
    if (!document.hidden) this.timer = setTimeout(() => this.ask(), this.EVERY_MS);
  },
  show(now, begun) {
    const steps = document.querySelector('.vw-steps');
    const turned = steps && steps.dataset.turn !== now.turn;
    for (const [name, [mark, html]] of Object.entries(now.panels)) {
      if (!this.panels[name] || this.filled[name] > begun) continue;
      this.panels[name](html);
      this.marks[name] = mark;
    }
    if (turned) window.vw.refresh();
  },
};
document.addEventListener('visibilitychange', () => window.vw.live.follow());
window.vw.live.timer = setTimeout(() => window.vw.live.follow(), 200);
