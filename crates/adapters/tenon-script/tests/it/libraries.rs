//! `libraries` and the few extra globals: one line per member that the reference page lists.

use serde_json::{Value, json};
use tenon_exec::ports::script::FunctionErrorKind as Kind;

use super::*;

/// Evaluates expressions over `text`, `collection`, ... in one call and compares each.
async fn all(cases: &[(&str, Value)]) {
    let expressions: Vec<&str> = cases.iter().map(|(expression, _)| *expression).collect();
    let code = format!(
        "function run(p, libraries) {{ const {{ text, collection, date, crypto, encoding, csv, xml }} \
         = libraries; return [{}] }}",
        expressions.join(",\n")
    );
    let found = value_of(&code, json!({})).await;
    for (at, (expression, expected)) in cases.iter().enumerate() {
        assert_eq!(found[at], *expected, "{expression}");
    }
}

#[tokio::test]
async fn text() {
    all(&[
        (
            "text.words('fooBar XMLHttp-request 2nd')",
            json!(["foo", "Bar", "XML", "Http", "request", "2nd"]),
        ),
        ("text.camelCase('Hello big-world')", json!("helloBigWorld")),
        ("text.pascalCase('hello big_world')", json!("HelloBigWorld")),
        ("text.kebabCase('helloBigWorld')", json!("hello-big-world")),
        ("text.snakeCase('Hello Big World')", json!("hello_big_world")),
        ("text.titleCase('hello-world')", json!("Hello World")),
        ("text.capitalize('élan')", json!("Élan")),
        ("text.slug('  Crème Brûlée: 100% ')", json!("creme-brulee-100")),
        ("text.truncate('hello world', 6)", json!("hello…")),
        ("text.truncate('hello', 5)", json!("hello")),
        ("text.truncate('😀😀😀', 2, '')", json!("😀😀")),
        ("text.collapse(' a \\n b ')", json!("a b")),
        ("text.stripTags('<b>x</b> y')", json!("x y")),
        ("text.escapeHtml('<a href=\"x\">&')", json!("&lt;a href=&quot;x&quot;&gt;&amp;")),
        ("text.escapeRegExp('a.b*c')", json!("a\\.b\\*c")),
        ("text.lines('a\\r\\nb\\nc')", json!(["a", "b", "c"])),
        ("text.slug(null)", json!("")),
    ])
    .await;
}

