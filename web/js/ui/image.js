// Loading pictures.

/** Resolves to an <img> that is ready to be drawn. */
export async function loadImage(url) {
  const img = new Image();
  img.decoding = 'async';
  img.src = url;
  try {
    await img.decode();
  } catch {
    throw new Error('a picture could not be loaded; is the server still there?');
  }
  return img;
}

/** The longest side that the stage ever needs: sharp at some zoom, light on memory. */
export const STAGE_WIDTH = 2048;
