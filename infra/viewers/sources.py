"""What comes in, and what does not: readings by kind of source and by what became of them."""

from infra.viewers.boards import Board, row
from infra.viewers.panels import AMBER, GREEN, RED, ZERO_IS_WELL, Panel, bars, lines, number, rows

_LATE = (
    'sum by (topic) (rate(anbu_readings_total{outcome="late"}[$__rate_interval]))'
    " / (sum by (topic) (rate(anbu_readings_total[$__rate_interval])) > 0)"
)

_HEALTH = (
    "healthy: it reports as it does; overdue: two declared reports are missing; dark: told dark; off: switched off; never:"
    " registered, and nothing came yet. As of the last look at each home, an hour ago at most."
)
_COLOURS = {"healthy": GREEN, "overdue": AMBER, "dark": RED, "off": "purple", "never": "gray"}
_NOT_SEEING = (
    'sum by (channel) (anbu_sources{health=~"overdue|dark|off"})'
    ' / (sum by (channel) (anbu_sources{health!="never"}) > 0)'
)


_SOURCES = ("AnbuBlindRising", "AnbuHomesBlind")


def _by_health(title: str, about: str, channel: str, *runbooks: str) -> Panel:
    """Draw how many sources of one kind do how."""
    return lines(
        title,
        about,
        (f'sum by (health) (anbu_sources{{channel="{channel}"}})', "{{health}}"),
        unit="none",
        stacked=True,
        colours=_COLOURS,
        runbooks=runbooks,
    )


