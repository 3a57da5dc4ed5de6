// Pictures on canvases: of files, and of numbers from 0 to 1, nested [height][width][channels].

// What draws on a canvas and reads it.
export function brush(canvas) {
  return canvas.getContext("2d", {willReadFrequently: true});
}

export async function showFile(canvas, bytes, kind) {
  const blob = new Blob([bytes], {type: `image/${kind}`});
  const image = await createImageBitmap(blob, {colorSpaceConversion: "none", premultiplyAlpha: "none"});
  [canvas.width, canvas.height] = [image.width, image.height];
  brush(canvas).drawImage(image, 0, 0);
}

export function showNumbers(canvas, numbers) {
  [canvas.height, canvas.width] = [numbers.length, numbers[0].length];
  const image = new ImageData(canvas.width, canvas.height);
  numbers.flat().forEach((pixel, place) => {
    const levels = pixel.map(number => Math.round(255 * number));
    const [red, green, blue] = levels.length < 3 ? [levels[0], levels[0], levels[0]] : levels;
    image.data.set([red, green, blue, levels[3] ?? 255], 4 * place);
  });
  brush(canvas).putImageData(image, 0, 0);
}

// What a canvas shows, as levels 0 to 255 in a row, `channels` a pixel.
export function levelsOf(canvas, channels) {
  const {data} = brush(canvas).getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((_, place) => place % 4 < channels);
}

// Levels in a row as nested numbers.
export function numbersOf(levels, [height, width, channels]) {
  const number = (y, x, channel) => Number((levels[(y * width + x) * channels + channel] / 255).toFixed(4));
  const each = (size, make) => Array.from({length: size}, (_, place) => make(place));
  return each(height, y => each(width, x => each(channels, channel => number(y, x, channel))));
}

// The mean squared difference of two pictures in nested numbers.
export function distance(one, other) {
  const [first, second] = [one.flat(2), other.flat(2)];
  return first.reduce((sum, number, place) => sum + (number - second[place]) ** 2, 0) / first.length;
}
