"""What a failure in the cloud means to Airflow: try again, or do not; heavy libraries are loaded only
when it is used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orchestration.airflow_versions import AirflowException, AirflowFailException


@contextmanager
def cloud_errors() -> Iterator[None]:
    """Outages, exhausted quotas and failed clusters are worth Airflow's retries; the rest is not."""
    import grpc

    from orchestration.clusters import ClusterFailed
    from orchestration.datasphere_jobs import Contended, JobFailed
    from orchestration.ledger import LimitReached
    from orchestration.patience import Patience
    from orchestration.settings import BadSetting

    try:
        yield
    except (BadSetting, LimitReached, JobFailed) as error:
        raise AirflowFailException(str(error)) from error
    except (ClusterFailed, Contended) as failure:
        raise AirflowException(str(failure)) from failure
    except grpc.RpcError as error:
        code, details = error.code(), error.details()  # type: ignore[attr-defined]
        again = Patience.can_heal(error) or code == grpc.StatusCode.RESOURCE_EXHAUSTED
        raise (AirflowException if again else AirflowFailException)(f"{code.name}: {details}") from error
