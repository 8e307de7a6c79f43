// Comma-separated values, RFC 4180.
(function () {
  function rows(text, separator) {
    const found = [];
    let row = [], field = "", i = 0, isQuoted = false, wasQuoted = false;
    const endField = () => { row.push(field); field = ""; wasQuoted = false; };
    const endRow = () => { endField(); found.push(row); row = []; };
    while (i < text.length) {
      const sign = text[i];
      if (isQuoted) {
        if (sign !== '"') field += sign;
        else if (text[i + 1] === '"') { field += '"'; i++; }
        else isQuoted = false;
      } else if (sign === '"' && field === "" && !wasQuoted) isQuoted = wasQuoted = true;
      else if (sign === separator) endField();
      else if (sign === "\n" || sign === "\r") {
        if (sign === "\r" && text[i + 1] === "\n") i++;
        endRow();
      } else field += sign;
      i++;
    }
    if (isQuoted) throw new SyntaxError(`csv: the quote of row ${found.length + 1} is never closed`);
    if (field !== "" || row.length || wasQuoted) endRow();
    return found;
  }
  const one = (separator) => {
    if ([...separator].length !== 1 || separator === '"') throw new TypeError("the separator is one character, not a quote");
    return separator;
  };
  return {
    parse(text, { header = true, separator = "," } = {}) {
      const found = rows(String(text).replace(/^\uFEFF/, ""), one(separator)).filter((row) => row.length > 1 || row[0] !== "");
      if (!header) return found;
      const names = Array.isArray(header) ? header : found.shift() ?? [];
      return found.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i] ?? null])));
    },
    stringify(items, { header = true, columns, separator = ",", newline = "\r\n" } = {}) {
      one(separator);
      const cell = (value) => {
        const text = value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
        return text.includes(separator) || /["\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
      };
      const names = columns ?? [...new Set(items.flatMap((item) => (Array.isArray(item) ? [] : Object.keys(item))))];
      const lines = items.map((item) => (Array.isArray(item) ? item : names.map((name) => item[name])));
      if (header && names.length) lines.unshift(names);
      return lines.map((line) => line.map(cell).join(separator) + newline).join("");
    },
  };
})