#[tokio::test]
async fn collection() {
    all(&[
        ("collection.get({ a: [{ b: 1 }] }, 'a[0].b')", json!(1)),
        ("collection.get({ a: 1 }, 'a.b.c', 'none')", json!("none")),
        ("collection.get({}, 'constructor.name', 'none')", json!("none")),
        ("collection.set({ a: { b: 1 } }, 'a.c[1]', 2)", json!({"a": {"b": 1, "c": [null, 2]}})),
        ("collection.deepMerge({ a: { b: 1 } }, { a: { c: 2 } }, { d: [3] })", json!({"a": {"b": 1, "c": 2}, "d": [3]})),
        ("[collection.deepMerge({}, JSON.parse('{\"__proto__\": {\"bad\": 1}}')).bad ?? 'safe', ({}).bad ?? 'safe']", json!(["safe", "safe"])),
        ("[collection.set({}, '__proto__.bad', 1) && (({}).bad ?? 'safe')]", json!(["safe"])),
        ("collection.groupBy([{ t: 'a', n: 1 }, { t: 'b', n: 2 }, { t: 'a', n: 3 }], 't')", json!({"a": [{"t": "a", "n": 1}, {"t": "a", "n": 3}], "b": [{"t": "b", "n": 2}]})),
        ("collection.keyBy([{ id: 1 }, { id: 2 }], 'id')", json!({"1": {"id": 1}, "2": {"id": 2}})),
        ("collection.countBy(['a', 'b', 'a'])", json!({"a": 2, "b": 1})),
        ("collection.chunk([1, 2, 3, 4, 5], 2)", json!([[1, 2], [3, 4], [5]])),
        ("collection.uniq([1, 2, 1])", json!([1, 2])),
        ("collection.uniqBy([{ a: 1 }, { a: 1 }, { a: 2 }], 'a')", json!([{"a": 1}, {"a": 2}])),
        ("collection.sortBy([{ a: 2, b: 1 }, { a: 1, b: 1 }, { a: 2, b: 0 }, { b: 9 }], '-a', 'b').map((x) => [x.a ?? null, x.b])", json!([[2, 0], [2, 1], [1, 1], [null, 9]])),
        ("collection.partition([1, 2, 3], (n) => n > 1)", json!([[2, 3], [1]])),
        ("collection.flatten([1, [2, [3]]])", json!([1, 2, [3]])),
        ("collection.compact([0, null, '', undefined, false])", json!([0, false])),
        ("collection.difference([1, 2, 3], [2])", json!([1, 3])),
        ("collection.intersection([1, 2, 2], [2, 3])", json!([2])),
        ("collection.range(3)", json!([0, 1, 2])),
        ("collection.range(5, 0, -2)", json!([5, 3, 1])),
        ("collection.sum([{ n: 1 }, { n: '2' }], 'n')", json!(3)),
        ("collection.mean([1, 2])", json!(1.5)),
        ("collection.mean([])", json!(null)),
        ("collection.min([3, 1, 2])", json!(1)),
        ("collection.max([{ n: 1 }, { n: 4 }], 'n')", json!({"n": 4})),
        ("collection.zip([1, 2], ['a'])", json!([[1, "a"], [2, null]])),
        ("collection.pick({ a: 1, b: 2 }, ['a', 'z'])", json!({"a": 1})),
        ("collection.omit({ a: 1, b: 2 }, ['a'])", json!({"b": 2})),
        ("collection.mapKeys({ a: 1 }, (k) => k + k)", json!({"aa": 1})),
        ("collection.mapValues({ a: 1 }, (v) => v + 1)", json!({"a": 2})),
        ("collection.isEqual({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] })", json!(true)),
        ("collection.isEqual({ a: 1 }, { a: 1, b: undefined })", json!(false)),
    ])
    .await;
}

#[tokio::test]
async fn date() {
    all(&[
        ("date.parse('2024-03-10')", json!("2024-03-10T00:00:00.000Z")),
        ("date.parse('2024-03-10T12:30:00+02:00')", json!("2024-03-10T10:30:00.000Z")),
        (
            "date.parse('2024-03-10T12:30:00', undefined, 'America/New_York')",
            json!("2024-03-10T16:30:00.000Z"),
        ),
        (
            "date.parse('10/03/2024 08:05', '%d/%m/%Y %H:%M', 'Europe/Berlin')",
            json!("2024-03-10T07:05:00.000Z"),
        ),
        (
            "date.format('2024-03-10T23:30:00Z', '%A %d %B %Y %H:%M', 'Europe/Berlin')",
            json!("Monday 11 March 2024 00:30"),
        ),
        ("date.format(0, '%F')", json!("1970-01-01")),
        ("date.inZone('2024-07-01T12:00:00Z', 'Asia/Tokyo')", json!("2024-07-01T21:00:00+09:00")),
        ("date.add('2024-01-31', { months: 1 })", json!("2024-02-29T00:00:00.000Z")),
        ("date.subtract('2024-03-01', { days: 1, hours: 2 })", json!("2024-02-28T22:00:00.000Z")),
        // The night that has one hour less.
        (
            "date.add('2024-03-30T12:00:00', { days: 1 }, 'Europe/Berlin')",
            json!("2024-03-31T10:00:00.000Z"),
        ),
        ("date.diff('2024-01-01', '2024-03-01', 'days')", json!(60)),
        ("date.diff('2024-03-01', '2024-01-01', 'months')", json!(-2)),
        ("date.diff('2024-01-01T00:00:00Z', '2024-01-01T00:00:01.5Z', 'seconds')", json!(1)),
        ("date.startOf('2024-03-13T15:45:10.5Z', 'week')", json!("2024-03-11T00:00:00.000Z")),
        ("date.startOf('2024-03-13T15:45:10.5Z', 'month')", json!("2024-03-01T00:00:00.000Z")),
        ("date.startOf('2024-03-13T15:45:10.5Z', 'hour')", json!("2024-03-13T15:00:00.000Z")),
        (
            "date.startOf('2024-03-13T15:45:10.5Z', 'day', 'America/New_York')",
            json!("2024-03-13T04:00:00.000Z"),
        ),
        ("date.isBefore('2024-01-01', '2024-01-02')", json!(true)),
        ("date.isAfter(new Date(5), 6)", json!(false)),
        ("date.toMillis('1970-01-01T00:00:01Z')", json!(1000)),
        ("date.fromMillis(1000)", json!("1970-01-01T00:00:01.000Z")),
        ("date.toSeconds('1970-01-01T00:01:00Z')", json!(60)),
        ("date.fromSeconds(60)", json!("1970-01-01T00:01:00.000Z")),
    ])
    .await;
    let (kind, message) = failure_of("const run = (p, { date }) =>\n  date.parse('soon')").await;
    assert_eq!(kind, Kind::Thrown);
    assert!(message.contains("\"soon\" is not an ISO 8601 date (line 2"), "{message}");
    let (_, message) =
        failure_of("const run = (p, l) => l.date.format(0, '%F', 'Mars/Base')").await;
    assert!(message.contains("no time zone \"Mars/Base\""), "{message}");
}

