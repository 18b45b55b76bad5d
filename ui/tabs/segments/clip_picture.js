// Drawing for the clip editor: outlines, parts, times. Functions of what they are given; no state.

const lang = document.documentElement.lang || 'en';

// 83.456 → "1:23.46", as the language writes it; with hours where there are any.
function clock(seconds, digits = 2) {
  const unit = 10 ** digits, whole = Math.round(seconds * unit) / unit;
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  const rest = (whole % 60).toLocaleString(lang, { minimumFractionDigits: digits, maximumFractionDigits: digits, minimumIntegerDigits: 2 });
  return (hours ? hours + ':' + String(minutes).padStart(2, '0') : minutes) + ':' + rest;
}

const filled = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));

// The outline as one closed path over a box of `low.length` by 200; `gain` makes a quiet recording fill it.
function outlinePath(low, high, gain) {
  if (!low.length) return '';
  const y = (value) => Math.round(100 - Math.max(-98, Math.min(98, value * gain)));
  let path = 'M0 100';
  for (let i = 0; i < high.length; i++) path += 'L' + i + ' ' + y(Math.max(high[i], 0.6 / gain));
  for (let i = low.length - 1; i >= 0; i--) path += 'L' + i + ' ' + y(Math.min(low[i], -0.6 / gain));
  return path + 'Z';
}

function outlineSvg(data, gain) {
  return `<svg viewBox="0 0 ${Math.max(1, data.low.length - 1)} 200" preserveAspectRatio="none" aria-hidden="true">` +
    `<path d="${outlinePath(data.low, data.high, gain)}"/></svg>`;
}

// How much of each column is clips, where there are too many to tell apart: bars along the bottom.
function sharesSvg(shares) {
  const bars = shares.map((share, i) => (share ? `M${i + 0.5} 100V${100 - share}` : '')).join('');
  return `<svg class="vw-ed-shares" viewBox="0 0 ${shares.length} 100" preserveAspectRatio="none" aria-hidden="true"><path d="${bars}"/></svg>`;
}

const safe = (text) => String(text).replace(/[&<>"]/g, (one) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[one]);

// One part of the recording, placed in percent of the stretch that was fetched.
function partHtml(part, data, words) {
  const scale = 100 / (data.end - data.start);
  const place = `left:${(part.start - data.start) * scale}%;width:${(part.end - part.start) * scale}%`;
  const label = part.kind === 'clip' ? part.text || '' : words['kind_' + part.kind] || '';
  const mark = { approved: '✓ ', rejected: '✕ ' }[part.status] || '';
  const marks = part.marks.map((one) => `<i class="vw-ed-mark ${one}"></i>`).join('');
  return `<div class="vw-ed-part ${part.kind} ${part.status || ''}" style="${place}" data-seconds="${part.end - part.start}" title="${safe(label)}">` +
    `${marks}<span>${mark}${safe(label)}</span></div>`;
}

// Round times for the ruler, about one every 110 px.
function ticks(from, to, width) {
  const wanted = (to - from) / Math.max(2, width / 110);
  const step = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200].find((one) => one >= wanted) || 14400;
  const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
  const found = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) found.push([at, clock(at, digits)]);
  return found;
}
