-- The last word of each partition in each hour of log time: how many homes were watched, and how many of them unseen.
CREATE TABLE IF NOT EXISTS statuses
(
    log_partition Int32 COMMENT 'partition of the ordered inputs',
    hour DateTime64(3, 'UTC') COMMENT 'hour of log time',
    clock DateTime64(3, 'UTC') COMMENT 'log time of this status, the last of its hour',
    households UInt64 COMMENT 'households watched',
    blind UInt64 COMMENT 'of them, those without a healthy source',
    open UInt64 COMMENT 'open incidents',
    lag Nullable(UInt64) COMMENT 'records behind the end of the inputs',
    engine LowCardinality(String) COMMENT 'version of the engine',
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'wall clock at which the row was written here'
)
ENGINE = ReplacingMergeTree(clock)
ORDER BY (log_partition, hour)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'the last status of each partition and hour; read with FINAL';
