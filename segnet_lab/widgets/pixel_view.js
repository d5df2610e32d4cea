// Pictures of one image side by side. Python paints them; pointing, zooming and the keyboard need no Python.
// A place is [row, column] of the image; one cell of a picture covers `scale` x `scale` of its pixels.

const ZOOMS = [1, 2, 4, 8];
const KEYS = 12; // a scale with more names than this is read by pointing at it
const CLASSES = 99; // a scale with more names is one of numbers
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

const bytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
const clamp = (n, length) => Math.min(length - 1, Math.max(0, n));

const is_photo = ({ palette }) => palette.byteLength === 0;
const lies_over = (one, photo) => one !== photo && one.names.length <= CLASSES && one.height === photo.height && one.width === photo.width;

/** One picture: a canvas, the outlines over it, its title and note. */
class Picture {
  constructor() {
    this.canvas = h("canvas");
    this.marks = h("div", { class: "marks" });
    this.chosen = h("i", { class: "chosen" });
    this.cursor = h("i", { class: "cursor" });
    this.scene = h("div", { class: "scene" }, this.canvas, this.marks, this.chosen, this.cursor);
    this.title = h("figcaption");
    this.note = h("p");
    this.el = h("figure", {}, this.title, h("div", { class: "frame" }, this.scene), this.note);
  }

