// Example images with answers, and the answers that changed.
const className = (benchmark, k) => k === null || k === undefined ? '?' : k < 0 ? 'no class' : benchmark.classes[k] ?? String(k);

function pickBenchmark(places, changedTo) {
  const items = places.map((k) => [k, D.benchmarks[k].name]);
  return places.length > 1 ? [choice('Benchmark', [['', items]], places[0], (v) => changedTo(Number(v))).node] : [];
}

// A telling few: the standard network, and the most robust of every norm
function firstFew(benchmark) {
  const models = D.models.filter((m) => runOn(benchmark, m.k));
  const found = models.filter((m) => m.standard).slice(0, 1);
  for (const norm of ['linf', 'l2', 'l1']) {
    const mine = models.filter((m) => m.norm === norm && !m.standard);
    if (mine.length) found.push(mine.reduce((a, b) => b.eps > a.eps ? b : a));
  }
  return [...new Set([...found, ...models])].slice(0, 3).map((m) => m.k);
}
const runOn = (benchmark, k) => benchmark.conditions.some((c) => c.answers && c.answers[k].some((given) => given !== null))
  || benchmark.counts.some((row) => row[1] === k);

function images() {
  const holder = byId('images-view');
  const places = D.benchmarks.map((_, k) => k).filter((k) => D.benchmarks[k].conditions.some((c) => c.picture >= 0));
  if (!places.length) { holder.append(el('p', { class: 'note' }, 'No images were kept with this run.')); return; }
  let at = places[0];
  let chosen = firstFew(D.benchmarks[at]);
  const grid = el('div', { class: 'strips' });
  const draw = () => {
    const benchmark = D.benchmarks[at], seen = new Set();
    const looks = benchmark.conditions.filter((c) => c.picture >= 0 && !seen.has(c.picture) && seen.add(c.picture));
    grid.replaceChildren(...looks.map((condition) => strip(benchmark, condition, chosen.filter((k) => k >= 0))));
  };
  const items = () => [['', [[-1, 'none'], ...D.models.filter((m) => runOn(D.benchmarks[at], m.k)).map((m) => [m.k, m.short])]]];
  const pickers = [0, 1, 2].map((slot) => choice(`Answers of network ${slot + 1}`, items(), chosen[slot] ?? -1, (v) => { chosen[slot] = Number(v); draw(); }));
  pickers.forEach((picker, k) => { picker.select.id = `answers-${k + 1}`; });
  holder.append(el('div', { class: 'controls' }, pickBenchmark(places, (k) => {
    at = k;
    chosen = firstFew(D.benchmarks[at]);
    pickers.forEach((picker, slot) => picker.set(items(), chosen[slot] ?? -1));
    draw();
  }), pickers.map((p) => p.node)),
    el('p', { class: 'note' }, 'The first images of each condition, as the networks see them. Under each image: its label, and what the chosen networks answered.'), grid);
  draw();
}

function strip(benchmark, condition, chosen) {
  const picture = D.pictures[condition.picture];
  const labels = condition.labels || [];
  const cells = (texts) => Array.from({ length: picture.count }, (_, k) => texts[k] ?? el('td'));
  const row = (name, texts) => [el('tr', { class: 'who' }, el('th', { colspan: picture.count, scope: 'rowgroup' }, name)), el('tr', {}, cells(texts))];
  const answers = (k) => labels.map((label, place) => {
    const given = condition.answers[k][place], right = given === label;
    if (given === null) return el('td', {}, '?');
    const text = className(benchmark, given);
    return el('td', { class: right ? 'right' : 'wrong', title: text }, right ? '\u2713 ' : '\u2717 ', text, el('span', { class: 'hidden' }, right ? ' (right)' : ' (wrong)'));
  });
  const table = labels.length && el('table', { class: 'given' }, el('caption', { class: 'hidden' }, `labels and answers, ${condition.name}`),
    el('tbody', {}, row('label', labels.map((label) => el('td', { title: className(benchmark, label) }, className(benchmark, label)))),
      chosen.map((k) => row(D.models[k].short, answers(k)))));
  const image = el('img', { src: picture.source, loading: 'lazy', width: picture.width, height: picture.height, class: picture.height <= 64 && 'pixels', alt: `The first ${picture.count} images of ${condition.name}` });
  image.style.height = 'auto';
  return el('figure', {}, el('figcaption', {}, condition.name, el('span', {}, ` (${condition.n} images)`)), image, table);
}

