-- The engine's own checkpoints, one a day of log time, kept beside the archive: where a replay can begin as if it had read
-- everything before. A snapshot counts when all its rows are there.
CREATE TABLE IF NOT EXISTS snapshots
(
    log_partition Int32 COMMENT 'partition whose engine it is',
    clock DateTime64(3, 'UTC') COMMENT 'where its clock stood',
    number UInt64 COMMENT 'number of the checkpoint',
    row UInt32 COMMENT 'place of the row in the snapshot, from 0; the position row is the last',
    rows UInt32 COMMENT 'rows of the whole snapshot',
    partitions UInt32 COMMENT 'partitions of the topic set',
    engine LowCardinality(String) COMMENT 'version of the engine that made it; empty: it did not say',
    key String COMMENT 'key of the row in the changelog; empty: the household was erased',
    value String COMMENT 'its bytes, base64' CODEC(ZSTD(3)),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'wall clock at which the row was written here'
)
ENGINE = ReplacingMergeTree
ORDER BY (log_partition, clock, number, row)
TTL toDateTime(stored_at) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'daily checkpoints of the engine, for replays that begin in the middle; read with FINAL';
