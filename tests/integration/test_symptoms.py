"""The table of symptoms (D1 D2): its verdicts and its tests exist."""

import pathlib
import re
import subprocess

TESTS = pathlib.Path(__file__).parent.parent


def rows():
    for line in (TESTS / "symptoms.md").read_text().splitlines():
        if re.match(r"\| \d", line):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def test_table(sallyport):
    explained = subprocess.run([sallyport, "doctor", "--explain"], capture_output=True, text=True, check=True).stdout
    known = {line.split()[0] for line in explained.splitlines()}
    functions = "".join(file.read_text() for file in (TESTS / "integration").glob("test_*.py"))
    units = "".join(file.read_text() for file in (TESTS.parent / "src").rglob("*_test.cpp"))

    def exists(test):
        return f"TEST({test.replace('.', ', ')})" in units if "." in test else f"def {test}(" in functions

    assert [int(row[0]) for row in rows()] == list(range(1, 43))
    for number, _, verdicts, broken, healthy in rows():
        if verdicts == "not found":
            assert broken == healthy == "", number
            continue
        assert set(verdicts.split(", ")) <= known, number
        assert exists(broken) and exists(healthy), number
