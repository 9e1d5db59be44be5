#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Check that every idea and rule the project knows has a test, or an issue.

The tables (*.tsv beside this file) map the id of an idea to where it is shown:
`tests/FILE:TEST` or the letter of the issue that brings the test, several of
them separated by commas. Lines that start with # are comments.

    check.py                 every id is there once, every named test exists,
                             nothing is left for an issue named in `done`
    check.py --done AB       the same with other issues than `done` names
    check.py --list A        print what is left for issue A
    check.py --selftest      prove that each kind of fault is found

The last line is `N passed, N failed`; the exit code is 0 when nothing failed.
"""

import argparse
import pathlib
import re
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ISSUES = "ABCDEFGHI"
MAX_IDEA = 120
SIMPLE_IDS = {"L": 56, "U": 62, "R": 45, "H": 24}
RULE_IDS = {"S000": 8, "S001": 9, "S002": 11, "S003": 4, "S004": 7}


def expected_ids():
    """Every id, from the counts alone: a clone has nothing else to ask."""
    ids = []
    for prefix, count in SIMPLE_IDS.items():
        ids += [f"{prefix}{n}" for n in range(1, count + 1)]
    for prefix, count in RULE_IDS.items():
        ids += [f"{prefix}-{n}" for n in range(1, count + 1)]
    return ids


class Row:
    """One line of a table."""

    def __init__(self, place, fields):
        self.place = place
        self.fields = fields
        self.id = fields[0]
        self.where = fields[1].split(",") if len(fields) > 1 else []

    def issues(self):
        return [w for w in self.where if ":" not in w]

    def tests(self):
        return [w for w in self.where if ":" in w]


def read_rows(folder):
    rows = []
    for path in sorted(folder.glob("*.tsv")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line and not line.startswith("#"):
                place = f"{path.name}:{number}"
                rows.append(Row(place, line.split("\t")))
    return rows


def without_comments(text, suffix):
    """A test that was commented out is not there."""
    if suffix in (".c", ".h"):
        text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
        return re.sub(r"//[^\n]*", " ", text)
    if suffix in (".py", ".sh", ""):
        return re.sub(r"(?m)^\s*#.*$", " ", text)
    return text


def test_fault(root, test):
    """Why `FILE:TEST` is not a test that runs, or None."""
    name, test_name = test.split(":", 1)
    path = root / name
    if not path.is_file():
        return f"no file {name}"
    text = without_comments(path.read_text(errors="replace"), path.suffix)
    found = len(re.findall(rf"(?<!\w){re.escape(test_name)}(?!\w)", text))
    if found == 0:
        return f"no test {test_name} in {name}"
    if path.suffix == ".c" and found < 2:
        return f"{test_name} in {name} is defined and never run, or the reverse"
    return None


def row_faults(root, row, done):
    """Everything wrong with one line."""
    faults = []
    if len(row.fields) != 3:
        return ["not three fields separated by tabs"]
    if not row.fields[2].strip() or len(row.fields[2]) > MAX_IDEA:
        faults.append(f"the idea needs a line of 1 to {MAX_IDEA} characters")
    for issue in row.issues():
        if len(issue) != 1 or issue not in ISSUES:
            faults.append(f"`{issue}` is neither tests/FILE:TEST nor an issue")
        elif issue in done:
            faults.append(f"issue {issue} is done, but there is no test")
    for test in row.tests():
        fault = test_fault(root, test)
        if fault:
            faults.append(fault)
    return faults


def id_faults(rows):
    """Ids missing, there twice, or unknown."""
    counts = {wanted: 0 for wanted in expected_ids()}
    faults = {}
    for row in rows:
        if row.id not in counts:
            faults[row.id] = f"{row.place}: unknown id"
            continue
        counts[row.id] += 1
    for wanted, count in counts.items():
        if count != 1:
            faults[wanted] = f"is there {count} times"
    return faults


def check(folder, root, done):
    """Return (ids that are in order, list of complaints)."""
    rows = read_rows(folder)
    bad = id_faults(rows)
    complaints = [f"{i}: {why}" for i, why in bad.items()]
    for row in rows:
        for fault in row_faults(root, row, done):
            bad[row.id] = fault
            complaints.append(f"{row.place}: {row.id}: {fault}")
    return len(set(expected_ids()) - set(bad)), len(bad), complaints


def issue_letters(text):
    letters = text.replace(",", "")
    if not letters or set(letters) - set(ISSUES):
        raise argparse.ArgumentTypeError(f"letters of {ISSUES}, not '{text}'")
    return letters


def finished_issues(folder):
    """The letters in the file `done`; # starts a comment."""
    text = re.sub(r"#[^\n]*", "", (folder / "done").read_text())
    letters = "".join(text.split())
    return issue_letters(letters) if letters else ""


