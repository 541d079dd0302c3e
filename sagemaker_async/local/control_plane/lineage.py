"""Lineage: contexts, artifacts, actions, and the associations between them.

ListContexts, ListArtifacts, ListActions, DescribeContext, ListAssociations and QueryLineage read it; CreateContext,
CreateArtifact, CreateAction and AddAssociation write it, as do `LocalSageMaker.add_context` and similar methods. AWS
also records entities by itself, for instance a context for each endpoint; here only the entities exist that were added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sagemaker_async.local.answers import Refusal

from .account import Account
from .listing import Filter, Listing, SortKey, page_of
from .records import Fields, Kind, Record, Table

__all__ = ["Association", "Lineage"]

_MISSING = "{label} '{arn}' does not exist."
_TAKEN = "{label} names must be unique within an AWS account and region. {label} with name ({name}) already exists."
_TRIAL_COMPONENTS = ("experiment-trial-component", "experiment")
_PAGE = 10
_DEPTH = 10


@dataclass(slots=True, kw_only=True)
class Association(Record):
    """An edge from a source to a destination; its fields are those of an AssociationSummary."""


class _Entity(NamedTuple):
    """A vertex of the graph; of a vertex of an experiment only the ARN is known."""

    arn: str
    lineage_type: str
    type: str | None = None
    name: str | None = None
    record: Record | None = None


class Lineage:
    """The lineage of an account."""

    def __init__(self, account: Account) -> None:
        def table(label: str) -> Table[Record]:
            return account.plain_table(
                Kind(
                    name=label.lower(),
                    label=label,
                    missing=_MISSING,
                    missing_code="ResourceNotFound",
                    taken=_TAKEN,
                    lower_case=False,
                )
            )

        self.contexts: Table[Record] = table("Context")
        self.artifacts: Table[Record] = table("Artifact")
        self.actions: Table[Record] = table("Action")
        self.tables: tuple[Table[Record], ...] = (self.contexts, self.artifacts, self.actions)
        self.associations: Table[Association] = account.table(
            Kind(name="association", label="Association"), Association
        )
        self._artifacts_made = 0
        self._contexts_listing = _entities_listing("Context")
        self._artifacts_listing = _entities_listing("Artifact")
        self._actions_listing = _entities_listing("Action", "Status")
        edge_members = ("SourceArn", "DestinationArn", "SourceType", "DestinationType", "AssociationType")
        self._associations_listing: Listing[Association] = Listing(
            operation="ListAssociations",
            result="AssociationSummaries",
            summary=_association_summary,
            filters={name: _has_member(name) for name in edge_members},
            keys={name: _member_key(name) for name in edge_members},
        )
        self.operations: dict[str, Callable[[Fields], Fields]] = {
            "ListContexts": self.list_contexts,
            "ListArtifacts": self.list_artifacts,
            "ListActions": self.list_actions,
            "DescribeContext": self.describe_context,
            "ListAssociations": self.list_associations,
            "QueryLineage": self.query,
            "CreateContext": self.create_context,
            "CreateArtifact": self.create_artifact,
            "CreateAction": self.create_action,
            "AddAssociation": self.add_association,
        }

    # --- contexts, artifacts, actions ---------------------------------------------------------------------------------

    def create_context(self, request: Fields) -> Fields:
        """CreateContext."""
        return {"ContextArn": self.contexts.add(request["ContextName"], request).arn}

    def create_artifact(self, request: Fields) -> Fields:
        """CreateArtifact; its ARN ends in a unique number, because its name need not be unique."""
        self._artifacts_made += 1
        return {"ArtifactArn": self.artifacts.add(f"{self._artifacts_made:032x}", request).arn}

    def create_action(self, request: Fields) -> Fields:
        """CreateAction."""
        return {"ActionArn": self.actions.add(request["ActionName"], request).arn}

    def restored(self) -> None:
        """Continue the numbers of restored artifacts."""
        self._artifacts_made = max([int(record.name, 16) for record in self.artifacts], default=0)

    def describe_context(self, request: Fields) -> Fields:
        """DescribeContext, by name or ARN."""
        record = self.contexts.get(request["ContextName"].rpartition("/")[2])
        return {
            **record.fields,
            "ContextName": record.name,
            "ContextArn": record.arn,
            "CreationTime": record.created,
            "LastModifiedTime": record.modified,
        }

    def list_contexts(self, request: Fields) -> Fields:
        """ListContexts."""
        return self._contexts_listing.answer(self.contexts, request)

    def list_artifacts(self, request: Fields) -> Fields:
        """ListArtifacts."""
        return self._artifacts_listing.answer(self.artifacts, request)

    def list_actions(self, request: Fields) -> Fields:
        """ListActions."""
        return self._actions_listing.answer(self.actions, request)

    # --- associations -------------------------------------------------------------------------------------------------

    def add_association(self, request: Fields) -> Fields:
        """AddAssociation."""
        source = self._entity(request["SourceArn"])
        destination = self._entity(request["DestinationArn"])
        ends = {"SourceArn": source.arn, "DestinationArn": destination.arn}
        association = self.associations.add(f"{source.arn} {destination.arn}", {})
        association.fields = {
            **ends,
            "SourceType": source.type,
            "DestinationType": destination.type,
            "SourceName": source.name,
            "DestinationName": destination.name,
            "AssociationType": request.get("AssociationType") or "AssociatedWith",
        }
        return dict(ends)

    def list_associations(self, request: Fields) -> Fields:
        """ListAssociations."""
        return self._associations_listing.answer(self.associations, request)

    def query(self, request: Fields) -> Fields:
        """QueryLineage: breadth first from the start, which is not among the vertices; without a start, everything."""
        starts = [self._entity(arn) for arn in request.get("StartArns") or ()]
        depth = request.get("MaxDepth") or _DEPTH
        direction = request.get("Direction") or "Both"
        if starts:
            reached, edges = self._walk([start.arn for start in starts], direction, depth)
        else:
            reached = [record.arn for table in self.tables for record in table]
            edges = list(self.associations)
        filters = request.get("Filters") or {}
        found = [entity for arn in reached if _matches(entity := self._entity(arn), filters)]
        vertices = [{"Arn": entity.arn, "Type": entity.type, "LineageType": entity.lineage_type} for entity in found]
        page, token = page_of(vertices, request, operation="QueryLineage", size=_PAGE)
        answer: Fields = {"Vertices": page, "Edges": []}
        if request.get("IncludeEdges", True):
            arns = {vertex["Arn"] for vertex in vertices} | {start.arn for start in starts}
            answer["Edges"] = [
                {name: edge.fields[name] for name in ("SourceArn", "DestinationArn", "AssociationType")}
                for edge in edges
                if {edge.fields["SourceArn"], edge.fields["DestinationArn"]} <= arns
            ]
        return answer | ({"NextToken": token} if token else {})

    def _walk(self, starts: list[str], direction: str, depth: int) -> tuple[list[str], list[Association]]:
        """Return the ARNs within `depth` steps of the starts, nearest first, and the edges between them."""
        seen = dict.fromkeys(starts)
        edges: dict[int, Association] = {}
        frontier = starts
        for _ in range(depth):
            following: list[str] = []
            for arn in frontier:
                for edge, other in self._neighbours(arn, direction):
                    edges[edge.sequence] = edge
                    if other not in seen:
                        seen[other] = None
                        following.append(other)
            frontier = following
        return [arn for arn in seen if arn not in starts], list(edges.values())

    def _neighbours(self, arn: str, direction: str) -> Iterator[tuple[Association, str]]:
        for edge in self.associations:
            if direction != "Ascendants" and edge.fields["SourceArn"] == arn:
                yield edge, edge.fields["DestinationArn"]
            if direction != "Descendants" and edge.fields["DestinationArn"] == arn:
                yield edge, edge.fields["SourceArn"]

    def _entity(self, arn: str) -> _Entity:
        kind = arn.split(":", 5)[-1].partition("/")[0]
        if kind in _TRIAL_COMPONENTS:
            return _Entity(arn, "TrialComponent", name=arn.rpartition("/")[2])
        for table in self.tables:
            if table.kind.name == kind:
                label = table.kind.label
                for record in table:
                    if record.arn == arn:
                        fields = record.fields
                        return _Entity(arn, label, fields[f"{label}Type"], fields.get(f"{label}Name"), record)
                raise table.missing(arn)
        raise Refusal(400, "ResourceNotFound", f"'{arn}' does not exist.")


def _matches(entity: _Entity, filters: Fields) -> bool:
    if filters.get("Types") and entity.type not in filters["Types"]:
        return False
    if filters.get("LineageTypes") and entity.lineage_type not in filters["LineageTypes"]:
        return False
    record = entity.record
    if record is None:
        return not filters.keys() - {"Types", "LineageTypes"}
    properties = record.fields.get("Properties") or {}
    wanted = filters.get("Properties") or {}
    within = (
        filters.get("CreatedAfter", record.created) <= record.created
        and filters.get("ModifiedAfter", record.modified) <= record.modified
        and record.created < filters.get("CreatedBefore", float("inf"))
        and record.modified < filters.get("ModifiedBefore", float("inf"))
    )
    return within and all(properties.get(name) == value for name, value in wanted.items())


def _has_member(name: str) -> Filter:
    return lambda record, value: record.fields[name] == value


def _member_key(name: str) -> SortKey:
    return lambda record: record.fields[name] or ""


def _entities_listing(label: str, *further: str) -> Listing[Record]:
    """Return how contexts, artifacts or actions are listed; `further` names members of a summary besides the usual."""
    type_member = f"{label}Type"

    def summary(record: Record) -> Fields:
        return {
            f"{label}Name": record.fields.get(f"{label}Name"),
            f"{label}Arn": record.arn,
            **{name: record.fields.get(name) for name in ("Source", type_member, *further)},
            "CreationTime": record.created,
            "LastModifiedTime": record.modified,
        }

    return Listing(
        operation=f"List{label}s",
        result=f"{label}Summaries",
        summary=summary,
        filters={
            "SourceUri": lambda record, uri: record.fields["Source"]["SourceUri"] == uri,
            type_member: lambda record, kind: record.fields[type_member] == kind,
        },
    )


def _association_summary(record: Association) -> Fields:
    return {**record.fields, "CreationTime": record.created}
