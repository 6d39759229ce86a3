"""How much memory a table may take is asked for in words, or is half of what is free."""

from __future__ import annotations

from pathlib import Path

import pytest

from fallline.data import bound
from fallline.data.bound import check_features, check_size, memory, size
from fallline.errors import DataError, SettingsError


@pytest.mark.parametrize(
    ("asked", "count"),
    [("500MB", 5 * 10**8), ("2GB", 2 * 10**9), ("1.5 gb", 15 * 10**8), ("3g", 3 * 10**9), ("800", 800), ("1T", 10**12)],
)
def test_a_bound_is_asked_for_in_words(monkeypatch, asked, count):
    monkeypatch.setenv("FALLLINE_MEMORY", asked)
    assert memory() == count


@pytest.mark.parametrize("asked", ["much", "0", "-1GB", "1 PB", "1e9", "GB", "9" * 50])
def test_a_bound_that_is_no_size_is_refused(monkeypatch, asked):
    monkeypatch.setenv("FALLLINE_MEMORY", asked)
    with pytest.raises(SettingsError, match="Give a size, such as 500MB or 2GB"):
        memory()


@pytest.fixture
def system(monkeypatch):
    """What the system says of its memory, by file."""
    said: dict[str, str] = {}

    def read(path: Path, _encoding: str) -> str:
        if str(path) not in said:
            raise FileNotFoundError(path)
        return said[str(path)]

    monkeypatch.delenv("FALLLINE_MEMORY", raising=False)
    monkeypatch.setattr(Path, "read_text", read)
    return said


def test_half_of_what_is_free_is_allowed(system):
    system["/proc/meminfo"] = "MemTotal: 16000 kB\nMemAvailable:    8000 kB\n"
    assert memory() == 4000 * 1024


def test_a_container_allows_no_more_than_it_has(system):
    system["/proc/meminfo"] = "MemAvailable: 8000 kB\n"
    system["/sys/fs/cgroup/memory.max"] = "3000000\n"
    system["/sys/fs/cgroup/memory.current"] = "1000000\n"
    assert memory() == 1_000_000


def test_a_container_without_a_bound_changes_nothing(system):
    system["/proc/meminfo"] = "MemAvailable: 8000 kB\n"
    system["/sys/fs/cgroup/memory.max"] = "max\n"
    system["/sys/fs/cgroup/memory.current"] = "1000000\n"
    assert memory() == 4000 * 1024


def test_where_the_system_does_not_say_a_usual_machine_is_assumed(system):
    assert not system
    assert memory() == bound.FREE // 2


def test_what_needs_more_than_the_bound_is_refused_in_two_lines(monkeypatch):
    monkeypatch.setenv("FALLLINE_MEMORY", "1MB")
    check_size("t.csv", 10**6)
    with pytest.raises(DataError, match=r"'t.csv' would take about 1.5 MB of memory, more than the 1 MB allowed\.\n"):
        check_size("t.csv", 1_500_000)
    check_features(100, 100)
    with pytest.raises(DataError, match=r"1,000 rows with 100 features would take about 4.8 MB .*\n.*FALLLINE_MEMORY"):
        check_features(1000, 100)


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 bytes"), (999, "999 bytes"), (10**9, "1 GB"), (10**15, "over 1,000 TB")]
)
def test_sizes_are_said_as_a_person_says_them(count, said):
    assert size(count) == said
