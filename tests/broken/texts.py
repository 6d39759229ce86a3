"""Texts that are broken as texts: encodings, zeros, separators, quotes, ragged rows."""

from __future__ import annotations

from broken.case import NAMES, Case, cells, clean, text, with_cell, with_line

LATE = 12_000
WORDS = text([[*row[:2], "çéß"[i % 3], row[3]] for i, row in enumerate(cells())])


def encodings() -> list[Case]:
    late = clean(LATE)
    cut = late.index(b"\n", len(late) * 9 // 10)
    return [
        *(
            Case(f"{name} text {'with' if mark else 'without'} a mark", mark + WORDS.encode(name), says)
            for name, mark, says in (
                ("utf-16-le", b"\xff\xfe", ("UTF-16", "Save it as UTF-8")),
                ("utf-16-be", b"\xfe\xff", ("UTF-16", "Save it as UTF-8")),
                ("utf-16-le", b"", ("UTF-16", "Save it as UTF-8")),
                ("utf-16-be", b"", ("UTF-16", "Save it as UTF-8")),
                ("utf-32-le", b"\xff\xfe\0\0", ("UTF-16", "Save it as UTF-8")),
                ("latin-1", b"", ("not UTF-8: line 2", "0xe7")),
                ("cp1252", b"", ("not UTF-8: line 2",)),
                ("mac-roman", b"", ("not UTF-8: line 2",)),
                ("cp437", b"", ("not UTF-8: line 2",)),
                ("utf-8", b"\xef\xbb\xbf", ()),
                ("utf-8", b"", ()),
            )
        ),
        Case("a mark of UTF-8 in a cell", with_cell("\ufeffu", "c")),
        *(
            Case(f"invalid UTF-8 {what}, late in the file", late[:cut] + bad + late[cut:], ("not UTF-8: line 10",))
            for what, bad in (
                ("byte 0xff", b"\xff"),
                ("surrogate", b"\xed\xa0\x80"),
                ("overlong", b"\xc0\xaf"),
                ("lone continuation", b"\x80"),
                ("past the last character", b"\xf5\x80\x80\x80"),
            )
        ),
        Case("a character cut at the end of the file", clean() + b"1,2,\xc3", ("not UTF-8: line 26",)),
        Case("a zero byte early", with_line(b"1,2\0,u,4"), ("byte", "is zero")),
        Case("a zero byte late in the file", late[:cut] + b"\0" + late[cut:], ("byte", "is zero")),
        Case("zero bytes only", bytes(400), ("UTF-16", "no text")),
        Case("zero bytes at the end", clean() + bytes(64), ("byte", "is zero")),
        Case("control characters in a cell", with_cell("u\x1b[31m\x07", "c")),
        Case("a right-to-left mark in a cell", with_cell("\u202eu", "c")),
        Case("an emoji in a cell", with_cell("\U0001f600", "c")),
        Case("digits of another script", with_cell("٣", "a"), ("Row 5 of column 'a' is '٣'",)),
        Case("a vertical tab in a cell", with_cell("u\x0bv", "c")),
        Case("a line separator in a cell", with_cell("u\u2028v", "c")),
    ]


def line_ends() -> list[Case]:
    lines = clean().decode().splitlines()
    return [
        Case("line ends of old Macintosh", "\r".join(lines).encode()),
        Case("line ends of Windows", "\r\n".join(lines).encode()),
        Case("line ends of two systems", ("\r\n".join(lines[:9]) + "\r\n" + "\n".join(lines[9:])).encode()),
        Case("no line end at the end", clean().rstrip()),
        Case("many line ends at the end", clean() + b"\n" * 999),
        Case("blank lines between", "\n\n".join(lines).encode()),
        Case("blank lines at the top", b"\n\n\n" + clean()),
        Case("an end of file of DOS", clean() + b"\x1a", ("Line 26", "1 field")),
        Case("a comment at the top", b"# made by hand\n" + clean(), ("Line 2", "4 fields", "line 1 has 1")),
        Case(
            "a title with commas at the top", b"Sales,,,\n" + clean(), ("Unknown column 'y'",), new=("lacks columns",)
        ),
        Case("a total at the end", clean() + b"Total,,,\n", ("Row 25 of column 'a' is 'Total'",)),
        Case("a separator line of Excel", b"sep=,\n" + clean(), ("Line",)),
    ]


def separators() -> list[Case]:
    return [
        Case(f"separated by {name}", text(cells(), separator=by).encode(), says, new, file)
        for name, by, says, new, file in (
            ("semicolons", ";", (), None, "t.csv"),
            ("tabs in .csv", "\t", (), None, "t.csv"),
            ("bars", "|", (), None, "t.txt"),
            ("commas in .tsv", ",", ("Unknown column 'y'",), ("lacks columns",), "t.tsv"),
            ("colons", ":", ("Unknown column 'y'",), ("lacks columns",), "t.csv"),
            ("blanks", " ", ("Unknown column 'y'",), ("lacks columns",), "t.csv"),
            ("the unit separator", "\x1f", ("Unknown column 'y'",), ("lacks columns",), "t.csv"),
            ("tildes", "~", ("Unknown column 'y'",), ("lacks columns",), "t.csv"),
        )
    ]


def quotes() -> list[Case]:
    quoted = text([[f'"{cell}"' for cell in row] for row in cells()], [f'"{name}"' for name in NAMES])
    return [
        Case("all cells in quotes", quoted.encode()),
        Case("an unclosed quote", with_line(b'1,2,"u,4'), ("from line 6 on", "double quote")),
        Case("an unclosed quote in the last line", clean() + b'1,2,"u,4\n', ("from line 26 on", "double quote")),
        Case("an unclosed quote in the header", b'"' + clean(), ("double quote",)),
        Case("a quote alone in a cell", with_cell('"', "c"), ("line 6", "double quote")),
        Case("a quote in the middle", with_cell('u"v', "c")),
        Case("two quotes in the middle", with_cell('5" by 3"', "c")),
        Case("doubled quotes", with_cell('"u ""v"" w"', "c")),
        Case("doubled quotes outside of quotes", with_cell('u""v', "c")),
        Case("text after a closing quote", with_cell('"u"v', "c"), ("line 6", "expected after")),
        Case("blanks around quotes", with_cell(' "u" ', "c")),
        Case("a separator in quotes", with_cell('"u,v"', "c")),
        Case("a line end in quotes", with_cell('"u\nv"', "c")),
        Case("a thousand line ends in quotes", with_cell('"' + "u\n" * 1000 + '"', "c")),
        Case("an empty cell in quotes", with_cell('""', "c")),
        Case("single quotes around a comma", with_cell("'u,v'", "c"), ("Line 6", "5 fields")),
        Case("backslashes before quotes", with_cell('"u\\"v"', "c"), ("line 6",)),
        Case("typographic quotes around a comma", with_cell("“u,v”", "c"), ("Line 6", "5 fields")),
        Case("a number in quotes", with_cell('"3"', "a")),
        Case("an unclosed quote late in the file", with_line(b'1,2,"u,4', 11_000, LATE), ("from line 11000 on",)),
        Case("quotes only", b'"' * 4001, ("double quote",)),
    ]


def ragged() -> list[Case]:
    early, late = 6, 11_000
    return [
        *(
            Case(
                f"a row of {count} fields {when}",
                with_line(b",".join([b"1"] * count), line, LATE if line == late else 24),
                (f"Line {line}", f"{count} field", "has 4"),
            )
            for count in (1, 2, 3, 5, 9, 400)
            for line, when in ((early, "early"), (late, "late in the file"))
        ),
        Case("a row too long by an empty field", with_line(b"1,2,u,4,"), ("Line 6", "5 fields")),
        Case("a row too short at the end", clean() + b"1,2\n", ("Line 26", "2 fields")),
        Case("a header too short", b"a,b,c\n" + clean().partition(b"\n")[2], ("Line 2", "4 fields")),
        Case("a header too long", b"a,b,c,y,z\n" + clean().partition(b"\n")[2], ("Line 2", "4 fields")),
        Case("a comma at the end of each row", clean().replace(b"\n", b",\n")),
        Case("a comma at the end of the header", clean().replace(b"\n", b",\n", 1), ("Line 2", "4 fields")),
        Case("a ragged row behind a quoted one", with_cell('"u,v"', "c") + b"1,2\n", ("Line 26", "2 fields")),
    ]


CASES = [*encodings(), *line_ends(), *separators(), *quotes(), *ragged()]
