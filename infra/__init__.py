"""Where Anbu runs: topics, migrations, and the launchers of brokers and ClickHouse."""
