"""Stopping when asked to. In: SIGTERM. Out: a checkpoint, and the end of training.

A machine that is taken away, a cluster or `docker stop` send SIGTERM and kill a little later. The step in
progress is finished, its checkpoint written, and the same command run again goes on from there. (The callback
of transformers that does the like waits three seconds first and cannot tell the program that it was stopped.)
"""

import signal
import threading
from types import FrameType
from typing import Any

import torch
from accelerate import PartialState
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class SaveOnSigterm(TrainerCallback):
    """While training runs, SIGTERM asks for a checkpoint and the end; `asked` tells that it came."""

    def __init__(self) -> None:
        self.asked = False
        self.before: Any = signal.SIG_DFL

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.asked = True

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if threading.current_thread() is threading.main_thread():
            self.before = signal.signal(signal.SIGTERM, self._note)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self._all_asked(args, state):
            self.asked = control.should_save = control.should_training_stop = True

    def _all_asked(self, args: TrainingArguments, state: TrainerState) -> bool:
        """Every process must stop at the same step, so they ask each other now and then."""
        processes = PartialState()
        if processes.num_processes == 1:
            return self.asked
        if state.global_step % args.logging_steps:
            return False
        votes = torch.tensor([int(self.asked)], device=processes.device)
        torch.distributed.all_reduce(votes)
        return bool(votes.item())

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self.before)
