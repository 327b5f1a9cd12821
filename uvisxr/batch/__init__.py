"""Process many products: pipelines as data, run on dask.distributed, resumable."""

from .joining import open_processed
from .run import Summary, plan, process

__all__ = ["Summary", "open_processed", "plan", "process"]
