"""A cluster for one run, with its money: a name and a spec in, a cluster id or a closed book out.

`provide` reserves the money, then creates or adopts; `dismiss` deletes, then books what it cost;
`sweep` dismisses what is overdue. Each may be cut at any call and repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestration.clusters import ClusterFailed, ClusterService, ClusterSpec
from orchestration.ledger import Ledger, Prices


@dataclass(frozen=True)
class Leases:
    """The service, the book and the prices that leases are made with; `clock` tells seconds since 1970."""

    service: ClusterService
    ledger: Ledger
    prices: Prices
    clock: Callable[[], float]

    def provide(self, spec: ClusterSpec, name: str, run: str) -> str:
        """Id of a running cluster of that name. Raises LimitReached, or ClusterFailed leaving none."""
        hour = self.prices.hour(spec.preset, spec.hosts + 1)
        self.ledger.open(name, hour, spec.max_hours, self.prices.monthly_limit, self.clock())
        try:
            cluster = self.service.ensure(spec, name, run, self.clock())
        except ClusterFailed:
            self.dismiss(spec.folder_id, name)
            raise
        self.ledger.saw(name, cluster.created_at.seconds, self.clock())
        return str(cluster.id)

    def dismiss(self, folder_id: str, name: str) -> int:
        """Leaves no cluster of that name; how many there were. Raises ClusterFailed when one stays."""
        for cluster in self.service.named(folder_id, name):
            self.ledger.saw(name, cluster.created_at.seconds, self.clock())
        deleted = self.service.delete(folder_id, name)
        self.ledger.close(name, self.clock())
        return len(deleted)

    def sweep(self, folder_id: str) -> list[str]:
        """Dismisses every overdue cluster of ours, whatever became of its run; their names."""
        names = sorted({cluster.name for cluster in self.service.overdue(folder_id, self.clock())})
        for name in names:
            self.dismiss(folder_id, name)
        return names
