// The project's accent colour, and the colours that stay readable with it.
// Contrast is that of WCAG 2: 4.5 for text, 3 for shapes.

export interface Palette {
  accent: string;
  /** Text on the accent colour. */
  onAccent: string;
  /** The accent colour as text on a light and on a dark panel. */
  inkOnLight: string;
  inkOnDark: string;
}

type Rgb = [number, number, number];

export const DEFAULT_ACCENT = "#3450d1";
const WHITE: Rgb = [255, 255, 255];
const BLACK: Rgb = [0, 0, 0];
/** Of all surfaces that text stands on, the ones with the least contrast: `--soft-strong`. */
const LIGHT_SURFACE: Rgb = [236, 238, 242];
const DARK_SURFACE: Rgb = [44, 48, 56];
const TEXT_CONTRAST = 4.5;

export function paletteOf(colour: string | undefined): Palette {
  const accent = parseColour(colour) ?? parseColour(DEFAULT_ACCENT) ?? [52, 80, 209];
  // One of the two always has a contrast of at least 4.58.
  const onAccent: Rgb = contrast(accent, WHITE) >= contrast(accent, BLACK) ? WHITE : BLACK;
  return {
    accent: hex(accent),
    onAccent: hex(onAccent),
    inkOnLight: hex(readable(accent, LIGHT_SURFACE, BLACK)),
    inkOnDark: hex(readable(accent, DARK_SURFACE, WHITE)),
  };
}

/** Reads `#rgb`, `#rrggbb` (with or without alpha) and `rgb(…)`. */
export function parseColour(colour: string | undefined): Rgb | undefined {
  const value = colour?.trim().toLowerCase() ?? "";
  const short = /^#?([0-9a-f])([0-9a-f])([0-9a-f])[0-9a-f]?$/.exec(value);
  if (short) return rgb(short.slice(1).map((digit) => Number.parseInt(digit + digit, 16)));
  const long = /^#?([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})(?:[0-9a-f]{2})?$/.exec(value);
  if (long) return rgb(long.slice(1).map((pair) => Number.parseInt(pair, 16)));
  const decimal = /^rgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)/.exec(value);
  if (decimal) return rgb(decimal.slice(1).map((part) => Math.min(255, Number(part))));
  return undefined;
}

export function contrast(a: Rgb, b: Rgb): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

/** Moves a colour towards another until it can be read on the surface. */
function readable(colour: Rgb, surface: Rgb, towards: Rgb): Rgb {
  for (let share = 0; share <= 1; share += 0.05) {
    const mixed = mix(colour, towards, share);
    if (contrast(mixed, surface) >= TEXT_CONTRAST) return mixed;
  }
  return towards;
}

function mix(from: Rgb, to: Rgb, share: number): Rgb {
  const part = (index: 0 | 1 | 2) => Math.round(from[index] + (to[index] - from[index]) * share);
  return [part(0), part(1), part(2)];
}

function luminance(colour: Rgb): number {
  const [r, g, b] = colour.map((part) => {
    const value = part / 255;
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * (r ?? 0) + 0.7152 * (g ?? 0) + 0.0722 * (b ?? 0);
}

function rgb(parts: number[]): Rgb | undefined {
  const [r, g, b] = parts;
  if (r === undefined || g === undefined || b === undefined) return undefined;
  return parts.some(Number.isNaN) ? undefined : [r, g, b];
}

function hex(colour: Rgb): string {
  return `#${colour.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}
