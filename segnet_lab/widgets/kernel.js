// Says when Python does not answer; read before the modules of widgets that are nothing without it.

const PATIENCE = 4000; // ms until we say so
const LOST = "Python does not answer: the kernel is busy, or it was restarted or lost. The pictures stay as they are; " +
  "if this message stays too, run the cell again.";

/** After each touch of the widget or of the controls beside it, ask Python for a sign of life. */
function watch_kernel(model, root, say) {
  let waiting = 0;
  const calm = () => { clearTimeout(waiting); waiting = 0; };
  const lost = () => { calm(); say(LOST); };
  const ask = ({ target }) => {
    if (waiting || !(root.closest(".segnet-controlled") ?? root).contains(target)) return;
    waiting = setTimeout(lost, PATIENCE);
    try { Promise.resolve(model.send({ ping: 1 })).catch(lost); } catch { lost(); }
  };
  const heard = (message) => {
    if (!message?.pong) return;
    calm();
    say("");
  };
  const events = ["pointerup", "keydown", "change"];
  events.forEach((name) => document.addEventListener(name, ask, true));
  model.on("msg:custom", heard);
  return () => {
    calm();
    events.forEach((name) => document.removeEventListener(name, ask, true));
    model.off("msg:custom", heard);
  };
}
