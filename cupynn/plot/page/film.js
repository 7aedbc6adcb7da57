// Recordings in the list of samples as films: below the pointer or with the focus, and at the cursor while it is set.

const FILM = 2.4; // seconds
const EXPOSURE = 1 / 24; // of all steps, in one picture of the film
let film = null; // {index, start}

/** Draw the picture of a sample: all of it, or at a moment. */
function drawThumbnail(button) {
  const index = Number(button.dataset.index), moment = film?.index === index ? film.step : index === state.sample ? state.cursor : null;
  const picture = samplePicture(index, moment), canvas = button.querySelector("canvas");
  [canvas.width, canvas.height] = [picture.width, picture.height];
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

function startFilm(button) {
  const index = Number(button.dataset.index);
  if (table.samples[index].image || window.matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const own = (film = { index, step: 0 }), start = performance.now();
  const frame = (now) => {
    if (film !== own) return;
    own.step = Math.floor(((Math.max(0, now - start) / 1000 / FILM) % 1) * T);
    drawThumbnail(button);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

function stopFilm(button) {
  if (film?.index !== Number(button.dataset.index)) return;
  film = null;
  drawThumbnail(button);
}

/** Let a button of the list play its recording; those of images are left alone. */
function listenToFilm(button) {
  for (const kind of ["pointerenter", "focus"]) button.addEventListener(kind, () => startFilm(button));
  for (const kind of ["pointerleave", "blur"]) button.addEventListener(kind, () => stopFilm(button));
}

let atCursor = null;

/** Show the moment of the cursor in the picture of the current sample. */
function drawMoment() {
  if (state.cursor === atCursor) return;
  atCursor = state.cursor;
  const button = [...byId("samples").children].find((each) => Number(each.dataset.index) === state.sample);
  if (button) drawThumbnail(button);
}