  /** `photo` shows through by a share, where a scale of colours lies cell by cell over it. */
  draw(given, [rows, columns], photo, through) {
    const { height, width, scale, title, note, marks } = Object.assign(this, { given, size: [rows, columns] }).given;
    const { canvas } = this, pixels = bytes(given.pixels), palette = bytes(given.palette), n = height * width;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    canvas.style.cssText = `width:${(100 * width * scale) / columns}%;height:${(100 * height * scale) / rows}%`;
    const image = new ImageData(width, height), { data } = image, source = palette.length ? palette : pixels;
    const under = bytes((photo ?? given).pixels), share = photo && lies_over(given, photo) ? through : 0;
    for (let i = 0; i < n; i++) {
      const from = 3 * (palette.length ? pixels[i] : i);
      for (let c = 0; c < 3; c++) data[4 * i + c] = share ? (1 - share) * source[from + c] + share * under[3 * i + c] : source[from + c];
      data[4 * i + 3] = 255;
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    this.pixels = pixels;
    tell(this.title, title);
    tell(this.note, note);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${title}, ${height} by ${width} cells. ${note}`);
    this.marks.replaceChildren(...marks.map((mark) => this.lay(h("i"), ...mark)));
  }

  /** Lay an outline around cells. */
  lay(el, row, column, height = 1, width = 1) {
    const [rows, columns] = this.size, { scale } = this.given, percent = (cells, of) => `${(100 * scale * cells) / of}%`;
    el.style.cssText = `top:${percent(row, rows)};left:${percent(column, columns)};` +
      `height:${percent(height, rows)};width:${percent(width, columns)}`;
    return el;
  }

  cell([row, column]) {
    const { scale, height, width } = this.given;
    return [clamp(Math.floor(row / scale), height), clamp(Math.floor(column / scale), width)];
  }

  outline(el, place) {
    el.hidden = !place;
    if (place) this.lay(el, ...this.cell(place));
  }

  /** What the picture holds at a place, in words. */
  read(place) {
    const { names, width } = this.given, [row, column] = this.cell(place);
    return names[this.pixels[row * width + column]];
  }
}

/** Colours and what they stand for, of all pictures whose scale is short. */
function legend(given) {
  const scales = new Map(given.filter(({ names }) => names.length && names.length <= KEYS).map((one) => [one.names.join(), one]));
  const key = (palette, name, n) => name && h("span", {}, h("b", { style: `background:rgb(${bytes(palette).slice(3 * n, 3 * n + 3)})` }), name);
  return [...scales.values()].map(({ names, palette }) => h("p", {}, ...names.map((name, n) => key(palette, name, n)).filter(Boolean)));
}

function render({ model, el }) {
  let pictures = [], size = [1, 1], cursor = null, zoom = 1, origin = [0.5, 0.5], drag = null;

  const button = (text, label, act) => h("button", { type: "button", "aria-label": label, title: label, onclick: act }, text);
  const message = h("p", { class: "message", role: "alert" }), lost = h("p", { class: "message", role: "alert" });
  const note = h("p", { class: "note", "aria-live": "polite" }), reading = h("output", { "aria-live": "polite" });
  const closer = button("+", "zoom in", () => zoom_by(1)), wider = button("−", "zoom out", () => zoom_by(-1));
  const factor = button("1×", "zoom back to 1×", () => zoom_by(-ZOOMS.length));
  const large = button("Large", "larger pictures and text", () => large.setAttribute("aria-pressed", root.classList.toggle("large")));
  const row = h("div", { class: "pictures", tabindex: 0, role: "application",
    "aria-label": "Pictures of one image: arrow keys move the cursor, Enter chooses the pixel, + and − zoom" });
  const through = h("input", { type: "range", min: 0, max: 100, value: 0, oninput: () => paint(model.get("pictures")) });
  const blend = h("label", {}, "image shows through ", through);
  const keys = h("div", { class: "legend" }), tools = h("span", { class: "buttons" }, wider, factor, closer, large);
  const root = h("div", { class: "segnet-view", role: "group" }, message, lost, h("div", { class: "head" }, note, blend, tools), row, keys, reading);

  /** Paint what Python sent; what is on the page already is used again. */
  function draw() {
    const given = model.get("pictures");
    size = model.get("size");
    while (pictures.length < given.length) pictures.push(new Picture());
    pictures = pictures.slice(0, given.length);
    paint(given);
    if (row.children.length !== pictures.length) row.replaceChildren(...pictures.map((picture) => picture.el));
    const drawn = given.map(({ names }) => names.length <= KEYS && names.join()).join();
    if (drawn !== keys.dataset.of) keys.replaceChildren(...legend(given));
    keys.dataset.of = drawn;
    tools.hidden = reading.hidden = !pictures.length;
    root.style.setProperty("--ratio", size[1] / size[0]);
    if (cursor) cursor = cursor.map((n, axis) => clamp(n, size[axis]));
    say();
    choose();
  }
  const count = () => { root.dataset.drawn = +(root.dataset.drawn ?? 0) + 1; }; // for tests and for measuring
  function paint(given) {
    const photo = given.find(is_photo);
    pictures.forEach((picture, n) => picture.draw(given[n], size, photo, through.value / 100));
    count();
    blend.hidden = !photo || !given.some((one) => lies_over(one, photo));
  }
  function say() {
    tell(message, model.get("message"));
    tell(note, model.get("note"));
    point(cursor);
    count();
  }
  function choose() {
    const place = model.get("place"), known = place.length === 2 && place.every((n, axis) => n < size[axis]);
    pictures.forEach((picture) => picture.outline(picture.chosen, known ? place : null));
  }

  function point(place) {
    cursor = place;
    pictures.forEach((picture) => picture.outline(picture.cursor, place));
    const said = place && pictures.map((picture) => [picture.given.title, picture.read(place)])
      .filter(([, name]) => name !== undefined).map(([title, name]) => ` · ${title}: ${name}`).join("");
    tell(reading, place ? `row ${place[0]}, column ${place[1]}${said}` : `Point at a pixel, or move to one with the arrow keys. A click or Enter ${model.get("chooses") ? "chooses it" : "marks it in all pictures"}.`);
  }
  function take(place) {
    point(place);
    model.set("place", place);
    choose();
    model.save_changes();
  }

  function zoom_by(step) {
    zoom = ZOOMS[clamp(ZOOMS.indexOf(zoom) + step, ZOOMS.length)];
    const at = cursor ?? (model.get("place").length ? model.get("place") : null);
    look(at ? at.map((n, axis) => (n + 0.5) / size[axis]) : origin);
  }
  function look(at) { // the point of the image, 0..1, that zooming holds fast
    origin = at.map((n) => Math.min(1, Math.max(0, n)));
    factor.disabled = zoom === 1;
    tell(factor, `${zoom}×`);
    root.style.setProperty("--zoom", zoom);
    root.style.setProperty("--origin", `${100 * origin[1]}% ${100 * origin[0]}%`);
    row.classList.toggle("zoomed", zoom > 1);
  }

  function under({ target, clientX, clientY }) {
    const scene = target.closest?.(".frame")?.firstChild;
    if (!scene) return null;
    const box = scene.getBoundingClientRect();
    return [(clientY - box.top) / box.height, (clientX - box.left) / box.width]
      .map((share, axis) => clamp(Math.floor(share * size[axis]), size[axis]));
  }
  const on = (events, act) => events.split(" ").forEach((name) => row.addEventListener(name, act));
  on("pointerdown", (event) => {
    row.focus({ preventScroll: true });
    drag = { x: event.clientX, y: event.clientY, moved: false };
  });
  on("pointermove", (event) => {
    if (!event.buttons || zoom === 1 || !drag) return point(under(event));
    const box = row.querySelector(".frame").getBoundingClientRect(), moved = [event.clientY - drag.y, event.clientX - drag.x];
    if (!drag.moved && Math.hypot(...moved) < 5) return;
    drag = { x: event.clientX, y: event.clientY, moved: true };
    look(origin.map((n, axis) => n - moved[axis] / ([box.height, box.width][axis] * (zoom - 1))));
  });
  on("click", (event) => {
    const place = under(event);
    if (place && !drag?.moved) take(place);
  });
  on("pointerleave", () => point(null));
  on("keydown", (event) => {
    const { key, shiftKey } = event, step = shiftKey ? 8 : 1;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (ARROWS[key]) {
      const from = cursor ?? (model.get("place").length ? model.get("place") : size.map((n) => n >> 1));
      point(from.map((n, axis) => clamp(n + step * ARROWS[key][axis], size[axis])));
      look(cursor.map((n, axis) => (n + 0.5) / size[axis]));
    } else if (key === "Enter" || key === " ") take(cursor ?? size.map((n) => n >> 1));
    else if (key === "+" || key === "-") zoom_by(key === "+" ? 1 : -1);
    else if (key === "Escape") point(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  el.append(root);
  const listeners = { "change:pictures": draw, "change:message change:note": say, "change:place": choose };
  const each = (act) => Object.entries(listeners).forEach(([names, f]) => names.split(" ").forEach((name) => act(name, f)));
  each((name, f) => model.on(name, f));
  const forget_kernel = watch_kernel(model, root, (text) => tell(lost, text));
  look(origin);
  draw();
  return () => {
    forget_kernel();
    each((name, f) => model.off(name, f));
  };
}

export default { render };
