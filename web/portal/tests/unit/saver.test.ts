import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Saver, type SaveStatus } from "../../src/model/saver";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function saverOf(save: (value: number) => Promise<void>) {
  const statuses: SaveStatus["kind"][] = [];
  const onStatus = ({ kind }: SaveStatus) => void statuses.push(kind);
  return { saver: new Saver<number>({ save, onStatus, pauseMs: 800 }), statuses };
}

describe("Saver", () => {
  it("waits for a pause and sends the last value once", async () => {
    const saved: number[] = [];
    const { saver } = saverOf(async (value) => void saved.push(value));
    saver.changed(1);
    await vi.advanceTimersByTimeAsync(500);
    saver.changed(2);
    await vi.advanceTimersByTimeAsync(799);
    expect(saved).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(saved).toEqual([2]);
  });

  it("sends one at a time, and what came meanwhile after it", async () => {
    const saved: number[] = [];
    let finish: () => void = () => {};
    const { saver, statuses } = saverOf((value) => {
      saved.push(value);
      return new Promise((resolve) => {
        finish = resolve;
      });
    });
    saver.changed(1);
    const done = saver.flush();
    saver.changed(2);
    saver.changed(3);
    await saver.flush();
    expect(saved).toEqual([1]);
    finish();
    await vi.advanceTimersByTimeAsync(0);
    finish();
    await done;
    expect(saved).toEqual([1, 3]);
    expect(statuses).toEqual(["saving", "saved"]);
  });

  it("sends nothing that it was told to forget", async () => {
    const saved: number[] = [];
    const { saver } = saverOf(async (value) => void saved.push(value));
    saver.changed(1);
    saver.skip();
    await vi.advanceTimersByTimeAsync(1_000);
    await saver.flush();
    expect(saved).toEqual([]);
  });

  it("keeps what failed for another try", async () => {
    const saved: number[] = [];
    let isBroken = true;
    const { saver, statuses } = saverOf(async (value) => {
      if (isBroken) throw new Error("no");
      saved.push(value);
    });
    saver.changed(5);
    await saver.flush();
    isBroken = false;
    await saver.retry();
    expect(statuses).toEqual(["saving", "failed", "saving", "saved"]);
    expect(saved).toEqual([5]);
  });
});
