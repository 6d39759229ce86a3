"""Tables with too little in them, and names and cells that are odd or long."""

from __future__ import annotations

from broken.case import NAMES, Case, cells, clean, text, with_cell, with_column

SMALL = ("rows, but 4 are needed",)


def small() -> list[Case]:
    return [
        Case("an empty file", b"", ("is empty",)),
        Case("one byte", b"a", ("no rows below",)),
        Case("one line end", b"\n", ("is empty",)),
        Case("blanks only", b" \n \t\n", ("is empty",)),
        Case("a header only", b"a,b,c,y\n", ("no rows below",)),
        Case("a header without a line end", b"a,b,c,y", ("no rows below",)),
        Case("one row", clean(1), ("'y' is constant",), new=()),
        Case("two rows", clean(2), ("2 rows, but 4 are needed",), new=()),
        Case("three rows", clean(3), ("3 rows, but 4 are needed",), new=()),
        Case("four rows", clean(4)),
        Case("commas only", b",,,\n,,,\n,,,\n", ("Unknown column 'y'",), new=("lacks columns",)),
        Case(
            "one column",
            text([[row[3]] for row in cells()], ["y"]).encode(),
            ("No column is left",),
            ("lacks columns",),
        ),
        Case("the target alone twice", b"y,y\n1,2\n", ("two columns named 'y'",)),
        Case(
            "constant columns", text([["1", "2", "u", row[3]] for row in cells()]).encode(), ("No column is left",), ()
        ),
        Case("gaps only", text([["", "NA", "?", row[3]] for row in cells()]).encode(), ("No column is left",), ()),
    ]


def with_name(name: str, place: int = 2) -> bytes:
    """A fifth column of that name, in quotes."""
    quoted = '"' + name.replace('"', '""') + '"'
    names = [*NAMES[:place], quoted, *NAMES[place:]]
    return text([[*row[:place], str(i % 5), *row[place:]] for i, row in enumerate(cells())], names).encode()


def names() -> list[Case]:
    return [
        *(
            Case(f"a column named {what}", with_name(name))
            for what, name in (
                ("with a line end", "two\nlines"),
                ("with a carriage return", "two\rlines"),
                ("with a quote", 'a "b" c'),
                ("with an emoji", "\U0001f600\U0001f600"),
                ("with a comma", "x, y"),
                ("with markup", "<script>alert(1)</script>"),
                ("with markup at an end", "</script><b>"),
                ("with braces", "{x} %s {0}"),
                ("like a path", "../../etc/passwd"),
                ("like a group", "a/b/c"),
                ("like a feature", "a is missing"),
                ("like another feature", "c=u"),
                ("like a prediction", "prediction"),
                ("like a part", "weights[a]"),
                ("bias", "bias"),
                ("by a number", "1"),
                ("by a dot", "."),
                ("with an escape", "\x1b[31mred"),
                ("with a bracket", "[a]"),
                ("of 900 characters", "x" * 900),
                ("of a zero-width character", "\u200b"),
                ("in another script", "价格"),
            )
        ),
        Case("a name with blanks around", clean().replace(b"a,b", b" a , b ", 1)),
        Case("an empty name", clean().replace(b"b,c", b",c", 1), new=("lacks a column", "'b'")),
        Case(
            "all names empty", clean().replace(b"a,b,c,y", b",,,", 1), ("Unknown column 'y'",), new=("lacks columns",)
        ),
        Case(
            "an empty name beside its stand-in",
            with_name("unnamed_4").replace(b"c,y", b",y", 1),
            ("two columns named 'unnamed_4'",),
        ),
        Case("a name twice", with_name("a"), ("two columns named 'a'", "number 1 and number 3")),
        Case("a name twice but for blanks", with_name(" a "), ("two columns named 'a'",)),
        Case("a name twice but for its case", with_name("A")),
        Case("the target's name twice", with_name("y"), ("two columns named 'y'", "number 3 and number 5")),
        Case("the target's name in capitals", clean().replace(b"y", b"Y", 1), ("Unknown column 'y'",), new=()),
        Case("a name with a line end, twice", with_name("a\n"), ("two columns named 'a'",)),
        Case("a name of 5,000 characters", with_name("x" * 5000), ("name of column 3 has 5,000 characters",)),
        Case(
            "names that are values", b"1,2,u,4\n" + clean().partition(b"\n")[2], ("Unknown column",), ("lacks columns",)
        ),
    ]


def long_cells() -> list[Case]:
    distinct = [f"{i:03d}" + "x" * 2000 for i in range(24)]
    return [
        Case("a category of 900 characters", with_cell("x" * 900, "c")),
        Case("a category of 2,000 characters", with_cell("x" * 2000, "c")),
        Case("a category of 200,000 characters", with_cell("x" * 200_000, "c")),
        Case("two categories of 2,000 characters", with_column(["x" * 2000, "z" * 2000], "c"), new=()),
        Case(
            "a long category, asked for",
            with_cell("x" * 2000, "c"),
            ("Row 5 of column 'c'", "2,000 characters"),
            new=(),
            options=("--type", "c=category"),
        ),
        Case("a long text in each row", with_column(distinct, "c")),
        Case("a number of 400 digits", with_cell("1" * 400, "a"), ("Row 5 of column 'a'", "infinite")),
        Case("a number of 300 digits", with_cell("1" * 300, "a"), ("Row 5 of column 'a'", "too large")),
        Case("a number of 5,000 decimals", with_cell("0." + "1" * 5000, "a")),
        Case("a long target class", with_column(["x" * 2000, "z"], "y"), ("Row 1 of column 'y'", "2,000"), new=()),
        Case("another category in each row", with_column([f"w{i}" for i in range(24)], "c")),
        Case("a category in all rows but one", with_column(["u"] * 23 + ["v"], "c")),
    ]


CASES = [*small(), *names(), *long_cells()]
