"""JSON Schemas (draft 2020-12) of everything on the wire, made from the types that decode it."""

from copy import deepcopy
from typing import Any, Final

import msgspec

from schemas.actions import ActionResult, ResponderAction
from schemas.alerts import PublicAlert
from schemas.checkins import CheckinRequest
from schemas.checks import LEAST_SENSITIVITY, MOST_H, MOST_SENSITIVITY
from schemas.district import DistrictCounts, DistrictState
from schemas.events import MAX_READINGS, PSEUDONYM, SOURCE, CloudEvent, DeadLetter, Tick
from schemas.households import HouseholdRecord
from schemas.incidents import Incident, Status
from schemas.profiles import Profile
from schemas.times import EARLIEST_MS, LATEST_MS
from schemas.views import HouseholdView
from schemas.vocabulary import KINDS, Form

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

TYPES: Final[dict[str, type[msgspec.Struct]]] = {
    "event": CloudEvent,
    "tick": Tick,
    "household": HouseholdRecord,
    "responder_action": ResponderAction,
    "public_alert": PublicAlert,
    "district_counts": DistrictCounts,
    "district_state": DistrictState,
    "profile": Profile,
    "incident": Incident,
    "status": Status,
    "checkin_request": CheckinRequest,
    "action_result": ActionResult,
    "dead_letter": DeadLetter,
    "household_view": HouseholdView,
}
"""Type of each schema, by the schema's name; `message` (one event or an array of them) comes on top."""

_REQUIRED: Final[dict[Form, str]] = {Form.SWITCH: "state", Form.NUMBER: "value", Form.UNTIL: "until"}
# Ranges that schemas.checks holds records to, told to whoever validates before sending.
_RANGES: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "HouseholdRecord": {
        "household": {"pattern": PSEUDONYM},
        "sensitivity": {"minimum": LEAST_SENSITIVITY, "maximum": MOST_SENSITIVITY},
        "latest_silence_h": {"exclusiveMinimum": 0, "maximum": MOST_H},
    },
    "Source": {"source": {"pattern": SOURCE}, "expect_every_s": {"minimum": 0, "maximum": MOST_H * 3600}},
    "ResponderAction": {"household": {"pattern": PSEUDONYM}, "revision": {"minimum": 0}},
    "Tick": {"tick": {"minimum": EARLIEST_MS, "exclusiveMaximum": LATEST_MS}},
}


def components(ref: str) -> dict[str, Any]:
    """Every named type, `ref` being the template of references to them, such as `#/$defs/{name}`."""
    _, found = msgspec.json.schema_components(TYPES.values(), ref_template=ref)
    out: dict[str, Any] = deepcopy(dict(found))
    for schema in out.values():
        # Readers pass over fields they do not know, whatever the first look of the decoder does.
        schema.pop("additionalProperties", None)
        if "description" in schema:
            schema["description"] = " ".join(schema["description"].split("\n\n")[0].split())
    for name, fields in _RANGES.items():
        for field, limits in fields.items():
            out[name]["properties"][field].update(limits)
    out["CloudEvent"]["properties"]["type"]["enum"] = [kind.type for kind in KINDS]
    out["CloudEvent"]["allOf"] = [_needs(form, field) for form, field in _REQUIRED.items()]
    return out


def schemas() -> dict[str, dict[str, Any]]:
    """Every schema by name, each complete in itself."""
    named = components("#/$defs/{name}")
    out = {
        name: _alone(name, {"$ref": f"#/$defs/{kind.__name__}"}, named, kind.__name__) for name, kind in TYPES.items()
    }
    out["message"] = _alone("message", one_or_many("#/$defs/CloudEvent"), named, "CloudEvent")
    return dict(sorted(out.items()))


def one_or_many(event: str) -> dict[str, Any]:
    """Give the schema of a message: an event, or an array of events of one household."""
    array = {"type": "array", "items": {"$ref": event}, "maxItems": MAX_READINGS}
    return {"oneOf": [{"$ref": event}, array]}


def _needs(form: Form, field: str) -> dict[str, Any]:
    """Require this field in `data` of the kinds of this form."""
    types = [kind.type for kind in KINDS if kind.form == form]
    return {
        "if": {"properties": {"type": {"enum": types}}, "required": ["type"]},
        "then": {
            "required": ["data"],
            "properties": {"data": {"required": [field], "properties": {field: {"not": {"type": "null"}}}}},
        },
    }


def _alone(name: str, schema: dict[str, Any], named: dict[str, Any], start: str) -> dict[str, Any]:
    needed: dict[str, Any] = {}
    _gather(start, named, needed)
    return {"$schema": DIALECT, "title": name, **schema, "$defs": dict(sorted(needed.items()))}


def _gather(name: str, named: dict[str, Any], needed: dict[str, Any]) -> None:
    if name in needed:
        return
    needed[name] = named[name]
    for other in references(named[name]):
        _gather(other.rsplit("/", 1)[1], named, needed)


def references(schema: Any) -> list[str]:
    """Every `$ref` within."""
    if isinstance(schema, dict):
        own = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
        return own + [ref for value in schema.values() for ref in references(value)]
    if isinstance(schema, list):
        return [ref for value in schema for ref in references(value)]
    return []
