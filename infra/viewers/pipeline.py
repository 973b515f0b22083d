"""How the machine does: the clock of the log, lag, latency, checkpoints, the group, the writer, the processes."""

from infra.viewers.boards import Board, row
from infra.viewers.panels import AMBER, RED, lines

_RATE = "[$__rate_interval]"


def _quantiles(metric: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"histogram_quantile({q}, sum by (le) (rate({metric}_bucket[1h])))", legend)
        for q, legend in ((0.5, "median"), (0.95, "95th percentile"))
    )


PIPELINE = Board(
    uid="anbu-pipeline",
    title="Anbu: Pipeline",
    about="For whoever keeps it running: the clock of the log, lag, latency, dead letters, checkpoints, the group, the"
    " ClickHouse writer and the processes.",
    since="now-3h",
    rows=(
        row(
            8,
            lines(
                "Delay of the clock",
                "Wall clock less the clock of each partition: how old the moment is that is being judged. A log of"
                " simulated time lies in the past.",
                ("time() - max by (partition) (anbu_clock_timestamp_seconds)", "partition {{partition}}"),
                unit="s",
                runbooks=("AnbuClockBehind", "AnbuClockFarBehind"),
            ),
            lines(
                "Clock stands",
                "How long each partition's clock has not moved. Up to the period of the ticks and 5 s more is ordinary.",
                ("min by (partition) (anbu_clock_standing_seconds)", "partition {{partition}}"),
                unit="s",
                steps=((0, "transparent"), (90, RED)),
                runbooks=("AnbuClockStanding", "AnbuTickerAlone"),
            ),
            lines(
                "Lag",
                "Records between the position of each partition and the end of its logs.",
                ("max by (partition) (anbu_lag_records)", "partition {{partition}}"),
                unit="short",
                runbooks=("AnbuLagGrowing",),
            ),
        ),
        row(
            8,
            lines(
                "Records applied",
                "Records applied in canonical order a second, by topic; ticks are not among them.",
                (f"sum by (topic) (rate(anbu_records_applied_total{_RATE}))", "{{topic}}"),
                unit="cps",
                stacked=True,
                runbooks=("AnbuLagGrowing",),
            ),
            lines(
                "From an emergency to its incident",
                "From the broker's append of the event to the broker's acknowledgement of its incident, over the last hour."
                " Empty while there was no emergency. Dots are single emergencies; each leads to its incident on the board.",
                *_quantiles("anbu_emergency_seconds"),
                unit="s",
                exemplars=True,
                steps=((0, "transparent"), (1, AMBER), (5, RED)),
                runbooks=("AnbuEmergencySlow",),
            ),
            lines(
                "Dead letters by reason",
                "Readings and records refused a second, by reason.",
                (f"sum by (reason) (rate(anbu_dead_letters_total{_RATE}))", "{{reason}}"),
                unit="cps",
                runbooks=("AnbuDeadLetterBurst", "AnbuTopicRefused"),
            ),
        ),
        row(
            8,
            lines(
                "Partitions",
                "Partitions of the topic set, those that the group has given to workers, and those that are judged.",
                ('max(anbu_partitions{what="topic_set"})', "topic set"),
                ('sum(anbu_partitions{what="given"})', "given"),
                ('sum(anbu_partitions{what="ready"})', "ready"),
                unit="none",
                runbooks=("AnbuPartitionUnwatched", "AnbuWorkerLost", "AnbuWorkerDown"),
            ),
            lines(
                "Rebalances and starts",
                "How often partitions changed hands in 15 minutes, and how often a worker started anew.",
                ("sum(increase(anbu_rebalances_total[15m]))", "rebalances"),
                ('sum(changes(process_start_time_seconds{job="anbu-worker"}[15m]))', "starts"),
                unit="none",
                runbooks=("AnbuRebalances", "AnbuWorkerRestarts"),
            ),
            lines(
                "Ticks",
                "Ticks a second by what became of them. With two tickers every tick is repeated once.",
                (f"sum by (what) (rate(anbu_ticks_total{_RATE}))", "{{what}}"),
                unit="cps",
                runbooks=("AnbuTickerAlone", "AnbuTicksRefused", "AnbuClockStanding"),
            ),
        ),
        row(
            8,
            lines(
                "Age of the last whole checkpoint",
                "What came since would be applied again after a loss of the worker.",
                ("time() - max by (partition) (anbu_checkpoint_last_timestamp_seconds)", "partition {{partition}}"),
                unit="s",
                steps=((0, "transparent"), (120, RED)),
                runbooks=("AnbuCheckpointOld",),
            ),
            lines(
                "How long a checkpoint takes",
                "From its beginning to the acknowledgement of its position row, over the last hour.",
                *_quantiles("anbu_checkpoint_seconds"),
                unit="s",
                runbooks=("AnbuCheckpointOld",),
            ),
            lines(
                "Rows written to the changelog",
                "Rows a second by kind.",
                (f"sum by (kind) (rate(anbu_checkpoint_rows_total{_RATE}))", "{{kind}}"),
                unit="cps",
                stacked=True,
            ),
        ),
        row(
            8,
            lines(
                "Recoveries",
                "Rows of the changelog met since each worker started. Corrupt ones should be 0; set aside are rows of a"
                " checkpoint that never became whole. Homes that begin anew had rows that could not be read as they woke, or"
                " their judging broke off: also 0.",
                ("sum by (outcome) (anbu_recovered_rows_total)", "{{outcome}}"),
                ("sum(anbu_households_begun_anew_total)", "homes that began anew"),
                unit="short",
                runbooks=("AnbuStateCorrupt",),
            ),
            lines(
                "Fetched chunks",
                "Chunks a second by what became of them. Gaps are read again; many dropped ones mean that one topic runs"
                " far ahead of the others.",
                (f"sum by (what) (rate(anbu_chunks_total{_RATE}))", "{{what}}"),
                (f"sum(rate(anbu_records_read_again_total{_RATE}))", "records read again"),
                unit="cps",
                runbooks=("AnbuLagGrowing",),
            ),
            lines(
                "Loss",
                "Records that retention took before they were read, and outputs that the broker did not take. All should"
                " be 0.",
                ("sum(anbu_records_lost_to_retention_total)", "lost before they were judged"),
                ("sum(anbu_writer_lost_total)", "lost to the tables"),
                ("sum(anbu_send_failures_total)", "not taken by the broker"),
                unit="short",
                runbooks=("AnbuRecordsLost", "AnbuSendFailures", "AnbuWriterLost"),
            ),
        ),
        row(
            8,
            lines(
                "Writer is behind by",
                "Age of the oldest record that waits for ClickHouse, and how many wait.",
                ("max(anbu_writer_behind_seconds{job!='anbu-archive'})", "behind"),
                unit="s",
                steps=((0, "transparent"), (300, RED)),
                runbooks=("AnbuWriterBehind", "AnbuWriterDown"),
            ),
            lines(
                "Rows written to ClickHouse",
                "Rows a second by table, batches that were tried again, and records that gave no row.",
                (f"sum by (table) (rate(anbu_writer_rows_total{_RATE}))", "{{table}}"),
                (f"sum(rate(anbu_writer_retries_total{_RATE}))", "batches tried again"),
                (f"sum(rate(anbu_writer_skipped_total{_RATE}))", "records without a row"),
                unit="cps",
                runbooks=("AnbuWriterSkipped", "AnbuWriterBehind"),
            ),
            lines(
                "Output partitions read by writers",
                "Two topics for each partition of the set; below that, a part of the homes is missing in the tables.",
                ('sum(anbu_writer_partitions{job!="anbu-archive"})', "read"),
                ('2 * max(anbu_partitions{what="topic_set"})', "all"),
                unit="none",
                runbooks=("AnbuTablesUnwritten",),
            ),
        ),
        row(
            8,
            lines(
                "The archive is behind by",
                "Age of the oldest input that waits for the archive.",
                ('max(anbu_writer_behind_seconds{job="anbu-archive"})', "behind"),
                unit="s",
                steps=((0, "transparent"), (3600, RED)),
                runbooks=("AnbuArchiveBehind", "AnbuArchiveDown"),
            ),
            lines(
                "Deliveries to systems of others",
                "Requests of the webhook a second, by what became of them.",
                (f"sum by (result) (rate(anbu_webhook_tries_total{_RATE}))", "{{result}}"),
                unit="cps",
                runbooks=("AnbuWebhookBehind", "AnbuWebhookPutAside"),
            ),
            lines(
                "Systems of others",
                "Targets of the webhook, those that take nothing now, and revisions that wait for any of them.",
                ("sum by (what) (anbu_webhook_targets)", "targets, {{what}}"),
                ("sum(anbu_webhook_waiting_records)", "revisions that wait"),
                unit="none",
                runbooks=("AnbuWebhookBehind",),
            ),
        ),
        row(
            8,
            lines(
                "What the board answers",
                "Requests a second by what became of them. Refused ones are of people who may not, or are not signed in.",
                (f"sum by (result) (rate(anbu_board_requests_total{_RATE}))", "{{result}}"),
                unit="cps",
                runbooks=("AnbuBoardDown",),
            ),
            lines(
                "How long a page takes",
                "From a request to its whole answer, over the last hour.",
                *_quantiles("anbu_board_page_seconds"),
                unit="s",
            ),
            lines(
                "The board is behind by",
                "How long ago the slower of its two readers last came back from the broker; and who is signed in.",
                ("max by (instance) (anbu_board_behind_seconds)", "{{instance}}"),
                unit="s",
                steps=((0, "transparent"), (60, RED)),
                runbooks=("AnbuBoardBehind", "AnbuBoardDown"),
            ),
        ),
        row(
            8,
            lines(
                "Disk free",
                "Share of each machine's disks that is free, by node_exporter.",
                ("anbu:disk_free:share", "{{instance}} {{mountpoint}}"),
                unit="percentunit",
                steps=((0, RED), (0.05, AMBER), (0.15, "transparent")),
                runbooks=("AnbuDiskLow", "AnbuDiskFull"),
            ),
            lines(
                "Certificates are good for",
                "Time until the certificate of each TLS address ends, by blackbox_exporter.",
                ("min by (instance) (probe_ssl_earliest_cert_expiry) - time()", "{{instance}}"),
                unit="s",
                runbooks=("AnbuCertificateExpires",),
            ),
            lines(
                "Signed in to the board",
                "Sign-ins that last, and pages that are kept as they are now.",
                ("sum(anbu_board_sessions)", "sign-ins"),
                ("sum(anbu_board_streams)", "live pages"),
                unit="none",
            ),
        ),
        row(
            8,
            lines(
                "Processor",
                "Cores used by each process. A worker uses one at the most.",
                (f'rate(process_cpu_seconds_total{{job=~"anbu-.*"}}{_RATE})', "{{job}} {{instance}}"),
                unit="none",
                runbooks=("AnbuLagGrowing",),
            ),
            lines(
                "Memory",
                "Memory of each process.",
                ('process_resident_memory_bytes{job=~"anbu-.*"}', "{{job}} {{instance}}"),
                unit="bytes",
                runbooks=("AnbuWorkerRestarts",),
            ),
            lines(
                "Series scraped",
                "Time series of each process. Labels come from closed sets: only the number of partitions adds any.",
                ('scrape_samples_scraped{job=~"anbu-.*"}', "{{job}} {{instance}}"),
                unit="none",
            ),
        ),
    ),
)
