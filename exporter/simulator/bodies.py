"""How truth is spelled on the wire: envelopes, refusals, plans, items, checkpoints."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from exporter.simulator.motion import Progress
from exporter.simulator.world import Instance, Item, Plan, Row

# Whatever log, metric or page shows one of these has leaked a plan's credentials.
USERNAME_CANARY = "canary-username"
PASSWORD_CANARY = "canary-password"  # noqa: S105 - it opens nothing; it is to be searched for

# The vendor documents no spelling for a time that is not known, so all are served.
_NO_SYNC = ("", '"lastSyncTime":null,', '"lastSyncTime":0,', '"lastSyncTime":-1,')
_NO_PROGRESS = (
    "{}",
    "null",
    '{"consumeTimestamp":null}',
    '{"consumeTimestamp":0}',
    '{"consumeTimestamp":-1}',
)

Json = dict[str, Any]


class RefusedError(Exception):
    """The cloud refuses; ``detail`` says what RAM denies, or which parameter is bad."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str = "The simulated cloud refuses this request.",
        *,
        detail: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail
        self.headers = headers or {}


class GatewayError(RefusedError):
    """The gateway refuses, in PascalCase, before the service has seen the request."""


class ServiceError(RefusedError):
    """The service refuses, in camelCase."""


class DroppedError(Exception):
    """The connection breaks without an answer."""


def success(data: Json, request_id: str) -> bytes:
    """Wrap an answer; the message beside success is the vendor's own example."""
    return msgspec.json.encode(
        {
            "requestId": request_id,
            "success": True,
            "data": data,
            "code": "200",
            "message": "The instance cannot be found.",
            "httpStatusCode": 200,
            "dynamicCode": "InstanceId",
            "dynamicMessage": "instanceId",
        }
    )


def refusal(error: RefusedError, request_id: str) -> bytes:
    """Spell a refusal as the gateway or the service does."""
    if isinstance(error, GatewayError):
        body: Json = {
            "RequestId": request_id,
            "HostId": "simulated",
            "Code": error.code,
            "Message": error.message,
            "Recommend": f"https://api.aliyun.com/troubleshoot?q={error.code}",
        }
        if error.detail:
            body["AccessDeniedDetail"] = error.detail
    else:
        body = {
            "requestId": request_id,
            "success": False,
            "code": error.code,
            "message": error.message,
            "httpStatusCode": error.status,
            "dynamicCode": (error.detail or {}).get("parameter", "InstanceId"),
            "dynamicMessage": error.message,
        }
    return msgspec.json.encode(body)


def plan_body(plan: Plan) -> Json:
    """Spell a plan, with the credentials that the vendor's answer carries too."""
    return {
        "planId": int(plan.plan_id),
        "planName": plan.name,
        "planDesc": f"simulated, {plan.plan_type}",
        "planType": plan.plan_type,
        "planStatus": plan.status,
        "syncCheckpointEnabled": True,
        "autoSyncCheckpoint": plan.auto_sync,
        "extInfo": {},
        "instances": [_instance_body(each, plan.plan_id) for each in plan.instances],
    }


def _instance_body(instance: Instance, plan_id: str) -> Json:
    return {
        "instanceType": instance.instance_type,
        "regionId": instance.region_id,
        "instanceId": instance.instance_id,
        "instanceRole": instance.role,
        "networkType": "TCP_VPC",
        "authType": "ACL_AUTH",
        "vpcId": "vpc-simulated",
        "endpointUrl": f"{instance.instance_id}.{instance.region_id}.rmq.example:8080",
        "consumerGroupId": f"GID_DR_{plan_id}",
        "username": f"{USERNAME_CANARY}-{instance.instance_id}",
        "password": f"{PASSWORD_CANARY}-{instance.instance_id}",
    }


def item_body(item: Item) -> Json:
    """Spell an item."""
    return {
        "itemId": int(item.item_id),
        "planId": int(item.plan_id),
        "itemStatus": item.status,
        "topics": [
            {
                "regionId": instance.region_id,
                "instanceType": instance.instance_type,
                "instanceId": instance.instance_id,
                "topicName": topic,
                "deliveryOrderType": "Concurrently",
            }
            for instance, topic in item.topics
        ],
        "extInfo": {},
    }


def checkpoint_bodies(
    plan_id: str, item_id: str, rows: Iterable[tuple[Row, Progress]]
) -> msgspec.Raw:
    """Spell a list of checkpoints, fast enough for pages by the thousand."""
    head = f'{{"planId":{plan_id},"itemId":{item_id},"checkpointId":'
    listed = ",".join([_checkpoint_body(head, row, at) for row, at in rows])
    return msgspec.Raw(f"[{listed}]".encode())


# Written out because encoding a dict for each row costs three times as much.
def _checkpoint_body(head: str, row: Row, at: Progress) -> str:
    spelling = int(row.checkpoint_id)
    synced = f'"lastSyncTime":{at.last_sync_ms},'
    if at.last_sync_ms is None:
        synced = _NO_SYNC[spelling % len(_NO_SYNC)]
    group, topic, target_topic = map(_quoted, (row.group, row.topic, row.target_topic))
    return (
        f'{head}{row.checkpoint_id},{synced}"sourceProgress":{_side_head(row.source)}'
        f'{group},"topicName":{topic},"lastFetchTime":{at.source_fetch_ms}'
        f',"progressData":{_progress(at.source_ms, spelling)}}}'
        f',"targetProgress":{_side_head(row.target)}{group}'
        f',"topicName":{target_topic},"lastFetchTime":{at.target_fetch_ms}'
        f',"progressData":{_progress(at.target_ms, spelling)}}}}}'
    )


def _progress(unix_ms: int | None, spelling: int) -> str:
    if unix_ms is None:
        return _NO_PROGRESS[spelling % len(_NO_PROGRESS)]
    return f'{{"consumeTimestamp":{unix_ms}}}'


@lru_cache(maxsize=4096)
def _side_head(side: Instance) -> str:
    return (
        f'{{"regionId":{_quoted(side.region_id)},"instanceId":{_quoted(side.instance_id)}'
        f',"instanceType":{_quoted(side.instance_type)},"consumerGroupId":'
    )


@lru_cache(maxsize=16384)
def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
