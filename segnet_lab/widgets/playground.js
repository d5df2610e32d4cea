// The pooling-index playground: what SegNet's decoder remembers, to touch. Plain JavaScript, no library, no build.
//
//   1 arithmetic   pure functions, named as in segnet_lab/pooling.py; they need no page
//   2 state        what a student can choose, and the choices on offer
//   3 panels       grids of cells, a picture to cut from
//   4 wiring       pointer, keyboard and Python; `render` at the end puts it all together

// ------------------------------------------------------------------------------------------------- 1. arithmetic
// A map is an array of rows. A term [w, r, c] reads "w times the value at row r, column c".

export const CORNERS = ["top-left", "top-right", "bottom-left", "bottom-right"]; // code -> corner

const range = (n) => Array.from({ length: n }, (_, i) => i);
const size_of = (x) => [x.length, x[0].length];
const make_map = ([h, w], f) => range(h).map((r) => range(w).map((c) => f(r, c)));
const positions = ([h, w]) => range(h * w).map((n) => [Math.floor(n / w), n % w]);
const corner_of = (r, c) => 2 * (r & 1) + (c & 1);

export const pooled_size = ([h, w]) => [Math.ceil(h / 2), Math.ceil(w / 2)];
export const packed_bytes = (windows) => Math.ceil(windows / 4);

/** The cells [r, c] of window (i, j), in the order of CORNERS; fewer than four at an odd edge. */
export function window_cells([h, w], i, j) {
  return range(4).map((k) => [2 * i + (k >> 1), 2 * j + (k & 1)]).filter(([r, c]) => r < h && c < w);
}

/** The maximum of each 2x2 window, and packed in 2 bits where it was. A tie takes the first corner. */
export function max_pool_2x2(x) {
  const winners = make_map(pooled_size(size_of(x)), (i, j) =>
    window_cells(size_of(x), i, j).reduce((best, [r, c]) => (x[r][c] > x[best[0]][best[1]] ? [r, c] : best)));
  const values = winners.map((row) => row.map(([r, c]) => x[r][c]));
  return [values, pack(winners.map((row) => row.map(([r, c]) => corner_of(r, c))))];
}

/** Four 2-bit corner numbers a byte, the first in its lowest bits. */
export function pack(corners) {
  const flat = corners.flat(), codes = range(packed_bytes(flat.length)).fill(0);
  flat.forEach((corner, n) => { codes[n >> 2] |= corner << (2 * (n & 3)); });
  return codes;
}

export function unpack(codes, [h, w]) {
  return make_map([h, w], (i, j) => { const n = i * w + j; return (codes[n >> 2] >> (2 * (n & 3))) & 3; });
}

// Every way of upsampling is a weighted sum of pooled values. What differs is who chooses the weights - the codes, nobody,
// or training - and what must be remembered: codes, a whole map (`adds`), or nothing. A sparse one leaves cells empty.
const whole_window = (m, r, c) => [[1, r >> 1, c >> 1]];
const coded_corner = (m, r, c) => (m.corners[r >> 1][c >> 1] === corner_of(r, c) ? whole_window(m, r, c) : []);
const top_left = (m, r, c) => (corner_of(r, c) === 0 ? whole_window(m, r, c) : []);

export const DECODERS = {
  pooling_indices: { label: "pooling indices", does: "puts each value back where it was", terms: coded_corner, sparse: true, codes: true },
  fixed_indices: { label: "fixed index", does: "puts each value top-left", terms: top_left, sparse: true },
  replication: { label: "replication", does: "fills each window with its value", terms: whole_window },
  bilinear: { label: "bilinear", does: "blends neighbouring values", terms: ({ pooled: p, values: x }, r, c) =>
    outer(between(r, p.length, x.length), between(c, p[0].length, x[0].length)) },
  learnt_deconvolution: { label: "learnt deconvolution", does: "spreads each value with a 4×4 kernel", terms: ({ pooled: p, deconvolution: k }, r, c) =>
    outer(reached(r, p.length), reached(c, p[0].length)).map(([, i, j]) => [k[r + 1 - 2 * i][c + 1 - 2 * j], i, j]) },
  whole_map_added: { label: "indices + whole map", does: "puts each value back where it was and later adds the whole input",
    terms: coded_corner, sparse: true, codes: true, adds: true },
};

const outer = (rows, cols) => rows.flatMap(([a, i]) => cols.map(([b, j]) => [a * b, i, j]));

/** The two pooled rows that row r lies between, as F.interpolate(mode="bilinear") weighs them. */
function between(r, small, large) {
  const at = Math.max(0, ((r + 0.5) * small) / large - 0.5), low = Math.floor(at), t = at - low;
  return t === 0 || low + 1 === small ? [[1, low]] : [[1 - t, low], [t, low + 1]];
}

/** The pooled rows whose 4x4 kernels, two cells apart, reach row r: conv_transpose2d with stride 2, padding 1. */
const reached = (r, small) => [(r - 1) >> 1, (r + 1) >> 1].filter((i) => i >= 0 && i < small && r + 1 - 2 * i < 4)
  .map((i) => [1, i]);

/** The 3x3 kernel laid over (r, c); nothing lies beyond the frame. */
export function kernel_terms(kernel, [h, w], r, c) {
  const terms = [];
  kernel.forEach((row, u) => row.forEach((weight, v) => {
    const y = r + u - 1, x = c + v - 1;
    if (y >= 0 && y < h && x >= 0 && x < w) terms.push([weight, y, x]);
  }));
  return terms;
}

const weighted_sum = (terms, x) => terms.reduce((sum, [w, r, c]) => sum + w * x[r][c], 0);

/** Everything that the page shows: pooled values, codes and, for every decoding, its maps and scores. */
export function compute({ values, decoders, kernels, deconvolutions }) {
  const size = size_of(values), [pooled, codes] = max_pool_2x2(values);
  const corners = unpack(codes, size_of(pooled));
  const lanes = decoders.map((name, n) => {
    const m = { values, pooled, corners, deconvolution: deconvolutions[n] }, kernel = kernels[n], decoder = DECODERS[name];
    const terms = make_map(size, (r, c) => decoder.terms(m, r, c));
    const upsampled = make_map(size, (r, c) => weighted_sum(terms[r][c], pooled));
    const dense = make_map(size, (r, c) =>
      weighted_sum(kernel_terms(kernel, size, r, c), upsampled) + (decoder.adds ? values[r][c] : 0));
    const error = make_map(size, (r, c) => dense[r][c] - values[r][c]);
    const mean_error = error.flat().reduce((sum, e) => sum + Math.abs(e), 0) / error.flat().length;
    const remembers = (decoder.codes ? codes.length : 0) + (decoder.adds ? 4 * error.flat().length : 0); // bytes
    return { name, decoder, terms, kernel, upsampled, dense, error, mean_error, remembers };
  });
  return { values, pooled, codes, corners, lanes };
}

