"""`ssl_context`: which authorities are trusted, and what is said about files that are no use."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from sagemaker_async.aws.settings.sources import Found
from sagemaker_async.aws.settings.tls import ssl_context
from sagemaker_async.config import TLSConfig
from sagemaker_async.errors import ConfigurationError


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with ``cert.pem`` (self-signed), ``key.pem``, ``other.pem``, ``locked.pem`` and ``garbage.pem``."""
    directory = tmp_path_factory.mktemp("tls")
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    start = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=36500))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )

    def pem(private: ec.EllipticCurvePrivateKey, encryption: KeySerializationEncryption) -> bytes:
        return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)

    (directory / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (directory / "key.pem").write_bytes(pem(key, NoEncryption()))
    (directory / "other.pem").write_bytes(pem(other, NoEncryption()))
    (directory / "locked.pem").write_bytes(pem(key, BestAvailableEncryption(b"secret")))
    (directory / "garbage.pem").write_bytes(b"no certificate at all\n")
    return directory


def authorities(context: ssl.SSLContext) -> list[str]:
    return [dict(part[0] for part in authority["subject"])["commonName"] for authority in context.get_ca_certs()]  # type: ignore[misc]


def test_a_bundle_replaces_the_systems_authorities(pems: Path) -> None:
    by_code = ssl_context(TLSConfig(ca_bundle=pems / "cert.pem"), None)
    by_variable = ssl_context(TLSConfig(), Found(str(pems / "cert.pem"), "AWS_CA_BUNDLE"))

    for context in (by_code, by_variable):
        assert authorities(context) == ["test authority"]
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname


def test_a_directory_and_a_client_certificate_are_taken(pems: Path) -> None:
    tls = TLSConfig(ca_directory=str(pems), client_cert=pems / "cert.pem", client_key=pems / "key.pem")

    assert ssl_context(tls, None).verify_mode is ssl.CERT_REQUIRED


def test_without_verification_there_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    context = ssl_context(TLSConfig(verify=False), None)

    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)
    assert "any certificate is accepted" in caplog.text


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ca_bundle": "absent.pem"}, r"TLSConfig\.ca_bundle: .*absent\.pem' cannot .*\(No such file.*readable PEM"),
        ({"ca_bundle": "garbage.pem"}, r"TLSConfig\.ca_bundle: .*garbage\.pem' cannot be used .*\(no certificate"),
        ({"ca_bundle": "."}, r"TLSConfig\.ca_bundle: .* cannot be used"),
        ({"ca_directory": "absent"}, r"TLSConfig\.ca_directory: .*absent' cannot be used \(No such file.*c_rehash"),
        ({"ca_directory": "cert.pem"}, r"TLSConfig\.ca_directory: .* \(Not a directory\)"),
        ({"client_cert": "absent.pem"}, r"TLSConfig\.client_cert cannot be used \(No such file"),
        ({"client_cert": "cert.pem"}, r"TLSConfig\.client_cert cannot be used"),
        ({"client_cert": "cert.pem", "client_key": "other.pem"}, r"client_cert and client_key .*mismatch"),
        ({"client_cert": "cert.pem", "client_key": "locked.pem"}, r"client_cert and client_key .* not be encrypted"),
        ({"client_cert": "cert.pem", "client_key": "garbage.pem"}, r"client_cert and client_key cannot be used"),
    ],
)
def test_files_that_cannot_be_used_are_named_with_the_remedy(pems: Path, fields: dict[str, str], message: str) -> None:
    paths: dict[str, Any] = {name: str(pems / file) for name, file in fields.items()}

    with pytest.raises(ConfigurationError, match=message):
        ssl_context(TLSConfig(**paths), None)


def test_a_bundle_of_the_environment_is_named_by_its_variable(pems: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^AWS_CA_BUNDLE: .*garbage\.pem' cannot be used"):
        ssl_context(TLSConfig(), Found(str(pems / "garbage.pem"), "AWS_CA_BUNDLE"))
