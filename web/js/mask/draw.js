// Draws the mask editor's canvas: photo, tint, outlines, brush.

export function draw(editor) {
  const { canvas, view, photo } = editor;
  const g = canvas.getContext('2d');
  const ratio = canvas.width / Math.max(1, canvas.clientWidth);
  g.setTransform(1, 0, 0, 1, 0, 0);
  g.clearRect(0, 0, canvas.width, canvas.height);
  if (!photo) return;
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  const w = photo.width * view.scale;
  const h = photo.height * view.scale;
  g.imageSmoothingEnabled = view.scale < 4;
  g.imageSmoothingQuality = 'high';
  g.drawImage(photo.source, view.x, view.y, w, h);
  if (editor.shown) {
    g.globalAlpha = 0.45;
    g.drawImage(editor.tint, view.x, view.y, w, h);
    g.globalAlpha = 1;
    if (editor.lines) {
      stroke(g, view, editor.lines.feather, 1, 0.6);
      stroke(g, view, editor.lines.edge, 1.75, 1);
    }
  }
  if (editor.enabled && editor.cursor && editor.tool !== 'pan') brush(g, editor);
}

/* White over a dark hem, so that it is seen on any photo. */
function stroke(g, view, lines, width, alpha) {
  if (!lines.length) return;
  g.beginPath();
  for (let i = 0; i < lines.length; i += 4) {
    g.moveTo(lines[i] * view.scale + view.x, lines[i + 1] * view.scale + view.y);
    g.lineTo(lines[i + 2] * view.scale + view.x, lines[i + 3] * view.scale + view.y);
  }
  g.lineCap = 'round';
  g.globalAlpha = alpha;
  g.strokeStyle = 'rgb(0 0 0 / 0.45)';
  g.lineWidth = width + 1.5;
  g.stroke();
  g.strokeStyle = '#fff';
  g.lineWidth = width;
  g.stroke();
  g.globalAlpha = 1;
}

function brush(g, editor) {
  const { x, y } = editor.cursor;
  const r = (editor.size * Math.max(editor.photo.width, editor.photo.height) * editor.view.scale) / 2;
  for (const [colour, width] of [['rgb(0 0 0 / 0.55)', 3], ['#fff', 1.5]]) {
    g.beginPath();
    g.arc(x, y, Math.max(2, r), 0, 2 * Math.PI);
    if (editor.tool === 'eraser') {
      g.moveTo(x - 4, y);
      g.lineTo(x + 4, y);
    } else {
      g.moveTo(x - 4, y);
      g.lineTo(x + 4, y);
      g.moveTo(x, y - 4);
      g.lineTo(x, y + 4);
    }
    g.strokeStyle = colour;
    g.lineWidth = width;
    g.stroke();
  }
}
