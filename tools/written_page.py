"""Pages of which a tool writes a part, between two lines: <!-- written by TOOL --> and <!-- end of what TOOL wrote -->."""

import sys


def with_part(page, tool, text):
    """The text of the page, with `text` as the tool's part."""
    begin, end = f"<!-- written by {tool} -->\n", f"<!-- end of what {tool} wrote -->\n"
    before, has_begin, rest = page.read_text().partition(begin)
    _, has_end, after = rest.partition(end)
    if not has_begin or not has_end:
        sys.exit(f"{page} has lost its lines '{begin.strip()}' and '{end.strip()}'")
    return f"{before}{begin}{text}{end}{after}"
