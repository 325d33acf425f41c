"""Servers of s3, gs and ssh within this process: each skips the test whose packages are not installed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

HERE = "127.0.0.1"


class Served(NamedTuple):
    """A place that a server has."""

    url: str
    missing: str
    """A place of its kind that it has not."""
    stop: Callable[[], None]
    """Ends it, as if the machine were gone."""


def s3(folder: Path, environment: pytest.MonkeyPatch) -> Served:
    """A bucket of moto's."""
    fs = pytest.importorskip("s3fs", reason="needs s3fs and moto[server]")
    moto = pytest.importorskip("moto.server", reason="needs s3fs and moto[server]")
    botocore = pytest.importorskip("botocore.session", reason="needs s3fs and moto[server]")
    server = moto.ThreadedMotoServer(HERE, port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for key, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        environment.setenv(key, value)
    fs.S3FileSystem.clear_instance_cache()
    botocore.get_session().create_client("s3").create_bucket(Bucket="bucket")
    return Served(f"s3://bucket/{folder.name}/c", "s3://no-such-bucket/c", server.stop)


def gs(folder: Path, environment: pytest.MonkeyPatch) -> Served:
    """A bucket of gcp-storage-emulator's."""
    fs = pytest.importorskip("gcsfs", reason="needs gcsfs and gcp-storage-emulator")
    emulator = pytest.importorskip(
        "gcp_storage_emulator.server", reason="needs gcsfs and gcp-storage-emulator"
    )
    server = emulator.create_server(HERE, 0, in_memory=True, default_bucket="bucket")
    server.start()
    environment.setenv("STORAGE_EMULATOR_HOST", f"http://{HERE}:{server._api._httpd.server_address[1]}")
    environment.setenv("NO_GCE_CHECK", "true")
    environment.setattr("gcsfs.retry.random", SimpleNamespace(random=lambda: -64.0))  # tries again at once
    fs.GCSFileSystem.clear_instance_cache()
    return Served(f"gs://bucket/{folder.name}/c", "gs://no-such-bucket/c", server.stop)


def ssh(folder: Path, environment: pytest.MonkeyPatch) -> Served:
    """``folder`` by the SFTP of asyncssh's own server, for the user ``me`` with the password ``pw``."""
    asyncssh = pytest.importorskip("asyncssh", reason="needs sshfs")
    fs = pytest.importorskip("sshfs", reason="needs sshfs")
    fs.SSHFileSystem.clear_instance_cache()
    connections: list[Any] = []

    class Doorkeeper(asyncssh.SSHServer):  # type: ignore[misc,name-defined]
        def connection_made(self, conn: Any) -> None:
            connections.append(conn)

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == ("me", "pw")

    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()

    async def listen() -> Any:
        return await asyncssh.listen(
            HERE,
            0,
            server_factory=Doorkeeper,
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(folder)),
        )

    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(30)

    def stop() -> None:
        async def end() -> None:
            server.close()
            for each in connections:
                each.abort()

        asyncio.run_coroutine_threadsafe(end(), loop).result(30)

    url = f"ssh://me:pw@{HERE}:{server.get_port()}"
    return Served(f"{url}/c", f"{url.replace('pw', 'wrong')}/c", stop)


SERVERS = {"s3": s3, "gs": gs, "ssh": ssh}