/** The weights that bring rows · weights nearest to the targets (normal equations, Gauss elimination). */
export function least_squares(rows, targets) {
  const n = rows[0].length, sum = (f) => rows.reduce((s, row, k) => s + f(row, targets[k]), 0);
  const a = make_map([n, n + 1], (p, q) => sum((row, target) => row[p] * (q < n ? row[q] : target)));
  const ridge = 1e-9 * (1 + Math.max(...range(n).map((p) => a[p][p]))); // keeps a weight that is never used at 0
  for (let p = 0; p < n; p++) a[p][p] += ridge;
  for (let p = 0; p < n; p++) {
    for (let q = p + 1; q < n; q++) {
      const f = a[q][p] / a[p][p];
      for (let k = p; k <= n; k++) a[q][k] -= f * a[p][k];
    }
  }
  const weights = range(n).fill(0);
  for (const p of range(n).reverse()) {
    weights[p] = (a[p][n] - range(n).slice(p + 1).reduce((s, q) => s + a[p][q] * weights[q], 0)) / a[p][p];
  }
  return weights.map((w) => Math.round(1000 * w) / 1000 + 0); // three digits are enough to read, and to be near
}

/** "Training" on one input: the 3x3 kernel that brings the dense map nearest to it. */
export function learn_kernel({ upsampled, decoder }, values) {
  const at = positions(size_of(values)), read = (r, c) => upsampled[r]?.[c] ?? 0;
  const rows = at.map(([r, c]) => positions([3, 3]).map(([u, v]) => read(r + u - 1, c + v - 1)));
  const w = least_squares(rows, at.map(([r, c]) => (decoder.adds ? 0 : values[r][c])));
  return make_map([3, 3], (u, v) => w[3 * u + v]);
}

/** The same for the 4x4 kernel of the deconvolution: brings the upsampled map nearest to the input. */
export function learn_deconvolution(pooled, values) {
  const at = positions(size_of(values)), read = (i, j) => pooled[i]?.[j] ?? 0;
  const rows = at.map(([r, c]) => positions([4, 4]).map(([u, v]) =>
    (r + 1 - u) % 2 || (c + 1 - v) % 2 ? 0 : read((r + 1 - u) / 2, (c + 1 - v) / 2)));
  const w = least_squares(rows, at.map(([r, c]) => values[r][c]));
  return make_map([4, 4], (u, v) => w[4 * u + v]);
}

/** Bytes to remember for C maps of H x W, one 2x2 pooling: [what, bytes]. */
export function storage([channels, h, w]) {
  const [i, j] = pooled_size([h, w]), windows = channels * i * j;
  return [["2-bit codes", packed_bytes(windows)], ["float32, pooled", 4 * windows],
    ["int64 indices", 8 * windows], ["float32, whole", 4 * channels * h * w]];
}

// Where a cell comes from. A place is {kind, lane, r, c}; a packed byte shows its highest two bits first.
const unique = (cells) => [...new Map(cells.map((cell) => [cell.join(), cell])).values()];

const support = (m, r, c) => kernel_terms([[1, 1, 1], [1, 1, 1], [1, 1, 1]], size_of(m.values), r, c).map(([, y, x]) => [y, x]);

function windows_behind(m, { kind, lane, r, c }) {
  const [h, w] = size_of(m.pooled), own = [[r >> 1, c >> 1]];
  if (kind === "input") return own;
  if (kind === "pooled" || kind === "codes") return [[r, c]];
  if (kind === "packed")
    return (c === 4 ? range(4) : [3 - c]).map((k) => 4 * r + k).filter((n) => n < h * w).map((n) => [Math.floor(n / w), n % w]);
  if (kind === "kernel" || kind === "deconvolution") return [];
  const cells = kind === "upsampled" ? [[r, c]] : support(m, r, c);
  const found = unique(cells.flatMap(([y, x]) => m.lanes[lane].terms[y][x].map(([, i, j]) => [i, j])));
  return found.length || kind !== "upsampled" ? found : own; // an empty cell shows the window that left it empty
}

/** The cells of every panel that belong to a place: {panel: [[r, c, strong], ...]}. */
export function trace(m, place) {
  const { kind, r, c } = place, windows = windows_behind(m, place), lit = {};
  const add = (panel, y, x, strong = false) => (lit[panel] ??= []).push([y, x, strong]);
  for (const [i, j] of windows) {
    for (const [y, x] of window_cells(size_of(m.values), i, j)) add("input", y, x, m.corners[i][j] === corner_of(y, x));
    for (const panel of ["pooled", "codes"]) add(panel, i, j, true);
    const n = i * m.pooled[0].length + j;
    add("packed", n >> 2, 3 - (n & 3), true);
  }
  const inside = new Set(windows.map(String));
  m.lanes.forEach(({ terms, decoder }, lane) => {
    if (kind === "dense" || kind === "error") {
      if (decoder.adds && lane === place.lane) add("input", r, c, true);
      for (const [y, x] of support(m, r, c)) add(`upsampled${lane}`, y, x, terms[y][x].length > 0);
      for (const panel of ["dense", "error"]) add(panel + lane, r, c, true);
    } else { // forward: what this value becomes
      const fed = kind === "upsampled" ? [[r, c]] : positions(size_of(m.values))
        .filter(([y, x]) => terms[y][x].some(([w, i, j]) => w && inside.has(`${i},${j}`)));
      for (const [y, x] of fed) add(`upsampled${lane}`, y, x, true);
      for (const [y, x] of unique(fed.flatMap(([y, x]) => support(m, y, x)))) add(`dense${lane}`, y, x);
    }
  });
  return lit;
}

// Formulas in words and numbers.
const minus = (text) => text.replace("-", "−");
export const show = (x) => minus(String(+x.toFixed(4)));
const factor = (x) => (x < 0 ? `(${show(x)})` : show(x));
const spoken_terms = (terms, x) => terms.filter(([w, r, c]) => w && x[r][c])
  .map(([w, r, c]) => `${factor(w)}·${factor(x[r][c])}`).join(" + ") || "0";

function window_formula({ values, pooled, corners }, i, j) {
  const inside = window_cells(size_of(values), i, j).map(([r, c]) => values[r][c]), code = corners[i][j];
  const tie = inside.filter((v) => v === pooled[i][j]).length > 1 ? ", a tie: the first corner wins" : "";
  return `max(${inside.map(show).join(", ")}) = ${show(pooled[i][j])}, ${CORNERS[code]} = code ${code}${tie}`;
}

const bits = (code) => code.toString(2).padStart(2, "0");

