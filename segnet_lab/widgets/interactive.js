// A figure that Python draws, on paper of the page's own colour: `dark` tells Python which that is.

const THEMES = { attributes: true, attributeFilter: ["class", "data-theme", "data-jp-theme-light"] };

function render({ model, el }) {
  const message = h("p", { class: "message", role: "alert" }), lost = h("p", { class: "message", role: "alert" });
  const image = h("img"), root = h("div", { class: "segnet-view segnet-figure" }, message, lost, image);
  let url = "";

  function draw() {
    tell(message, model.get("message"));
    const picture = model.get("picture");
    image.hidden = !picture?.byteLength;
    if (image.hidden) return;
    URL.revokeObjectURL(url);
    url = image.src = URL.createObjectURL(new Blob([picture], { type: "image/png" }));
    image.alt = model.get("alt");
  }
  function follow_theme() {
    const [red] = getComputedStyle(root).color.match(/\d+/) ?? [], dark = red > 127; // pale ink means dark paper
    if (!red || dark === model.get("dark")) return; // not on the page yet, or known
    model.set("dark", dark);
    model.save_changes();
  }

  el.append(root);
  const events = ["change:picture", "change:alt", "change:message"];
  events.forEach((name) => model.on(name, draw));
  const system = matchMedia("(prefers-color-scheme: dark)"), watch = new MutationObserver(follow_theme);
  system.addEventListener("change", follow_theme);
  for (const place of [document.documentElement, document.body]) watch.observe(place, THEMES);
  const arrival = new ResizeObserver(follow_theme); // colours are known once it is on the page
  arrival.observe(root);
  const forget_kernel = watch_kernel(model, root, (text) => tell(lost, text));
  draw();
  return () => {
    forget_kernel();
    watch.disconnect();
    arrival.disconnect();
    system.removeEventListener("change", follow_theme);
    events.forEach((name) => model.off(name, draw));
    URL.revokeObjectURL(url);
  };
}

export default { render };
