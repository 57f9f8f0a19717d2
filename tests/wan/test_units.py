"""Titles and units of network files: what is known is read in any spelling, what is not known is not guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import ConfigError, DataError
from netwright.wan.units import (
    BITS_PER_SECOND,
    DEMAND_TITLES,
    LINK_TITLES,
    MILLISECONDS,
    NODE_TITLES,
    Rate,
    Title,
    distance_km,
    duration_ms,
    factor,
    plain_number,
    rate,
    rate_unit,
    understand,
)


@pytest.mark.parametrize(
    ("title", "known", "expected"),
    [
        ("Bandwidth", LINK_TITLES, Title("capacity")),
        ("bw", LINK_TITLES, Title("capacity")),
        ("LinkSpeedRaw", LINK_TITLES, Title("capacity", "bit/s")),
        ("capacity_gbps", LINK_TITLES, Title("capacity", "Gbit/s")),
        ("Capacity [Mbit/s]", LINK_TITLES, Title("capacity", "Mbit/s")),
        ("cap (G)", LINK_TITLES, Title("capacity", "Gbit/s")),
        ("delay-us", LINK_TITLES, Title("latency", "us")),
        ("latency ms", LINK_TITLES, Title("latency", "ms")),
        ("length_km", LINK_TITLES, Title("length", "km")),
        ("dist", LINK_TITLES, Title("length")),
        ("to_node", LINK_TITLES, Title("target")),
        ("\ufeffSource", LINK_TITLES, Title("source")),
        ("pos", NODE_TITLES, Title("position")),
        ("Latitude", NODE_TITLES, Title("latitude")),
        ("mbps", DEMAND_TITLES, Title("volume", "Mbit/s")),
        ("Traffic (Gbps)", DEMAND_TITLES, Title("volume", "Gbit/s")),
        ("demand", DEMAND_TITLES, Title("volume")),
        ("capacity [furlongs]", LINK_TITLES, None),
        ("latency_gbps", LINK_TITLES, None),
        ("Gbps", LINK_TITLES, Title("capacity", "Gbit/s")),
        ("ms", LINK_TITLES, Title("latency", "ms")),
        ("km", LINK_TITLES, Title("length", "km")),
        ("capacity_in_gbps", LINK_TITLES, Title("capacity", "Gbit/s")),
        ("m", LINK_TITLES, None),
        ("weight", LINK_TITLES, None),
        ("x", NODE_TITLES, None),
        ("", LINK_TITLES, None),
    ],
)
def test_titles(title, known, expected):
    assert understand(title, known) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10G", Rate(10.0, "Gbit/s")),
        ("10 Gbps", Rate(10.0, "Gbit/s")),
        ("100Mbps", Rate(100.0, "Mbit/s")),
        ("2.5 Gbit/s", Rate(2.5, "Gbit/s")),
        ("1e10 bit/s", Rate(1e10, "bit/s")),
        ("1e10", Rate(1e10)),
        (40, Rate(40.0)),
        ("7 kb/s", Rate(7.0, "kbit/s")),
        ("OC-192c", Rate(9953.28, "Mbit/s")),
        ("STM-64", Rate(9953.28, "Mbit/s")),
    ],
)
def test_rates(text, expected):
    found = rate(text, "capacity", "file: line 1")
    assert found.unit == expected.unit
    assert found.value == pytest.approx(expected.value)


@pytest.mark.parametrize(
    "text", ["lots", "nan", "inf", "1e999", True, None, [1], "1_000", "2,1", "10 GB/s", "10 MBps", "5 lanes"]
)
def test_what_is_no_rate_is_refused_with_its_place(text):
    with pytest.raises(DataError, match=r"^file: line 1: capacity "):
        rate(text, "capacity", "file: line 1")


@pytest.mark.parametrize("text", ["MBITPERSEC", "Mb/s", "mbps", "M", "megabit/s", "mbit/sec"])
def test_a_unit_has_many_spellings(text):
    assert rate_unit(text) == "Mbit/s"


@given(st.floats(1e-3, 1e6), st.sampled_from(list(BITS_PER_SECOND)), st.sampled_from(list(BITS_PER_SECOND)))
def test_a_rate_is_the_same_in_each_unit(value, unit, other):
    there = Rate(value, unit).in_unit(other)
    assert Rate(there, other).in_unit(unit) == pytest.approx(value)
    assert there * BITS_PER_SECOND[other] == pytest.approx(value * BITS_PER_SECOND[unit])


def test_a_decimal_comma_is_no_number():
    with pytest.raises(DataError, match=r"must be a finite number, got '2,5'; give one, such as 2\.5"):
        rate("2,5", "capacity", "f")
    with pytest.raises(DataError, match=r"must be a finite number, got '1\.000\.000'"):
        duration_ms("1.000.000", "delay", "f")


def test_ten_gigabit_is_exact():
    assert Rate(1e10, "bit/s").in_unit("Gbit/s") == 10.0
    assert Rate(10.0, "Gbit/s").in_unit("Mbit/s") == 10_000.0


def test_times_and_lengths():
    assert duration_ms("4200us", "delay", "f") == pytest.approx(4.2)
    assert duration_ms(81, "delay", "f", "10us") == pytest.approx(0.81)
    assert duration_ms("0.002 s", "delay", "f", "us") == pytest.approx(2.0)
    assert distance_km("250000 m", "length", "f") == pytest.approx(250.0)
    assert distance_km(100, "length", "f", "mi") == pytest.approx(160.9344)
    with pytest.raises(DataError, match="unknown unit 'weeks'"):
        duration_ms("2 weeks", "delay", "f")
    with pytest.raises(ConfigError, match="unknown unit 'weeks'"):
        factor("weeks", MILLISECONDS)


@pytest.mark.parametrize("text", ["nan", "infinity", "1_000", "١٢", "0x10", "", "1e400", "--1"])
def test_no_numerals(text):
    assert plain_number(text) is None
