"""The outcomes as a table, for a terminal and for docs/benchmarks.md."""

import os
import pathlib
import platform
import re
import subprocess

from .figures import Figure, Memory


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def aim(figure):
    if isinstance(figure, Memory) and figure.max_mib is not None:
        return f"<= {figure.max_mib:g} MiB"
    if figure.target is None:
        return "-"
    return f"{'<=' if figure.less else '>='} {figure.target.factor:g} x {figure.target.of}"


def cell(outcome, name):
    return "failed" if name in outcome.failures else number(outcome.values.get(name))


def verdict(outcome, ours):
    reached = outcome.reached(ours)
    if reached is None:
        missed_by_failing = aim(outcome.figure) != "-" and ours in outcome.failures
        return "NO" if missed_by_failing else "-"
    return "yes" if reached else "NO"


def rows(outcomes, columns):
    ours = columns[0]
    yield ["", "unit", *columns, "ratio", "target", "reached", "generator"]
    for outcome in outcomes:
        other = outcome.compared_with(ours)
        ratio = f"{outcome.ratios[other]:.2f} x {other}" if other in outcome.ratios else "-"
        share = f"{outcome.generator:.0%}" if outcome.generator else "-"
        yield [outcome.figure.title, outcome.figure.unit, *(cell(outcome, name) for name in columns), ratio,
               aim(outcome.figure), verdict(outcome, ours), share]


def as_text(outcomes, columns):
    lines = list(rows(outcomes, columns))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    left = {0, 1, len(widths) - 4, len(widths) - 3}
    return "\n".join("  ".join(word.ljust(width) if i in left else word.rjust(width)
                               for i, (word, width) in enumerate(zip(line, widths))).rstrip() for line in lines)


def as_markdown(outcomes, columns):
    lines = list(rows(outcomes, columns))
    rule = ["---", "---", *["---:"] * len(columns), "---", "---", "---", "---:"]
    return "\n".join("| " + " | ".join(line).replace("<=", "≤").replace(">=", "≥") + " |" for line in [lines[0], rule, *lines[1:]])


def machine():
    """The machine of the measurement, in one sentence."""
    model = re.search(r"^model name\s*:\s*(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return (f"{len(os.sched_getaffinity(0))} cores ({model.group(1) if model else platform.machine()}), "
            f"Linux {platform.release().split('-')[0]}")


def versions(packages):
    """The reference servers' versions, by the files that their packages brought."""
    found = []
    for package in packages:
        asked = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True)
        candidate = re.search(r"Candidate: (\S+)", asked.stdout)
        found.append(f"{package} {candidate.group(1) if candidate else '(unknown)'}")
    return ", ".join(found)


def summary(outcomes, ours):
    """The number of targets, and the missed ones."""
    aimed = [outcome for outcome in outcomes if verdict(outcome, ours) != "-"]
    missed = [outcome.figure.title for outcome in aimed if verdict(outcome, ours) == "NO"]
    return f"{len(aimed) - len(missed)} of {len(aimed)} targets reached" + (f"; missed: {', '.join(missed)}" if missed else "")
