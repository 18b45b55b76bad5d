// A large file is sent in pieces, and goes on where it was when the connection breaks or the page is loaded anew.
// Smaller files are sent in batches, so that only a single one can be too large and a break costs little; and a refusal is shown
// as the server's sentence alone.
(() => {
  const BATCH_BYTES = 64 * 2 ** 20;
  const send = window.fetch.bind(window);

  function batches(files) {
    const found = [];
    let bytes = Infinity;
    for (const file of files) {
      if ((bytes += file.size) > BATCH_BYTES) { found.push([]); bytes = file.size; }
      found.at(-1).push(file);
    }
    return found;
  }

  const PIECE_BYTES = 8 * 2 ** 20, LARGE_BYTES = 64 * 2 ** 20, TRIES = 12;
  const pause = (tries) => new Promise((done) => setTimeout(done, Math.min(30, 2 ** tries) * 1000));

  function browserKey() {
    try {
      return (localStorage['vw-incoming'] ||= crypto.getRandomValues(new Uint32Array(4)).join('-'));
    } catch { return ''; }
  }

  function bar(file) {
    const element = document.createElement('progress');
    element.className = 'vw-incoming';
    element.max = file.size;
    element.title = file.name;
    element.setAttribute('aria-label', file.name);
    document.body.append(element);
    return element;
  }

  // The last answer: its `path` once all of the file is there, or what refused it.
  async function sendInPieces(file) {
    const place = location.pathname.replace(/\/$/, '') + '/incoming', progress = bar(file);
    const about = JSON.stringify({ name: file.name, bytes: file.size, mark: file.lastModified + browserKey() });
    try {
      for (let tries = 0, id = '', offset = 0; ;) {
        let answer = null;
        try {
          answer = id
            ? await send(`${place}/${id}?offset=${offset}`, { method: 'PATCH', body: file.slice(offset, offset + PIECE_BYTES) })
            : await send(place, { method: 'POST', body: about, headers: { 'Content-Type': 'application/json' } });
        } catch (error) { if (++tries > TRIES) throw error; }
        if (!answer || [409, 500, 502, 503, 504].includes(answer.status)) {
          if (answer && ++tries > TRIES) return answer;
          id = '';  // ask how far it is
          await pause(tries);
          continue;
        }
        if (!answer.ok) return answer;
        const now = await answer.clone().json();
        if (now.path) return answer;
        if (now.offset > offset) tries = 0;
        ({ offset } = now);
        id = now.id || id;
        progress.value = offset;
      }
    } finally { progress.remove(); }
  }

  function form(files) {
    const body = new FormData();
    files.forEach((file) => body.append('files', file));
    return body;
  }

  // Gradio's notice begins with "HTTP 507: ".
  async function plainNotice(answer) {
    const text = await answer.clone().text();
    const tidy = () => {
      const notices = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (notices.nextNode()) {
        if (notices.currentNode.data.trim() !== `HTTP ${answer.status}: ${text}`) continue;
        notices.currentNode.data = text;
        observer.disconnect();
      }
    };
    const observer = new MutationObserver(tidy);
    observer.observe(document.body, { childList: true, characterData: true, subtree: true });
    tidy();
    setTimeout(() => observer.disconnect(), 3000);
  }

  window.fetch = async (address, options) => {
    const files = options?.body instanceof FormData ? options.body.getAll('files') : [];
    if (!files.length || !/\/gradio_api\/upload(\?|$)/.test(String(address))) return send(address, options);
    const large = files.filter((file) => file.size > LARGE_BYTES), paths = [];
    if (files.length === 1 && large.length) {
      const answer = await sendInPieces(large[0]);
      if (!answer.ok) { plainNotice(answer); return answer; }
      paths.push((await answer.json()).path);
      return new Response(JSON.stringify(paths), { headers: { 'Content-Type': 'application/json' } });
    }
    const waiting = batches(files);
    while (waiting.length) {
      const batch = waiting.shift();
      const answer = await send(address, { ...options, body: form(batch) });
      if (answer.status === 413 && batch.length > 1) waiting.unshift(...batch.map((file) => [file]));
      else if (!answer.ok) { plainNotice(answer); return answer; }
      else paths.push(...await answer.json());
    }
    return new Response(JSON.stringify(paths), { headers: { 'Content-Type': 'application/json' } });
  };
})();