const KINDS_OF_CHANGE = ['right in both', 'wrong, same answer', 'right, then wrong', 'wrong, then right', 'wrong, another answer'];

function changedAnswers() {
  const holder = byId('changes-view');
  const places = D.benchmarks.map((_, k) => k).filter((k) => D.benchmarks[k].pairs.length);
  if (!places.length) { holder.append(el('p', { class: 'note' }, 'No two conditions of this run show the same samples.')); return; }
  let at = places[0], pair = 0, model = firstFew(D.benchmarks[at])[0];
  const view = el('div'), examples = el('div');
  const pairNames = () => [['', D.benchmarks[at].pairs.map(([before, after], k) => [k, `${before} \u2192 ${after}`])]];
  const pairChoice = choice('From one condition to another', pairNames(), 0, (v) => { pair = Number(v); draw(); });
  const modelNames = () => [['', D.models.filter((m) => runOn(D.benchmarks[at], m.k)).map((m) => [m.k, m.short])]];
  const modelChoice = choice('Examples of', modelNames(), model, (v) => { model = Number(v); drawExamples(); });
  pairChoice.select.id = 'change-pair';
  const draw = () => {
    const rows = D.benchmarks[at].counts.filter((row) => row[0] === pair).map(([, k, n, ...counts]) =>
      [D.models[k].name, { text: n, v: n }, ...counts.map((c) => ({ text: c, v: c }))]);
    const [before, after] = D.benchmarks[at].pairs[pair];
    view.replaceChildren(...madeTable('changed-answers', `${before} \u2192 ${after}: samples by what became of the answer`, [['model', 1], ['samples'], ...KINDS_OF_CHANGE.map((name) => [name])], rows));
    drawExamples();
  };
  const drawExamples = () => {
    const benchmark = D.benchmarks[at], place = benchmark.counts.findIndex((row) => row[0] === pair && row[1] === model);
    const found = place < 0 ? [] : benchmark.examples[place];
    const [before, after, first, second] = benchmark.pairs[pair];
    examples.replaceChildren(el('h3', {}, `Examples: ${D.models[model].short}`),
      found.length ? el('ul', { class: 'examples' }, found.map((example) => one(benchmark, example, [before, after], [first, second])))
        : el('p', { class: 'note' }, place < 0 ? 'This network was not run on both.' : 'No answer changed.'));
  };
  holder.append(el('div', { class: 'controls' }, pickBenchmark(places, (k) => {
    at = k;
    pair = 0;
    model = firstFew(D.benchmarks[at])[0];
    pairChoice.set(pairNames(), 0);
    modelChoice.set(modelNames(), model);
    draw();
  }), pairChoice.node),
    view, el('div', { class: 'controls' }, modelChoice.node), examples,
    el('p', { class: 'note' }, 'Counts are of samples that both conditions show (first noise draw). Pictures are there for the samples whose images the run kept; under attack they show the image before it.'));
  draw();
}

function one(benchmark, [sample, label, before, after, place], words, conditions) {
  const pictured = (name) => {
    const condition = benchmark.conditions.find((c) => c.name === name);
    return condition && condition.picture >= 0 && place >= 0 ? thumb(D.pictures[condition.picture], place) : null;
  };
  const attacked = conditions[0] === conditions[1];
  const shown = [pictured(conditions[0]), attacked ? null : pictured(conditions[1])].filter(Boolean);
  const line = (where, given) => el('div', {}, el('span', { class: given === label ? 'right' : 'wrong' }, given === label ? '\u2713 ' : '\u2717 ', className(benchmark, given)), ` ${where}`);
  return el('li', {}, shown.length ? el('div', { class: 'pair' }, shown) : null, el('b', {}, className(benchmark, label)), line(words[0], before), line(words[1], after),
    el('div', { class: 'note' }, `sample ${sample}`));
}

// One image of a strip, with its border if it has one: the strip itself is shown through a window
function thumb(picture, place) {
  const side = 68, cell = picture.width / picture.count, gap = Math.max(2, Math.floor(picture.height / 16));
  const scale = side / (cell - gap);
  const node = el('div', { class: `thumb${picture.height <= 64 ? ' pixels' : ''}`, role: 'img', 'aria-label': 'the image' });
  node.style.backgroundImage = `url("${picture.source}")`;
  node.style.backgroundSize = `${picture.width * scale}px ${picture.height * scale}px`;
  node.style.backgroundPosition = `${-place * cell * scale}px 0`;
  return node;
}
