// Files are sent in batches, so that only a single one can be too large and a break costs little; and a refusal is shown
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
    const waiting = batches(files), paths = [];
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
