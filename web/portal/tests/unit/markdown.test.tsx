import { render, screen } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { Markdown } from "../../src/ui/Markdown";

function html(source: string): string {
  return render(<Markdown source={source} />).container.innerHTML;
}

describe("Markdown", () => {
  it("shows headings, lists, code and emphasis", () => {
    const shown = html(
      "# Title\n\n- one\n- **two**\n\n1. first\n\ntext `code` *em*\n\n```\n<b>\n```",
    );
    expect(shown).toContain("<h3>Title</h3>");
    expect(shown).toContain("<ul><li>one</li><li><strong>two</strong></li></ul>");
    expect(shown).toContain("<ol><li>first</li></ol>");
    expect(shown).toContain("<code>code</code> <em>em</em>");
    expect(shown).toContain("&lt;b&gt;");
  });

  it("never makes elements of HTML", () => {
    const shown = html('<img src=x onerror="alert(1)"> <script>alert(1)</script>');
    expect(shown).not.toMatch(/<(img|script)/);
  });

  it("links only to addresses that are safe, and safely", () => {
    html(
      "[good](https://a.example) [bad](javascript:alert) [worse](data:text/html,x) https://b.example/x.",
    );
    const links = screen.getAllByRole("link");
    expect(links.map((link) => link.getAttribute("href"))).toEqual([
      "https://a.example",
      "https://b.example/x",
    ]);
    for (const link of links) expect(link).toHaveAttribute("rel", "noopener noreferrer");
    expect(screen.getByText(/bad/)).toBeInTheDocument();
  });
});
