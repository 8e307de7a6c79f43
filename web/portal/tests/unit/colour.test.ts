import { describe, expect, it } from "vitest";
import { contrast, DEFAULT_ACCENT, paletteOf, parseColour } from "../../src/model/colour";

function ratio(a: string, b: string): number {
  const [x, y] = [parseColour(a), parseColour(b)];
  if (!x || !y) throw new Error("not a colour");
  return contrast(x, y);
}

describe("paletteOf", () => {
  it("is readable for any accent colour", () => {
    for (let value = 0; value < 0x1000000; value += 0x0f3b7) {
      const colour = `#${value.toString(16).padStart(6, "0")}`;
      const palette = paletteOf(colour);
      expect(ratio(palette.accent, palette.onAccent), colour).toBeGreaterThanOrEqual(4.5);
      expect(ratio(palette.inkOnLight, "#eceef2"), colour).toBeGreaterThanOrEqual(4.5);
      expect(ratio(palette.inkOnDark, "#2c3038"), colour).toBeGreaterThanOrEqual(4.5);
    }
  });

  it("falls back when the colour is none", () => {
    expect(paletteOf("url(evil)").accent).toBe(DEFAULT_ACCENT);
    expect(paletteOf("rgb(1, 2, 3)").accent).toBe("#010203");
  });
});
