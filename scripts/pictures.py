"""Runs `tenon demo` in a terminal of its own and draws parts of what it printed as SVG.

    python scripts/pictures.py PROGRAM FOLDER

`scripts/pictures.sh` calls it, with the package `rich` at hand.
"""

import fcntl
import os
import pty
import struct
import sys
import termios

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

COLUMNS = 110
# The size of a character as `rich` draws it, and the room around the text.
CHAR_WIDTH, LINE_HEIGHT, MARGIN = 12.2, 24.4, 20
# The sections of the demo that are drawn, each by the beginning of its first line.
SECTIONS = ("A contact is created", "What ran")
# No title bar, and no font from the network: a README shows pictures without either.
FORMAT = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 @WIDTH@ @HEIGHT@" role="img"
  aria-label="Printed by tenon demo: the steps of one run, and the table of all runs">
<style>
.{unique_id}-matrix {{
  font-family: "DejaVu Sans Mono", Menlo, Consolas, "Liberation Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px;
}}
{styles}
</style>
<defs>{lines}</defs>
<rect width="@WIDTH@" height="@HEIGHT@" rx="8" fill="#16181d"/>
<g transform="translate(@MARGIN@ @MARGIN@)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
THEME = TerminalTheme(
    (22, 24, 29),
    (216, 219, 226),
    [(22, 24, 29), (240, 113, 120), (126, 200, 120), (230, 185, 90),
     (110, 160, 245), (200, 140, 230), (90, 200, 210), (216, 219, 226)],
)


def printed_in_terminal(command):
    """Runs a command on a terminal of COLUMNS columns; gives what it printed."""
    child, terminal = pty.fork()
    if child == 0:
        size = struct.pack("HHHH", 50, COLUMNS, 0, 0)
        fcntl.ioctl(sys.stdout.fileno(), termios.TIOCSWINSZ, size)
        os.environ.pop("NO_COLOR", None)
        os.environ["TERM"] = "xterm-256color"
        os.execv(command[0], command)
    output = b""
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # the child has closed its side
            break
        if not chunk:
            break
        output += chunk
    _, status = os.waitpid(child, 0)
    text = output.decode()
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"{' '.join(command)} failed:\n{text}")
    return text.replace("\r\n", "\n")


def section(lines, start):
    """The lines from the one that begins with `start` to the end of the table after it."""
    plain = [Text.from_ansi(line).plain for line in lines]
    first = next((i for i, line in enumerate(plain) if line.startswith(start)), None)
    if first is None:
        sys.exit(f"the demo prints no line that begins with {start!r}")
    last = next((i for i in range(first, len(plain)) if plain[i].startswith("└")), None)
    if last is None:
        sys.exit(f"there is no table after {start!r}")
    return lines[first : last + 1]


def main():
    program, folder = sys.argv[1:]
    lines = printed_in_terminal([program, "demo"]).split("\n")
    console = Console(
        record=True, width=COLUMNS, force_terminal=True, color_system="truecolor",
        file=open(os.devnull, "w", encoding="utf-8"),
    )
    shown = []
    for start in SECTIONS:
        shown += section(lines, start) + [""]
    for line in shown[:-1]:
        console.print(Text.from_ansi(line), soft_wrap=True)
    svg = console.export_svg(theme=THEME, code_format=FORMAT, unique_id="tenon")
    width = round(COLUMNS * CHAR_WIDTH + 2 * MARGIN)
    height = round(len(shown[:-1]) * LINE_HEIGHT + 2 * MARGIN)
    for name, value in (("WIDTH", width), ("HEIGHT", height), ("MARGIN", MARGIN)):
        svg = svg.replace(f"@{name}@", str(value))
    path = os.path.join(folder, "demo-runs.svg")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(line.rstrip() for line in svg.splitlines()) + "\n")
    print(path)


if __name__ == "__main__":
    main()