/** One sentence for a place, with its numbers. Rows and columns count from 0, as in Python. */
export function explain(m, { kind, lane, r, c }) {
  const i = r >> 1, j = c >> 1, code = m.corners[i]?.[j], here = corner_of(r, c), { decoder, ...one } = m.lanes[lane] ?? {};
  const name = `${kind}${lane === undefined ? "" : ` ${"AB"[lane]}`}[${r}, ${c}]`, value = one[kind] && show(one[kind][r]?.[c]);
  switch (kind) {
    case "input": return `${name} = ${show(m.values[r][c])}, ${code === here ? "remembered" : "forgotten"}: ${window_formula(m, i, j)}`;
    case "pooled": return `${name} = ${window_formula(m, r, c)}`;
    case "codes": {
      const n = r * m.pooled[0].length + c, k = m.corners[r][c], bit = 2 * (n & 3);
      return `code[${r}, ${c}] = ${k} = bits ${bits(k)}, ${CORNERS[k]}: window ${n} lies in byte ${n >> 2}, bits ${bit + 1} and ${bit}`;
    }
    case "packed": {
      const four = range(4).map((k) => (m.codes[r] >> (2 * k)) & 3), sum = four.map((k, n) => (n ? `${4 ** n}·${k}` : k)).join(" + ");
      return `byte ${r} = ${sum} = ${m.codes[r]} = bits ${four.map(bits).reverse().join(" ")}, first window in the lowest bits`;
    }
    case "upsampled": {
      if (decoder.codes) return `${name} = ${value}: code ${code} says ${CORNERS[code]}, ${code === here ? "which is here" : `this is ${CORNERS[here]}`}`;
      if (decoder.sparse) return `${name} = ${value}: always top-left${here ? `, this is ${CORNERS[here]}` : ""}`;
      if (decoder.terms === whole_window) return `${name} = pooled[${i}, ${j}] = ${value}: the whole window gets it`;
      return `${name} = ${spoken_terms(one.terms[r][c], m.pooled)} = ${value}`;
    }
    case "dense": {
      const terms = kernel_terms(one.kernel, size_of(m.values), r, c), plus = decoder.adds ? ` + input ${factor(m.values[r][c])}` : "";
      const zeros = 9 - terms.filter(([w, y, x]) => w && one.upsampled[y][x]).length;
      if (zeros === 9 && !plus) return `${name} = 0: all nine terms are 0`;
      return `${name} = ${spoken_terms(terms, one.upsampled)}${plus} = ${value}${zeros ? ` (${zeros} of 9 terms are 0)` : ""}`;
    }
    case "error": return `${name} = ${factor(one.dense[r][c])} − ${factor(m.values[r][c])} = ${value}`;
    case "kernel": return `${name} = ${value}: weighs the upsampled cell ` +
      (`${["above ", "", "below "][r]}${["left", "", "right"][c]}`.trim() || "itself");
    default: return `${name}: each pooled value, times this weight, is added to its cell of a 4×4 block`;
  }
}

// ------------------------------------------------------------------------------------------------------ 2. state
// What a student chooses lives in the widget's model, so Python sees it; see playground.py for the meaning.

const CHOICES = ["values", "decoders", "kernels", "deconvolutions", "step", "code_view", "brush", "storage_size"];
const UNDONE = ["values", "decoders", "kernels", "deconvolutions"];
export const SIZES = [4, 16], LARGEST = 1e6;
const MEGAPIXELS = 64, COARSE = 64; // of a picture: the most that is read, and its shorter side after shrinking

const shuffled = (r, c) => Math.floor(10 * ((((Math.sin(12.9898 * r + 78.233 * c + 4) * 43758.5453) % 1) + 1) % 1)); // a digit
export const PRESETS = {
  "thin pole": [(r, c, h, w) => (c === (w >> 2) + Math.floor((r * (w >> 1)) / h) ? 9 : 0),
    "One pixel wide and leaning. With its codes, copying down rebuilds it; without them no 3×3 kernel can."],
  "diagonal edge": [(r, c) => (c > r ? 9 : 2), "Only the windows on the edge point away from top-left: the codes draw the edge."],
  tie: [() => 5, "Four equal numbers in every window: the first corner wins, so every code is 0."],
  "all-zero windows": [(r, c, h, w) => (c < 2 * (w >> 2) || r < 2 * (h >> 2) ? 0 : shuffled(r, c)),
    "After ReLU many windows are all zero. They tie, so they always point top-left: codes are not evenly spread."],
  checkerboard: [(r, c) => ((r + c) % 2 ? 9 : 0),
    "Each window ties between two nines and keeps the first; the codes know nothing of the other one."],
  "smooth ramp": [(r, c) => Math.min(9, (r + c) / 2),
    "Nothing sharp to remember: when both learn their kernel, bilinear, which stores nothing, comes nearer than indices."],
  noise: [shuffled, "All corners win about equally often, so two bits are needed; three numbers of four are lost all the same."],
};

