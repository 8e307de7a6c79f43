// Hashes. Text is taken as UTF-8; the result is text in hex, base64 or base64url.
(function (native) {
  const data = (value) => {
    if (value instanceof Uint8Array) return value;
    if (typeof value === "string") return native.utf8Encode(value);
    throw new TypeError("a hash takes a string or a Uint8Array");
  };
  const hash = (name) => (value, encoding = "hex") => native.hash(name, data(value), encoding);
  const hmac = (name) => (key, value, encoding = "hex") => native.hmac(name, data(key), data(value), encoding);
  return {
    sha256: hash("sha256"),
    sha512: hash("sha512"),
    hmacSha256: hmac("sha256"),
    hmacSha512: hmac("sha512"),
    equals: (a, b) => native.equals(data(a), data(b)),
  };
})
