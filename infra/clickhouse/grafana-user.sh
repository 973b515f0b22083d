#!/bin/sh
# Run once by the ClickHouse image when its volume is empty: Grafana's own user, who may read Anbu's tables and no more.
# The passwords come from the environment and are hexadecimal, so that nothing in them can end a quoted string.
set -eu
clickhouse-client --user "$CLICKHOUSE_USER" --password "$CLICKHOUSE_PASSWORD" --multiquery <<SQL
CREATE USER IF NOT EXISTS grafana IDENTIFIED BY '$GRAFANA_CLICKHOUSE_PASSWORD' SETTINGS readonly = 2, max_execution_time = 30;
GRANT SELECT ON anbu.* TO grafana;
SQL
