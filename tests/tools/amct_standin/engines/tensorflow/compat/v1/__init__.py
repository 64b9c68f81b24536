"""See tensorflow."""

from tensorflow._graph import (
    Graph,
    GraphDef,
    RunOptions,
    Session,
    global_variables_initializer,
    identity_n,
    import_graph_def,
)

__all__ = [
    "Graph",
    "GraphDef",
    "RunOptions",
    "Session",
    "global_variables_initializer",
    "identity_n",
    "import_graph_def",
]