SOURCES = Board(
    uid="anbu-sources",
    title="Anbu: Sources",
    about="What sensors, phones and calls bring, what of it cannot be used, and which homes nothing is seen of.",
    rows=(
        row(
            9,
            _by_health(
                "Home sensors by health",
                f"Sensors and their gateways in watched homes. {_HEALTH}",
                "sensors",
                *_SOURCES,
            ),
            _by_health(
                "Phones by health", f"Phones and telecom records of watched homes. {_HEALTH}", "phone", *_SOURCES
            ),
            _by_health(
                "Worn devices by health",
                f"Bands and watches that people of watched homes wear. {_HEALTH}",
                "worn",
                "AnbuHomesBlind",
            ),
        ),
        row(
            9,
            _by_health(
                "Care robots by health", f"Robots that stand in watched homes. {_HEALTH}", "robot", "AnbuHomesBlind"
            ),
            _by_health(
                "Check-in calls by health",
                "Watched homes by how calls to them do. healthy: the last one reached somebody; overdue: it did not; dark: so"
                " many in a row did not that it is an incident; off: the number is dead; never: nobody was called yet.",
                "calls",
                "AnbuHomesBlind",
            ),
            lines(
                "Share of sources that do not see",
                "Sources that are overdue, dark or switched off, as a share of those of their kind that ever reported. One"
                " kind that rises in all homes is its sender's outage.",
                (_NOT_SEEING, "{{channel}}"),
                unit="percentunit",
                runbooks=("AnbuBlindRising", "AnbuHomesBlind"),
            ),
        ),
        row(
            9,
            lines(
                "Readings",
                "Readings of each kind of source a second, whatever became of them. A line that falls to a part of what it"
                " was is a sender's outage.",
                ("sum by (topic) (rate(anbu_readings_total[$__rate_interval]))", "{{topic}}"),
                unit="cps",
                runbooks=("AnbuBlindRising",),
            ),
            lines(
                "Share that cannot be used",
                "Dead letters among the readings of each kind of source, over 10 minutes.",
                ("anbu:readings_refused:share10m", "{{topic}}"),
                unit="percentunit",
                runbooks=("AnbuDeadLetterBurst", "AnbuTopicRefused"),
            ),
            lines(
                "Share that came late",
                "Readings older than 30 hours when they came: emergencies among them were told, but nothing is learned of"
                " them.",
                (
                    _LATE,
                    "{{topic}}",
                ),
                unit="percentunit",
            ),
        ),
        row(
            9,
            lines(
                "Of homes nobody registered",
                "Readings a second of households that the registry does not know: nobody watches them. As a rule a device"
                " was installed before its home was registered.",
                ('sum by (topic) (rate(anbu_readings_total{outcome="not_registered"}[$__rate_interval]))', "{{topic}}"),
                unit="cps",
            ),
            lines(
                "Without consent",
                "Readings a second of sources whose consent is withdrawn. They are not used; the sender should stop.",
                ('sum by (topic) (rate(anbu_readings_total{outcome="no_consent"}[$__rate_interval]))', "{{topic}}"),
                unit="cps",
            ),
            lines(
                "Messages that came again",
                "Messages whose very bytes had come before, a second. They change nothing and cost time.",
                ("sum(rate(anbu_messages_repeated_total[$__rate_interval]))", "repeated"),
                unit="cps",
            ),
        ),
        row(
            9,
            lines(
                "Homes that nothing sees, by partition",
                "All partitions rising together is a sender's outage; one alone is chance, or the worker that has it.",
                ("max by (partition) (anbu_households_blind)", "partition {{partition}}"),
                unit="none",
                runbooks=("AnbuBlindRising", "AnbuHomesBlind"),
            ),
            bars(
                "Cannot see, by district",
                "Open incidents of kind cannot_see by district; an outage of power or network stands out.",
                unit="none",
                sql="""
                SELECT if(district = '', '(not registered)', district) AS of, count() AS incidents FROM incidents_current
                WHERE status = 'Actual' AND kind = 'cannot_see' AND state NOT IN ('closed', 'withdrawn')
                GROUP BY of ORDER BY incidents DESC LIMIT 20
                """,
                runbooks=("AnbuBlindRising",),
            ),
            lines(
                "Cannot see, until seen again",
                "How long homes that were told as cannot see were not seen, of those that were seen again within a week: half"
                " of them no longer than the median, nine of ten no longer than the upper line.",
                ("histogram_quantile(0.5, sum by (le) (increase(anbu_unseen_seconds_bucket[7d])))", "median"),
                ("histogram_quantile(0.9, sum by (le) (increase(anbu_unseen_seconds_bucket[7d])))", "nine of ten"),
                unit="s",
                runbooks=("AnbuBlindRising", "AnbuHomesBlind"),
            ),
            lines(
                "Cannot see, opened over time",
                "Incidents of kind cannot_see by the moment at which they opened, for each district.",
                unit="none",
                stacked=True,
                sql="""
                SELECT $__timeInterval(opened_at) AS time, district, uniqExact(incident) AS incidents FROM incidents FINAL
                WHERE status = 'Actual' AND kind = 'cannot_see' AND $__timeFilter(opened_at) GROUP BY time, district ORDER BY time
                """,
                runbooks=("AnbuBlindRising",),
            ),
        ),
        row(
            7,
            lines(
                "Districts with an outage",
                "Districts of which far fewer homes are heard than is usual, and partitions that are so far behind that"
                " districts are judged without them.",
                ("max(anbu_districts_out)", "districts out"),
                ("sum(anbu_partitions_left_out)", "partitions left out"),
                unit="none",
                runbooks=("AnbuDistrictOut", "AnbuPartitionLeftOut"),
            ),
            number(
                "Open outages of districts",
                "Open incidents of kind district_outage, one for each channel of a district. Dashboard Now leads to them;"
                " while one is open, its homes that went quiet are not told one by one.",
                unit="none",
                sql="""
                SELECT countIf(kind = 'district_outage' AND state NOT IN ('closed', 'withdrawn')) AS outages
                FROM incidents_current WHERE status = 'Actual'
                """,
                steps=ZERO_IS_WELL,
                runbooks=("AnbuDistrictOut",),
            ),
            number(
                "Oldest outage that nobody has taken",
                "How long the oldest open outage of a district has waited for an officer to acknowledge it. 0 when none waits.",
                unit="s",
                sql="""
                SELECT max(if(kind = 'district_outage' AND state IN ('opened', 'updated', 'escalated')
                    AND acknowledged_by = '', dateDiff('second', opened_at, now64(3)), 0)) AS age
                FROM incidents_current WHERE status = 'Actual'
                """,
                steps=((0, GREEN), (1, AMBER), (600, RED)),
                runbooks=("AnbuDistrictOut",),
            ),
            widths=(12, 6, 6),
        ),
        row(
            10,
            rows(
                "What could not be used",
                "Dead letters of the chosen time by topic, reason and field; never a value. anbu dead-letters show tells"
                " more of one.",
                sql="""
                SELECT topic, reason, detail, sum(records) AS readings, max(at) AS last FROM dead_letters FINAL
                WHERE $__timeFilter(stored_at) GROUP BY topic, reason, detail ORDER BY readings DESC LIMIT 100
                """,
                runbooks=("AnbuDeadLetterBurst", "AnbuTopicRefused"),
            ),
        ),
    ),
)
