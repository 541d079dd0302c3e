"""Tokens of random credentials, compared with botocore's presigner: ``python -m tests.unit.openai_tokens 10000``."""

from __future__ import annotations

import asyncio
import base64
import random
import string
import sys
import time
from typing import Any

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from sagemaker_async import Credentials, Session
from sagemaker_async.aws.timing import Timing
from sagemaker_async.integrations.openai import OpenAITokens

KEYS = string.ascii_uppercase + string.digits
SECRETS = string.ascii_letters + string.digits + "/+="
REGIONS = ("us-east-1", "eu-west-3", "cn-north-1", "us-gov-west-1", "ap-southeast-7")


def text(chance: random.Random, alphabet: str, length: int) -> str:
    return "".join(chance.choices(alphabet, k=length))


def random_credentials(chance: random.Random) -> tuple[str, str, str | None]:
    token = text(chance, SECRETS, chance.randrange(1, 900)) if chance.random() < 0.7 else None
    return text(chance, KEYS, 20), text(chance, SECRETS, 40), token


def botocores(keys: tuple[str, str, str | None], region: str, now: float, expires: int) -> str:
    """Return what AWS's `sagemaker.core.token_generator` makes with botocore, at another time."""
    url = "https://sagemaker.amazonaws.com/"
    request = AWSRequest(
        method="POST",
        url=url,
        headers={"host": "sagemaker.amazonaws.com"},
        params={"Action": "CallWithBearerToken"},
    )
    at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))

    class Moment(SigV4QueryAuth):
        def add_auth(self, request: Any) -> None:
            request.context["timestamp"] = at
            self._modify_request_before_signing(request)
            canonical = self.canonical_request(request)
            signature = self.signature(self.string_to_sign(request, canonical), request)
            self._inject_signature_to_request(request, signature)

    Moment(BotocoreCredentials(*keys), "sagemaker", region, expires=expires).add_auth(request)
    signed = request.url.removeprefix("https://") + "&Version=1"
    return "sagemaker-api-key-" + base64.b64encode(signed.encode()).decode()


async def compared(number: int, chance: random.Random) -> list[str]:
    """Return the access keys of the credentials whose tokens differ."""
    differing = []
    for region in REGIONS:
        now = 0.0
        given: list[Credentials] = []

        class Source:
            async def get(self) -> Credentials:
                return given[-1]  # noqa: B023

        source: Any = Source()
        timing = Timing(clock=lambda: now)  # noqa: B023
        async with Session(region=region, credentials=source) as session:
            for _ in range(number // len(REGIONS)):
                keys = random_credentials(chance)
                now, expires = chance.uniform(0, 4e9), chance.randrange(1, 43_201)
                given.append(Credentials(*keys))
                if await OpenAITokens(session, expires=expires, timing=timing)() != botocores(
                    keys, region, now, expires
                ):
                    differing.append(keys[0])
    return differing


if __name__ == "__main__":
    count, began = int(sys.argv[1]), time.process_time()
    found = asyncio.run(compared(count, random.Random(count)))
    sys.stdout.write(
        f"{count} tokens, {len(found)} differ from botocore's, {time.process_time() - began:.1f} s of CPU\n"
    )
    sys.exit(bool(found))
