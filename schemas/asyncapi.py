"""The AsyncAPI 3.0 document: every topic, its key, how long it is kept, and what is in it."""

from typing import Any, Final

from schemas.events import MAX_DEPTH, MAX_MESSAGE_BYTES, PSEUDONYM, TICK_KEY
from schemas.examples import wire_examples
from schemas.jsonschemas import TYPES, components, one_or_many
from schemas.topics import ALL, EVENT_TOPICS, Topic
from schemas.vocabulary import KINDS

WIRE_VERSION: Final = "1.0.0"
"""Version of the wire forms: the first number changes when a reader of today could no longer read what is written."""

_BINDING: Final = "0.5.0"
_SCHEMA: Final = "#/components/schemas/{name}"
_HOUSEHOLD_KEY: Final = {"type": "string", "pattern": PSEUDONYM}
_TICK_KEY: Final = {"type": "string", "const": TICK_KEY.decode()}
_TEXT_KEY: Final = {"type": "string"}

_CARRIED: Final[dict[str, tuple[str, ...]]] = {
    "profile": ("profile",),
    "district.state": ("district_state",),
    "public.alerts": ("public_alert",),
    "households": ("household", "removal"),
    "responder.actions": ("responder_action",),
    "incidents": ("incident", "status"),
    "incidents.open": ("incident", "tombstone"),
    "households.view": ("household_view", "removal"),
    "checkin.requests": ("checkin_request",),
    "responder.results": ("action_result",),
    "district.counts": ("district_counts",),
    "dead.letters": ("dead_letter",),
}
"""Messages of each topic, beside events and ticks."""


def document() -> dict[str, Any]:
    """Build the whole document as plain data."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Anbu",
            "version": WIRE_VERSION,
            "license": {"name": "Apache-2.0"},
            "description": (
                "What Anbu reads and writes. Every topic of a set has the same number of partitions; a household's "
                "records lie in the partition that murmur2 gives its pseudonym, as Apache Kafka's Java client hashes. "
                f"A message is at most {MAX_MESSAGE_BYTES} bytes and {MAX_DEPTH} levels of brackets; larger and deeper "
                "ones become dead letters."
            ),
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in ALL},
        "operations": {_operation_name(topic): _operation(topic) for topic in ALL},
        "components": {"schemas": components(_SCHEMA), "messages": _messages()},
    }


def _names(topic: Topic) -> tuple[str, ...]:
    own = (topic.name.replace(".", "_"),) if topic.name in EVENT_TOPICS else _CARRIED.get(topic.name, ())
    return (*own, "tick") if topic.ordered_input else own


def _channel(topic: Topic) -> dict[str, Any]:
    config = topic.config
    kept: dict[str, Any] = {"cleanup.policy": [config["cleanup.policy"]]}
    kept |= {name: int(config[name]) for name in ("retention.ms", "max.message.bytes") if name in config}
    broadcast = "; written to every partition" if topic.broadcast else ""
    return {
        "address": topic.name,
        "description": f"{topic.about}. Keyed by {topic.key}{broadcast}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _names(topic)},
        "bindings": {"kafka": {"topic": topic.name, "topicConfiguration": kept, "bindingVersion": _BINDING}},
        "x-message-timestamp-type": config["message.timestamp.type"],
    }


def _operation_name(topic: Topic) -> str:
    words = "".join(word.capitalize() for word in topic.name.split("."))
    return ("read" if topic.ordered_input else "write") + words


def _operation(topic: Topic) -> dict[str, Any]:
    channel = f"#/channels/{topic.name}"
    return {
        "action": "receive" if topic.ordered_input else "send",
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{name}"} for name in _names(topic)],
    }


def _messages() -> dict[str, Any]:
    examples = wire_examples()
    out = {topic.replace(".", "_"): _events(topic, examples) for topic in sorted(EVENT_TOPICS)}
    for name, kind in TYPES.items():
        if name == "event":
            continue
        key = _TICK_KEY if name == "tick" else _key_of(name)
        payload = {"$ref": _SCHEMA.format(name=kind.__name__)}
        out[name] = _message(name, key, payload, [{"name": name, "payload": examples[name]}])
    out["removal"] = _message("removal", _HOUSEHOLD_KEY, {"type": "null"}, [], "Ends the watching of a household.")
    out["tombstone"] = _message("tombstone", _TEXT_KEY, {"type": "null"}, [], "An incident ended some time ago.")
    return dict(sorted(out.items()))


def _key_of(name: str) -> dict[str, Any]:
    return (
        _TEXT_KEY
        if name in {"profile", "district_counts", "district_state", "public_alert", "incident"}
        else _HOUSEHOLD_KEY
    )


def _events(topic: str, examples: dict[str, Any]) -> dict[str, Any]:
    kinds = [kind for kind in KINDS if kind.topic == topic]
    only = {"properties": {"type": {"enum": [kind.type for kind in kinds]}}}
    event = {"allOf": [{"$ref": _SCHEMA.format(name="CloudEvent")}, only]}
    payload = one_or_many("")
    payload["oneOf"] = [event, payload["oneOf"][1] | {"items": event}]
    shown = [{"name": kind.name, "payload": examples[f"event_{kind.name}"]} for kind in kinds]
    about = "One CloudEvents 1.0 event in structured mode, or an array of events of one household."
    return _message(topic.replace(".", "_"), _HOUSEHOLD_KEY, payload, shown, about)


def _message(
    name: str, key: dict[str, Any], payload: dict[str, Any], examples: list[dict[str, Any]], about: str = ""
) -> dict[str, Any]:
    out: dict[str, Any] = {
        "name": name,
        "payload": payload,
        "bindings": {"kafka": {"key": key, "bindingVersion": _BINDING}},
    }
    if about:
        out["summary"] = about
    if examples:
        out["examples"] = examples
    return out
