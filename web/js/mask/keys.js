// The mask editor by keyboard: arrows move the brush, space paints while it is down, letters choose tools.

const STEP = 12; // screen pixels per arrow key; a quarter of it with Shift

export function keyboard(editor) {
  let painting = false;
  let last = null;

  const cursor = () => {
    editor.cursor ??= { x: editor.view.width / 2, y: editor.view.height / 2 };
    return editor.cursor;
  };

  const dab = () => {
    const to = cursor();
    const from = last ?? to;
    editor.paint(editor.toMask(from.x, from.y), editor.toMask(to.x, to.y), editor.radius, editor.tool === 'eraser');
    last = { ...to };
  };

  const moveBy = (dx, dy) => {
    const c = cursor();
    c.x = Math.min(editor.view.width, Math.max(0, c.x + dx));
    c.y = Math.min(editor.view.height, Math.max(0, c.y + dy));
    if (painting) dab();
    editor.redraw();
  };

  const start = () => {
    if (painting) return;
    painting = true;
    last = null;
    editor.mask.begin();
    dab();
  };

  const stop = () => {
    if (!painting) return;
    painting = false;
    editor.commit();
  };

  const commands = {
    b: () => editor.setTool('brush'),
    e: () => editor.setTool('eraser'),
    h: () => editor.setTool('pan'),
    m: () => editor.setShown(!editor.shown),
    '[': () => editor.setSize(editor.size / 1.2),
    ']': () => editor.setSize(editor.size * 1.2),
    '+': () => editor.zoom(1.25),
    '=': () => editor.zoom(1.25),
    '-': () => editor.zoom(0.8),
    0: () => editor.fit(),
  };
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  editor.canvas.addEventListener('keydown', (e) => {
    if (!editor.mask) return;
    const command = e.ctrlKey || e.metaKey;
    if (command && e.key.toLowerCase() === 'z') e.shiftKey ? editor.redo() : editor.undo();
    else if (command && e.key.toLowerCase() === 'y') editor.redo();
    else if (command || e.altKey) return;
    else if (e.key === ' ') editor.cursor && editor.enabled && isKeyboardCursor() ? start() : hold(true);
    else if (e.key === 'Enter' && editor.enabled) painting ? stop() : start();
    else if (arrows[e.key]) {
      const step = e.shiftKey ? STEP / 4 : STEP;
      keyCursor = true;
      moveBy(arrows[e.key][0] * step, arrows[e.key][1] * step);
    } else if (commands[e.key.toLowerCase()]) commands[e.key.toLowerCase()]();
    else return;
    e.preventDefault();
  });

  // Space paints for whoever moves the brush by arrows, and moves the photo for whoever holds a mouse.
  let keyCursor = false;
  const isKeyboardCursor = () => keyCursor;
  const hold = (held) => {
    editor.pointers.spaceHeld = held;
    editor.canvas.classList.toggle('grab', held);
  };
  editor.canvas.addEventListener('pointermove', () => { keyCursor = false; });
  editor.canvas.addEventListener('keyup', (e) => {
    if (e.key !== ' ') return;
    hold(false);
    stop();
  });
  editor.canvas.addEventListener('blur', () => {
    hold(false);
    stop();
  });
}
