// The trade-off: any metric against any other, one point a network, with intervals.
function tradeOff() {
  const holder = byId('trade-off-view');
  const axis = { x: null, y: null };
  const options = { bars: true, labels: true, lines: true };
  const listed = [...SPOTS.keys()].map((key) => key.split('|').map(Number));
  const robustFirst = (key) => measureOf(...key).kind === 'robust_accuracy' ? 0 : 1;
  const reliantFirst = (key) => measureOf(...key).leans ? 0 : measureOf(...key).kind === 'robust_accuracy' ? 2 : 1;
  const grouped = (rank) => D.benchmarks.map((b, k) => [b.name, listed.filter((key) => key[0] === k)
    .sort((one, two) => rank(one) - rank(two)).map((key) => [key.join('|'), measureOf(...key).name])]).filter((g) => g[1].length);
  const start = D.start;
  const widest = (key, measureFirst) => {  // the spot that tells most networks apart
    let best = null, most = -1;
    for (const spot of SPOTS.get(key)) {
      const values = [...CELLS.get(cellKey(...key.split('|'), ...spot)).values()].map((i) => M.value[i]).filter((v) => v !== null);
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      const spread = values.reduce((a, b) => a + (b - mean) ** 2, 0);
      if (spread > most || measureFirst && spot[0] === 0) { best = spot; most = spread; if (measureFirst && spot[0] === 0) break; }
    }
    return best;
  };
  const set = (name, key, spot) => { axis[name] = { key, spot: spot || widest(key, name === 'y') }; };
  const fallback = listed.map((key) => key.join('|'));
  const ordered = (rank) => [...listed].sort((one, two) => rank(one) - rank(two))[0].join('|');
  if (start.x) {
    set('x', `${start.x.benchmark}|${start.x.measure}`, [D.attacks.indexOf(start.x.attack), start.x.eps]);
    set('y', `${start.y.benchmark}|${start.y.measure}`);
  } else { set('x', ordered(robustFirst) || fallback[0]); set('y', ordered(reliantFirst) || fallback[0]); }

  const spots = (key) => [['', SPOTS.get(key).map((spot) => [spot.join('|'), spotName(spot)])]];
  const pick = (name, text, rank) => {
    const attack = choice(`${text}: attack`, spots(axis[name].key), axis[name].spot.join('|'), (value) => { axis[name].spot = value.split('|').map(Number); draw(); });
    const measure = choice(`${text}: metric`, grouped(rank), axis[name].key, (value) => {
      const old = axis[name].spot.join('|');
      const same = SPOTS.get(value).find((spot) => spot.join('|') === old);
      set(name, value, same);
      attack.set(spots(value), axis[name].spot.join('|'));
      draw();
    });
    measure.select.id = `${name}-metric`;
    attack.select.id = `${name}-attack`;
    return [measure.node, attack.node];
  };
  const chart = el('div', { class: 'chart', id: 'scatter' });
  const caption = el('p', { class: 'note' });
  const numbers = el('details', {}, el('summary', {}, 'The numbers behind this chart'), el('div'));
  holder.append(
    el('div', { class: 'controls' }, pick('x', 'Across', robustFirst), pick('y', 'Up', reliantFirst),
      check('intervals', true, (on) => { options.bars = on; draw(); }), check('labels', true, (on) => { options.labels = on; draw(); }),
      check('lines', true, (on) => { options.lines = on; draw(); })),
    chart, caption, numbers);

  const table = () => {
    if (!numbers.open) return;
    const [ax, ay] = [axis.x, axis.y].map((a) => ({ ...a, about: measureOf(...a.key.split('|')), title: title(a) }));
    const cell = (a, k) => {
      const i = CELLS.get(cellKey(...a.key.split('|'), ...a.spot)).get(k);
      if (i === undefined) return '-';
      return { text: written(a.about, M.value[i], M.low[i], M.high[i]), v: M.value[i], l: M.low[i], h: M.high[i], n: M.n[i] };
    };
    numbers.lastElementChild.replaceChildren(...madeTable('trade-off-numbers', 'Trade-off', [['model', 1], [ax.title], [ay.title]],
      D.models.map((m) => [m.name, cell(ax, m.k), cell(ay, m.k)]).filter((row) => row[1] !== '-' || row[2] !== '-')));
  };
  numbers.addEventListener('toggle', table);
  const title = (a) => `${nameOf(...a.key.split('|'))}${a.spot[0] ? ` (${spotName(a.spot)})` : ''}`;
  const points = () => {
    const [cx, cy] = [axis.x, axis.y].map((a) => CELLS.get(cellKey(...a.key.split('|'), ...a.spot)));
    const [ax, ay] = [axis.x, axis.y].map((a) => measureOf(...a.key.split('|')));
    const end = (about, i) => [M.value[i], M.low[i], M.high[i]].map((v) => scaled(about, v));
    return visible().filter((m) => cx.has(m.k) && cy.has(m.k)).map((model) => {
      const i = cx.get(model.k), j = cy.get(model.k);
      return { model, i, j, x: end(ax, i), y: end(ay, j) };
    }).filter((p) => p.x[0] !== null && p.y[0] !== null);
  };

  const redraw = (width) => {
    const found = points(), aboutX = measureOf(...axis.x.key.split('|')), aboutY = measureOf(...axis.y.key.split('|'));
    const height = Math.max(320, Math.min(520, width * 0.55));
    const worse = { up: ' \u00a0 \u2191 more reliance', down: ' \u00a0 \u2193 more reliance' }[aboutY.leans] || '';
    const view = frame(width, height,
      { range: extent(found.flatMap((p) => options.bars ? p.x : p.x[0]), 0.05), title: title(axis.x) + (aboutX.percent ? ', %' : '') },
      { range: extent(found.flatMap((p) => options.bars ? p.y : p.y[0]), 0.06), title: title(axis.y) + (aboutY.percent ? ', %' : '') + worse },
      `Scatter chart of ${found.length} networks: ${title(axis.y)} against ${title(axis.x)}. Arrow keys go from point to point.`);
    const { root, px, py } = view;
    if (options.lines) root.append(...joined(found, px, py));
    found.sort((one, two) => one.x[0] - two.x[0]);
    const items = found.map((p) => {
      const [x, y] = [px(p.x[0]), py(p.y[0])];
      const mark = svg('g', { transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` }, svg('circle', { r: 11, fill: 'transparent' }), glyph(p.model, 4.8));
      const bars = `M${px(p.x[1]).toFixed(1)} ${y.toFixed(1)}H${px(p.x[2]).toFixed(1)}M${x.toFixed(1)} ${py(p.y[1]).toFixed(1)}V${py(p.y[2]).toFixed(1)}`;
      const item = svg('g', { class: `item${dimmed(p.model) ? ' dim' : ''}`, role: 'img', vars: colourOf(p.model), 'data-model': p.model.k },
        options.bars && !bars.includes('NaN') && svg('path', { class: 'bars', d: bars }), mark);
      explained(item, mark, p.model.name, [
        `${nameOf(...axis.x.key.split('|'))}: ${written(aboutX, M.value[p.i], M.low[p.i], M.high[p.i])}, n = ${M.n[p.i]}`,
        `${nameOf(...axis.y.key.split('|'))}: ${written(aboutY, M.value[p.j], M.low[p.j], M.high[p.j])}, n = ${M.n[p.j]}`,
        D.notes[M.note[p.i]], D.notes[M.note[p.j]]]);
      return item;
    });
    root.append(...items);
    if (options.labels) root.append(...labels(found, view));
    chart.replaceChildren(root);
    if (items.length) roving(items);
    const missing = visible().length - found.length;
    caption.textContent = `One point a network; bars are 95 % intervals; lines join networks of one series by training radius, `
      + `labels give it (in 255ths for \u2113\u221e), a star is standard training. ${aboutY.name}: ${aboutY.meaning}.`
      + (missing ? ` ${missing} of ${visible().length} networks have no value here.` : '');
    table();
  };
  const draw = responsive(chart, redraw);
  state.listeners.push(draw);
  draw();
}

// Lines from the standard network of an architecture through its series
function joined(found, px, py) {
  const rows = new Map();
  for (const p of found) {
    if (p.model.standard || p.model.norm === 'other') continue;
    const line = `${p.model.series}|${p.model.seed}`;
    if (!rows.has(line)) rows.set(line, []);
    rows.get(line).push(p);
  }
  return [...rows.values()].map((line) => {
    line.sort((one, two) => one.model.eps - two.model.eps);
    const start = found.find((p) => p.model.standard && p.model.arch === line[0].model.arch && p.model.seed === line[0].model.seed);
    const path = (start ? [start, ...line] : line).map((p) => `${px(p.x[0]).toFixed(1)} ${py(p.y[0]).toFixed(1)}`).join('L');
    const dim = state.marked >= 0 ? ' dim' : '';
    return svg('path', { class: `link${line[0].model.open ? ' dash' : ''}${dim}`, d: `M${path}`, vars: colourOf(line[0].model) });
  });
}

// Training radii beside their points, where there is room
function labels(found, view) {
  const taken = found.map((p) => { const x = view.px(p.x[0]), y = view.py(p.y[0]); return [x - 5, y - 5, x + 5, y + 5]; });
  const free = (box) => box[0] > view.left && box[2] < view.right && box[1] > view.top - 6 && box[3] < view.bottom
    && !taken.some((t) => box[0] < t[2] && box[2] > t[0] && box[1] < t[3] && box[3] > t[1]);
  const made = [];
  for (const p of found) {
    const alone = p.model.norm === 'other' || p.model.k === state.marked;
    const text = alone ? p.model.short : p.model.standard ? '' : p.model.label.replace('/255', '');
    if (!text || dimmed(p.model)) continue;
    const x = view.px(p.x[0]), y = view.py(p.y[0]), w = text.length * 6;
    const places = [[x + 7, y - 14], [x - 7 - w, y - 14], [x + 7, y + 3], [x - 7 - w, y + 3], [x - w / 2, y - 19], [x - w / 2, y + 8]];
    const place = places.find(([a, b]) => free([a, b, a + w, b + 11]));
    if (!place) continue;
    taken.push([place[0], place[1], place[0] + w, place[1] + 11]);
    made.push(svg('text', { class: 'label', x: place[0], y: place[1] + 9, 'aria-hidden': 'true', vars: colourOf(p.model) }, text));
  }
  return made;
}