export const KERNELS = {
  identity: [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
  box: make_map([3, 3], () => 1 / 9), // the mean of nine
  tent: [[0.25, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 0.25]], // sums to 4, as unpooling fills one cell in four
  "copy down": [[0, 1, 0], [0, 1, 0], [0, 0, 0]],
  sharpen: [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
  edge: [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
};
const tent = [0.25, 0.75, 0.75, 0.25];
export const DECONVOLUTIONS = { // the middle of FCN's 8x8, which bilinear initialisation fills; named for what they do
  bilinear: make_map([4, 4], (u, v) => tent[u] * tent[v]),
  replication: make_map([4, 4], (u, v) => (u % 3 && v % 3 ? 1 : 0)),
  "fixed index": make_map([4, 4], (u, v) => (u === 1 && v === 1 ? 1 : 0)),
};
const name_of = (x, presets, cell = (map, r, c) => map[r][c]) => Object.keys(presets).find((name) =>
  x.every((row, r) => row.every((v, c) => v === cell(presets[name], r, c)))) ?? "";

const { format: thousands } = new Intl.NumberFormat("en");
const bytes = (n) => `${thousands(n)} byte${n === 1 ? "" : "s"}`;
const STEPS = [ // name, the sentence of the guided tour
  ["Input", ({ values }) => `A map of ${size_of(values).join(" × ")} numbers, one channel of what an encoder layer puts out. Paint on it.`],
  ["Pool", ({ values, pooled }) => `Each 2×2 window keeps its largest value: ${values.flat().length} numbers become ${pooled.flat().length}.`],
  ["Codes", () => "Each window also notes which corner held the maximum: four corners, so two bits. A tie takes the first."],
  ["Pack", ({ pooled, codes }) => `Four codes share a byte: ${pooled.flat().length} windows take ${bytes(codes.length)}. PyTorch's int64 indices take ${bytes(8 * pooled.flat().length)}.`],
  ["Upsample", ({ lanes }) => `Back to full size: ${lanes.map((one, n) => `${"AB"[n]} ${DECODERS[one.name].does}`).join("; ")}.`],
  ["Dense", () => "A 3×3 kernel fills the gaps: each dense cell is a weighted sum of nine cells. SegNet learns these weights."],
  ["Compare", ({ lanes }) => `${lanes.map((one, n) => `${"AB"[n]} remembers ${bytes(one.remembers)}, mean error ${show(+one.mean_error.toFixed(2))}`).join("; ")}. Point at any cell to see where it came from.`],
];

/** What is wrong with a map, in words; nothing if it can be shown. */
export function complaint(x) {
  const [least, most] = SIZES, fits = (n) => n >= least && n <= most;
  if (!Array.isArray(x) || !x.length || !x[0]?.length) return "The map is empty. Give 4 to 16 rows and columns of numbers.";
  if (!fits(x.length) || !fits(x[0].length) || x.some((row) => row.length !== x[0].length))
    return `A map of ${x.length} × ${x[0].length} does not fit: give ${least} to ${most} rows and columns, all rows alike.`;
  const [r, c] = positions(size_of(x)).find(([r, c]) => !(Math.abs(x[r][c]) <= LARGEST) || typeof x[r][c] !== "number") ?? [];
  return r === undefined ? "" : `The map holds ${x[r][c] ?? "NaN"} at row ${r}, column ${c}: give numbers from −1e6 to 1e6.`;
}

/** A number as people type it: 7, -1.5, 1,5 or 1/4. */
export function parse_number(text) {
  const [top, bottom = "1", ...rest] = text.trim().replace("−", "-").replace(",", ".").split("/");
  const x = top.trim() && bottom.trim() && !rest.length ? Number(top) / Number(bottom) : NaN;
  if (!(Math.abs(x) <= LARGEST)) throw new Error(`“${text}” is no number up to a million: type one such as 7, −1.5 or 1/4.`);
  return x;
}

// ----------------------------------------------------------------------------------------------------- 3. panels

const VIRIDIS = ["440154", "472d7b", "3b528b", "2c728e", "21918c", "28ae80", "5ec962", "addc30", "fde725"]
  .map((hex) => [0, 2, 4].map((k) => parseInt(hex.slice(k, k + 2), 16)));
const PAINTS = range(101).map((n) => { // percent of the scale -> background and text
  const at = n / 12.5, low = Math.min(7, Math.floor(at));
  const rgb = range(3).map((k) => Math.round(VIRIDIS[low][k] + (at - low) * (VIRIDIS[low + 1][k] - VIRIDIS[low][k])));
  return `background-color:rgb(${rgb});color:${rgb[0] * 0.3 + rgb[1] * 0.59 + rgb[2] * 0.11 > 110 ? "#000" : "#fff"}`;
});
const percent = (t) => Math.round(100 * Math.min(1, Math.max(0, t))) || 0;

/** A number in a few characters, for a cell. */
export function short(x, most = 4) {
  if (Number.isInteger(x) && Math.abs(x) < 100) return minus(`${x}`);
  const text = [2, 1, 0].map((digits) => minus(String(+x.toFixed(digits)).replace(/^(-?)0\./, "$1."))).find((s) => s.length <= most);
  return text ?? minus(x.toExponential(0).replace("e+", "e"));
}

/** A grid of cells: one stop for the Tab key, arrow keys inside. */
class Grid {
  constructor(kind, label, { lane, edit } = {}) {
    Object.assign(this, { kind, label, lane, edit, name: kind + (lane ?? ""), cells: [], lit: [] });
    this.el = h("div", { class: `grid ${kind}${edit ? " editable" : ""}`, role: "grid", "aria-readonly": !edit });
  }

  /** look(r, c) -> {text, style, mark, label} */
  draw([rows, cols], look) {
    if (this.cells.length !== rows || this.cells[0].length !== cols) this.build(rows, cols);
    this.cells.flat().forEach((cell) => {
      const { text = "", style = "", mark = "", label = "" } = look(cell.place.r, cell.place.c);
      const drawn = `${text}|${style}|${mark}|${label}`;
      if (cell.drawn === drawn) return; // touch only what changed: this keeps an edit within a frame
      Object.assign(cell, { drawn, textContent: text });
      cell.style.cssText = style;
      cell.dataset.mark = mark;
      cell.classList.toggle("long", text.length > 3);
      if (label) cell.ariaLabel = label;
    });
  }

  build(rows, cols) {
    this.cells = make_map([rows, cols], (r, c) => {
      const cell = h("div", { class: "cell", role: "gridcell", tabindex: -1 });
      return Object.assign(cell, { place: { kind: this.kind, lane: this.lane, r, c }, grid: this });
    });
    this.lit = [];
    this.el.style.cssText = `--rows:${rows};--cols:${cols}`;
    this.el.setAttribute("aria-label", `${this.label}, ${rows} by ${cols}`);
    this.el.replaceChildren(...this.cells.map((row) => h("div", { role: "row" }, ...row)));
    this.take_stop(0, 0);
  }

  take_stop(r, c) {
    this.stop?.setAttribute("tabindex", -1);
    this.stop = this.cells[Math.min(r, this.cells.length - 1)][Math.min(c, this.cells[0].length - 1)];
    this.stop.setAttribute("tabindex", 0);
    return this.stop;
  }

  light(cells = [], here) {
    this.lit.forEach((cell) => cell.classList.remove("lit", "strong", "here"));
    this.lit = cells.map(([r, c, strong]) => {
      this.cells[r][c].classList.add("lit", ...(strong ? ["strong"] : []));
      return this.cells[r][c];
    });
    if (here) {
      this.lit.push(here);
      here.classList.add("here");
    }
  }

  /** The cell under a pointer, from its coordinates alone. */
  under({ clientX, clientY }) {
    const box = this.el.getBoundingClientRect();
    const r = Math.floor(((clientY - box.top) / box.height) * this.cells.length);
    return this.cells[r]?.[Math.floor(((clientX - box.left) / box.width) * this.cells[0].length)];
  }

  /** Type a number into a cell, as in a spreadsheet; `start` replaces what is there. */
  type(cell, value, start, use) {
    const entry = h("input", { class: "entry", "aria-label": "number", autocomplete: "off" });
    const close = (keep) => {
      if (!entry.isConnected || entry.closing) return;
      entry.closing = true; // removing it takes the focus away, which would close it again
      entry.remove();
      if (keep && entry.value.trim()) use(entry.value, (x) => this.edit(cell.place.r, cell.place.c, x));
    };
    entry.addEventListener("blur", () => close(true));
    entry.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key !== "Enter" && event.key !== "Escape") return;
      close(event.key === "Enter");
      cell.focus();
    });
    cell.append(entry);
    entry.value = start ?? +value.toFixed(4);
    entry.focus();
    if (!start) entry.select();
  }
}

