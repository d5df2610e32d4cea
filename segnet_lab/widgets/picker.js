// A picture of your own: from disk, dropped on it, or from the camera. The browser reads and shrinks it, so that a
// photograph of 50 megapixels reaches Python as a PNG of at most LONGEST pixels a side.

export const MEGAPIXELS = 64, LONGEST = 640;

/** An image or a video frame as PNG, shrunk to LONGEST. */
async function shrink(source, width, height) {
  const share = Math.min(1, LONGEST / Math.max(width, height));
  const canvas = h("canvas", { width: Math.max(1, Math.round(width * share)), height: Math.max(1, Math.round(height * share)) });
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff"; // behind what is transparent
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(source, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  return new DataView(await blob.arrayBuffer());
}

async function read(file) {
  const url = URL.createObjectURL(file), image = new Image();
  try {
    image.src = url;
    await new Promise((done, fail) => Object.assign(image, { onload: done, onerror: () => fail(
      new Error(`${file.name} cannot be read as a picture: choose a PNG, JPEG or WebP file.`)) }));
    const { naturalWidth: width, naturalHeight: height } = image, million = (width * height) / 1e6;
    if (million > MEGAPIXELS)
      throw new Error(`${file.name} is ${width} × ${height}, ${Math.round(million)} megapixels: make it smaller first, up to ${MEGAPIXELS}.`);
    return await shrink(image, width, height);
  } finally {
    URL.revokeObjectURL(url);
  }
}

const REASONS = { // what getUserMedia throws -> what to do
  NotFoundError: "No camera was found. Choose a picture from disk instead.",
  NotAllowedError: "The browser was not allowed to use the camera. Allow it in the address bar, or choose a picture from disk.",
  NotReadableError: "The camera is in use by another program. Close that, or choose a picture from disk.",
};

function render({ model, el }) {
  let stream = null;
  const message = h("p", { class: "message", role: "alert" });
  const say = (text) => { message.textContent = text; };
  const button = (text, act, more = {}) => h("button", { type: "button", onclick: act, ...more }, text);
  const trying = (act) => async (...given) => {
    say("");
    try { await act(...given); } catch (error) { say(error.message); }
  };

  const give = (picture, name) => {
    model.set("name", name);
    model.set("picture", picture);
    model.save_changes();
  };
  const take_file = trying(async (file) => file && give(await read(file), file.name));
  const file_field = h("input", { type: "file", accept: "image/*", hidden: "", onchange: ({ target }) => {
    take_file(target.files[0]);
    target.value = ""; // so that the same file can be chosen again
  } });

  const video = h("video", { playsinline: "", muted: "", hidden: "", "aria-label": "camera" });
  const stop = () => {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    for (const part of [video, take, close]) part.hidden = true;
    camera.hidden = false;
  };
  const camera = button("Camera", trying(async () => {
    if (!navigator.mediaDevices?.getUserMedia)
      throw new Error("The browser gives the camera only to pages of this computer (localhost) or behind https. Choose a picture from disk instead.");
    stream = await navigator.mediaDevices.getUserMedia({ video: true })
      .catch((error) => { throw new Error(REASONS[error.name] ?? `The camera cannot be used: ${error.message}. Choose a picture from disk instead.`); });
    video.srcObject = stream;
    for (const part of [video, take, close]) part.hidden = false;
    camera.hidden = true;
    await video.play();
  }));
  const take = button("Take picture", trying(async () => {
    give(await shrink(video, video.videoWidth, video.videoHeight), "camera");
    stop();
  }), { hidden: "" });
  const close = button("Close camera", stop, { hidden: "" });

  const root = h("div", { class: "segnet-view segnet-picker", role: "group", "aria-label": "A picture of your own" },
    h("div", { class: "buttons" }, button("Picture…", () => file_field.click()), camera, take, close, file_field), video, message);
  for (const name of ["dragover", "drop"]) {
    root.addEventListener(name, (event) => {
      event.preventDefault();
      event.stopPropagation();
      if (name === "drop") take_file(event.dataTransfer.files[0]);
    });
  }
  el.append(root);
  return stop;
}

export default { render };
