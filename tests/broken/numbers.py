"""Numbers, dates and targets that can't be, or hardly, and columns that change their kind."""

from __future__ import annotations

from broken.case import Case, cells, clean, text, with_cell, with_column

LATE, AT = 12_000, 11_000
ODD = (
    "1,000",
    "1 000",
    "1'000",
    "1_000",
    "$5",
    "5 %",
    "5kg",
    "0x1F",
    "1e",
    "--5",
    "1.2.3",
    "٣",
    "½",
    "1/2",
    "=A1",
    "#REF!",
)


def numbers() -> list[Case]:
    return [
        *(
            Case(
                f"{value} in column {column}",
                with_cell(value, column),
                (f"Row 5 of column '{column}'", "infinite"),
                new,
            )
            for value in ("inf", "-inf", "Infinity", "1e999", "-1e999")
            for column, new in (("a", None), ("y", None))
        ),
        *(
            Case(f"{value} in column {column}", with_cell(value, column), (f"Row 5 of {where}", "too large"), new)
            for value in ("1e308", "-1.7e308", "1e200")
            for column, where, new in (("a", "column 'a'", None), ("y", "column 'y'", ()))
        ),
        *(
            Case(f"{value} in column a", with_cell(value, "a"))
            for value in ("1e-320", "-1e-320", "5e-324", "-0.0", "+3", ".5", "5.", "1E5", " 7 ")
        ),
        *(Case(f"{value} in column y", with_cell(value, "y")) for value in ("1e-320", "-0.0", "+3", "1E5")),
        *(
            Case(f"{value} in column {column}", with_cell(value, column))
            for value in ("NaN", "nan", "NA", "?", "null", "")
            for column in "ay"
        ),
        *(
            Case(
                f"'{value}' among numbers",
                with_cell(f'"{value}"', "a"),
                ("Row 5 of column 'a'", "hold numbers", "--type COLUMN=category"),
                ("Row 5 of column 'a'", "not a number"),
            )
            for value in ODD
        ),
        *(
            Case(
                f"'{value}' in a target of numbers",
                with_cell(f'"{value}"', "y"),
                ("Row 5 of the target 'y'", "hold numbers"),
                (),
                options=("--loss", "squared"),
            )
            for value in ODD[:6]
        ),
        Case(
            "numbers with a comma for thousands",
            with_column(['"1,000"', '"2,500"', '"3,000"'], "a"),
            new=("Row 1 of column 'a'",),
        ),
        Case("tiny numbers only", with_column([f"{i}e-320" for i in range(1, 25)], "a")),
        Case("a target of tiny numbers", with_column([f"{i}e-320" for i in range(1, 25)], "y"), new=()),
        Case(
            "large numbers only",
            with_column([f"{i}e149" for i in range(1, 10)], "a"),
            new=("Row 1 of column 'a'", "too far"),
        ),
        Case("a target of large numbers", with_column([f"{i}e140" for i in range(1, 25)], "y"), new=()),
        Case("a number far out", with_cell("1e40", "a"), new=("Row 5 of column 'a'", "too far")),
        Case(
            "int64 extremes",
            with_column(["9223372036854775807", "-9223372036854775808", "0"], "a"),
            new=("Row 1", "too far"),
        ),
        Case("past int64", with_column(["9223372036854775808", "1", "2"], "a"), new=("Row 1", "too far")),
        Case("uint64 extremes", with_column(["18446744073709551615", "0", "5"], "a"), new=("Row 1", "too far")),
        Case(
            "past int128",
            with_column(["340282366920938463463374607431768211456", "1", "2"], "a"),
            new=("Row 1", "too far"),
        ),
        Case(
            "int64 extremes as the target",
            with_column(["9223372036854775807", "-9223372036854775808", "0"], "y"),
            new=(),
        ),
        Case("decimals of 40 places", with_column([f"0.{i:040d}" for i in range(1, 25)], "a")),
        Case("decimal commas in a table of commas", with_cell('"3,5"', "a"), ("Row 5 of column 'a' is '3,5'",)),
        Case("booleans as words", with_column(["yes", "no"], "a"), new=("Row 1 of column 'a' is 'yes'",)),
        Case("booleans of two kinds", with_column(["true", "0"], "a"), new=("Row 1 of column 'a' is 'true'",)),
    ]


def late() -> list[Case]:
    return [
        Case("a text late among numbers", with_cell("oops", "a", AT, LATE), ("Row 11000 of column 'a' is 'oops'",)),
        Case("a fraction late among whole numbers", with_cell("2.5", "a", AT, LATE)),
        Case("an infinity late in the file", with_cell("inf", "a", AT, LATE), ("Row 11000 of column 'a'", "infinite")),
        Case("1e300 late in the file", with_cell("1e300", "b", AT, LATE), ("Row 11000 of column 'b'", "too large")),
        Case("a gap late in the file", with_cell("", "a", AT, LATE)),
        Case(
            "a huge whole number late", with_cell("9" * 25, "a", AT, LATE), new=("Row 11000 of column 'a'", "too far")
        ),
        Case("a date late among numbers", with_cell("2020-01-01", "a", AT, LATE), ("Row 11000 of column 'a'",)),
        Case("a number late among text", with_cell("3", "c", AT, LATE)),
        Case("a quote late in the file", with_cell('u"', "c", AT, LATE)),
        Case(
            "a text late in the target",
            with_cell("oops", "y", AT, LATE),
            ("Row 11000 of the target 'y' is 'oops'",),
            (),
            options=("--loss", "squared"),
        ),
        Case("an infinity late in the target", with_cell("-inf", "y", AT, LATE), ("Row 11000 of column 'y'",)),
        Case("a target lost late in the file", with_cell("", "y", AT, LATE)),
        Case(
            "a row too large behind one without a target",
            with_cell("", "y", 2).replace(b"\n14,", b"\n1e160,"),
            ("Row 3 of column 'a'",),
        ),
    ]


