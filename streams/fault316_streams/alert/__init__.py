"""Verdict → alert: a storm's life, its ids, its one sentence. Pure: time is an argument."""

from fault316_streams.alert.lifecycle import AlertState, advance

__all__ = ["AlertState", "advance"]
