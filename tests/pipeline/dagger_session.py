"""A Dagger session without an engine: it speaks the protocol, remembers what it is asked, and answers as it is told.

One query is one chain of calls with one awaited leaf. It is written down call by call; where an object is handed over
by its id, the id is the chain that made it, so that what is written down reads without the ids of a real engine.
"""

import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from graphql import FieldNode, build_schema, graphql_sync, parse, print_ast

# The part of the 0.21.8 core API that the pipeline uses, as a real engine describes it.
_SCHEMA = build_schema("""
enum CacheSharingMode { SHARED PRIVATE LOCKED }
type CacheVolume { id: ID! }
type Secret { id: ID! }
type File { id: ID! contents: String! }
type Directory { id: ID! export(path: String!, wipe: Boolean): String! }
type Host {
  directory(path: String!, exclude: [String!], include: [String!], noCache: Boolean, gitignore: Boolean): Directory!
  file(path: String!, noCache: Boolean): File!
}
type Container {
  id: ID!
  directory(path: String!): Directory!
  file(path: String!): File!
  from(address: String!): Container!
  stdout: String!
  withDirectory(path: String!, source: ID!, exclude: [String!], include: [String!]): Container!
  withEnvVariable(name: String!, value: String!): Container!
  withExec(args: [String!]!): Container!
  withMountedCache(path: String!, cache: ID!, sharing: CacheSharingMode): Container!
  withMountedDirectory(path: String!, source: ID!): Container!
  withMountedFile(path: String!, source: ID!): Container!
  withMountedSecret(path: String!, source: ID!): Container!
  withNewFile(path: String!, contents: String!): Container!
  withSecretVariable(name: String!, secret: ID!): Container!
  withWorkdir(path: String!): Container!
  withoutMount(path: String!): Container!
  withoutSecretVariable(name: String!): Container!
}
type Query {
  cacheVolume(key: String!): CacheVolume!
  container: Container!
  host: Host!
  secret(uri: String!, cacheKey: String): Secret!
  version: String!
}
""")

TOKEN = "a-session-token"


class ExecFailure(Exception):  # noqa: N818 - it is an answer, not an error of ours
    """The answer of an engine when a command in a container failed."""

    def __init__(self, command: list[str], exit_code: int, stdout: str, stderr: str = "") -> None:
        super().__init__("process did not complete successfully: exit code: 1 [traceparent:0-0]")
        self.extensions = {
            "_type": "EXEC_ERROR",
            "cmd": command,
            "exitCode": exit_code,
            "stdout": stdout,
            "stderr": stderr,
        }


class EngineFailure(Exception):  # noqa: N818 - it is an answer, not an error of ours
    """The answer of an engine that cannot do what it was asked."""

    extensions: dict[str, Any] = {}  # noqa: RUF012 - nothing changes it


class DaggerSession:
    """Serves one session on loopback.

    Args:
        answer: Told the calls of a query, returns the value of its leaf or raises one of the failures above. Ids and
            the version are answered without it.
        version: The version that the engine says it has.
    """

    def __init__(self, answer: Callable[[list[str]], str], version: str = "v0.21.8") -> None:
        self.queries: list[list[str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                body = json.dumps(outer._answer(asked["query"], answer, version)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        """What `dagger run` sets for its child."""
        return {
            "DAGGER_SESSION_PORT": str(self._server.server_address[1]),
            "DAGGER_SESSION_TOKEN": TOKEN,
        }

    def leaves(self) -> list[list[str]]:
        """The queries that ask for more than an id or the version, sorted, because they come at once."""
        return sorted(calls for calls in self.queries if calls[-1] not in {"id", "version"})

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, query: str, answer: Callable[[list[str]], str], version: str) -> dict[str, Any]:
        if "__schema" in query:
            return {"data": graphql_sync(_SCHEMA, query).data}
        calls, names = _calls(query)
        self.queries.append(calls)
        try:
            value = version if calls == ["version"] else _id(calls) if calls[-1] == "id" else answer(calls)
        except (ExecFailure, EngineFailure) as error:
            return {"data": None, "errors": [{"message": str(error), "extensions": error.extensions}]}
        data: Any = value
        for name in reversed(names):
            data = {name: data}
        return {"data": data}


def _calls(query: str) -> tuple[list[str], list[str]]:
    """Return the calls of a chain as text, and the names under which its answer is expected."""
    (operation,) = parse(query).definitions
    calls, names = [], []
    selected: Any = operation
    while selected.selection_set is not None:
        (selected,) = selected.selection_set.selections
        assert isinstance(selected, FieldNode)
        arguments = ", ".join(
            " ".join(line.strip() for line in print_ast(each).splitlines()) for each in selected.arguments
        )
        calls.append(f"{selected.name.value}({arguments})" if arguments else selected.name.value)
        names.append(selected.alias.value if selected.alias else selected.name.value)
    return calls, names


def _id(calls: list[str]) -> str:
    """Return an id that says what it is the id of."""
    return ".".join(re.sub(r"(, )?exclude: \[(.*)\]", _named, call).replace('"', "'") for call in calls[:-1])


def _named(patterns: re.Match[str]) -> str:
    """Write a list of patterns that keeps everything out but some names as just those names."""
    first, *rest = re.findall(r'"(.*?)"', patterns[2])
    assert first == "*", patterns[0]
    return ", only " + " ".join(pattern[1:] for pattern in rest if pattern.startswith("!"))
