"""The writer: what is told, into ClickHouse, every row once."""
