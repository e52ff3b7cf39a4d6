"""TensorBoard: an event file of scalars and hyperparameters in the run's folder. TensorBoard.

Events are written as they come, and not by a thread: what the disk refuses is said here, and never holds the run.
"""

import time
from collections.abc import Mapping
from typing import Any

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.api_pb2 import Status  # pyright: ignore[reportAttributeAccessIssue]
from tensorboardX.proto.event_pb2 import Event, SessionLog  # pyright: ignore[reportAttributeAccessIssue]
from tensorboardX.proto.plugin_hparams_pb2 import (
    HParamsPluginData,  # pyright: ignore[reportAttributeAccessIssue]
    SessionEndInfo,  # pyright: ignore[reportAttributeAccessIssue]
)
from tensorboardX.proto.summary_pb2 import Summary, SummaryMetadata  # pyright: ignore[reportAttributeAccessIssue]
from tensorboardX.summary import hparams

from padl.nested import flattened
from padl.runs.redaction import redact
from padl.runs.sink import Row
from padl.runs.sinks import About

FOLDER = "tensorboard"
NOT_HYPERPARAMETERS = ("run", "wandb", "sinks", "progress", "compilation_cache", "device")  # keys of a configuration
END_TAG, PLUGIN = "_hparams_/session_end_info", "hparams"


class TensorBoard:
    """Writes `tensorboard/` of the run folder.

    Scalars have the names of metrics.jsonl. A run that goes on begins another file, which takes the events behind its
    snapshot back.
    """

    def __init__(self, about: About):
        folder = about.folder / FOLDER
        folder.mkdir(exist_ok=True)
        self.file = EventsWriter(str(folder / "events"), f".{time.time_ns()}")  # read in the order of names
        if about.step:
            self._write(step=about.step + 1, session_log=SessionLog(status=SessionLog.START))
        else:
            experiment, start, _ = hparams(_hyperparameters(about.config), dict.fromkeys(about.metrics))
            self._write(summary=experiment)
            self._write(summary=start)
        self.file.flush()

    def write(self, step: int, row: Row) -> None:
        """Write the scalars of a row."""
        values = [Summary.Value(tag=name, simple_value=value) for name, value in row.items()]
        self._write(step=step, summary=Summary(value=values))
        self.file.flush()

    def close(self, summary: Mapping[str, Any]) -> None:
        """Write how the run ended, as the page of hyperparameters shows it."""
        status = "STATUS_SUCCESS" if summary.get("status") == "finished" else "STATUS_FAILURE"
        end = HParamsPluginData(session_end_info=SessionEndInfo(status=Status.Value(status), end_time_secs=time.time()))
        plugin = SummaryMetadata.PluginData(plugin_name=PLUGIN, content=end.SerializeToString())
        self._write(summary=Summary(value=[Summary.Value(tag=END_TAG, metadata=SummaryMetadata(plugin_data=plugin))]))
        self.file.close()

    def _write(self, **content: Any) -> None:
        self.file.write_event(Event(wall_time=time.time(), **content))


def _hyperparameters(config: Mapping[str, Any]) -> dict[str, bool | float | str]:
    """What is told apart by TensorBoard: numbers, truth values, and the rest as text."""
    kept = flattened({key: value for key, value in redact(config).items() if key not in NOT_HYPERPARAMETERS})
    plain = {key: v if isinstance(v, (bool, int, float, str)) else str(v) for key, v in kept.items() if v is not None}
    return {key: float(v) if type(v) is int else v for key, v in plain.items()}
