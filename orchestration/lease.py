"""A cluster for one run, with its money: a name and a spec in, a cluster id or a closed book out.

`provide` reserves the money, then creates or adopts; `dismiss` deletes, then books what it cost;
`sweep` dismisses what is overdue. Each may be cut at any call and repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain

from orchestration.clusters import ClusterFailed, ClusterService, ClusterSpec
from orchestration.ledger import CLUSTER, Ledger, Prices, Reservation
from orchestration.patience import try_each


@dataclass(frozen=True)
class Leases:
    """The service, the book and the prices that leases are made with; `clock` tells seconds since 1970."""

    service: ClusterService
    ledger: Ledger
    prices: Prices
    clock: Callable[[], float]

    def provide(self, spec: ClusterSpec, name: str, run: str) -> str:
        """Id of a running cluster of that name. Raises LimitReached, or ClusterFailed leaving none."""
        asked = Reservation(name, CLUSTER, self.prices.hour(spec.preset, spec.hosts + 1), spec.max_hours)
        self.ledger.open(asked, self.prices.monthly_limit, self.clock())
        try:
            cluster = self.service.ensure(spec, name, run, self.clock(), partial(self._remember, name))
        except ClusterFailed:
            self.dismiss(spec.folder_id, name)
            raise
        self.ledger.saw(name, cluster.created_at.seconds, self.clock())
        return str(cluster.id)

    def _remember(self, name: str, cluster_id: str) -> None:
        self.ledger.remember_id(name, cluster_id, self.clock())

    def dismiss(self, folder_id: str, name: str) -> int:
        """Leaves no cluster of that name; how many there were. Raises ClusterFailed when one stays.

        A book that cannot be read fails it all the same, but only once the cluster is gone.
        """
        known_id = ""
        try:
            known_id = self.ledger.id_of(name, self.clock())
            for cluster in self.service.find(folder_id, name, known_id):
                self.ledger.saw(name, cluster.created_at.seconds, self.clock())
        finally:
            deleted = self.service.delete(folder_id, name, known_id)
        self.ledger.close(name, self.clock())
        return len(deleted)

    def sweep(self, folder_id: str) -> list[str]:
        """Dismisses every overdue cluster of ours, whatever became of its run; their names.

        A reservation whose run died before there was a cluster is given back.
        """
        now_s = self.clock()
        overdue = sorted({cluster.name for cluster in self.service.overdue(folder_id, now_s)})
        try_each(partial(self.dismiss, folder_id), chain(overdue, self._left_open(now_s, overdue)))
        return overdue

    def _left_open(self, now_s: float, seen: list[str]) -> Iterator[str]:
        for entry in self.ledger.still_open(CLUSTER, now_s):
            if entry["until_s"] < now_s and entry["name"] not in seen:
                yield entry["name"]
