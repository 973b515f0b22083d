-- Of machines that begin a replay at the same moment the first alone writes its plan: all others repeat its token.
ALTER TABLE replay_runs MODIFY SETTING non_replicated_deduplication_window = 1000;
