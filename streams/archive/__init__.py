"""The archive of the ordered inputs in ClickHouse: written by a second writer, read by replays."""
