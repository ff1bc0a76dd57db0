"""A provider that Terraform itself talks to (plugin protocol 6): the cloud's documented schema, and a cloud
that keeps what was made, in order.

Terraform checks the configuration against the schema and plans; this only makes up what a cloud would tell:
ids, addresses, whatever the schema calls computed.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import msgpack

messages, services = grpc.protos_and_services("tests/orchestration/tfplugin6.proto")

UNKNOWN = msgpack.ExtType(0, b"\0")
"""A value that is known only after `apply`."""
FLAGS = ("required", "optional", "computed", "sensitive")


def pack(value: Any) -> Any:
    return messages.Value(msgpack=msgpack.packb(value))


def unpack(value: Any) -> Any:
    return msgpack.unpackb(value.msgpack)


def attributes_of(described: dict[str, Any]) -> list[Any]:
    return [
        messages.Attribute(name=name, **type_of(one), **{flag: True for flag in FLAGS if one.get(flag)})
        for name, one in described.items()
    ]


def type_of(attribute: dict[str, Any]) -> dict[str, Any]:
    if "nested_type" in attribute:
        return {"nested_type": object_of(attribute["nested_type"])}
    return {"type": json.dumps(attribute["type"]).encode()}


def object_of(described: dict[str, Any]) -> Any:
    nesting = described["nesting_mode"].upper()
    return messages.Object(attributes=attributes_of(described["attributes"]), nesting=nesting)


def block_of(described: dict[str, Any]) -> Any:
    nested = [
        messages.NestedBlock(
            type_name=name,
            block=block_of(kind["block"]),
            nesting=kind["nesting_mode"].upper(),
            min_items=kind.get("min_items", 0),
            max_items=kind.get("max_items", 0),
        )
        for name, kind in described.get("block_types", {}).items()
    ]
    return messages.Block(attributes=attributes_of(described.get("attributes", {})), block_types=nested)


def schema_of(described: dict[str, Any]) -> Any:
    return messages.Schema(version=described.get("version", 0), block=block_of(described["block"]))


def fill(block: dict[str, Any], state: dict[str, Any], computed: Callable[..., Any]) -> dict[str, Any]:
    """The state with every computed attribute that nobody has set as `computed(name, type)` tells it."""
    filled = dict(state)
    for name, attribute in block.get("attributes", {}).items():
        if attribute.get("computed") and filled[name] in (None, UNKNOWN):
            filled[name] = computed(name, attribute)
        elif "nested_type" in attribute and isinstance(filled[name], dict):
            filled[name] = fill(attribute["nested_type"], filled[name], computed)
    for name, kind in block.get("block_types", {}).items():
        held = filled[name]
        if isinstance(held, list):
            filled[name] = [fill(kind["block"], one, computed) for one in held]
        elif isinstance(held, dict):
            filled[name] = fill(kind["block"], held, computed)
    return filled


def made_up(whose: str) -> Callable[[str, dict[str, Any]], Any]:
    """Values of every type, so that one sees whose they are."""

    def value(name: str, attribute: dict[str, Any]) -> Any:
        kind = attribute.get("type", "object")
        if isinstance(kind, list):
            return {} if kind[0] == "map" else []
        text = whose if name == "id" else f"{name} of {whose}"
        return {"string": text, "number": 1, "bool": False}.get(kind)

    return value


class MadeUpCloud(services.ProviderServicer):  # type: ignore[misc, name-defined]
    """`held` is what is there, by id; `deleted` are ids in the order in which they went."""

    def __init__(self, schemas: Path) -> None:
        self.schemas = json.loads(schemas.read_text(encoding="utf-8"))
        self.held: dict[str, dict[str, Any]] = {}
        self._made = 0
        self.deleted: list[str] = []
        self._lock = threading.Lock()
        self.server = grpc.server(futures.ThreadPoolExecutor(4))
        services.add_ProviderServicer_to_server(self, self.server)
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    @property
    def address(self) -> str:
        """For TF_REATTACH_PROVIDERS: Terraform calls this process instead of starting a plugin."""
        address = {"Network": "tcp", "String": f"127.0.0.1:{self.port}"}
        told = {"Protocol": "grpc", "ProtocolVersion": 6, "Pid": os.getpid(), "Test": True, "Addr": address}
        return json.dumps({"yandex-cloud/yandex": told})

    def stop(self) -> None:
        self.server.stop(grace=None)

    def GetProviderSchema(self, request: Any, context: Any) -> Any:
        kinds = ("resource_schemas", "data_source_schemas")
        of_kinds = {k: {name: schema_of(one) for name, one in self.schemas[k].items()} for k in kinds}
        return messages.Schemas(provider=schema_of(self.schemas["provider"]), **of_kinds)

    def nothing_to_say(self, request: Any, context: Any) -> Any:
        return messages.Empty()

    ValidateProviderConfig = ConfigureProvider = StopProvider = nothing_to_say
    ValidateResourceConfig = ValidateDataResourceConfig = nothing_to_say

    def UpgradeResourceState(self, request: Any, context: Any) -> Any:
        stored_as_json = request.state.msgpack  # stored state has JSON in the field where values have msgpack
        return messages.State(state=messages.Value(json=stored_as_json))

    def ReadResource(self, request: Any, context: Any) -> Any:
        known = unpack(request.value)
        return messages.State(state=pack(self.held.get(known["id"])))

    def ReadDataSource(self, request: Any, context: Any) -> Any:
        block = self.schemas["data_source_schemas"][request.type_name]["block"]
        told = fill(block, unpack(request.value), made_up(request.type_name))
        return messages.State(state=pack(told))

    def PlanResourceChange(self, request: Any, context: Any) -> Any:
        wanted = unpack(request.wanted)
        if wanted is not None:
            block = self.schemas["resource_schemas"][request.type_name]["block"]
            wanted = fill(block, wanted, lambda name, attribute: UNKNOWN)
        return messages.State(state=pack(wanted))

    def ApplyResourceChange(self, request: Any, context: Any) -> Any:
        wanted = unpack(request.wanted)
        with self._lock:
            if wanted is None:
                gone = unpack(request.prior)["id"]
                del self.held[gone]
                self.deleted.append(gone)
            else:
                block = self.schemas["resource_schemas"][request.type_name]["block"]
                wanted = fill(block, wanted, made_up(f"{request.type_name}-{self._made}"))
                self.held[wanted["id"]] = wanted
                self._made += 1
        return messages.State(state=pack(wanted))
