"""A synthetic neighbourhood that lives in real time: `anbu up` and its parts."""
