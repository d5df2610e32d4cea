"""The greatest number of pairs in a bipartite graph: compiled by numba where it is installed, else by scipy's flow."""

import numpy as np

from segnet_lab._support import compiled


def maximum_matching(start: np.ndarray, partners: np.ndarray, n_right: int) -> np.ndarray:
    """Pair as many left nodes as possible with right nodes of a bipartite graph, each node at most once.

    Parameters
    ----------
    start : array, int32, (n_left + 1,)
        Left node i may be paired with partners[start[i] : start[i + 1]] (the graph in CSR form).
    partners : array, int32, (n_edges,)
    n_right : int

    Returns
    -------
    mate : array, int32, (n_left,)
        The right node of each left node, -1 for none. The number of pairs is the greatest possible; which nodes they
        join may depend on whether numba is installed.

    Examples
    --------
    Left node 0 has partners 0 and 1, left node 1 only partner 0.

    >>> maximum_matching(np.array([0, 2, 3], np.int32), np.array([0, 1, 0], np.int32), n_right=2)
    array([1, 0], dtype=int32)
    """
    solve = hopcroft_karp if compiled.available() else by_flow
    return solve(start, partners, n_right)


@compiled.kernel
def hopcroft_karp(start: np.ndarray, partners: np.ndarray, n_right: int) -> np.ndarray:
    """`maximum_matching` by Hopcroft and Karp: in each phase as many disjoint shortest augmenting paths as there are.

    A node from which a phase has found no path is marked dead and not entered again; without the mark a phase takes
    exponential time on the layered graphs that parallel boundaries make.
    """
    n_left = start.size - 1
    mate = np.full(n_left, -1, np.int32)
    mate_of_right = np.full(n_right, -1, np.int32)
    for i in range(n_left):  # greedy, in reading order: leaves one boundary pixel in fifty to the phases
        for e in range(start[i], start[i + 1]):
            if mate_of_right[partners[e]] < 0:
                mate[i] = partners[e]
                mate_of_right[partners[e]] = i
                break

    level = np.empty(n_left, np.int32)  # steps from a free left node; -1 not reached, -2 dead or used
    queue = np.empty(n_left, np.int32)
    path = np.empty(n_left, np.int32)
    edge = np.empty(n_left, np.int32)  # the next edge to try: each is tried once a phase
    while True:
        # Breadth first: levels, up to the first one that sees a free right node.
        filled = 0
        for i in range(n_left):
            level[i] = -1
            if mate[i] < 0:
                level[i] = 0
                queue[filled] = i
                filled += 1
        roots = filled
        deepest = n_left
        read = 0
        while read < filled and level[queue[read]] <= deepest:
            i = queue[read]
            read += 1
            for e in range(start[i], start[i + 1]):
                next_left = mate_of_right[partners[e]]
                if next_left < 0:
                    deepest = level[i]
                elif level[next_left] == -1:
                    level[next_left] = level[i] + 1
                    queue[filled] = next_left
                    filled += 1
        if deepest == n_left:
            return mate

        # Depth first: from each free left node one path down the levels, never twice over the same node.
        edge[:] = start[:-1]
        for root in queue[:roots]:
            path[0] = root
            depth = 0
            while depth >= 0:
                i = path[depth]
                if edge[i] == start[i + 1]:
                    level[i] = -2
                    depth -= 1
                    continue
                next_left = mate_of_right[partners[edge[i]]]
                edge[i] += 1
                if next_left >= 0:
                    if level[next_left] == level[i] + 1:
                        depth += 1
                        path[depth] = next_left
                    continue
                for i in path[: depth + 1]:  # a free right node: shift every pair of the path by one
                    level[i] = -2
                    mate[i] = partners[edge[i] - 1]
                    mate_of_right[mate[i]] = i
                break


def by_flow(start: np.ndarray, partners: np.ndarray, n_right: int) -> np.ndarray:
    """`maximum_matching` as a maximum flow: source -> left -> right -> sink, every edge of capacity 1."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_flow

    n_left = start.size - 1
    source, sink = n_left + n_right, n_left + n_right + 1
    mate = np.full(n_left, -1, np.int32)
    if partners.size == 0:
        return mate
    to = np.concatenate([partners + n_left, np.full(n_right, sink), np.arange(n_left)]).astype(np.int32)
    ends = np.concatenate([start, start[-1] + np.arange(1, n_right + 1), [to.size, to.size]]).astype(np.int32)
    graph = csr_array((np.ones(to.size, np.int32), to, ends), shape=(sink + 1, sink + 1))
    flow = maximum_flow(graph, source, sink).flow[:n_left].tocoo()
    used = flow.data > 0  # back to the source it is negative
    mate[flow.row[used]] = flow.col[used] - n_left
    return mate
