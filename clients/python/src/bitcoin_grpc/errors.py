"""What a fault says besides its code. docs/errors.md of bitcoin-grpc lists the reasons."""

from __future__ import annotations

from dataclasses import dataclass, field

import grpc
from google.rpc import error_details_pb2, status_pb2

_DETAILS = "grpc-status-details-bin"


@dataclass(frozen=True)
class Fault:
    """A status that bitcoin-grpc gave, with its details."""

    code: grpc.StatusCode
    message: str
    #: One of the reasons of docs/errors.md; empty if the status is not bitcoin-grpc's own.
    reason: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    #: Faulty fields of the request and what is wrong with them.
    violations: dict[str, str] = field(default_factory=dict)
    #: How long to wait before sending it again, in seconds, if that helps.
    retry_after: float | None = None

    @classmethod
    def of(cls, error: grpc.RpcError) -> Fault:
        """Reads the details of an error that a stub raised."""
        info, violations, retry_after = error_details_pb2.ErrorInfo(), {}, None
        for detail in _details(error):
            bad, retry = error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
            if detail.Unpack(bad):
                violations = {v.field: v.description for v in bad.field_violations}
            elif detail.Unpack(retry):
                retry_after = retry.retry_delay.ToTimedelta().total_seconds()
            else:
                detail.Unpack(info)
        return cls(error.code(), error.details() or "", info.reason, dict(info.metadata), violations, retry_after)


def _details(error: grpc.RpcError) -> list:
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS:
            return list(status_pb2.Status.FromString(value).details)
    return []
