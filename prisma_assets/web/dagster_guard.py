"""What visitors may do in the Dagster UI: its queries are free, each of its mutations asks for a permission."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prisma_assets.domain.guardrails.role import Permission, may_start, start_role
from prisma_assets.domain.guardrails.visitor import Visitor
from prisma_assets.web.problem import problem
from prisma_assets.web.session import SCOPE_KEY
from resources.workflow import USER_TAG

GRAPHQL = "/graphql"
MOST_BYTES = 1_048_576
"""Longest request: the UI's own are below 100 kB."""
_JOB_SUFFIX = "_job"
_ADMINISTRATORS = ("/report_", "/notebook", "/dagit/notebook")
"""Write events without a run, and read notebooks by their path on the disk."""
_ARGUMENTS: Final[Mapping[str, tuple[Sequence[str], str]]] = {
    "executionParams": (("executionMetadata", "tags"), "ExecutionParams!"),
    "executionParamsList": (("executionMetadata", "tags"), "[ExecutionParams!]!"),
    "reexecutionParams": (("extraTags",), "ReexecutionParams"),
    "backfillParams": (("tags",), "LaunchBackfillParams!"),
}
"""Where the tags of a run stand and what type it is, by the argument of a launch."""
_FREE = frozenset({"logTelemetry", "setNuxSeen", "sensorDryRun", "scheduleDryRun"})
"""Change nothing of the firm's."""
_LAUNCHES = frozenset(
    {
        "launchPipelineExecution",
        "launchRun",
        "launchMultipleRuns",
        "launchPartitionBackfill",
    }
)
_AGAIN = frozenset(
    {
        "launchPipelineReexecution",
        "launchRunReexecution",
        "resumePartitionBackfill",
        "reexecutePartitionBackfill",
    }
)
"""Do again what was launched before."""
_OPERATES = _AGAIN | frozenset(
    {
        "startSchedule",
        "stopRunningSchedule",
        "resetSchedule",
        "startSensor",
        "stopSensor",
        "resetSensor",
        "terminatePipelineExecution",
        "terminateRun",
        "terminateRuns",
        "cancelPartitionBackfill",
        "reloadRepositoryLocation",
        "reloadWorkspace",
        "setAutoMaterializePaused",
    }
)
NEEDS: Final[Mapping[str, Permission]] = {
    **dict.fromkeys(_FREE, Permission.VIEW),
    **dict.fromkeys(_LAUNCHES, Permission.LAUNCH),
    **dict.fromkeys(_OPERATES, Permission.OPERATE),
}
"""By field of the mutation; whatever is not here, and whatever Dagster adds, is an administrator's."""


class DagsterGuard:
    """Refuses what a visitor may not do, and writes into each launch who it was."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before the application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request."""
        visitor: Visitor = scope[SCOPE_KEY]
        path = scope["path"].rstrip("/")
        if scope["type"] == "websocket":
            await self._app(scope, _queries_only(receive), send)
        elif path.startswith(_ADMINISTRATORS):
            await self._passed(scope, receive, send, _lacks(visitor, [path.strip("/")]))
        elif path == GRAPHQL:
            await self._graphql(scope, receive, send, visitor)
        else:
            await self._app(scope, receive, send)

    async def _passed(
        self, scope: Scope, receive: Receive, send: Send, refusal: str | None
    ) -> None:
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await problem(403, "Refused", refusal)(scope, receive, send)

    async def _graphql(self, scope: Scope, receive: Receive, send: Send, visitor: Visitor) -> None:
        request = Request(scope, receive)
        if scope["method"] == "GET":
            asked: Any = dict(request.query_params)
            if not asked.get("query"):
                await self._app(scope, receive, send)
                return
        else:
            if "application/json" not in request.headers.get("content-type", ""):
                sentence = "send GraphQL as JSON: `Content-Type: application/json`"
                await problem(415, "Not JSON", sentence)(scope, receive, send)
                return
            body = await _read(receive)
            asked = _json(body)
        judged = _judge(asked, visitor)
        if isinstance(judged, Response):
            await judged(scope, receive, send)
        elif scope["method"] == "GET":
            # A request that changes nothing by its method must not change anything (RFC 9110 §9.2.1).
            refused = _refused("send a mutation as POST")
            await (refused if judged else self._app)(scope, receive, send)
        else:
            await self._app(scope, _replay(json.dumps(asked).encode()), send)


