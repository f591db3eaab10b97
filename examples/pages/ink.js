// ink.js: pen strokes on a canvas, by mouse, finger or keyboard, and the 28x28 image that MNIST would have made of them.

const SIDE = 28;
/** MNIST fits digits into a box of this side and puts their centre of mass into the middle. */
const BOX = 20;
/** Width of a pen line in the 28x28 image. */
const LINE = 2.1;
const STEP = 1 / 28;

/**
 * Lets the visitor draw.
 * @param onChange called with the 28x28 image after each change, null when there is no ink
 */
export function createInk(canvas, onChange) {
  const context = canvas.getContext("2d");
  const small = new OffscreenCanvas(SIDE, SIDE).getContext("2d", { willReadFrequently: true });
  // points in 0..1
  let strokes = [];
  let pen = null;
  const cursor = { x: 0.5, y: 0.5, shown: false };

  const changed = () => {
    paint();
    onChange(image());
  };
  const paint = () => {
    context.clearRect(0, 0, canvas.width, canvas.height);
    trace(context, strokes, canvas.width, 0, 0, canvas.width / 17, "#ffffff");
    if (!cursor.shown) return;
    context.strokeStyle = pen ? "#ff8a4c" : "#ffffff99";
    context.lineWidth = 3;
    context.beginPath();
    context.arc(cursor.x * canvas.width, cursor.y * canvas.height, 12, 0, 2 * Math.PI);
    context.stroke();
  };
  const image = () => (strokes.length > 0 ? centred(small, strokes) : null);
  const clear = () => {
    strokes = [];
    pen = null;
    changed();
  };

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    pen = [place(event)];
    strokes.push(pen);
    cursor.shown = false;
    changed();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!pen || cursor.shown) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) pen.push(place(each));
    changed();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => {
      pen = null;
    });
  }

  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    const move = moves[event.key];
    if (move) {
      cursor.x = Math.min(Math.max(cursor.x + move[0] * STEP, 0), 1);
      cursor.y = Math.min(Math.max(cursor.y + move[1] * STEP, 0), 1);
      pen?.push([cursor.x, cursor.y]);
    } else if (event.key === " ") {
      pen = pen ? null : [[cursor.x, cursor.y]];
      if (pen) strokes.push(pen);
    } else if (event.key === "Escape") return clear();
    else return;
    event.preventDefault();
    cursor.shown = true;
    changed();
  });
  canvas.addEventListener("blur", () => {
    cursor.shown = false;
    paint();
  });
  return { image, clear };
}

function trace(context, strokes, scale, dx, dy, width, colour) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.lineCap = "round";
  context.lineJoin = "round";
  for (const points of strokes) {
    context.beginPath();
    // a line of no length is a dot
    context.moveTo(points[0][0] * scale + dx, points[0][1] * scale + dy);
    for (const [x, y] of points) context.lineTo(x * scale + dx, y * scale + dy);
    context.stroke();
  }
}

/** Scaled so that the ink fills the box, then moved so that its centre of mass is the image's centre. */
function centred(context, strokes) {
  const points = strokes.flat();
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const scale = (BOX - LINE) / Math.max(right - left, bottom - top, 0.15);
  const draw = (dx, dy) => {
    context.fillStyle = "#000000";
    context.fillRect(0, 0, SIDE, SIDE);
    trace(context, strokes, scale, dx, dy, LINE, "#ffffff");
    const { data } = context.getImageData(0, 0, SIDE, SIDE);
    return Uint8Array.from({ length: SIDE * SIDE }, (_, i) => data[4 * i]);
  };
  const dx = SIDE / 2 - ((left + right) / 2) * scale;
  const dy = SIDE / 2 - ((top + bottom) / 2) * scale;
  const first = draw(dx, dy);
  let mass = 0;
  let x = 0;
  let y = 0;
  for (let i = 0; i < first.length; i++) {
    mass += first[i];
    x += first[i] * ((i % SIDE) + 0.5);
    y += first[i] * (Math.floor(i / SIDE) + 0.5);
  }
  return mass === 0 ? first : draw(dx + SIDE / 2 - x / mass, dy + SIDE / 2 - y / mass);
}
