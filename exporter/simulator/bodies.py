"""How truth is spelled on the wire: envelopes, plans, items, refusals.

It must not choose what is listed, and tells nothing that the vendor's API would not.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exporter.simulator.refusals import GatewayError, ServiceError
    from exporter.simulator.world import Instance, Item, Plan

# Whatever log, metric or page shows one of these has leaked a plan's credentials.
USERNAME_CANARY = "canary-username"
PASSWORD_CANARY = "canary-password"  # noqa: S105 - it opens nothing; it is to be searched for

JSON_TYPE = "application/json;charset=utf-8"
XML_TYPE = "text/xml;charset=utf-8"

Json = dict[str, Any]


def page(rows: list[Any] | msgspec.Raw, number: int, size: int, total: int) -> Json:
    """Frame one page of a list."""
    return {"pageNumber": number, "pageSize": size, "totalCount": total, "list": rows}


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


def service_refusal(error: ServiceError, request_id: str) -> bytes:
    """Spell a refusal of the service."""
    body: Json = {
        "requestId": request_id,
        "success": False,
        "code": error.code,
        "message": error.message,
        "httpStatusCode": error.status,
        "dynamicCode": error.code.partition(".")[0],
        "dynamicMessage": error.message,
    }
    if error.detail is not None:
        body["accessDeniedDetail"] = error.detail
    return msgspec.json.encode(body)


def gateway_refusal(error: GatewayError, request_id: str, host: str) -> bytes:
    """Spell a refusal of the gateway."""
    body: Json = {
        "RequestId": request_id,
        "HostId": host,
        "Code": error.code,
        "Message": error.message,
        "Recommend": f"https://api.aliyun.com/troubleshoot?q={error.code}",
    }
    if error.detail is not None:
        body["AccessDeniedDetail"] = error.detail
    return msgspec.json.encode(body)


def as_xml(json_body: bytes, root: str) -> bytes:
    """Say a JSON answer in the gateway's default format.

    >>> as_xml(b'{"Code": "A<B", "list": [1, {"on": null}]}', "Error").decode()
    '<Error><Code>A&lt;B</Code><list>1</list><list><on></on></list></Error>'
    """
    return "".join(_elements(root, msgspec.json.decode(json_body))).encode()


def _elements(name: str, value: Any) -> Iterable[str]:
    if isinstance(value, list):
        for entry in value:
            yield from _elements(name, entry)
        return
    yield f"<{name}>"
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from _elements(key, entry)
    elif value is not None:
        yield escape(
            value if isinstance(value, str) else msgspec.json.encode(value).decode()
        )
    yield f"</{name}>"


def plan_body(plan: Plan) -> Json:
    """Spell a plan, with the credentials that the vendor's answer carries too."""
    created = _local_time(plan.created_ms)
    return {
        "planId": int(plan.plan_id),
        "planName": plan.name,
        "planDesc": f"simulated, {plan.plan_type}",
        "planType": plan.plan_type,
        "planStatus": plan.status,
        "syncCheckpointEnabled": True,
        "autoSyncCheckpoint": plan.auto_sync,
        "createTime": created,
        "updateTime": created,
        "extInfo": {},
        "instances": [
            _instance_body(instance, plan.plan_id) for instance in plan.instances
        ],
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
        "vSwitchId": "vsw-simulated",
        "securityGroupId": "sg-simulated",
        "endpointUrl": f"{instance.instance_id}.{instance.region_id}.rmq.example:8080",
        "messageProperty": {"propertyKey": "", "propertyValue": ""},
        "consumerGroupId": f"GID_DR_{plan_id}",
        "username": f"{USERNAME_CANARY}-{instance.instance_id}",
        "password": f"{PASSWORD_CANARY}-{instance.instance_id}",
    }


def item_body(item: Item) -> Json:
    """Spell an item."""
    created = _local_time(item.created_ms)
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
        "createTime": created,
        "updateTime": created,
    }


def _local_time(unix_ms: int) -> str:
    return datetime.fromtimestamp(unix_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
