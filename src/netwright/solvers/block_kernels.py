"""Inner loops of `blocks`: passes over the columns of a program in standard form, and the elimination of its blocks.

Columns are given by `starts` (N + 1,), `row` and `value`; the entries of column j in linking rows come before
`middle[j]`. Every column x has a lower bound of 0 and an upper bound u, possibly infinite; t = u - x.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from netwright.solvers.program import Array

Ints = npt.NDArray[np.int64]

CALM = 1e-11  # smallest weight of a column in the normal equations, which would be singular if many columns are free


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def times(starts: Ints, row: Ints, value: Array, x: Array, n_rows: int) -> Array:
    """A x; shape (R,)."""
    found = np.zeros(n_rows)
    for j in range(len(x)):
        for p in range(starts[j], starts[j + 1]):
            found[row[p]] += value[p] * x[j]
    return found


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def times_transposed(starts: Ints, row: Ints, value: Array, y: Array) -> Array:
    """A' y; shape (N,)."""
    found = np.empty(len(starts) - 1)
    for j in range(len(found)):
        total = 0.0
        for p in range(starts[j], starts[j + 1]):
            total += value[p] * y[row[p]]
        found[j] = total
    return found


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def residuals(
    starts: Ints,
    row: Ints,
    value: Array,
    b: Array,
    c: Array,
    u: Array,
    x: Array,
    t: Array,
    y: Array,
    z: Array,
    w: Array,
) -> tuple[Array, Array, Array, Array, Any]:
    """Residuals of rows, prices and upper bounds, the weights theta of the columns, and six figures.

    The figures are the largest residual of each kind, the sum of the complementarity products, and both objectives.
    """
    n = len(x)
    r_p, r_d, r_u, theta = b.copy(), np.empty(n), np.zeros(n), np.empty(n)
    lack_c, lack_u, products, primal, dual = 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(n):
        price = 0.0
        for p in range(starts[j], starts[j + 1]):
            price += value[p] * y[row[p]]
            r_p[row[p]] -= value[p] * x[j]
        r_d[j] = c[j] - price - z[j] + w[j]
        lack_c = max(lack_c, abs(r_d[j]))
        products += x[j] * z[j]
        primal += c[j] * x[j]
        weight = CALM + z[j] / x[j]
        if u[j] < math.inf:
            r_u[j] = u[j] - x[j] - t[j]
            lack_u = max(lack_u, abs(r_u[j]))
            products += t[j] * w[j]
            dual -= u[j] * w[j]
            weight += w[j] / t[j]
        theta[j] = 1.0 / weight
    lack_b = 0.0
    for i in range(len(b)):
        dual += b[i] * y[i]
        lack_b = max(lack_b, abs(r_p[i]))
    return r_p, r_d, r_u, theta, (lack_b, lack_u, lack_c, products, primal, dual)


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def second_order(
    u: Array,
    x: Array,
    t: Array,
    z: Array,
    w: Array,
    dx: Array,
    dt: Array,
    dz: Array,
    dw: Array,
    center: float,
) -> tuple[Array, Array]:
    """Required change of the complementarity products: to `center`, minus the second-order term of the step."""
    n = len(x)
    pairs_x, pairs_t = np.empty(n), np.zeros(n)
    for j in range(n):
        pairs_x[j] = center - x[j] * z[j] - dx[j] * dz[j]
        if u[j] < math.inf:
            pairs_t[j] = center - t[j] * w[j] - dt[j] * dw[j]
    return pairs_x, pairs_t


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def recentered(
    u: Array,
    x: Array,
    t: Array,
    z: Array,
    w: Array,
    dx: Array,
    dt: Array,
    dz: Array,
    dw: Array,
    step_p: float,
    step_d: float,
    low: float,
    high: float,
    pairs_x: Array,
    pairs_t: Array,
) -> tuple[Array, Array]:
    """The changes of products plus a correction of those that would leave low..high after the step (Gondzio 1996)."""
    n = len(x)
    more_x, more_t = pairs_x.copy(), pairs_t.copy()
    for j in range(n):
        product = (x[j] + step_p * dx[j]) * (z[j] + step_d * dz[j])
        more_x[j] += max(min(max(product, low), high) - product, -high)
        if u[j] < math.inf:
            product = (t[j] + step_p * dt[j]) * (w[j] + step_d * dw[j])
            more_t[j] += max(min(max(product, low), high) - product, -high)
    return more_x, more_t


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def newton(
    starts: Ints,
    row: Ints,
    value: Array,
    u: Array,
    x: Array,
    t: Array,
    w: Array,
    pairs_x: Array,
    pairs_t: Array,
    r_p: Array,
    r_d: Array,
    r_u: Array,
    theta: Array,
) -> tuple[Array, Array]:
    """Contribution of the columns (N,), and the right side (R,) of the normal equations."""
    n = len(x)
    rho, right = np.empty(n), r_p.copy()
    for j in range(n):
        rho[j] = r_d[j] - pairs_x[j] / x[j]
        if u[j] < math.inf:
            rho[j] += (pairs_t[j] - w[j] * r_u[j]) / t[j]
        scaled = theta[j] * rho[j]
        for p in range(starts[j], starts[j + 1]):
            right[row[p]] += value[p] * scaled
    return rho, right


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def direction(
    starts: Ints,
    row: Ints,
    value: Array,
    u: Array,
    x: Array,
    t: Array,
    z: Array,
    w: Array,
    rho: Array,
    pairs_x: Array,
    pairs_t: Array,
    r_u: Array,
    theta: Array,
    dy: Array,
) -> tuple[Array, Array, Array, Array, float, float]:
    """Newton's direction given that of the prices, and the largest primal and dual step along it."""
    n = len(x)
    dx, dt, dz, dw = np.empty(n), np.zeros(n), np.empty(n), np.zeros(n)
    primal, dual = math.inf, math.inf
    for j in range(n):
        price = 0.0
        for p in range(starts[j], starts[j + 1]):
            price += value[p] * dy[row[p]]
        dx[j] = theta[j] * (price - rho[j])
        dz[j] = (pairs_x[j] - z[j] * dx[j]) / x[j]
        if dx[j] < 0.0:
            primal = min(primal, -x[j] / dx[j])
        if dz[j] < 0.0:
            dual = min(dual, -z[j] / dz[j])
        if u[j] < math.inf:
            dt[j] = r_u[j] - dx[j]
            dw[j] = (pairs_t[j] - w[j] * dt[j]) / t[j]
            if dt[j] < 0.0:
                primal = min(primal, -t[j] / dt[j])
            if dw[j] < 0.0:
                dual = min(dual, -w[j] / dw[j])
    return dx, dt, dz, dw, primal, dual


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def products_after(
    u: Array,
    x: Array,
    t: Array,
    z: Array,
    w: Array,
    dx: Array,
    dt: Array,
    dz: Array,
    dw: Array,
    step_p: float,
    step_d: float,
) -> float:
    """The sum of the complementarity products after a step."""
    total = 0.0
    for j in range(len(x)):
        total += (x[j] + step_p * dx[j]) * (z[j] + step_d * dz[j])
        if u[j] < math.inf:
            total += (t[j] + step_p * dt[j]) * (w[j] + step_d * dw[j])
    return total


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def eliminate(
    first_column: Ints,
    first_row: Ints,
    starts: Ints,
    middle: Ints,
    row: Ints,
    value: Array,
    theta: Array,
    first_factor: Ints,
    factor: Array,
    linked: Array,
) -> None:
    """Factorize each block's system, and add its Schur complement to the system of the linking rows.

    The entry of two rows is added once, above or below the diagonal.
    """
    n_linking = len(linked)
    n_blocks = len(first_row) - 1
    widest, most = 0, 0
    for block in range(n_blocks):
        widest = max(widest, first_row[block + 1] - first_row[block])
        most = max(most, first_column[block + 1] - first_column[block])
    solved, shared = np.empty(widest), np.zeros((most, n_linking))
    met = np.empty(
        n_linking, dtype=np.uint32
    )  # the linking rows of this block; unsigned integers index faster
    place = np.empty(n_linking, dtype=np.int64)
    met_by = np.full(n_linking, -1)
    for block in range(n_blocks):
        row_0, size = first_row[block], first_row[block + 1] - first_row[block]
        column_0, end = first_column[block], first_column[block + 1]
        system = factor[first_factor[block] : first_factor[block + 1]].reshape((size, size))
        n_met = 0
        for j in range(column_0, end):
            for p in range(middle[j], starts[j + 1]):
                left = theta[j] * value[p]
                for q in range(middle[j], p + 1):  # rows are sorted, so only the lower half is filled
                    system[row[p] - row_0, row[q] - row_0] += left * value[q]
            for p in range(starts[j], middle[j]):
                if met_by[row[p]] != block:
                    met_by[row[p]] = block
                    place[row[p]] = n_met
                    met[n_met] = row[p]
                    n_met += 1
        _cholesky(system)
        for j in range(column_0, end):
            if starts[j] == middle[j]:
                continue
            solved[:size] = 0.0
            for p in range(middle[j], starts[j + 1]):
                solved[row[p] - row_0] = theta[j] * value[p]
            _solve_small(system, solved[:size])
            share = shared[j - column_0]
            share[:n_met] = 0.0
            for k in range(column_0, end):
                if starts[k] == middle[k]:
                    continue
                weight = theta[j] if j == k else 0.0
                for p in range(middle[k], starts[k + 1]):
                    weight -= theta[k] * value[p] * solved[row[p] - row_0]
                for p in range(starts[k], middle[k]):
                    share[place[row[p]]] += weight * value[p]
            for p in range(starts[j], middle[j]):
                line, left = linked[row[p]], value[p]
                for q in range(place[row[p]] + 1):
                    line[met[q]] += left * share[q]


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _cholesky(system: Array) -> None:
    """Cholesky factor of a small system (lower half), in place."""
    for i in range(len(system)):
        for j in range(i + 1):
            total = system[i, j]
            for k in range(j):
                total -= system[i, k] * system[j, k]
            if i == j:
                system[i, i] = math.sqrt(max(total, 1e-300))
            else:
                system[i, j] = total / system[j, j]


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _solve_small(system: Array, values: Array) -> None:
    """Solve by a Cholesky factor, in place."""
    size = len(values)
    for i in range(size):
        for k in range(i):
            values[i] -= system[i, k] * values[k]
        values[i] /= system[i, i]
    for i in range(size - 1, -1, -1):
        for k in range(i + 1, size):
            values[i] -= system[k, i] * values[k]
        values[i] /= system[i, i]


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def condense(
    first_column: Ints,
    first_row: Ints,
    starts: Ints,
    middle: Ints,
    row: Ints,
    value: Array,
    theta: Array,
    first_factor: Ints,
    factor: Array,
    right: Array,
) -> None:
    """Solve the blocks alone and subtract their contribution from the right side of the linking rows; in place."""
    for block in range(len(first_row) - 1):
        row_0, size = first_row[block], first_row[block + 1] - first_row[block]
        system = factor[first_factor[block] : first_factor[block + 1]].reshape((size, size))
        _solve_small(system, right[row_0 : row_0 + size])
        for j in range(first_column[block], first_column[block + 1]):
            if starts[j] == middle[j] or middle[j] == starts[j + 1]:
                continue
            held = 0.0
            for p in range(middle[j], starts[j + 1]):
                held += value[p] * right[row[p]]
            held *= theta[j]
            for p in range(starts[j], middle[j]):
                right[row[p]] -= held * value[p]


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def expand(
    first_column: Ints,
    first_row: Ints,
    starts: Ints,
    middle: Ints,
    row: Ints,
    value: Array,
    theta: Array,
    first_factor: Ints,
    factor: Array,
    found: Array,
) -> None:
    """The blocks' part of the solution, given that of the linking rows in front; in place."""
    widest = 0
    for block in range(len(first_row) - 1):
        widest = max(widest, first_row[block + 1] - first_row[block])
    caused = np.empty(widest)
    for block in range(len(first_row) - 1):
        row_0, size = first_row[block], first_row[block + 1] - first_row[block]
        system = factor[first_factor[block] : first_factor[block + 1]].reshape((size, size))
        caused[:size] = 0.0
        for j in range(first_column[block], first_column[block + 1]):
            if starts[j] == middle[j] or middle[j] == starts[j + 1]:
                continue
            price = 0.0
            for p in range(starts[j], middle[j]):
                price += value[p] * found[row[p]]
            price *= theta[j]
            for p in range(middle[j], starts[j + 1]):
                caused[row[p] - row_0] += value[p] * price
        _solve_small(system, caused[:size])
        for i in range(size):
            found[row_0 + i] -= caused[i]
