// What our widgets have in common; read before each of their modules, see sources.py.

function h(tag, attributes = {}, ...children) {
  const el = document.createElement(tag);
  el.setAttribute("data-lm-suppress-shortcuts", ""); // or an x typed here cuts JupyterLab's notebook cell
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else el.setAttribute(name, value);
  }
  el.append(...children);
  return el;
}

const tell = (el, text) => { if (el.textContent !== text) el.textContent = text; }; // the same words need no new layout
