// The long description of an integration: a small part of Markdown, as elements and never as HTML.
// Headings, paragraphs, lists, code, strong, emphasis and links to http(s) and mail addresses.

import { Fragment, type ReactNode } from "react";

type Block =
  | { kind: "heading"; text: string }
  | { kind: "paragraph"; text: string }
  | { kind: "code"; text: string }
  | { kind: "list"; isOrdered: boolean; items: string[] };

export function Markdown({ source }: { source: string }) {
  return <div className="markdown">{keyed(blocksOf(source).map(renderBlock))}</div>;
}

export function blocksOf(source: string): Block[] {
  const blocks: Block[] = [];
  let open: Block | undefined;
  let isInCode = false;
  for (const line of source.replace(/\r\n?/g, "\n").split("\n")) {
    if (/^\s*```/.test(line)) {
      isInCode = !isInCode;
      open = isInCode ? push(blocks, { kind: "code", text: "" }) : undefined;
    } else if (isInCode && open?.kind === "code") {
      open.text += open.text ? `\n${line}` : line;
    } else {
      open = readLine(blocks, open, line);
    }
  }
  return blocks;
}

function readLine(blocks: Block[], open: Block | undefined, line: string): Block | undefined {
  const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(line);
  if (heading) {
    push(blocks, { kind: "heading", text: heading[1] ?? "" });
    return undefined;
  }
  const item = /^\s*(?:([-*+•])|\d+[.)])\s+(.*)$/.exec(line);
  if (item) {
    const isOrdered = item[1] === undefined;
    const text = item[2] ?? "";
    if (open?.kind === "list" && open.isOrdered === isOrdered) {
      open.items.push(text);
      return open;
    }
    return push(blocks, { kind: "list", isOrdered, items: [text] });
  }
  if (line.trim() === "") return undefined;
  if (open?.kind === "paragraph") {
    open.text += `\n${line.trim()}`;
    return open;
  }
  if (open?.kind === "list") {
    const last = open.items.length - 1;
    open.items[last] = `${open.items[last] ?? ""}\n${line.trim()}`;
    return open;
  }
  return push(blocks, { kind: "paragraph", text: line.trim() });
}

function push(blocks: Block[], block: Block): Block {
  blocks.push(block);
  return block;
}

function renderBlock(block: Block): ReactNode {
  switch (block.kind) {
    case "heading":
      return <h3>{inline(block.text)}</h3>;
    case "paragraph":
      return <p>{inline(block.text)}</p>;
    case "code":
      return (
        <pre>
          <code>{block.text}</code>
        </pre>
      );
    case "list": {
      const items = block.items.map((item, place) => <li key={keyOf(place)}>{inline(item)}</li>);
      return block.isOrdered ? <ol>{items}</ol> : <ul>{items}</ul>;
    }
  }
}

/** The parts of one line, in the order in which they are tried. */
const INLINE =
  /`([^`]+)`|!?\[([^\]]*)\]\(([^()\s]+)(?:\s+"[^"]*")?\)|\*\*([^*]+)\*\*|__([^_]+)__|\*([^*\s][^*]*)\*|(?<![\w])_([^_\s][^_]*)_(?![\w])|(https?:\/\/[^\s<>()]+[^\s<>().,;:!?])|(\n)/g;

export function inline(text: string): ReactNode[] {
  const parts: ReactNode[] = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    parts.push(text.slice(end, match.index));
    end = match.index + match[0].length;
    const [, code, label, target, strong, strong2, em, em2, url] = match;
    if (code !== undefined) parts.push(<code>{code}</code>);
    else if (target !== undefined)
      parts.push(<SafeLink href={target}>{inline(label ?? "")}</SafeLink>);
    else if (strong ?? strong2) parts.push(<strong>{inline(strong ?? strong2 ?? "")}</strong>);
    else if (em ?? em2) parts.push(<em>{inline(em ?? em2 ?? "")}</em>);
    else if (url !== undefined) parts.push(<SafeLink href={url}>{url}</SafeLink>);
    else parts.push(" ");
  }
  parts.push(text.slice(end));
  return keyed(parts);
}

/** The parts of a text never change places, so a place is a key. */
function keyOf(place: number): string {
  return `part-${place}`;
}

function keyed(parts: ReactNode[]): ReactNode[] {
  return parts.map((part, place) => <Fragment key={keyOf(place)}>{part}</Fragment>);
}

/** A link that opens in a new tab, or its text alone when the address is not one to open. */
export function SafeLink({ href, children }: { href: string; children: ReactNode }) {
  if (!/^(https?:\/\/|mailto:)/i.test(href)) return <>{children}</>;
  return (
    <a href={href} target="_blank" rel="noopener noreferrer">
      {children}
    </a>
  );
}
