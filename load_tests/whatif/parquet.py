"""A Parquet file as CSV with names on stdout, by the embedded ClickHouse: `python -m load_tests.whatif.parquet FILE`.

In a process of its own: the embedded engine knows one path a process, and a broken file must not take the replay along.
"""

import importlib
import sys
from pathlib import Path


def main(file: str) -> int:
    """Write the rows; 1 with a line on stderr when it is no Parquet file."""
    session = importlib.import_module("chdb.session").Session()
    quoted = str(Path(file).absolute()).replace("\\", "\\\\").replace("'", "\\'")
    try:
        # Piece by piece: a year of a district must not lie in memory.
        for some in session.send_query(f"SELECT * FROM file('{quoted}', Parquet)", "CSVWithNames"):  # noqa: S608 - quoted
            sys.stdout.buffer.write(bytes(some.bytes()))
    except RuntimeError as error:
        sys.stderr.write(str(error).splitlines()[0][:200] + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
