"""What the live run has told, read back from the topic `incidents` to compare a replay with."""

from typing import Final

import msgspec

from schemas.incidents import Incident
from streams.incident_fold import INCIDENTS
from streams.tail import reading

_INCIDENT: Final = msgspec.json.Decoder(Incident)


def told_live(bootstrap: str) -> list[Incident]:
    """Return every revision on the topic, repeats included, in log order per household.

    Raises:
        BrokerAwayError: the broker does not answer.

    """
    found = []
    with reading(bootstrap) as reader:
        for record in reader.read_whole(INCIDENTS):
            if record.value is None or b'"type":"status"' in record.value:
                continue
            try:
                found.append(_INCIDENT.decode(record.value))
            except msgspec.MsgspecError:
                continue
    return found
