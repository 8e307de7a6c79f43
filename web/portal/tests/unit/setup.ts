// What jsdom lacks and the components need.
import "@testing-library/jest-dom/vitest";
import { cleanup } from "@testing-library/react";
import { afterEach } from "vitest";

class NoResizeObserver {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}

globalThis.ResizeObserver = NoResizeObserver;
globalThis.CSS = { escape: (text: string) => text.replace(/["\\]/g, "\\$&") } as typeof CSS;
Element.prototype.scrollIntoView = () => {};
Element.prototype.hasPointerCapture = () => false;

afterEach(cleanup);