def dates() -> list[Case]:
    day = [f"2020-01-{i + 1:02d}" for i in range(24)]
    return [
        *(
            Case(
                f"the date {value}",
                with_column([*day[:4], value, *day[5:]], "a"),
                new=("Row 1 of column 'a'", "not a number"),
            )
            for value in (
                "0000-01-01",
                "0001-01-01",
                "9999-12-31",
                "9999-12-31T23:59:59",
                "10000-01-01",
                "2021-02-30",
                "2021-13-01",
                "2021-00-10",
                "0000-00-00",
                "-001-01-01",
                "2020-01-01T25:00:00",
                "2020-01-01T00:00:00+99:00",
                "2016-12-31T23:59:60Z",
                "2020-1-1",
                "2020/01/01",
                "01.02.2020",
                "31/12/2020",
                "2020-01-01junk",
                "today",
            )
        ),
        Case("dates of one day", with_column(["2020-01-01"], "a"), new=("Row 1 of column 'a'",)),
        Case("dates as the target", with_column(day, "y"), ("24 classes in 24 rows",), ()),
        Case(
            "dates for numbers",
            with_column(day, "a"),
            ("Row 1 of column 'a' is '2020-01-01'",),
            None,
            options=("--type", "a=number"),
        ),
        Case(
            "words for dates", clean(), ("Row 1 of column 'c' is 'u'", "not a date"), (), options=("--type", "c=date")
        ),
    ]


def targets() -> list[Case]:
    def target(*values: str) -> bytes:
        return with_column(values, "y")

    words = ("--weights", "w")

    def weights(value: str, row: int = 5) -> bytes:
        table = [[*r, value if i == row - 1 else "1"] for i, r in enumerate(cells())]
        return text(table, ["a", "b", "c", "y", "w"]).encode()

    return [
        Case("no target", clean().replace(b",y", b",z", 1), ("Unknown column 'y'",), ()),
        Case("a target all missing", target(""), ("Every value of the target 'y' is missing",), ()),
        Case("a target all NaN", target("NaN"), ("Every value of the target 'y' is missing",), ()),
        Case("a target all missing but one", target("1", *[""] * 23), ("'y' is constant",), ()),
        Case("a target missing in half of the rows", target("1.5", "", "2.5", "")),
        Case("a constant target", target("5"), ("'y' is constant", "5 in every row"), ()),
        Case("a constant target of text", target("same"), ("one class only", "'same'"), ()),
        Case("a target all unique text", target(*(f"name {i}" for i in range(24))), ("24 classes in 24 rows",), ()),
        Case("a target of text with commas", target('"u, v"', '"w, x"')),
        Case("a target of text with line ends", target('"u\nv"', '"w\nx"')),
        Case("a target of text with quotes", target('"u ""v"""', "w")),
        Case("a target of emojis", target("\U0001f600", "\U0001f622")),
        Case("a target of markup", target("<b>", "</script>")),
        Case("a target of one rare class", target(*["u"] * 23, "v")),
        Case("a target of numbers and text", target("1", "u", "2", "v")),
        Case("a target of true and false", target("true", "False")),
        Case("a target of 0 and 1", target("0", "1")),
        Case("a target of classes named prediction", target("prediction", "probability of prediction")),
        Case("a target the same as a column", text([[r[0], r[1], r[2], r[0]] for r in cells()]).encode()),
        Case("a negative weight", weights("-1"), ("Row 5 has -1", "'w'", "0 or more"), (), options=words),
        Case("a missing weight", weights(""), ("Row 5 has None", "'w'"), (), options=words),
        Case("a weight that is NaN", weights("NaN"), ("Row 5 has None", "'w'"), (), options=words),
        Case("a weight that is text", weights("heavy"), ("Row", "'w'"), (), options=words),
        Case("a weight of 1e300", weights("1e300"), ("Row 5 of column 'w'", "too large"), (), options=words),
        Case("a weight of 1e99", weights("1e99"), ("Row 5 has 1e+99", "'w'"), (), options=words),
        Case("a weight of 1e14", weights("1e14"), (), (), options=words),
        Case("weights all 0", weights("1").replace(b",1\n", b",0\n"), ("weights in 'w' are 0",), (), options=words),
        Case(
            "a part that is none", weights("x"), ("Row 1 of the split column 'w' is '1'",), (), options=("--split", "w")
        ),
        Case(
            "no rows to train on",
            weights("1").replace(b",1\n", b",test\n"),
            ("0 rows to train on",),
            (),
            options=("--split", "w"),
        ),
    ]


CASES = [*numbers(), *late(), *dates(), *targets()]
