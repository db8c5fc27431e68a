// Axes, ticks and the frame of a chart.
function ticks(low, high, about) {
  const span = high - low || 1;
  const raw = span / Math.max(2, about);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((f) => f * power).find((s) => s >= raw * 0.999);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) found.push(Number((k * step).toPrecision(12)));
  return found;
}

function extent(values, pad) {
  const known = values.filter((v) => v !== null && Number.isFinite(v));
  if (!known.length) return [0, 1];
  const low = Math.min(...known), high = Math.max(...known);
  const more = (high - low || Math.abs(high) * 0.1 || 1) * pad;
  return [low - more, high + more];
}

// x, y: {range: [low, high], title, ticks: [[value, text], ...] or none}. Returns {root, px, py, plot}.
function frame(width, height, x, y, label) {
  const left = 52, right = 14, top = 14, bottom = 46;
  const px = (v) => left + (v - x.range[0]) / (x.range[1] - x.range[0]) * (width - left - right);
  const py = (v) => height - bottom - (v - y.range[0]) / (y.range[1] - y.range[0]) * (height - top - bottom);
  const xt = x.ticks || ticks(...x.range, Math.max(3, width / 130)).map((v) => [v, String(v)]);
  const yt = y.ticks || ticks(...y.range, Math.max(3, height / 65)).map((v) => [v, String(v)]);
  const root = svg('svg', { viewBox: `0 0 ${width} ${height}`, height, role: 'group', 'aria-label': label });
  root.append(
    svg('path', { class: 'grid', d: [...xt.map(([v]) => `M${px(v).toFixed(1)} ${top}V${height - bottom}`), ...yt.map(([v]) => `M${left} ${py(v).toFixed(1)}H${width - right}`)].join('') }),
    svg('path', { class: 'axis', d: `M${left} ${top}V${height - bottom}H${width - right}` }),
    ...xt.map(([v, text]) => svg('text', { x: px(v), y: height - bottom + 16, 'text-anchor': 'middle', 'aria-hidden': 'true' }, text)),
    ...yt.map(([v, text]) => svg('text', { x: left - 7, y: py(v) + 4, 'text-anchor': 'end', 'aria-hidden': 'true' }, text)),
    svg('text', { class: 'title', x: (left + width - right) / 2, y: height - 8, 'text-anchor': 'middle', 'aria-hidden': 'true' }, x.title),
    svg('text', { class: 'title', transform: `translate(13 ${(top + height - bottom) / 2}) rotate(-90)`, 'text-anchor': 'middle', 'aria-hidden': 'true' }, y.title));
  return { root, px, py, left, right: width - right, top, bottom: height - bottom };
}

// Hover and focus show the same tooltip
function explained(item, target, title, lines) {
  const show = () => { item.classList.add('on'); tip.show(target, title, lines); };
  const hide = () => { item.classList.remove('on'); tip.hide(); };
  item.addEventListener('pointerenter', show);
  item.addEventListener('pointerleave', hide);
  item.addEventListener('focus', show);
  item.addEventListener('blur', hide);
  item.setAttribute('aria-label', [title, ...lines.filter(Boolean)].join(', '));
}