#[tokio::test]
async fn crypto_agrees_with_the_published_vectors() {
    all(&[
        ("crypto.sha256('abc')", json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")),
        ("crypto.sha256('', 'base64')", json!("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")),
        ("crypto.sha512('abc').slice(0, 32)", json!("ddaf35a193617abacc417349ae204131")),
        // RFC 4231, cases 2 and 6.
        ("crypto.hmacSha256('Jefe', 'what do ya want for nothing?')", json!("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")),
        ("crypto.hmacSha256(new Uint8Array(131).fill(0xaa), 'Test Using Larger Than Block-Size Key - Hash Key First')", json!("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")),
        ("crypto.hmacSha512('Jefe', 'what do ya want for nothing?').slice(0, 32)", json!("164b7a7bfcf819e2e395fbe73b56e0a3")),
        ("[crypto.equals('abc', 'abc'), crypto.equals('abc', 'abd'), crypto.equals('abc', 'ab')]", json!([true, false, false])),
    ])
    .await;
    let (_, message) = failure_of("const run = (p, l) => l.crypto.sha256('x', 'rot13')").await;
    assert!(message.contains("hex, base64 or base64url"), "{message}");
}

#[tokio::test]
async fn encoding() {
    all(&[
        ("encoding.base64.encode('größe?>')", json!("Z3LDtsOfZT8+")),
        ("encoding.base64.decode('Z3LDtsOfZT8+')", json!("größe?>")),
        ("encoding.base64url.encode('größe?>')", json!("Z3LDtsOfZT8-")),
        ("encoding.base64url.decode('Z3LDtsOfZT8-')", json!("größe?>")),
        ("encoding.base64.decode('YQ')", json!("a")),
        ("encoding.hex.encode('ä')", json!("c3a4")),
        ("encoding.hex.decode('C3a4')", json!("ä")),
        ("[...encoding.base64.decodeBytes('AP8=')]", json!([0, 255])),
        ("[...encoding.utf8.encode('€')]", json!([226, 130, 172])),
        ("encoding.utf8.decode(new Uint8Array([226, 130, 172]))", json!("€")),
        ("encoding.query.parse('?a=1&b=x+y%21&a=2&c#frag')", json!({"a": ["1", "2"], "b": "x y!", "c": ""})),
        ("encoding.query.stringify({ a: [1, 2], b: 'x y&', c: null })", json!("a=1&a=2&b=x+y%26")),
        ("btoa('ÿa')", json!("/2E=")),
        ("atob('/2E=')", json!("ÿa")),
        ("new URLSearchParams('a=1&b=2&a=3').getAll('a')", json!(["1", "3"])),
        ("(() => { const q = new URLSearchParams({ z: 1 }); q.append('a', 'ö '); q.set('z', 2); q.sort(); return q.toString() })()", json!("a=%C3%B6+&z=2")),
        ("new TextDecoder().decode(new TextEncoder().encode('ü'))", json!("ü")),
        ("(() => { const a = { d: new Date(0), m: new Map([[1, 2]]) }; a.self = a; const b = structuredClone(a); return [b.self === b, b !== a, b.d, b.m.get(1)] })()", json!([true, true, "1970-01-01T00:00:00.000Z", 2])),
    ])
    .await;
    for bad in
        ["encoding.base64.decode('!')", "encoding.hex.decode('abc')", "encoding.hex.decode('zz')"]
    {
        let (kind, _) = failure_of(&format!("const run = (p, {{ encoding }}) => {bad}")).await;
        assert_eq!(kind, Kind::Thrown, "{bad}");
    }
}

#[tokio::test]
async fn csv() {
    all(&[
        (
            "csv.parse('a,b\\n1,\"x, \"\"y\"\"\"\\r\\n2,\\n')",
            json!([{"a": "1", "b": "x, \"y\""}, {"a": "2", "b": ""}]),
        ),
        ("csv.parse('1;2\\n3', { header: false, separator: ';' })", json!([["1", "2"], ["3"]])),
        ("csv.parse('1,2', { header: ['x', 'y', 'z'] })", json!([{"x": "1", "y": "2", "z": null}])),
        ("csv.parse('a\\n\"line1\\nline2\"\\n')", json!([{"a": "line1\nline2"}])),
        (
            "csv.stringify([{ a: 1, b: 'x,y' }, { a: null, c: { d: 1 } }])",
            json!("a,b,c\r\n1,\"x,y\",\r\n,,\"{\"\"d\"\":1}\"\r\n"),
        ),
        ("csv.stringify([[1, '\"']], { header: false, newline: '\\n' })", json!("1,\"\"\"\"\n")),
        ("csv.stringify([{ a: 1, b: 2 }], { columns: ['b'] })", json!("b\r\n2\r\n")),
    ])
    .await;
    let (_, message) = failure_of("const run = (p, l) => l.csv.parse('a\\n\"open')").await;
    assert!(message.contains("the quote of row 2 is never closed"), "{message}");
}

#[tokio::test]
async fn xml() {
    all(&[
        ("xml.parse('<?xml version=\"1.0\"?><a x=\"1 &amp; 2\"><b>t</b><b/><!-- c --><c><![CDATA[<raw>]]></c></a>')", json!({"a": {"@x": "1 & 2", "b": ["t", ""], "c": "<raw>"}})),
        ("xml.parse('<a>one<b>two</b></a>')", json!({"a": {"b": "two", "#text": "one"}})),
        ("xml.parse('<s:Envelope><s:Body>&#228;&#x41;&unknown;</s:Body></s:Envelope>')", json!({"s:Envelope": {"s:Body": "äA&unknown;"}})),
        ("xml.stringify({ a: { '@x': '\"1\"', b: ['<', null], '#text': '' } })", json!("<a x=\"&quot;1&quot;\"><b>&lt;</b><b/></a>")),
        ("xml.escape('<&>')", json!("&lt;&amp;&gt;")),
        ("xml.unescape('&lt;&#65;')", json!("<A")),
    ])
    .await;
    for (bad, part) in [
        ("<a>\\n</b>", "</b> closes <a> in line 2"),
        ("<a>", "<a> is never closed"),
        ("<!DOCTYPE x><a/>", "document types are not supported"),
        ("plain", "there is no element"),
        ("<a", "a tag is malformed"),
    ] {
        let (_, message) = failure_of(&format!("const run = (p, l) => l.xml.parse('{bad}')")).await;
        assert!(message.contains(part), "{bad}: {message}");
    }
}