/** A picture from the student's own disk, shrunk; a frame on it cuts the patch that becomes the input. */
class Picture {
  constructor(take, size) {
    Object.assign(this, { take, size });
    this.frame = h("div", { class: "frame" });
    this.canvas = h("canvas");
    this.el = h("div", { class: "picture", tabindex: 0, role: "group", hidden: "",
      "aria-label": "Picture: arrow keys move the frame that is cut out",
      onpointerdown: (event) => this.follow(event),
      onpointermove: (event) => event.buttons && this.follow(event),
      onkeydown: (event) => {
        const [down, right] = MOVES[event.key] ?? [];
        if (down === undefined) return;
        event.preventDefault();
        event.stopPropagation();
        this.cut(this.row + down, this.col + right);
      } }, this.canvas, this.frame);
  }

  /** Resolves to a message for the student, empty if all is well. */
  async read(file) {
    const url = URL.createObjectURL(file), image = new Image();
    try {
      image.src = url;
      await new Promise((done, fail) => Object.assign(image, { onload: done, onerror: fail }));
      const { naturalWidth: w, naturalHeight: h } = image, million = (w * h) / 1e6;
      if (million > MEGAPIXELS)
        return `${file.name} is ${w} × ${h}, ${Math.round(million)} megapixels: make it smaller first, up to ${MEGAPIXELS}.`;
      const shrink = COARSE / Math.min(w, h);
      [this.canvas.width, this.canvas.height] = [w, h].map((n) => Math.max(SIZES[1], Math.min(8 * COARSE, Math.round(n * shrink))));
      const pen = this.canvas.getContext("2d", { willReadFrequently: true });
      pen.fillStyle = "#fff"; // behind what is transparent
      pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
      pen.imageSmoothingQuality = "high";
      pen.drawImage(image, 0, 0, this.canvas.width, this.canvas.height);
      this.el.hidden = false;
      this.cut(this.canvas.height >> 1, this.canvas.width >> 1);
      return "";
    } catch {
      return `${file.name} cannot be read as a picture: choose a PNG, JPEG or WebP file.`;
    } finally {
      URL.revokeObjectURL(url);
    }
  }

  follow(event) {
    const box = this.canvas.getBoundingClientRect(), scale = this.canvas.width / box.width, [h, w] = this.size();
    this.cut(Math.round((event.clientY - box.top) * scale - h / 2), Math.round((event.clientX - box.left) * scale - w / 2));
  }

  /** Grey values from 0 (black) to 9 (white), in tenths. */
  cut(row, col) {
    const [h, w] = this.size(), { width, height } = this.canvas;
    this.row = Math.min(height - h, Math.max(0, row));
    this.col = Math.min(width - w, Math.max(0, col));
    Object.entries({ left: this.col / width, top: this.row / height, width: w / width, height: h / height })
      .forEach(([side, share]) => { this.frame.style[side] = `${100 * share}%`; });
    const { data } = this.canvas.getContext("2d").getImageData(this.col, this.row, w, h);
    const grey = (k) => 0.299 * data[k] + 0.587 * data[k + 1] + 0.114 * data[k + 2];
    this.take(make_map([h, w], (r, c) => Math.round((90 * grey(4 * (r * w + c))) / 255) / 10));
  }
}

// The room that a row of panels takes, in pixels: between panels, a kernel's menu, the buttons above the codes.
const SPACES = { roomy: { gap: 26, kernel: 120, codes: 152 }, tight: { gap: 14, kernel: 104, codes: 142 } };
const LANE = 58, BRUSHES = 130, LEAST = 17, COSY = 22; // a lane without its cells; the smallest cells that can be read, and with ease
const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -99], End: [0, 99] };
const ARROW = [225, 315, 135, 45]; // code -> degrees that turn an arrow pointing right into its corner

// ----------------------------------------------------------------------------------------------------- 4. wiring

