// Text and bytes in other clothes.
(function (native) {
  const data = (value) => (value instanceof Uint8Array ? value : native.utf8Encode(String(value)));
  const two = (encode, decodeBytes) => ({
    encode: (value) => encode(data(value)),
    decode: (text) => native.utf8Decode(decodeBytes(String(text))),
    decodeBytes: (text) => decodeBytes(String(text)),
  });
  const pairs = (value) =>
    Object.entries(value ?? {}).flatMap(([key, item]) =>
      (Array.isArray(item) ? item : [item]).filter((one) => one !== undefined && one !== null).map((one) => [key, String(one)]),
    );
  return {
    base64: two(native.base64Encode, native.base64Decode),
    base64url: two(native.base64urlEncode, native.base64urlDecode),
    hex: two(native.hexEncode, native.hexDecode),
    utf8: { encode: (text) => native.utf8Encode(String(text)), decode: (bytes) => native.utf8Decode(bytes) },
    query: {
      parse(text) {
        const found = {};
        for (const part of String(text).replace(/^[^?]*\?/, "").replace(/#.*$/s, "").split("&")) {
          if (!part) continue;
          const at = part.indexOf("=");
          const key = native.formDecode(at < 0 ? part : part.slice(0, at));
          const value = native.formDecode(at < 0 ? "" : part.slice(at + 1));
          const old = Object.hasOwn(found, key) ? found[key] : undefined;
          const next = old === undefined ? value : [].concat(old, value);
          Object.defineProperty(found, key, { value: next, writable: true, enumerable: true, configurable: true });
        }
        return found;
      },
      stringify: (value) => pairs(value).map((pair) => pair.map(native.formEncode).join("=")).join("&"),
    },
  };
})
