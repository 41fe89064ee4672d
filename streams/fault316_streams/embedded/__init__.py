"""A real Kafka and a real Redis on this machine, where neither an address nor a docker engine is given."""

from fault316_streams.embedded.local import Local, LocalStatus, Mode
from fault316_streams.embedded.servers import Embedded, Status
from fault316_streams.embedded.state import Endpoints

__all__ = ["Embedded", "Endpoints", "Local", "LocalStatus", "Mode", "Status"]
