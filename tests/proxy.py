"""Proxies between a client and a server: one ends TLS, one drops the network silently."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Proxy:
    """A proxy on loopback that forwards bytes to a server there.

    :param certificate: a PEM file with key and certificate; the proxy speaks TLS with it, and plain text without
    """

    def __init__(self, server_port: int, certificate: Path | None) -> None:
        #: Where it listens.
        self.port = 0
        self.ready = threading.Event()
        self._server_port = server_port
        self._certificate = certificate

    def cut(self) -> None:
        """Forward nothing any more, and tell nobody: connections stay open. There are no new ones."""
        self._loop.call_soon_threadsafe(self._flows.clear)
        self._loop.call_soon_threadsafe(self._listening.close)

    def stop(self) -> None:
        """End it, and all connections."""
        self._loop.call_soon_threadsafe(self._stopped.set)

    async def serve(self) -> None:
        """Serve until it is stopped."""
        self._loop, self._flows, self._stopped = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
        self._flows.set()
        context = None
        if self._certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificate)
            context.set_alpn_protocols(["h2"])  # gRPC's
        self._listening = await asyncio.start_server(self._connect, "127.0.0.1", 0, ssl=context)
        self.port = self._listening.sockets[0].getsockname()[1]
        self.ready.set()
        await self._stopped.wait()
        self._listening.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        its_reader, its_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        with contextlib.suppress(asyncio.CancelledError):  # or asyncio logs that it was stopped
            await asyncio.gather(self._forward(reader, its_writer), self._forward(its_reader, writer))

    async def _forward(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                await self._flows.wait()
                target.write(data)
                await target.drain()
        except (OSError, asyncio.CancelledError):
            target.transport.abort()
        else:
            target.close()


@contextlib.contextmanager
def proxy(server_port: int, certificate: Path | None = None) -> Iterator[Proxy]:
    """Run a proxy, see :class:`Proxy`."""
    running = Proxy(server_port, certificate)
    thread = threading.Thread(target=lambda: asyncio.run(running.serve()), name="proxy")
    thread.start()
    try:
        assert running.ready.wait(30)
        yield running
    finally:
        running.stop()
        thread.join()


def write_certificate(path: Path) -> None:
    """Write a key, and a certificate of ``localhost`` that it has signed itself, into one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.timezone.utc)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    secret = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(secret + certificate.public_bytes(encoding))
