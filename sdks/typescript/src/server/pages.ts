// Lists that come in pages. Loop over one with `for await` to get every item.

import { TenonError } from "../errors.js";

export interface Page<Item> {
  items: Item[];
  /** Gives the page after it; nothing when it is the last. */
  next?: string;
}

export class Pages<Item> implements AsyncIterable<Item> {
  readonly #load: (cursor: string | undefined) => Promise<Page<Item>>;

  constructor(load: (cursor: string | undefined) => Promise<Page<Item>>) {
    this.#load = load;
  }

  /** One page: the first, or the one of a cursor. */
  page(cursor?: string): Promise<Page<Item>> {
    return this.#load(cursor);
  }

  async *pages(): AsyncGenerator<Page<Item>, void, undefined> {
    let cursor: string | undefined;
    do {
      const page = await this.#load(cursor);
      yield page;
      if (page.next !== undefined && page.next === cursor) {
        throw new TenonError("bad_answer", "the server gave the same page again");
      }
      cursor = page.next;
    } while (cursor !== undefined);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    for await (const page of this.pages()) yield* page.items;
  }

  /** The first items, `itemsMax` at most. */
  async take(itemsMax: number): Promise<Item[]> {
    const items: Item[] = [];
    if (itemsMax <= 0) return items;
    for await (const item of this) {
      items.push(item);
      if (items.length >= itemsMax) break;
    }
    return items;
  }
}