function render({ model, el }) {
  let state = {}, maps = null; // what was chosen, and what came out
  let place = null, painting = null, sending = 0; // the cell pointed at, the value being painted, a timer
  const past = []; // what Undo puts back, a step a change; a stroke of the brush is one change

  // State goes through the model, so that all its views, and Python, follow.
  function change(changes) {
    const before = Object.entries(state).filter(([name]) => name in changes && UNDONE.includes(name));
    if (before.length && !past.at(-1)?.stroke) past.push({ before: Object.fromEntries(before), stroke: painting !== null });
    undo.disabled = !past.length;
    put(changes);
  }
  function put(changes) {
    complain("");
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes(); // at once: the kernel's echo of an older choice would undo one that is not sent yet
    clearTimeout(sending);
    sending = setTimeout(send, 30); // after the frame is painted
  }
  function take_back() {
    const last = past.pop();
    undo.disabled = !past.length;
    if (last) put(last.before);
  }
  function send() {
    const { pooled, corners, codes, lanes } = maps, results = { pooled, corners, codes };
    for (const name of ["upsampled", "dense", "error"]) results[name] = lanes.map((one) => one[name]);
    for (const [name, value] of Object.entries(results)) model.set(name, value);
    model.save_changes();
  }
  const complain = (message) => tell(notice, message);
  const replace = (list, n, value) => list.map((old, k) => (k === n ? value : old));
  const with_cell = (x, r, c, value) => replace(x, r, replace(x[r], c, value));
  const redraw = (f, size) => change({ values: make_map(size, (r, c) => f(r, c, ...size)) });

  // Controls.
  const button = (text, onclick, more = {}) => h("button", { type: "button", onclick, ...more }, text);
  const select = (label, options, onchange) => h("select", { "aria-label": label, onchange: (event) => onchange(event.target.value) },
    ...Object.entries(options).map(([value, text]) => h("option", { value }, text)));
  const offer = (presets, ...more) => Object.fromEntries([["", "own"], ...[...Object.keys(presets), ...more].map((name) => [name, name])]);
  const type_number = (text, use) => { try { use(parse_number(text)); } catch (error) { complain(error.message); } };
  const whole_number = (label, least, most, use) => h("input", { type: "number", min: least, max: most, "aria-label": label,
    onchange: ({ target: { value } }) => {
      if (value && Number.isInteger(+value) && value >= least && value <= most) return use(+value);
      refresh();
      complain(`${value || "Nothing"} is no number of ${label}: choose ${least} to ${thousands(most)}.`);
    } });
  const panel = (step, title, ...content) => h("figure", { class: "panel", "data-step": step },
    h("figcaption", {}, h("i", {}, step), ...[title].flat()), ...content);

  const input = new Grid("input", "Input", { edit: (r, c, value) => change({ values: with_cell(state.values, r, c, value) }) });
  const pooled = new Grid("pooled", "Pooled values"), codes = new Grid("codes", "Codes"), packed = new Grid("packed", "Packed bytes");
  const presets = select("Input preset", offer(PRESETS), (name) => name && draw_preset(PRESETS[name][0]));
  const draw_preset = (f) => {
    picture.el.hidden = true;
    redraw(f, size_of(state.values));
  };
  const size_fields = ["rows", "columns"].map((label, axis) => whole_number(label, ...SIZES, (n) => {
    const kept = (r, c) => state.values[r]?.[c] ?? 0; // a painting is cut or grown; a preset or a picture comes anew
    redraw(PRESETS[presets.value]?.[0] ?? kept, replace(size_of(state.values), axis, n));
    if (!picture.el.hidden) picture.cut(picture.row, picture.col);
  }));
  const storage_fields = ["maps", "rows", "columns"].map((label, axis) =>
    whole_number(label, 1, LARGEST, (n) => change({ storage_size: replace(state.storage_size, axis, n) })));
  const picture = new Picture((values) => change({ values }), () => size_of(state.values));
  const read_file = async (file) => { if (file) complain(await picture.read(file)); };
  const file_field = h("input", { type: "file", accept: "image/*", hidden: "", onchange: ({ target }) => {
    read_file(target.files[0]);
    target.value = ""; // so that the same file can be chosen again
  } });
  const brushes = range(10).map((value) => button(`${value}`, () => change({ brush: value }), { "aria-label": value ? `brush ${value}` : "brush 0, erase" }));
  const own_brush = h("input", { class: "own", "aria-label": "any brush value", placeholder: "any",
    onchange: ({ target }) => type_number(target.value, (brush) => change({ brush })) });
  const code_views = Object.entries({ arrows: "↖\ufe0e", numbers: "3", bits: "11" }).map(([view, sign]) =>
    button(sign, () => change({ code_view: view }), { title: view, "aria-label": view }));
  const go_to = (step) => {
    change({ step: Math.min(STEPS.length, Math.max(1, step)) });
    reveal();
  };
  const steps = STEPS.map(([name], n) => button(name, () => go_to(n + 1)));
  steps.forEach((step, n) => step.prepend(h("i", {}, n + 1)));
  const go = (by) => go_to(state.step + by);
  const back = button("‹ Back", () => go(-1)), next = button("Next ›", () => go(1));
  const undo = button("Undo", take_back, { title: "Ctrl+Z", disabled: "" });
  const large = button("Large", () => {
    large.setAttribute("aria-pressed", root.classList.toggle("large"));
    fit();
  }, { class: "enlarge" });

  const lanes = range(2).map((n) => {
    const letter = "AB"[n], set = (trait, value) => value && change({ [trait]: replace(state[trait], n, value) });
    const edit = (trait) => (r, c, value) => set(trait, with_cell(state[trait][n], r, c, value));
    const grid = (kind, label, options) => new Grid(kind, `${label} ${letter}`, { lane: n, ...options });
    const labels = Object.fromEntries(Object.entries(DECODERS).map(([name, { label }]) => [name, label])), LEARN = "learn it here";
    const lane = {
      decoder: select(`Decoding ${letter}`, labels, (name) => { // a map that upsampling has filled needs no kernel, a sparse one does
        const { sparse } = DECODERS[name], kept = sparse === DECODERS[state.decoders[n]].sparse;
        const kernel = kept ? state.kernels[n] : KERNELS[sparse ? "tent" : "identity"];
        change({ decoders: replace(state.decoders, n, name), kernels: replace(state.kernels, n, kernel) });
      }),
      preset: select(`3×3 kernel ${letter}`, offer(KERNELS, LEARN), (name) =>
        set("kernels", name === LEARN ? learn_kernel(maps.lanes[n], state.values) : KERNELS[name])),
      deconvolution_preset: select(`4×4 deconvolution kernel ${letter}`, offer(DECONVOLUTIONS, LEARN), (name) =>
        set("deconvolutions", name === LEARN ? learn_deconvolution(maps.pooled, state.values) : DECONVOLUTIONS[name])),
      upsampled: grid("upsampled", "Upsampled"), dense: grid("dense", "Dense"), error: grid("error", "Error"),
      kernel: grid("kernel", "3×3 kernel", { edit: edit("kernels") }),
      deconvolution: grid("deconvolution", "4×4 deconvolution kernel", { edit: edit("deconvolutions") }),
      added: h("span", {}, " + input"), remembers: h("b"), mean_error: h("b"),
    };
    lane.learnt = h("div", { class: "weights" }, "Deconvolution", lane.deconvolution_preset, lane.deconvolution.el);
    lane.el = h("section", { class: "lane", "aria-label": `Lane ${letter}` },
      h("header", { "data-step": 5 }, h("b", { class: "badge" }, letter), lane.decoder,
        h("p", { class: "score" }, h("span", {}, "remembers ", lane.remembers), h("span", {}, "mean |error| ", lane.mean_error))),
      panel(5, "Upsampled", lane.upsampled.el),
      panel(6, "Kernel 3×3", h("div", { class: "weights" }, lane.preset, lane.kernel.el), lane.learnt),
      panel(6, ["Dense", lane.added], lane.dense.el), panel(7, ["Error", h("span", { class: "of" }, ", dense − input")], lane.error.el));
    return lane;
  });
  const grids = [input, pooled, codes, packed, ...lanes.flatMap((l) => [l.upsampled, l.kernel, l.deconvolution, l.dense, l.error])];

  // The page, in the order of the flow.
  const sentence = h("p", { class: "sentence", "aria-live": "polite" }), lesson = h("p", { class: "lesson" });
  const formula = h("output", { class: "formula", "aria-live": "polite" }), notice = h("p", { class: "notice", role: "alert" });
  const counts = h("tbody");
  const flow = h("div", { class: "flow" },
    h("div", { class: "source" }, panel(1, "Input", input.el,
      h("div", { class: "brushes", role: "group", "aria-label": "Brush" }, ...brushes, own_brush), picture.el)),
    h("div", { class: "memory" }, panel(2, "Pooled", pooled.el),
      panel(3, ["Codes", h("span", { class: "views", role: "group", "aria-label": "show codes as" }, ...code_views)], codes.el),
      panel(4, "Packed bytes", packed.el)),
    h("div", { class: "lanes" }, ...lanes.map((lane) => lane.el)),
    h("figure", { class: "panel storage", "data-step": 4 },
      h("figcaption", {}, "To remember ", storage_fields[0], "maps of ", storage_fields[1], "×", storage_fields[2]),
      h("table", {}, h("thead", {}, h("tr", {}, ...["bytes", "this grid", "these maps", "ratio"].map((text) => h("th", {}, text)))), counts)));
  const said = h("div", { class: "said" }, sentence, notice, formula);
  const root = h("div", { class: "segnet-playground", role: "group", "aria-label": "Pooling-index playground" },
    h("nav", { class: "steps", "aria-label": "Steps" }, back, h("ol", {}, ...steps.map((step) => h("li", {}, step))), next),
    h("div", { class: "tools" },
      h("label", {}, "Input", presets), h("label", {}, "size", size_fields[0], "×", size_fields[1]),
      button("Picture…", () => file_field.click()), file_field, button("Clear", () => draw_preset(() => 0)), undo, large, lesson),
    said, flow);

  /** Compute everything; touch only the cells that changed. */
  function refresh() {
    const chosen = Object.fromEntries(CHOICES.map((name) => [name, model.get(name)])), wrong = complaint(chosen.values);
    if (wrong) { // keep the last good map, here and in Python
      model.set("values", maps ? state.values : make_map([8, 8], PRESETS.tie[0]));
      return complain(`${wrong} The last good map stays.`);
    }
    state = chosen;
    maps = compute(state);
    const { values } = maps, size = size_of(values), half = size_of(maps.pooled), windows = half[0] * half[1], flat = values.flat();
    const low = Math.min(0, ...flat), top = Math.max(...flat), high = top <= 9 && flat.every(Number.isInteger) ? 9 : Math.max(top, low + 1e-9);
    const paint = (x) => PAINTS[percent((x - low) / (high - low))];
    const valued = (x) => (r, c) => ({ text: short(x[r][c]), style: paint(x[r][c]) }), plain = (x) => (r, c) => ({ text: short(x[r][c]) });

    input.draw(size, valued(values));
    pooled.draw(half, valued(maps.pooled));
    codes.draw(half, (i, j) => {
      const code = maps.corners[i][j], label = `code ${code}, ${CORNERS[code]}`;
      if (state.code_view === "arrows") return { mark: "arrow", style: `--turn:${ARROW[code]}deg`, label };
      return { text: state.code_view === "bits" ? bits(code) : `${code}`, label };
    });
    packed.el.classList.toggle("many", maps.codes.length > 8);
    packed.draw([maps.codes.length, 5], (k, slot) => (slot === 4 ? { text: `${maps.codes[k]}`, mark: "byte" }
      : { text: bits((maps.codes[k] >> (6 - 2 * slot)) & 3), mark: 4 * k + 3 - slot < windows ? "" : "unused" }));
    lanes.forEach((lane, n) => {
      const one = maps.lanes[n];
      lane.upsampled.draw(size, (r, c) => (one.terms[r][c].length ? valued(one.upsampled)(r, c) : { mark: "empty" }));
      lane.kernel.draw([3, 3], plain(one.kernel));
      lane.deconvolution.draw([4, 4], plain(state.deconvolutions[n]));
      lane.dense.draw(size, valued(one.dense));
      lane.error.draw(size, (r, c) => {
        const e = one.error[r][c], text = short(e, 3);
        return { text: e > 0 && text !== "0" ? `+${text}` : text, mark: e > 0 ? "over" : "under", style: `--share:${percent(Math.abs(e) / (high - low))}%` };
      });
      lane.decoder.value = one.name;
      lane.preset.value = name_of(one.kernel, KERNELS);
      lane.deconvolution_preset.value = name_of(state.deconvolutions[n], DECONVOLUTIONS);
      lane.added.hidden = !one.decoder.adds;
      lane.learnt.hidden = one.name !== "learnt_deconvolution";
      tell(lane.remembers, bytes(one.remembers));
      tell(lane.mean_error, one.mean_error.toFixed(2));
    });

    presets.value = name_of(values, PRESETS, ([f], r, c) => f(r, c, ...size));
    tell(lesson, PRESETS[presets.value]?.[1] ?? "");
    size_fields.forEach((field, axis) => { field.value = size[axis]; });
    const press = (one, on) => one.setAttribute("aria-pressed", on);
    brushes.forEach((brush, value) => { press(brush, value === state.brush); brush.style.cssText = paint(value); });
    own_brush.value = brushes[state.brush] ? "" : show(state.brush);
    code_views.forEach((view) => press(view, view.title === state.code_view));
    tell(sentence, STEPS[state.step - 1][1](maps));
    if (`${size}` !== root.dataset.size) { root.dataset.size = `${size}`; fit(); }
    count_storage(size);
    show_step(state.step);
    point(place);
  }

  function count_storage(size) {
    storage_fields.forEach((field, axis) => { field.value = state.storage_size[axis]; });
    if (counts.dataset.of === (counts.dataset.of = `${[state.storage_size, size]}`)) return;
    const here = storage([1, ...size]), there = storage(state.storage_size), most = Math.max(...there.map(([, n]) => n));
    counts.replaceChildren(...there.map(([what, n], k) => h("tr", {}, h("th", { scope: "row" }, what), h("td", {}, thousands(here[k][1])),
      h("td", {}, thousands(n), h("div", { class: "bar", style: `width:${(100 * n) / most}%` })), h("td", {}, `${show(+(n / there[0][1]).toFixed(1))}×`))));
  }

  function show_step(now) {
    if (+root.dataset.step === now) return;
    root.dataset.step = now;
    steps.forEach((step, n) => step.toggleAttribute("aria-current", n + 1 === now));
    [back.disabled, next.disabled] = [now === 1, now === STEPS.length];
    for (const part of root.querySelectorAll("div [data-step]")) {
      part.inert = part.dataset.step > now;
      part.classList.toggle("now", +part.dataset.step === now && now < STEPS.length);
    }
  }

  /** Light up where a cell comes from, and say it. */
  function point(to) {
    const cell = to && grids.find((grid) => grid.kind === to.kind && grid.lane === to.lane)?.cells[to.r]?.[to.c];
    place = cell ? to : null;
    const lit = cell ? trace(maps, to) : {};
    for (const grid of grids) grid.light(lit[grid.name], grid === cell?.grid && cell);
    tell(formula, cell ? explain(maps, to) : "Point at a cell, or move to it with the Tab and arrow keys: its formula stands here.");
  }

  /** The largest cells that fit: all in one row and in the window if they stay readable, else the lanes below, else one column. */
  function fit() {
    const [rows, cols] = size_of(state.values), width = root.clientWidth - 32;
    const biggest = (fits) => range(33).map((n) => 48 - n).find(fits) ?? 0;
    const lane = (cell, gap, kernel) => 3 * cols * cell + Math.max(4 * cell, kernel) + 3 * gap; // its maps, its kernel
    const memory = (cell, least) => Math.max(((cols + 1) * cell) / 2, maps.codes.length > 8 ? 270 : least);
    const row = ({ gap, kernel, codes }) => biggest((cell) => Math.max(cols * cell, BRUSHES) + memory(cell, codes) + lane(cell, gap, kernel) + 2 * gap + 10 <= width);
    const high = biggest((cell) => 2 * (rows * cell + LANE) + 12 <= room()); // both lanes are seen at once
    const { density, cell: wide } = Object.entries(SPACES).map(([density, space]) => ({ density, cell: Math.min(row(space), Math.max(high, LEAST)) }))
      .find(({ density, cell }) => cell >= (density === "roomy" ? COSY : LEAST)) ?? {};
    const medium = Math.min(biggest((cell) => lane(cell, SPACES.roomy.gap, SPACES.roomy.kernel) <= width),
      Math.max(COSY, Math.floor((room() - LANE) / rows))); // one lane is
    const narrow = Math.min(48, Math.floor(width / Math.max(cols, 5)));
    const layout = wide && !root.classList.contains("large") ? "wide" : medium >= 19 ? "medium" : "narrow";
    Object.assign(root.dataset, { layout, density: layout === "wide" ? density : "roomy" });
    root.style.setProperty("--across", cols);
    root.style.setProperty("--cell", `${{ wide, medium, narrow }[layout]}px`);
  }

  /** What scrolls when the page does. */
  function scroller() {
    for (let el = root.parentElement; el; el = el.parentElement)
      if (el.matches(".jp-WindowedPanel-outer") || (el.scrollHeight > el.clientHeight && /auto|scroll/.test(getComputedStyle(el).overflowY))) return el;
    return document.scrollingElement;
  }
  /** Height that is left for the maps, in pixels, once the page is scrolled to the playground. */
  function room() {
    const outer = scroller(), top = root.getBoundingClientRect().top, whole = outer === document.scrollingElement;
    const above = whole ? top + outer.scrollTop : 0; // a page's heading stays in sight
    return outer.clientHeight - (above < outer.clientHeight / 4 ? above : 0) - (flow.getBoundingClientRect().top - top) - 8;
  }

  /** Bring what a step is about into sight: both lanes if there is room, else the first, else its panel. */
  function reveal() {
    const panel = flow.querySelector(`.panel[data-step="${state.step}"]`), around = [panel.closest(".lanes"), panel.closest(".lane"), panel];
    const seen = scroller().clientHeight - said.offsetHeight;
    root.style.setProperty("--said", `${said.offsetHeight}px`);
    (around.find((el) => el && el.offsetHeight <= seen) ?? panel)
      .scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  }

  // Pointer: paint on the input, type into kernels, point at anything.
  const cell_at = (event) => event.target.closest?.(".cell");
  const value_at = ({ grid, place: { r, c } }) => (grid === input ? state.values : state[`${grid.kind}s`][grid.lane])[r][c];
  const type_into = (cell, start) => cell.grid.type(cell, value_at(cell), start, type_number);
  function paint(places) {
    place = places.at(-1) ?? place;
    const values = places.reduce((x, { r, c }) => (x[r][c] === painting ? x : with_cell(x, r, c, painting)), state.values);
    if (values === state.values) point(place);
    else change({ values });
  }
  const on = (target, events, act) => events.split(" ").forEach((name) => target.addEventListener(name, act));
  on(input.el, "pointerdown", (event) => {
    const cell = input.under(event);
    if (!cell || event.target.matches(".entry")) return;
    painting = event.button === 2 || event.shiftKey ? 0 : state.brush;
    input.el.setPointerCapture(event.pointerId);
    cell.focus({ preventScroll: true });
    paint([cell.place]);
  });
  on(input.el, "pointermove", (event) => painting !== null &&
    paint([...(event.getCoalescedEvents?.() ?? []), event].map((e) => input.under(e)?.place).filter(Boolean)));
  on(input.el, "pointerup pointercancel", () => {
    painting = null;
    if (past.length) past.at(-1).stroke = false;
  });
  on(input.el, "contextmenu", (event) => event.preventDefault());
  on(root, "click dblclick", (event) => { // one click into a kernel, two into the input, which is painted
    const cell = event.type === "click" ? cell_at(event) : input.under(event);
    if (cell?.grid.edit && (cell.grid === input) === (event.type === "dblclick") && !event.target.matches(".entry")) type_into(cell);
  });
  on(root, "pointerover", (event) => { if (painting === null && cell_at(event)) point(cell_at(event).place); });
  on(root, "pointerleave", () => painting === null && point(root.querySelector(".cell:focus")?.place));
  on(root, "focusin", (event) => {
    const cell = cell_at(event);
    if (!cell) return;
    cell.grid.take_stop(cell.place.r, cell.place.c);
    if (painting === null) point(cell.place); // else the painting will
  });
  on(root, "dragover drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    if (event.type === "drop") read_file(event.dataTransfer.files[0]);
  });

  // Keyboard: arrows move, digits write, Enter types any number, Space paints. A presenter's clicker pages through the steps.
  on(root, "keydown", (event) => {
    const cell = cell_at(event), { key } = event, { grid, place: at } = cell ?? {};
    const write = (value) => grid.edit(at.r, at.c, value);
    if (event.altKey || ((event.ctrlKey || event.metaKey) && key !== "z")) return;
    if (key === "z" && (event.ctrlKey || event.metaKey)) {
      if (event.target.matches("input")) return; // it undoes what is typed
      take_back();
    } else if (key === "PageDown" || key === "PageUp") go(key === "PageDown" ? 1 : -1);
    else if (cell && MOVES[key]) grid.take_stop(Math.max(0, at.r + MOVES[key][0]), Math.max(0, at.c + MOVES[key][1])).focus();
    else if (!grid?.edit) return;
    else if (/^\d$/.test(key)) write(+key);
    else if (key === "Backspace" || key === "Delete") write(0);
    else if (key === " " && grid === input) write(state.brush);
    else if (key === "Enter" || key === "F2") type_into(cell);
    else if (key === "-" || key === ".") type_into(cell, key);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  el.append(root);
  const events = CHOICES.map((name) => `change:${name}`), watch = new ResizeObserver(fit);
  window.addEventListener("resize", fit); // a window may change its height alone
  for (const event of events) model.on(event, refresh);
  refresh();
  watch.observe(root);
  sending = setTimeout(send, 30);
  return () => {
    clearTimeout(sending);
    watch.disconnect();
    window.removeEventListener("resize", fit);
    for (const event of events) model.off(event, refresh);
  };
}

export default { render };
