"""The contracts of fault316: events, alerts, codes, topics, keys, connection settings."""

from fault316_schemas.alert import Exemplar, Facets, FacetValue, Reason, StormAlert, Transition
from fault316_schemas.codes import CodeInfo, Registry
from fault316_schemas.connection import Connection
from fault316_schemas.event import DbPool, FaultEvent, FaultException, Layer, Resources, Severity, Trigger
from fault316_schemas.names import Keys, Topics

__all__ = [
    "CodeInfo",
    "Connection",
    "DbPool",
    "Exemplar",
    "FacetValue",
    "Facets",
    "FaultEvent",
    "FaultException",
    "Keys",
    "Layer",
    "Reason",
    "Registry",
    "Resources",
    "Severity",
    "StormAlert",
    "Topics",
    "Transition",
    "Trigger",
]
