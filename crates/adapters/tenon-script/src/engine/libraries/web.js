// A few globals that code brought from elsewhere expects.
(function (native) {
  const toBytes = (text) => {
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 255) throw new RangeError("btoa takes characters up to U+00FF; use libraries.encoding.base64");
      bytes[i] = code;
    }
    return bytes;
  };
  const pairsOf = (init) => {
    if (init === undefined || init === null) return [];
    if (typeof init === "string") {
      return init.replace(/^\?/, "").split("&").filter(Boolean).map((part) => {
        const [name, ...rest] = part.split("=");
        return [decode(name), decode(rest.join("="))];
      });
    }
    const pairs = typeof init[Symbol.iterator] === "function" ? [...init] : Object.entries(init);
    return pairs.map(([name, value]) => [String(name), String(value)]);
  };
  const decode = (text) => native.formDecode(text);
  const encode = (text) => native.formEncode(text);
  class URLSearchParams {
    #pairs;
    constructor(init) { this.#pairs = pairsOf(init); }
    append(name, value) { this.#pairs.push([String(name), String(value)]); }
    delete(name) { this.#pairs = this.#pairs.filter(([key]) => key !== name); }
    get(name) { return this.#pairs.find(([key]) => key === name)?.[1] ?? null; }
    getAll(name) { return this.#pairs.filter(([key]) => key === name).map(([, value]) => value); }
    has(name) { return this.#pairs.some(([key]) => key === name); }
    set(name, value) {
      const at = this.#pairs.findIndex(([key]) => key === name);
      if (at < 0) return this.append(name, value);
      this.#pairs = this.#pairs.filter(([key], i) => key !== name || i === at);
      this.#pairs[at][1] = String(value);
    }
    sort() { this.#pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)); }
    forEach(visit) { for (const [name, value] of this.#pairs) visit(value, name, this); }
    *entries() { yield* this.#pairs.map((pair) => [...pair]); }
    *keys() { for (const [name] of this.#pairs) yield name; }
    *values() { for (const [, value] of this.#pairs) yield value; }
    [Symbol.iterator]() { return this.entries(); }
    get size() { return this.#pairs.length; }
    toString() { return this.#pairs.map((pair) => pair.map(encode).join("=")).join("&"); }
    toJSON() { return this.toString(); }
  }
  return {
    btoa: (text) => native.base64Encode(toBytes(String(text))),
    atob(text) {
      const bytes = native.base64Decode(String(text).replace(/[\t\n\f\r ]/g, ""));
      let out = "";
      for (const byte of bytes) out += String.fromCharCode(byte);
      return out;
    },
    URLSearchParams,
    TextEncoder: class TextEncoder {
      get encoding() { return "utf-8"; }
      encode(text = "") { return native.utf8Encode(String(text)); }
    },
    TextDecoder: class TextDecoder {
      get encoding() { return "utf-8"; }
      decode(bytes) { return bytes === undefined ? "" : native.utf8Decode(new Uint8Array(bytes.buffer ?? bytes, bytes.byteOffset ?? 0, bytes.byteLength)); }
    },
    structuredClone(value) {
      const copies = new Map();
      const clone = (from) => {
        if (typeof from === "function" || typeof from === "symbol") {
          throw new TypeError(`a ${typeof from} cannot be cloned`);
        }
        if (typeof from !== "object" || from === null) return from;
        if (copies.has(from)) return copies.get(from);
        const keep = (copy) => (copies.set(from, copy), copy);
        if (from instanceof Date) return keep(new Date(from.getTime()));
        if (from instanceof RegExp) return keep(new RegExp(from.source, from.flags));
        if (ArrayBuffer.isView(from) || from instanceof ArrayBuffer) return keep(from.slice());
        if (Array.isArray(from)) {
          const copy = keep([]);
          for (const item of from) copy.push(clone(item));
          return copy;
        }
        if (from instanceof Map) {
          const copy = keep(new Map());
          for (const [key, item] of from) copy.set(clone(key), clone(item));
          return copy;
        }
        if (from instanceof Set) {
          const copy = keep(new Set());
          for (const item of from) copy.add(clone(item));
          return copy;
        }
        const copy = keep({});
        for (const key of Object.keys(from)) {
          Object.defineProperty(copy, key, { value: clone(from[key]), writable: true, enumerable: true, configurable: true });
        }
        return copy;
      };
      return clone(value);
    },
  };
})
