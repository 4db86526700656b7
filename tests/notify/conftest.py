"""A mail server and a webhook receiver on this machine, for real deliveries."""

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclass
class MailServer:
    """Speaks as much SMTP as it takes (RFC 5321), refuses what it is told to."""

    received: list[EmailMessage] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    """Addresses it does not know."""
    answer_to_data: str = "250 kept"
    offers_login: bool = False
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(*lines: str) -> None:
            writer.write("".join(f"{line}\r\n" for line in lines).encode())

        say("220 test")
        while line := (await reader.readline()).decode().strip():
            verb = line.split()[0].upper()
            if verb == "EHLO":
                say("250-test", "250 AUTH PLAIN") if self.offers_login else say("250 test")
            elif verb == "AUTH":
                self.logins.append(line)
                say("235 welcome")
            elif verb == "RCPT" and any(f"<{a}>" in line for a in self.refuses):
                say("550 no such person")
            elif verb == "DATA":
                say("354 go on")
                self._keep(await reader.readuntil(b"\r\n.\r\n"))
                say(self.answer_to_data)
            elif verb == "QUIT":
                say("221 bye")
                break
            else:
                say("250 fine")
        writer.close()

    def _keep(self, data: bytes) -> None:
        if self.answer_to_data.startswith("250"):
            message = message_from_bytes(data.removesuffix(b".\r\n"), policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.received.append(message)


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """A mail server that listens, on a thread of its own."""
    found = MailServer()
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(found.serve, "127.0.0.1", 0))
    found.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield found
    server.close()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@dataclass
class Receiver:
    """What a webhook got, and what it answers."""

    url: str = ""
    status: int = 204
    location: str | None = None
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def bodies(self) -> list[dict[str, object]]:
        return [json.loads(body) for _, body in self.posts]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A web server that keeps what is posted."""
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.posts.append((dict(self.headers), body))
            self.send_response(found.status)
            if found.location is not None:
                self.send_header("Location", found.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}/hook?firm=1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()
