// Robust accuracy over the radius, one line a network; it begins at the clean accuracy of the same images.
const ROBUST = [...SPOTS.keys()].map((key) => key.split('|').map(Number)).filter((key) => measureOf(...key).kind === 'robust_accuracy');
const attacksOf = (key) => [...new Set(SPOTS.get(key.join('|')).map(([attack]) => attack))].filter((a) => a > 0);

// [{eps, value, low, high, n}] of one network
function curveOf(key, attack, model) {
  const found = [];
  const i = CLEAN.get(`${key[0]}|${key[1]}|${model.k}`);
  if (i !== undefined && D.clean.value[i] !== null) found.push({ eps: 0, value: D.clean.value[i], low: D.clean.low[i], high: D.clean.high[i], n: D.clean.n[i] });
  for (const [a, eps] of SPOTS.get(key.join('|'))) {
    if (a !== attack) continue;
    const row = CELLS.get(cellKey(...key, a, eps)).get(model.k);
    if (row !== undefined && M.value[row] !== null) found.push({ eps, value: M.value[row], low: M.low[row], high: M.high[row], n: M.n[row] });
  }
  return found;
}

function curves() {
  const holder = byId('curves-view');
  if (!ROBUST.length) { holder.append(el('p', { class: 'note' }, 'Nothing was attacked in this run.')); return; }
  let key = ROBUST[0], attack = attacksOf(key)[0];
  const named = (k) => [['', attacksOf(k).map((a) => [a, D.attacks[a]])]];
  const attackChoice = choice('Attack', named(key), attack, (value) => { attack = Number(value); draw(); });
  const measureChoice = choice('Metric', [['', ROBUST.map((k) => [k.join('|'), nameOf(...k)])]], key.join('|'), (value) => {
    key = value.split('|').map(Number);
    if (!attacksOf(key).includes(attack)) attack = attacksOf(key)[0];
    attackChoice.set(named(key), attack);
    draw();
  });
  measureChoice.select.id = 'curve-metric';
  attackChoice.select.id = 'curve-attack';
  const chart = el('div', { class: 'chart', id: 'curve' });
  const link = csvLink('curves', () => [['model', 'metric', 'attack', 'radius', 'value', 'low', 'high', 'n'],
    ...D.models.flatMap((m) => curveOf(key, attack, m).map((p) => [m.name, nameOf(...key), D.attacks[attack], p.eps, p.value, p.low, p.high, p.n]))]);
  holder.append(el('div', { class: 'controls' }, measureChoice.node, attackChoice.node, link), chart,
    el('p', { class: 'note' }, 'Radius 0 is the accuracy without attack on the images that were attacked. Bands are 95 % intervals of the marked '
      + 'network, or of all where there are few. Arrow keys go from line to line.'));
  const redraw = (width) => {
    const lines = visible().map((model) => ({ model, points: curveOf(key, attack, model) })).filter((line) => line.points.length > 1);
    const top = Math.max(...lines.flatMap((line) => line.points.map((p) => p.eps)), 1e-9);
    const radii = [...new Set(lines.flatMap((line) => line.points.map((p) => p.eps)))].sort((a, b) => a - b);
    const height = Math.max(300, Math.min(440, width * 0.45));
    const room = radii.filter((eps, k) => k === 0 || k === radii.length - 1 || (eps - radii[k - 1]) / top * width > 48);
    const view = frame(width, height, { range: [0, top], title: `radius of ${D.attacks[attack]}, [0,1] pixel units`, ticks: room.map((eps) => [eps, eps ? radius(eps, attack) : '0']) },
      { range: [0, 100], title: `${nameOf(...key)}, %` }, `Curves of ${lines.length} networks: ${nameOf(...key)} over the radius of ${D.attacks[attack]}.`);
    const { root, px, py } = view;
    lines.sort((one, two) => two.points.at(-1).value - one.points.at(-1).value);
    const at = (p, end) => `${px(p.eps).toFixed(1)} ${py(100 * p[end]).toFixed(1)}`;
    const items = lines.map(({ model, points }) => {
      const path = `M${points.map((p) => at(p, 'value')).join('L')}`;
      const band = `M${points.map((p) => at(p, 'high')).join('L')}L${[...points].reverse().map((p) => at(p, 'low')).join('L')}z`;
      const line = svg('path', { class: `curve${model.open ? ' dash' : ''}`, d: path });
      const item = svg('g', { class: `item${dimmed(model) ? ' dim' : ''}`, role: 'img', vars: colourOf(model), 'data-model': model.k },
        (model.k === state.marked || lines.length <= 5) && svg('path', { class: 'band', d: band }), svg('path', { class: 'hit', d: path }), line);
      const half = points.find((p) => p.value < 0.5);
      const last = svg('path', { d: `M${at(points.at(-1), 'value')}h0`, class: 'hit' });
      item.append(last);
      explained(item, last, model.name, [...points.map((p) => `${p.eps ? radius(p.eps, attack) : 'clean'}: ${written({ percent: true }, p.value, p.low, p.high)}`),
        `n = ${points[0].n}`, half && half.eps > 0 ? `below 50 % from ${radius(half.eps, attack)}` : '']);
      return item;
    });
    root.append(...items);
    chart.replaceChildren(root);
    if (items.length) roving(items);
  };
  const draw = responsive(chart, redraw);
  state.listeners.push(draw);
  draw();
}
