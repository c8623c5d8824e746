"""Several callers at once, in an order that a test chooses: each call to the outside waits for its turn."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from payments.domain.ports import Ports
from tests.unit.payments.faults import Wrapped


class Turns:
    """Runs callers in threads, of which one moves at a time, from one call to the outside to the next."""

    def __init__(self, ports: Ports, choices: Sequence[int]) -> None:
        self._ports = ports
        self._choices = list(choices)
        self._go: list[threading.Semaphore] = []
        self._stopped = threading.Semaphore(0)

    def run(self, callers: Sequence[Callable[[Ports], Any]]) -> list[Any]:
        """Run the callers to their ends; return what each returned or raised."""
        results: list[Any] = [None] * len(callers)
        alive = list(range(len(callers)))
        self._go = [threading.Semaphore(0) for _ in callers]
        threads = [
            threading.Thread(target=self._caller, args=(number, caller, results, alive))
            for number, caller in enumerate(callers)
        ]
        for thread in threads:
            thread.start()
        while alive:
            choice = self._choices.pop(0) if self._choices else 0
            self._go[alive[choice % len(alive)]].release()
            self._stopped.acquire()
        for thread in threads:
            thread.join()
        return results

    def _caller(
        self, number: int, caller: Callable[[Ports], Any], results: list[Any], alive: list[int]
    ) -> None:
        self._go[number].acquire()
        try:
            results[number] = caller(self._ports_of(number))
        except Exception as error:  # noqa: BLE001 - whatever came of it is the result
            results[number] = error
        alive.remove(number)
        self._stopped.release()

    def _ports_of(self, number: int) -> Ports:
        def in_turn(_name: str, call: Callable[[], Any], _error: type[Exception]) -> Any:
            answer = call()
            self._stopped.release()
            self._go[number].acquire()
            return answer

        ports = self._ports
        return replace(
            ports,
            payments=Wrapped(ports.payments, in_turn, Exception),
            log=Wrapped(ports.log, in_turn, Exception),
            receipts=Wrapped(ports.receipts, in_turn, Exception),
            provider=Wrapped(ports.provider, in_turn, Exception),
        )
