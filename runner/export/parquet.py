"""The final table and the iterations as Parquet, with the columns of the CSV."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, BinaryIO

from runner.export import iterations_csv, table_csv
from runner.export.run_data import RunData
from runner.plan.plan import Configuration
from runner.util.errors import UserError, install_extra

if TYPE_CHECKING:
    import pyarrow

_REAL = {
    "gpu_weights_percent", "value", "low", "high", "t_s", "latency_ms", "generation_ms",
    "baseline_value", "change", "change_low", "change_high",
}  # fmt: skip
_WHOLE = {"ranks", "configuration", "n", "rank", "i", "steps", *Configuration.__struct_fields__} - _REAL
_GROUP = 100_000
"""iterations per row group, which limits the memory"""


def write(data: RunData, out: BinaryIO) -> None:
    """Write the table of a run.

    Raises:
        UserError: pyarrow is not installed.
    """
    write_several([data], out)


def write_several(runs: Iterable[RunData], out: BinaryIO) -> None:
    """Write the tables of several runs, one after the other.

    Raises:
        UserError: pyarrow is not installed.
    """
    _write(out, table_csv.COLUMNS, (list(table_csv.records(data.report)) for data in runs))


def write_iterations(data: RunData, out: BinaryIO) -> None:
    """Write every iteration, one row group at a time.

    Raises:
        UserError: pyarrow is not installed.
    """
    _write(out, iterations_csv.COLUMNS, _grouped(iterations_csv.batches(data)))


def _grouped(batches: Iterable[list[Any]]) -> Iterable[list[Any]]:
    group: list[Any] = []
    for batch in batches:
        group += batch
        if len(group) >= _GROUP:
            yield group
            group = []
    yield group


def _write(out: BinaryIO, columns: tuple[str, ...], groups: Iterable[list[Any]]) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise UserError(
            f"Parquet needs pyarrow, which cannot be imported: {error}",
            hint=f"{install_extra('parquet')}; CSV needs nothing",
        ) from None
    schema = pa.schema([(name, _type(pa, name)) for name in columns])
    with pq.ParquetWriter(out, schema) as writer:
        for group in groups:
            values = list(zip(*group, strict=True)) or [()] * len(columns)
            arrays = [pa.array(column, field.type) for column, field in zip(values, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _type(pa: Any, name: str) -> pyarrow.DataType:
    if name in _WHOLE:
        return pa.int64()
    return pa.float64() if name in _REAL else pa.string()
