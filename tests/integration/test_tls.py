"""TLS as it is configured, against real TLS servers: who is trusted, which certificate is shown, and what fails how."""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import hashlib
import logging
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509

from sagemaker_async import RetryConfig, Session, TLSConfig
from sagemaker_async.aws.transport import protocol
from sagemaker_async.aws.transport.tls import LITTLE, TLSLayer
from sagemaker_async.errors import ConnectionLostError, TLSError
from sagemaker_async.local import LocalSageMaker

pytestmark = pytest.mark.usefixtures("clean_environment")

Front = Callable[[LocalSageMaker, ssl.SSLContext], Awaitable[str]]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def client(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("client@example.org")


@pytest.fixture
def server(authority: trustme.CA) -> ssl.SSLContext:
    return served_by(authority, "127.0.0.1")


def served_by(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def call(local: LocalSageMaker, tls_front: Front) -> Callable[..., Awaitable[bytes]]:
    """Calls the embedded SageMaker behind a TLS server with these options of a session."""

    async def call(server: ssl.SSLContext, **fields: Any) -> bytes:
        local.add_endpoint("echo", lambda body: body)
        options = {**local.client_options, "endpoint_url": await tls_front(local, server)}
        async with Session(**options, retry=RetryConfig(max_attempts=1), **fields) as session:
            return (await session.runtime.invoke_endpoint(endpoint_name="echo", body=b"hello")).body

    return call


Call = Callable[..., Awaitable[bytes]]


async def test_a_bundle_is_trusted(call: Call, server: ssl.SSLContext, bundle: Path) -> None:
    assert await call(server, tls=TLSConfig(ca_bundle=bundle)) == b"hello"


async def test_the_bundle_of_the_environment_is_trusted(
    call: Call, server: ssl.SSLContext, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    assert await call(server) == b"hello"


async def test_the_bundle_of_the_profile_is_trusted(
    call: Call, server: ssl.SSLContext, bundle: Path, clean_environment: Path
) -> None:
    (clean_environment / ".aws" / "config").write_text(f"[profile private]\nca_bundle = {bundle}\n")
    assert await call(server, profile="private") == b"hello"


async def test_a_directory_is_trusted(
    call: Call, server: ssl.SSLContext, authority: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(tmp_path / f"{_subject_hash(authority)}.0")
    assert await call(server, tls=TLSConfig(ca_directory=tmp_path)) == b"hello"


def _subject_hash(authority: trustme.CA) -> str:
    """Return the file name that ``openssl rehash`` gives a certificate: the hash of its subject in canonical form."""
    subject = x509.load_pem_x509_certificate(authority.cert_pem.bytes()).subject
    plain = [x509.NameAttribute(each.oid, " ".join(each.value.lower().split())) for each in subject]  # type: ignore[union-attr]
    encoded = x509.Name(plain).public_bytes()
    length_bytes = encoded[1] & 0x7F if encoded[1] & 0x80 else 0
    digest = hashlib.sha1(encoded[2 + length_bytes :]).digest()
    return f"{int.from_bytes(digest[:4], 'little'):08x}"


async def test_a_context_of_the_callers_own_is_used(call: Call, server: ssl.SSLContext, authority: trustme.CA) -> None:
    own = ssl.create_default_context()
    authority.configure_trust(own)
    assert await call(server, tls=own) == b"hello"


async def test_an_unknown_authority_is_refused_before_anything_is_sent(
    call: Call, server: ssl.SSLContext, local: LocalSageMaker
) -> None:
    with pytest.raises(TLSError, match=r"certificate verify failed.*AWS_CA_BUNDLE") as caught:
        await call(server)
    assert caught.value.not_sent
    assert not local.requests


async def test_another_authority_is_refused(call: Call, server: ssl.SSLContext, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    with pytest.raises(TLSError, match="certificate verify failed"):
        await call(server, tls=TLSConfig(ca_bundle=other))


async def test_a_certificate_for_another_host_is_refused(call: Call, authority: trustme.CA, bundle: Path) -> None:
    with pytest.raises(TLSError, match="certificate verify failed"):
        await call(served_by(authority, "other.example"), tls=TLSConfig(ca_bundle=bundle))


async def test_verification_is_off_only_on_demand_and_with_a_warning(
    call: Call, authority: trustme.CA, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="sagemaker_async"):
        assert await call(served_by(authority, "other.example"), tls=TLSConfig(verify=False)) == b"hello"
    assert [record.getMessage() for record in caplog.records if "verify is False" in record.getMessage()]


@pytest.mark.parametrize("in_one_file", [True, False])
async def test_the_client_shows_its_certificate(
    call: Call,
    server: ssl.SSLContext,
    authority: trustme.CA,
    client: trustme.LeafCert,
    bundle: Path,
    tmp_path: Path,
    in_one_file: bool,
) -> None:
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    certificate, key = tmp_path / "client.pem", tmp_path / "client.key"
    if in_one_file:
        client.private_key_and_cert_chain_pem.write_to_path(certificate)
        tls = TLSConfig(ca_bundle=bundle, client_cert=certificate)
    else:
        certificate.write_bytes(b"".join(blob.bytes() for blob in client.cert_chain_pems))
        client.private_key_pem.write_to_path(key)
        tls = TLSConfig(ca_bundle=bundle, client_cert=certificate, client_key=key)
    assert await call(server, tls=tls) == b"hello"


async def test_a_server_that_wants_a_certificate_and_gets_none_breaks_off_the_handshake(
    call: Call, server: ssl.SSLContext, authority: trustme.CA, bundle: Path, local: LocalSageMaker
) -> None:
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(TLSError, match=r"TLSConfig\.client_cert") as caught:
        await call(server, tls=TLSConfig(ca_bundle=bundle))
    assert caught.value.not_sent
    assert not local.requests


async def test_a_server_that_refuses_late_is_a_lost_connection(
    call: Call, server: ssl.SSLContext, authority: trustme.CA, bundle: Path, local: LocalSageMaker
) -> None:
    """In TLS 1.3 the client's handshake is done before the server has looked for its certificate."""
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    server.minimum_version = ssl.TLSVersion.TLSv1_3
    with pytest.raises((ConnectionLostError, TLSError)):
        await call(server, tls=TLSConfig(ca_bundle=bundle))
    assert not local.requests


async def test_a_connection_reads_into_little_memory_until_it_carries_a_large_answer(
    local: LocalSageMaker, tls_front: Front, server: ssl.SSLContext, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers: list[Any] = []

    class Watched(TLSLayer):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            layers.append(self)

    monkeypatch.setattr(protocol, "TLSLayer", Watched)
    asyncios_own = asyncio.sslproto.SSLProtocol.max_size
    local.add_endpoint("sized", lambda body: b"x" * int(body))
    options = {
        **local.client_options,
        "endpoint_url": await tls_front(local, server),
        "tls": TLSConfig(ca_bundle=bundle),
    }
    async with Session(**options, max_connections=1) as session:

        async def read(size: int) -> int:
            response = await session.runtime.invoke_endpoint(endpoint_name="sized", body=b"%d" % size)
            assert len(response.body) == size
            (layer,) = layers
            return len(layer._asyncios._ssl_buffer)

        assert [await read(size) for size in (300, 4_000, 300)] == [LITTLE] * 3
        assert [await read(size) for size in (1_000_000, 300)] == [asyncios_own] * 2


async def test_a_loop_that_shows_no_buffer_reads_as_it_likes() -> None:
    class OfAnotherLoop(asyncio.Transport):
        pass

    sides = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(*sides, server_hostname="localhost")
    layer = TLSLayer(OfAnotherLoop(), tls)

    layer.saw(1 << 20)

    assert not layer.holds_back()
    assert not layer.closed_by_peer()
