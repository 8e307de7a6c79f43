// Dates as ISO 8601 text. A moment may come as text, as milliseconds since 1970 or as a Date.
(function (native) {
  const moment = (value) => {
    if (value instanceof Date) return value.toISOString();
    if (typeof value === "number") return new Date(value).toISOString();
    return String(value);
  };
  const zone = (name) => (name === undefined || name === null ? "UTC" : String(name));
  const units = (span) => JSON.stringify(span ?? {});
  return {
    parse: (text, pattern, timeZone) =>
      pattern === undefined ? native.toIso(moment(text), zone(timeZone)) : native.parse(String(text), String(pattern), zone(timeZone)),
    format: (date, pattern, timeZone) => native.format(moment(date), String(pattern), zone(timeZone)),
    inZone: (date, timeZone) => native.inZone(moment(date), zone(timeZone)),
    add: (date, span, timeZone) => native.add(moment(date), units(span), 1, zone(timeZone)),
    subtract: (date, span, timeZone) => native.add(moment(date), units(span), -1, zone(timeZone)),
    diff: (from, to, unit = "milliseconds", timeZone) => native.diff(moment(from), moment(to), String(unit), zone(timeZone)),
    startOf: (date, unit, timeZone) => native.startOf(moment(date), String(unit), zone(timeZone)),
    isBefore: (a, b) => native.millis(moment(a)) < native.millis(moment(b)),
    isAfter: (a, b) => native.millis(moment(a)) > native.millis(moment(b)),
    toMillis: (date) => native.millis(moment(date)),
    fromMillis: (millis) => new Date(millis).toISOString(),
    toSeconds: (date) => Math.floor(native.millis(moment(date)) / 1000),
    fromSeconds: (seconds) => new Date(seconds * 1000).toISOString(),
  };
})
