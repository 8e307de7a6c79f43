// Simple XML: elements become objects, attributes keys with "@", repeated elements arrays.
// No document types and no entities but the five and numbers.
(function () {
  const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  const unescape = (text) =>
    text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
      if (name) return Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : whole;
      const code = hex ? parseInt(hex, 16) : Number(decimal);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    });
  const escape = (text) => String(text).replace(/[&<>"']/g, (sign) => `&${Object.keys(ENTITIES).find((name) => ENTITIES[name] === sign)};`);
  const put = (node, key, value) => {
    const old = Object.hasOwn(node, key) ? node[key] : undefined;
    const next = old === undefined ? value : Array.isArray(old) ? [...old, value] : [old, value];
    Object.defineProperty(node, key, { value: next, writable: true, enumerable: true, configurable: true });
  };
  const close = ({ node, text, isMarked }) => {
    const body = isMarked ? text : text.trim();
    if (!Object.keys(node).length) return body;
    if (body) put(node, "#text", body);
    return node;
  };
  const TOKEN = /<!--.*?-->|<\?.*?\?>|<!\[CDATA\[(.*?)\]\]>|<!DOCTYPE|<\/([^\s>]+)\s*>|<([^\s\/>!?]+)((?:\s+[^\s=>\/]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(\/?)>|([^<]+)|</gs;
  const ATTRIBUTE = /([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
  const fail = (why, source, at) => {
    const line = source.slice(0, at).split("\n").length;
    throw new SyntaxError(`xml: ${why} in line ${line}`);
  };
  return {
    escape,
    unescape,
    parse(text) {
      const source = String(text).replace(/^\uFEFF/, "");
      const root = { name: "", node: {}, text: "", isMarked: false };
      const open = [root];
      for (const match of source.matchAll(TOKEN)) {
        const [token, marked, ending, name, attributes, isEmpty, plain] = match;
        const top = open[open.length - 1];
        if (marked !== undefined) { top.text += marked; top.isMarked = true; }
        else if (plain !== undefined) top.text += unescape(plain);
        else if (ending !== undefined) {
          if (top.name !== ending) fail(`</${ending}> closes <${top.name}>`, source, match.index);
          open.pop();
          put(open[open.length - 1].node, top.name, close(top));
        } else if (name !== undefined) {
          const element = { name, node: {}, text: "", isMarked: false };
          for (const [, key, double, single] of attributes.matchAll(ATTRIBUTE)) put(element.node, "@" + key, unescape(double ?? single));
          isEmpty ? put(top.node, name, close(element)) : open.push(element);
          if (open.length > 200) fail("elements are nested deeper than 200", source, match.index);
        } else if (token === "<!DOCTYPE") fail("document types are not supported", source, match.index);
        else if (token === "<") fail("a tag is malformed", source, match.index);
      }
      if (open.length > 1) fail(`<${open[open.length - 1].name}> is never closed`, source, source.length);
      if (!Object.keys(root.node).length) fail("there is no element", source, source.length);
      return root.node;
    },
    stringify(value) {
      const element = (name, content) => {
        if (!/^[\p{L}_][\p{L}\p{N}_.:-]*$/u.test(name)) throw new TypeError(`xml: ${JSON.stringify(name)} is not a name`);
        if (Array.isArray(content)) return content.map((item) => element(name, item)).join("");
        if (content === null || content === undefined) return `<${name}/>`;
        if (typeof content !== "object") return `<${name}>${escape(content)}</${name}>`;
        let attributes = "", body = "";
        for (const [key, item] of Object.entries(content)) {
          if (key === "#text") body += escape(item);
          else if (key.startsWith("@")) attributes += ` ${key.slice(1)}="${escape(item)}"`;
          else body += element(key, item);
        }
        return body ? `<${name}${attributes}>${body}</${name}>` : `<${name}${attributes}/>`;
      };
      return Object.entries(value).map(([name, content]) => element(name, content)).join("");
    },
  };
})
