"""The file of a pool: a missing row, a NaN, a flipped bit or a wrong entry is refused with its place."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netwright.core.errors import DataError, FormatError, NetwrightError
from netwright.wan import pools
from netwright.wan.saved_pool import digest

NETWORK = "a b 10 1\nb c 10 2\nc d 5 1\nd a 10 3\na c 5 6\nb d 10 4\n"


@pytest.fixture(scope="module", params=["mcf", "ospf"])
def made(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "net.txt").write_text(NETWORK)
    path = folder / "pool.parquet"
    pools.Builder().obtain(pools.spec_of(request.param, str(folder / "net.txt"), n=12), path)
    return path


def rewritten(made, tmp_path, *, table=None, sealed=True, **entries):
    """The pool with another table or other entries; `sealed`: with the SHA-256 that belongs to them."""
    table = pq.read_table(made) if table is None else table
    facts = json.loads(pq.read_table(made).schema.metadata[b"netwright"]) | entries
    if sealed:
        facts["sha256"] = digest(facts, table)
    path = tmp_path / "changed.parquet"
    pq.write_table(table.replace_schema_metadata({b"netwright": json.dumps(facts)}), path)
    return path


def with_value(table, name, row, value):
    """The table with another value in a row of a column."""
    values = table[name].to_pylist()
    values[row] = value
    kind = table.schema.field(name).type
    return table.set_column(table.schema.get_field_index(name), name, pa.array(values, type=kind))


def metric_of(table):
    return next(name for name in table.column_names if name.startswith("metric: "))


def test_a_pool_rewritten_as_it_was_is_read(made, tmp_path):
    again = pools.read(rewritten(made, tmp_path))
    assert np.array_equal(again.scores, pools.read(made).scores)


def test_a_pool_without_a_row_is_refused(made, tmp_path):
    table = pq.read_table(made)
    with pytest.raises(DataError, match="contains 11 rows, but was written with 12; build the pool again"):
        pools.read(rewritten(made, tmp_path, table=table.slice(0, 11)))
    with pytest.raises(DataError, match="contains 0 rows"):
        pools.read(rewritten(made, tmp_path, table=table.slice(0, 0)))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_a_number_that_is_not_finite_is_named(made, tmp_path, value):
    table = pq.read_table(made)
    name = metric_of(table)
    with pytest.raises(DataError, match=f"column '{name[:8]}.*not a finite number"):
        pools.read(rewritten(made, tmp_path, table=with_value(table, name, 3, value)))


def test_the_row_of_a_nan_is_named(made, tmp_path):
    table = pq.read_table(made)
    with pytest.raises(DataError, match="row 4 is not"):
        pools.read(rewritten(made, tmp_path, table=with_value(table, metric_of(table), 3, float("nan"))))
    if "decision" in table.column_names:
        decision = [*table["decision"][5].as_py()[:-1], float("nan")]
        with pytest.raises(DataError, match="column 'decision', row 6 is not"):
            pools.read(rewritten(made, tmp_path, table=with_value(table, "decision", 5, decision)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(data=st.data())
def test_a_flipped_bit_of_any_number_is_refused(made, tmp_path, data):
    table = pq.read_table(made)
    name = data.draw(st.sampled_from(table.column_names))
    row = data.draw(st.integers(0, table.num_rows - 1))
    old = table[name][row].as_py()
    inner = old if isinstance(old, list) else [old]
    i = data.draw(st.integers(0, len(inner) - 1))
    bits = np.array([inner[i]]).view(np.uint64)
    bits ^= np.uint64(1) << np.uint64(data.draw(st.integers(0, 63)))
    new = bits.view(np.array([inner[i]]).dtype)[0].item()
    changed = [*inner[:i], new, *inner[i + 1 :]] if isinstance(old, list) else new
    with pytest.raises(DataError):
        pools.read(rewritten(made, tmp_path, table=with_value(table, name, row, changed), sealed=False))


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"n": True}, "n should be a valid integer"),
        ({"n": 12.0}, "n should be a valid integer"),
        ({"seed": -1}, "seed should be greater than or equal to 0"),
        ({"seconds": -0.5}, "seconds"),
        ({"metrics": []}, "metrics"),
        ({"n_designs": 0}, "n_designs"),
        ({"effective_optima": "many"}, "effective_optima"),
        ({"extra": 1}, "unknown entry extra"),
        ({"instance": {}}, "lacks instance.topology"),
        ({"scenario": "mfc"}, "did you mean 'mcf'"),
    ],
)
def test_an_entry_of_another_type_or_range_is_named(made, tmp_path, entries, words):
    with pytest.raises(NetwrightError, match=words):
        pools.read(rewritten(made, tmp_path, **entries))


def test_a_parameter_out_of_its_range_is_named(made, tmp_path):
    table = pq.read_table(made)
    name = next(name for name in table.column_names if name.startswith("knob: "))
    with pytest.raises(DataError, match=r"row 3: .* must lie in"):
        pools.read(rewritten(made, tmp_path, table=with_value(table, name, 2, 1e6)))


def test_designs_that_do_not_belong_to_the_metrics_are_refused(made, tmp_path):
    table = pq.read_table(made)
    name = metric_of(table)
    far = with_value(table, name, 0, table[name][0].as_py() + 1.0)
    with pytest.raises(DataError, match="its metrics define"):
        pools.read(rewritten(made, tmp_path, table=far))


def test_a_changed_document_is_refused(made, tmp_path):
    with pytest.raises(DataError, match="its SHA-256 does not match its content"):
        pools.read(rewritten(made, tmp_path, sealed=False, seed=7))


def test_a_missing_column_is_named(made, tmp_path):
    table = pq.read_table(made)
    with pytest.raises(FormatError, match=r"lacks .* of a pool"):
        pools.read(rewritten(made, tmp_path, table=table.drop_columns([metric_of(table)])))


def test_a_pool_of_an_earlier_release_is_read_with_a_note(made, tmp_path, caplog):
    facts = json.loads(pq.read_table(made).schema.metadata[b"netwright"])
    del facts["sha256"]
    path = tmp_path / "old.parquet"
    pq.write_table(pq.read_table(made).replace_schema_metadata({b"netwright": json.dumps(facts)}), path)
    assert len(pools.read(path)) == 12
    assert "earlier release without a SHA-256" in caplog.text
