"""Draws a scenario as text, from its definition, so that the picture can't differ from the network.

Segments are the horizontal lines, in their order; hosts stand between those that they join, or hang on the one that they
have.
"""

WIDTH = 78


def draw(scenario):
    segments = [s.name for s in scenario.segments]
    lines = []
    hanging = {name: [] for name in segments}
    joining = {name: [] for name in segments}
    for host in scenario.hosts:
        ends = sorted((segments.index(s) for s in host.addresses))
        (joining if len(ends) > 1 else hanging)[segments[ends[0]]].append(host)
    for index, segment in enumerate(scenario.segments):
        last = index == len(segments) - 1 and index > 0
        if not last:
            lines += row(hanging[segment.name], segment.name, above=True)
        label = f" {segment.name}{': ' + segment.about if segment.about else ''} "
        lines.append("====" + label + "=" * (WIDTH - 4 - len(label)))
        if last:
            lines += row(hanging[segment.name], segment.name, above=False)
        for host in joining[segment.name]:
            lines += router(host)
    return "\n".join(lines)


def row(hosts, segment, above):
    """Hosts side by side, as many as fit."""
    lines, cells, used = [], [], 0
    for host in hosts:
        texts = [host.name, *(a.split("/")[0] for a in host.on(segment))]
        if host.about:
            texts.append(f"({host.about})")
        width = max(map(len, texts)) + 4
        if cells and used + width > WIDTH:
            lines += cells_text(cells, above)
            cells, used = [], 0
        cells.append((width, texts))
        used += width
    return lines + (cells_text(cells, above) if cells else [])


def cells_text(cells, above):
    height = max(len(texts) for _, texts in cells)
    rows = [("  " + "".join((texts[i] if i < len(texts) else "").ljust(width) for width, texts in cells)).rstrip()
            for i in range(height)]
    wire = ("  " + "".join("|".ljust(width) for width, _ in cells)).rstrip()
    return [*rows, wire] if above else [wire, *rows]


def router(host):
    ends = ["  |", f"  {host.name}" + (f": {host.about}" if host.about else "")]
    for segment in host.addresses:
        ends.append(f"  |   {segment}: {', '.join(a.split('/')[0] for a in host.on(segment))}")
    return [*ends, "  |"]
