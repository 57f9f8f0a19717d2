"""Tables of a design: flat rows by the name of the table ("links", "tunnels", ..)."""

from __future__ import annotations

Cell = str | float
Row = dict[str, Cell]
Rows = list[Row]
Tables = dict[str, Rows]
