// Saves what a user changes, soon after the change, one request at a time, newest value last.

import { asFailure, type Failure } from "../host/failure";

export type SaveStatus =
  | { kind: "idle" }
  | { kind: "saving" }
  | { kind: "saved" }
  | { kind: "failed"; failure: Failure };

export interface SaverOptions<Value> {
  save(value: Value): Promise<void>;
  onStatus(status: SaveStatus): void;
  /** How long typing must pause before it is saved. */
  pauseMs: number;
}

export class Saver<Value> {
  readonly #options: SaverOptions<Value>;
  #next?: { value: Value };
  #failed?: { value: Value };
  #isSaving = false;
  #timer?: ReturnType<typeof setTimeout>;

  constructor(options: SaverOptions<Value>) {
    this.#options = options;
  }

  /** Saves after a pause. A newer change replaces one that was not sent yet. */
  changed(value: Value): void {
    this.#next = { value };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.flush(), this.#options.pauseMs);
  }

  /** Saves what was changed now: a choice was made, or the field was left. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#isSaving || !this.#next) return;
    this.#isSaving = true;
    this.#options.onStatus({ kind: "saving" });
    let outcome: SaveStatus = { kind: "saved" };
    while (this.#next) {
      const current: { value: Value } = this.#next;
      this.#next = undefined;
      outcome = await this.#saveOne(current);
    }
    this.#isSaving = false;
    this.#options.onStatus(outcome);
  }

  /** Forgets a change that was not sent: someone else sends it. */
  skip(): void {
    clearTimeout(this.#timer);
    this.#next = undefined;
  }

  /** Sends again what could not be saved. */
  async retry(): Promise<void> {
    this.#next ??= this.#failed;
    await this.flush();
  }

  async #saveOne(current: { value: Value }): Promise<SaveStatus> {
    try {
      await this.#options.save(current.value);
      this.#failed = undefined;
      return { kind: "saved" };
    } catch (error) {
      this.#failed = current;
      return { kind: "failed", failure: asFailure(error) };
    }
  }
}
