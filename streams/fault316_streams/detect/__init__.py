"""Rates → verdict, with its reason. Pure: time is an argument."""

from fault316_streams.detect.baseline import Baseline
from fault316_streams.detect.baseline_judge import BaselineJudge
from fault316_streams.detect.judge import Judge, JudgeState, Verdict
from fault316_streams.detect.policy import PolicyBook, Rule, StormPolicy

__all__ = ["Baseline", "BaselineJudge", "Judge", "JudgeState", "PolicyBook", "Rule", "StormPolicy", "Verdict"]