def run_check(done):
    passed, failed, complaints = check(HERE, ROOT, done)
    for complaint in complaints:
        print(complaint)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def run_list(issue):
    for row in read_rows(HERE):
        if issue in row.issues():
            print(f"{row.id}\t{row.fields[-1]}")
    return 0


# The self-test damages a good table and a good test file, one fault at a time.

GOOD_TEST = """START_TEST(idea_one)
{ }
END_TEST
void f(void) { tcase_add_test(tc, idea_one); }
"""


def good_table():
    lines = [f"{i}\tB\tsomething to show" for i in expected_ids()]
    lines[0] = f"{expected_ids()[0]}\ttests/t.c:idea_one,B\tsomething to show"
    return lines


def damaged(edit):
    """The good table, edited, as text."""
    lines = good_table()
    edit(lines)
    return "\n".join(lines) + "\n"


def selftest_cases():
    """(name, table, test file, finished issues, should it pass)."""
    good = damaged(lambda t: None)
    unnamed = "idea_one", "idea_two"
    once = "tcase_add_test(tc, idea_one);", ""
    comment = "START_TEST(idea_one)", "/* START_TEST(idea_one) */"
    return [
        ("intact", good, GOOD_TEST, "A", True),
        ("comment line", "# note\n" + good, GOOD_TEST, "", True),
        ("id missing", damaged(lambda t: t.pop(7)), GOOD_TEST, "", False),
        ("id twice", damaged(lambda t: t.append(t[7])), GOOD_TEST, "", False),
        ("id unknown", good + "L57\tB\tx\n", GOOD_TEST, "", False),
        ("table empty", "", GOOD_TEST, "", False),
        ("no such test", good, GOOD_TEST.replace(*unnamed), "", False),
        ("test never run", good, GOOD_TEST.replace(*once), "", False),
        ("test commented out", good, GOOD_TEST.replace(*comment), "", False),
        ("no such file", good, None, "", False),
        ("issue done", good, GOOD_TEST, "AB", False),
        ("issue unknown", good.replace("\tB\t", "\tZ\t"), GOOD_TEST, "", False),
        ("nowhere", good.replace("\tB\t", "\t\t"), GOOD_TEST, "", False),
        ("no idea", good.replace("something to show", " "), GOOD_TEST, "",
         False),
        ("no tabs", good.replace("\t", " "), GOOD_TEST, "", False),
        ("name only a part", good.replace("idea_one", "idea"), GOOD_TEST, "",
         False),
    ]


def selftest_passes(table, test, done, want):
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        (root / "tests").mkdir()
        (root / "table.tsv").write_text(table)
        if test is not None:
            (root / "tests" / "t.c").write_text(test)
        passed, failed, complaints = check(root, root, done)
    consistent = bool(failed) == bool(complaints)
    return consistent and (failed == 0 and passed > 0) == want


def run_selftest():
    failed = 0
    cases = selftest_cases()
    for name, table, test, done, want in cases:
        if not selftest_passes(table, test, done, want):
            print(f"selftest: {name}: should {'pass' if want else 'fail'}")
            failed += 1
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(
        description="Check the table of ideas against the tests.")
    parser.add_argument("--done", type=issue_letters, metavar="LETTERS",
                        help="issues that are finished")
    parser.add_argument("--list", type=issue_letters, metavar="LETTER",
                        help="print what is left for an issue")
    parser.add_argument("--selftest", action="store_true",
                        help="prove that faults are found")
    args = parser.parse_args()
    if args.selftest:
        return run_selftest()
    if args.list:
        return run_list(args.list)
    return run_check(args.done or finished_issues(HERE))


if __name__ == "__main__":
    sys.exit(main())
