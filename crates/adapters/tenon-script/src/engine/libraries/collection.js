// Arrays and objects. Nothing changes its arguments.
(function () {
  // A key is a name, a path ("a.b[0]"), or a function of the item.
  const keyed = (key) => (typeof key === "function" ? key : key === undefined ? (item) => item : (item) => get(item, key));
  const segments = (path) =>
    Array.isArray(path) ? path.map(String) : String(path).split(/[.[\]]+/).filter((part) => part !== "");
  const own = (value, key) => value != null && Object.prototype.hasOwnProperty.call(Object(value), key);
  const define = (target, key, value) =>
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
  const isRecord = (value) => typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
  function get(value, path, otherwise) {
    for (const key of segments(path)) {
      if (!own(value, key)) return otherwise;
      value = value[key];
    }
    return value === undefined ? otherwise : value;
  }
  function set(value, path, to) {
    const [key, ...rest] = segments(path);
    if (key === undefined) return to;
    const isList = Array.isArray(value) || (value == null && /^\d+$/.test(key));
    const copy = isList ? [...(value ?? [])] : { ...value };
    define(copy, key, rest.length ? set(own(value, key) ? value[key] : undefined, rest, to) : to);
    return copy;
  }
  function deepMerge(...objects) {
    const merged = {};
    for (const object of objects) {
      for (const key of Object.keys(object ?? {})) {
        const [old, value] = [own(merged, key) ? merged[key] : undefined, object[key]];
        define(merged, key, isRecord(old) && isRecord(value) ? deepMerge(old, value) : value);
      }
    }
    return merged;
  }
  const grouped = (items, key) => {
    const groups = new Map();
    for (const item of items) {
      const name = String(keyed(key)(item));
      groups.has(name) ? groups.get(name).push(item) : groups.set(name, [item]);
    }
    return groups;
  };
  const compare = (a, b) => {
    if (a === b) return 0;
    if (a == null) return 1;
    if (b == null) return -1;
    return a < b ? -1 : a > b ? 1 : 0;
  };
  const number = (value) => {
    const result = Number(value);
    if (Number.isNaN(result)) throw new TypeError(`${JSON.stringify(value) ?? value} is not a number`);
    return result;
  };
  const numbers = (items, key) => items.map((item) => number(keyed(key)(item)));
  const sum = (items, key) => numbers(items, key).reduce((total, value) => total + value, 0);
  const best = (items, key, sign) =>
    items.reduce((found, item) => (found === undefined || sign * compare(keyed(key)(item), keyed(key)(found)) > 0 ? item : found), undefined);
  return {
    get,
    set,
    deepMerge,
    groupBy: (items, key) => Object.fromEntries(grouped(items, key)),
    keyBy: (items, key) => Object.fromEntries(items.map((item) => [String(keyed(key)(item)), item])),
    countBy: (items, key) => Object.fromEntries([...grouped(items, key)].map(([name, group]) => [name, group.length])),
    chunk(items, size) {
      if (!(size >= 1)) throw new RangeError("the size of a chunk is at least 1");
      const chunks = [];
      for (let i = 0; i < items.length; i += Math.floor(size)) chunks.push(items.slice(i, i + Math.floor(size)));
      return chunks;
    },
    uniq: (items) => [...new Set(items)],
    uniqBy: (items, key) => {
      const seen = new Set();
      return items.filter((item) => {
        const value = keyed(key)(item);
        return seen.has(value) ? false : (seen.add(value), true);
      });
    },
    sortBy(items, ...keys) {
      const order = keys.length ? keys : [undefined];
      return [...items].sort((a, b) => {
        for (const key of order) {
          const isDown = typeof key === "string" && key.startsWith("-");
          const by = keyed(isDown ? key.slice(1) : key);
          const [left, right] = [by(a), by(b)];
          const result = compare(left, right);
          // What is missing comes last in both directions.
          if (result) return isDown && left != null && right != null ? -result : result;
        }
        return 0;
      });
    },
    partition: (items, test) => [items.filter((item) => test(item)), items.filter((item) => !test(item))],
    flatten: (items, depth = 1) => items.flat(depth),
    compact: (items) => items.filter((item) => item !== null && item !== undefined && item !== ""),
    difference: (items, others) => { const set = new Set(others); return items.filter((item) => !set.has(item)); },
    intersection: (items, others) => { const set = new Set(others); return [...new Set(items)].filter((item) => set.has(item)); },
    range: (from, to, step = 1) => {
      if (to === undefined) [from, to] = [0, from];
      if (!step) throw new RangeError("the step of a range is not 0");
      const numbers = [];
      for (let value = from; step > 0 ? value < to : value > to; value += step) numbers.push(value);
      return numbers;
    },
    sum,
    mean: (items, key) => (items.length ? sum(items, key) / items.length : null),
    min: (items, key) => best(items, key, -1) ?? null,
    max: (items, key) => best(items, key, 1) ?? null,
    zip: (...lists) => Array.from({ length: Math.max(0, ...lists.map((list) => list.length)) }, (_, i) => lists.map((list) => list[i] ?? null)),
    pick: (object, keys) => Object.fromEntries(Object.entries(object ?? {}).filter(([key]) => keys.includes(key))),
    omit: (object, keys) => Object.fromEntries(Object.entries(object ?? {}).filter(([key]) => !keys.includes(key))),
    mapKeys: (object, change) => Object.fromEntries(Object.entries(object ?? {}).map(([key, value]) => [change(key, value), value])),
    mapValues: (object, change) => Object.fromEntries(Object.entries(object ?? {}).map(([key, value]) => [key, change(value, key)])),
    isEqual: function isEqual(a, b) {
      if (Object.is(a, b)) return true;
      if (typeof a !== "object" || typeof b !== "object" || !a || !b) return false;
      if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
      if (Array.isArray(a) !== Array.isArray(b)) return false;
      const [left, right] = [Object.keys(a), Object.keys(b)];
      return left.length === right.length && left.every((key) => own(b, key) && isEqual(a[key], b[key]));
    },
  };
})
