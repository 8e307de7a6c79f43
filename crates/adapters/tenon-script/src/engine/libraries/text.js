// Text: case, slugs, cutting, escaping.
(function () {
  const words = (text) =>
    String(text ?? "")
      .normalize("NFC")
      .replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, "$1 $2")
      .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, "$1 $2")
      .split(/[^\p{L}\p{N}]+/u)
      .filter(Boolean);
  const capitalize = (text) => {
    const [first = "", ...rest] = String(text ?? "");
    return first.toUpperCase() + rest.join("");
  };
  const title = (word) => capitalize(word.toLowerCase());
  const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return {
    words,
    capitalize,
    camelCase: (text) => words(text).map((word, i) => (i ? title(word) : word.toLowerCase())).join(""),
    pascalCase: (text) => words(text).map(title).join(""),
    kebabCase: (text) => words(text).map((word) => word.toLowerCase()).join("-"),
    snakeCase: (text) => words(text).map((word) => word.toLowerCase()).join("_"),
    titleCase: (text) => words(text).map(title).join(" "),
    slug: (text) =>
      String(text ?? "")
        .normalize("NFKD")
        .replace(/\p{M}+/gu, "")
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, "-")
        .replace(/^-+|-+$/g, ""),
    truncate(text, length, ending = "…") {
      const letters = [...String(text ?? "")];
      if (letters.length <= length) return letters.join("");
      const tail = [...ending].slice(0, length);
      return letters.slice(0, length - tail.length).concat(tail).join("");
    },
    collapse: (text) => String(text ?? "").replace(/\s+/g, " ").trim(),
    stripTags: (text) => String(text ?? "").replace(/<[^<>]*>/g, ""),
    escapeHtml: (text) => String(text ?? "").replace(/[&<>"']/g, (sign) => ENTITIES[sign]),
    escapeRegExp: (text) => String(text ?? "").replace(/[.*+?^${}()|[\]\\]/g, "\\$&"),
    lines: (text) => String(text ?? "").split(/\r\n|\r|\n/),
  };
})
