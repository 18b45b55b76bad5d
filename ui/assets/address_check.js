(function (facts) {
  const seen = (host) => {
    const [, name, port] = host.toLowerCase().match(/^(\[[^\]]*\]|[^:]*)\.?(?::(\d+))?$/) || [];
    return name && name.replace(/\.$/, '') + ':' + (port || (location.protocol === 'https:' ? 443 : 80));
  };
  if (!location.host || seen(facts.host) === seen(location.host)) return;
  const show = (text) => text.replace('{here}', location.host).replace('{there}', facts.host.replace(/[^\w.:\[\]-]/g, '?'));
  window.stop();
  document.documentElement.innerHTML = '<head><meta charset="utf-8"><meta name="color-scheme" content="light dark">' +
    '<meta name="viewport" content="width=device-width, initial-scale=1"></head>' +
    '<body style="font: 16px/1.5 system-ui, sans-serif; max-width: 640px; margin: 48px auto; padding: 0 16px; overflow-wrap: anywhere">' +
    '<h1 style="font-size: 24px"></h1>' + facts.lines.map((line) => '<p>' + show(line) + '</p>').join('') + '</body>';
  document.querySelector('h1').textContent = document.title = facts.title;
})(FACTS);