def _judge(asked: Any, visitor: Visitor) -> Response | list[str]:
    """A refusal, or the mutation's fields; a launch gets its visitor's name in place."""
    if not isinstance(asked, dict) or not isinstance(asked.get("query"), str):
        return problem(400, "Invalid request", "a GraphQL request is an object with a `query`")
    variables = asked.get("variables") or {}
    if isinstance(variables, str):
        variables = _json(variables.encode())
    if not isinstance(variables, dict):
        return problem(400, "Invalid request", "`variables` of a GraphQL request are an object")
    try:
        document = _Document(asked["query"], asked.get("operationName"))
    except ValueError as error:
        return problem(400, "Invalid request", f"the GraphQL request cannot be read: {error}")
    fields = [field.name.value for field in document.mutations]
    if lacks := _lacks(visitor, fields):
        return _refused(lacks)
    for launch in document.launches(variables):
        job = _job(launch)
        if job is not None and not may_start(visitor.roles, job):
            return _refused(_no_start(visitor, job))
    if fields:
        document.sign(variables, visitor.name)
        asked.update(query=document.text, variables=variables)
    return fields


class _Document:
    """A request of GraphQL, and what in it changes something."""

    def __init__(self, query: str, operation_name: str | None) -> None:
        """Read it.

        Raises:
            ValueError: It is not GraphQL.
        """
        import graphql

        try:
            self._document = graphql.parse(query)
        except graphql.GraphQLError as error:
            raise ValueError(error.message) from error
        self._query = query
        definitions = self._document.definitions
        fragments = {d.name.value: d for d in definitions if isinstance(d, graphql.FragmentDefinitionNode)}  # fmt: skip
        self._operations = [
            d
            for d in definitions
            if isinstance(d, graphql.OperationDefinitionNode)
            and d.operation is graphql.OperationType.MUTATION
            and (not operation_name or (d.name is not None and d.name.value == operation_name))
        ]
        self.mutations = [
            field
            for operation in self._operations
            for field in _fields(operation.selection_set.selections, fragments, depth=0)
        ]
        """Fields it would mutate, through fragments too."""

    @property
    def text(self) -> str:
        """The request as it goes on."""
        import graphql

        return graphql.print_ast(self._document) if self._operations else self._query

    def launches(self, variables: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """What each launch is asked to be."""
        import graphql

        given = [
            graphql.value_from_ast_untyped(argument.value, dict(variables))
            for argument in self._arguments()
        ]
        listed = [one for value in given for one in (value if isinstance(value, list) else [value])]
        return [one for one in listed if isinstance(one, dict)]

    def sign(self, variables: dict[str, Any], name: str) -> None:
        """Put who launches into the tags of every launch, in place of what the request says."""
        import graphql

        for number, argument in enumerate(self._arguments()):
            tags, kind = _ARGUMENTS[argument.name.value]
            given = graphql.value_from_ast_untyped(argument.value, variables)
            for parameters in given if isinstance(given, list) else [given]:
                if isinstance(parameters, dict):
                    _sign(parameters, tags, name)
            # As a variable of its own, whether it was one or stood in the text.
            variable = graphql.VariableNode(name=graphql.NameNode(value=f"prismaLaunch{number}"))
            argument.value = variable
            variables[variable.name.value] = given
            definition = graphql.VariableDefinitionNode(
                variable=variable, type=graphql.parse_type(kind), directives=()
            )
            for operation in self._operations:
                operation.variable_definitions = (*operation.variable_definitions, definition)
        self._drop_unused()

    def _drop_unused(self) -> None:
        """GraphQL refuses a variable that nothing uses, as the ones that stood inside a launch now are."""
        import graphql

        used: set[str] = set()

        class Uses(graphql.Visitor):
            def enter_variable_definition(self, *_: Any) -> Any:
                return graphql.SKIP

            def enter_variable(self, node: Any, *_: Any) -> None:
                used.add(node.name.value)

        graphql.visit(self._document, Uses())
        for operation in self._operations:
            operation.variable_definitions = tuple(
                d for d in operation.variable_definitions if d.variable.name.value in used
            )

    def _arguments(self) -> list[Any]:
        return [
            argument
            for field in self.mutations
            for argument in field.arguments
            if argument.name.value in _ARGUMENTS
        ]


def _fields(selections: Iterable[Any], fragments: Mapping[str, Any], *, depth: int) -> list[Any]:
    import graphql

    if depth > len(fragments) + 20:
        raise ValueError("its fragments go round in a circle")
    found: list[Any] = []
    for selection in selections:
        if isinstance(selection, graphql.FieldNode):
            found.append(selection)
            continue
        inner = (
            fragments.get(selection.name.value)
            if isinstance(selection, graphql.FragmentSpreadNode)
            else selection
        )
        if inner is not None:
            found += _fields(inner.selection_set.selections, fragments, depth=depth + 1)
    return found


def _lacks(visitor: Visitor, fields: Sequence[str]) -> str | None:
    for field in fields:
        needed = NEEDS.get(field, Permission.ADMIN)
        if not visitor.may(needed):
            held = ", ".join(visitor.roles)
            words = needed.value.replace("_", " ")
            return f"{visitor.name} ({held}) may not do this ({field}): it needs the permission to {words}."
    return None


def _no_start(visitor: Visitor, job: str) -> str:
    needed = start_role(job)
    held = ", ".join(visitor.roles)
    return (
        f"{visitor.name} ({held}) may not start {job}: it needs the role {needed} or one above it."
    )


def _job(parameters: Mapping[str, Any]) -> str | None:
    """Template of the job that is named; an asset's run and a backfill name none."""
    selector = parameters.get("selector")
    if not isinstance(selector, dict):
        return None
    name = selector.get("pipelineName") or selector.get("jobName")
    return str(name).removesuffix(_JOB_SUFFIX) if name else None


def _sign(parameters: dict[str, Any], where: Sequence[str], name: str) -> None:
    *path, key = where
    for step in path:
        inner = parameters.get(step)
        parameters[step] = inner if isinstance(inner, dict) else {}
        parameters = parameters[step]
    given = parameters.get(key)
    kept = [t for t in given or [] if isinstance(t, dict) and t.get("key") != USER_TAG]
    parameters[key] = [*kept, {"key": USER_TAG, "value": name}]


def _refused(sentence: str) -> Response:
    """A refusal as the UI shows it: an error of GraphQL."""
    return JSONResponse({"errors": [{"message": sentence}], "data": None})


def _queries_only(receive: Receive) -> Receive:
    """Over a websocket there are subscriptions; a mutation there ends it."""

    async def received() -> Message:
        message = await receive()
        if message["type"] == "websocket.receive":
            said = _json((message.get("text") or "").encode() or message.get("bytes") or b"")
            payload = said.get("payload") if isinstance(said, dict) else None
            query = payload.get("query") if isinstance(payload, dict) else None
            if isinstance(query, str) and _may_mutate(query):
                return {"type": "websocket.disconnect", "code": 1008}
        return message

    return received


def _may_mutate(query: str) -> bool:
    try:
        return bool(_Document(query, None).mutations)
    except ValueError:
        return True


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if len(body) > MOST_BYTES or not message.get("more_body"):
            return body[: MOST_BYTES + 1]


def _replay(body: bytes) -> Receive:
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
