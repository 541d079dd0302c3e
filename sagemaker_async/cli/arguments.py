"""What the command line accepts: `make_parser`.

Only the standard library is used, because ``--help`` must answer at once.
"""

from __future__ import annotations

import argparse
from importlib import metadata
from typing import NamedTuple

__all__ = ["make_parser"]


class _Field(NamedTuple):
    """An option that sets a field of the request."""

    name: str
    metavar: str
    help: str

    @property
    def option(self) -> str:
        """Such as ``--target-model``."""
        return "--" + self.name.removesuffix("_name").replace("_", "-")


_FIELDS = (
    _Field("content_type", "TYPE", "media type of the body; default: application/json if it is JSON"),
    _Field("accept", "TYPE", "media type of the answer you want"),
    _Field("target_variant", "NAME", "production variant to call"),
    _Field("target_container_hostname", "NAME", "container of a multi-container endpoint"),
    _Field("inference_component_name", "NAME", "inference component to call"),
    _Field("inference_id", "ID", "id by which to find the request in captured data"),
    _Field("custom_attributes", "TEXT", "passed to the container unchanged"),
    _Field("session_id", "ID", "stateful session; with invoke, NEW_SESSION opens one"),
    _Field("prefix_aware_id", "ID", "requests with the same id go to the instance that has their prefix cached"),
)
_INVOKE_FIELDS = (
    *_FIELDS,
    _Field("target_model", "FILE", "model of a multi-model endpoint"),
    _Field("enable_explanations", "EXPRESSION", "whether Clarify explains the answer"),
)

_BULK_FIELDS = tuple(
    field
    for field in _INVOKE_FIELDS
    if field.name
    not in {"content_type", "inference_id", "session_id", "prefix_aware_id", "enable_explanations"}  # of one request
)

_SUBMIT_FIELDS = (
    *[field for field in _FIELDS if field.name in {"content_type", "accept", "inference_id", "custom_attributes"}],
    _Field("s3_output_path_extension", "PATH", "folder below the endpoint's output path"),
    _Field("filename", "NAME", "name of the output object"),
)

_BODY = """\
BODY is text, @FILE for the contents of a file, or - for standard input; without
it, standard input is read unless it is a terminal. Region, credentials and
endpoint URL come from AWS's environment variables and profiles, unless options
set them.
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="sagemaker-async",
        description="Amazon SageMaker inference from the command line.",
        epilog="Exit status: 0 success, 1 the call failed, 2 wrong usage or configuration (nothing was sent), "
        "3 records of a\nbulk run failed, 130 interrupted.\nNew here? sagemaker-async demo needs no AWS account.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"sagemaker-async {metadata.version('sagemaker-async')}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _add_invoke(commands)
    _add_stream(commands)
    _add_bulk(commands)
    _add_submit(commands)
    _add_result(commands)
    _add_endpoints(commands)
    _add_serve(commands)
    _add_openai(commands)
    _add_demo(commands)
    return parser


_Commands = argparse._SubParsersAction  # argparse has no public name for what add_subparsers returns


def _command(
    commands: _Commands[argparse.ArgumentParser], name: str, summary: str, description: str, epilog: str = ""
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-v", "--verbose", action="count", default=0, help="log to standard error; twice for details")
    return parser


def _add_invoke(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "invoke",
        "call an endpoint and print its whole answer",
        f"Call an endpoint and print its whole answer, byte for byte.\n\n{_BODY}",
        "examples:\n"
        '  sagemaker-async invoke my-endpoint \'{"inputs": "hello"}\'\n'
        "  sagemaker-async invoke my-endpoint @image.jpg --content-type image/jpeg -o answer.json\n"
        "  cat rows.csv | sagemaker-async invoke my-endpoint --content-type text/csv -i",
    )
    _add_call(parser, _INVOKE_FIELDS, "time limit of the whole call in seconds, all attempts included")


def _add_stream(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "stream",
        "call an endpoint and print its answer as it arrives",
        f"Call an endpoint with a response stream and print the parts as they arrive.\n\n{_BODY}",
        "examples:\n"
        '  sagemaker-async stream my-llm \'{"inputs": "hello", "stream": true}\' --tokens --stats\n'
        "  sagemaker-async stream my-llm --chat 'Why is the sky blue?'\n"
        "  sagemaker-async stream my-llm @request.json --lines | grep data:",
    )
    _add_call(parser, _FIELDS, "time limit in seconds until the answer begins, all attempts included")
    form = parser.add_argument_group("what is printed")
    forms = form.add_mutually_exclusive_group()
    forms.add_argument(
        "--raw", dest="form", action="store_const", const="raw", help="the bytes as they arrive (default)"
    )
    forms.add_argument("--lines", dest="form", action="store_const", const="lines", help="whole lines only")
    forms.add_argument(
        "--tokens", dest="form", action="store_const", const="tokens", help="the text a language model generates"
    )
    forms.add_argument(
        "--chat",
        dest="form",
        action="store_const",
        const="chat",
        help="the same, of a model that takes messages as OpenAI's API does; BODY is what you say, or JSON: a list of "
        "messages, or a whole request. What the model thinks first goes to standard error",
    )
    form.add_argument(
        "--dialect",
        metavar="NAME",
        help="the format of the tokens: openai-chat, tgi, lmi, ...; detected if not given",
    )
    form.add_argument(
        "--stats", action="store_true", help="at the end, print time to first part and rate on standard error"
    )
    parser.set_defaults(form="raw")


def _add_submit(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "submit",
        "submit work to an asynchronous endpoint",
        "Submit a request to an asynchronous endpoint, and print the job as one line of JSON, from which\n"
        f"'result' gets its result, also on another machine. A large body is put into S3 first.\n\n{_BODY}",
        "examples:\n"
        "  sagemaker-async submit my-endpoint @video.mp4 --content-type video/mp4 > job.json\n"
        "  sagemaker-async result @job.json -o boxes.json\n"
        "  sagemaker-async submit my-endpoint --input s3://bucket/key --wait",
    )
    parser.add_argument("endpoint", metavar="ENDPOINT", help="name of the endpoint")
    parser.add_argument("body", metavar="BODY", nargs="?", help="what to send: text, @FILE or -")
    parser.add_argument("--input", metavar="S3-URI", help="where the input is in S3 already, instead of BODY")
    _add_where(parser, "time limit of submitting in seconds, all attempts included")
    request = parser.add_argument_group("the request")
    for field in _SUBMIT_FIELDS:
        request.add_argument(field.option, dest=field.name, metavar=field.metavar, help=field.help)
    request.add_argument(
        "--ttl", dest="request_ttl_seconds", metavar="SECONDS", type=int, help="longest time in the queue (21600)"
    )
    request.add_argument(
        "--invocation-timeout",
        dest="invocation_timeout_seconds",
        metavar="SECONDS",
        type=int,
        help="longest time that the model may take (900)",
    )
    parser.add_argument("--wait", action="store_true", help="wait for the result and print it instead of the job")
    _add_waiting(parser)
    names = [field.name for field in _SUBMIT_FIELDS]
    parser.set_defaults(fields=(*names, "request_ttl_seconds", "invocation_timeout_seconds"))


def _add_result(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "result",
        "wait for the result of a submitted job, and print it",
        "Wait for the result of a job that 'submit' printed, and print it, byte for byte. The exit status is 1 if the\n"
        "invocation failed, or if there was no result within --limit.",
    )
    parser.add_argument("job", metavar="JOB", nargs="?", help="the job: its JSON, @FILE or - for standard input")
    parser.add_argument("--status", action="store_true", help="do not wait: print InProgress, Completed or Failed")
    _add_where(parser, None)
    _add_waiting(parser)


def _add_waiting(parser: argparse.ArgumentParser) -> None:
    waiting = parser.add_argument_group("the result")
    waiting.add_argument(
        "--limit", type=float, metavar="SECONDS", help="longest time to wait; default: until nothing can come any more"
    )
    waiting.add_argument("--max-bytes", type=int, metavar="N", help="largest result to read")
    waiting.add_argument(
        "--denied-is-not-yet",
        dest="denied",
        action="store_const",
        const="wait",
        default="raise",
        help="keep waiting when S3 answers 403, as it does for a missing object without s3:ListBucket",
    )
    waiting.add_argument("-o", "--output", metavar="FILE", help="write the result to a file")


def _add_call(parser: argparse.ArgumentParser, fields: tuple[_Field, ...], timeout: str) -> None:
    parser.add_argument("endpoint", metavar="ENDPOINT", help="name of the endpoint")
    parser.add_argument("body", metavar="BODY", nargs="?", help="what to send: text, @FILE or -")
    _add_where(parser, timeout)
    _add_fields(parser, fields)
    answer = parser.add_argument_group("the answer")
    answer.add_argument("-o", "--output", metavar="FILE", help="write the answer to a file")
    answer.add_argument(
        "-i", "--include", action="store_true", help="print request id, content type, variant, ... on standard error"
    )


def _add_fields(parser: argparse.ArgumentParser, fields: tuple[_Field, ...]) -> argparse._ArgumentGroup:
    request = parser.add_argument_group("the request")
    for field in fields:
        request.add_argument(field.option, dest=field.name, metavar=field.metavar, help=field.help)
    parser.set_defaults(fields=tuple(field.name for field in fields))
    return request


def _add_bulk(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "bulk",
        "score every record of a file; a killed run can be resumed",
        "Send every record of INPUT to an endpoint and append a line of JSON for each to OUTPUT: its index, its id,\n"
        "and the result or the error. A run that was ended in any way goes on with --resume: nothing is lost and\n"
        "nothing is written twice. Lines come as results do; the index says where each belongs.",
        "Exit status: 0 every record has its answer, 1 the run stopped before its end, 2 nothing was sent, 3 the run\n"
        "is complete and some records failed, 130 and 143 it was ended by Ctrl-C or SIGTERM, which is clean.\n\n"
        "examples:\n"
        "  sagemaker-async bulk my-endpoint prompts.jsonl answers.jsonl --id id\n"
        "  sagemaker-async bulk my-endpoint rows.csv scores.jsonl --id customer --columns age,income --batch 100\n"
        "  sagemaker-async bulk my-endpoint s3://bucket/in.parquet s3://bucket/out.jsonl --concurrency 64 --resume",
    )
    parser.add_argument("endpoint", metavar="ENDPOINT", help="name of the endpoint")
    parser.add_argument("input", metavar="INPUT", help="a file, s3://bucket/key, or - for standard input")
    parser.add_argument("output", metavar="OUTPUT", help="a file, or s3://bucket/key")
    when = parser.add_argument_group("when there is an output already")
    whens = when.add_mutually_exclusive_group()
    whens.add_argument("--resume", action="store_true", help="go on with its run, or begin one if there is none")
    whens.add_argument("--overwrite", action="store_true", help="begin anew")
    when.add_argument("--retry-failed", action="store_true", help="with --resume: try all failed records again")
    when.add_argument("--work-dir", metavar="DIR", help="where the files of a run into s3:// are kept (.)")
    records = parser.add_argument_group("the records")
    records.add_argument("--format", choices=("jsonl", "csv", "parquet"), help="what INPUT holds; default: by its name")
    records.add_argument("--no-header", dest="header", action="store_false", help="CSV whose columns are 0, 1, ...")
    records.add_argument("--id", metavar="COLUMN", help="the column that goes into OUTPUT as id; it is not sent")
    sent = records.add_mutually_exclusive_group()
    sent.add_argument(
        "--columns", metavar="A,B,...", type=_names, help="the columns that are sent; default: all others"
    )
    sent.add_argument("--payload", metavar="COLUMN", help="the one column whose value is sent as it is")
    records.add_argument("--send", choices=("json", "csv"), help="how they are sent; default: csv for CSV, else json")
    records.add_argument(
        "--on-malformed",
        choices=("report", "stop"),
        default="report",
        help="write a record that cannot be read as failed, or stop there (%(default)s)",
    )
    pace = parser.add_argument_group("the pace")
    pace.add_argument("--concurrency", metavar="N", type=int, help="requests under way at once; default: adapts")
    pace.add_argument("--max-concurrency", metavar="N", type=int, help="the most that it adapts to (128)")
    pace.add_argument("--rate", metavar="N", type=float, help="the most requests per second")
    pace.add_argument("--batch", metavar="N", type=int, help="records in one request")
    pace.add_argument("--ordered", action="store_true", help="write the lines in the order of the input")
    pace.add_argument("--limit", metavar="SECONDS", type=float, help="end the run after this time")
    pace.add_argument(
        "--retry-for",
        metavar="SECONDS",
        type=float,
        default=300.0,
        help="how long a record that the endpoint refuses is sent again (%(default)g)",
    )
    pace.add_argument(
        "--stop-after",
        metavar="N",
        type=int,
        default=100,
        help="end the run when N records in a row failed because of the endpoint; 0: never (%(default)s)",
    )
    _add_where(parser, "time limit of each request in seconds, all attempts included")
    how = _add_fields(parser, _BULK_FIELDS).add_mutually_exclusive_group()
    how.add_argument(
        "--stream", action="store_true", help="call the stream of a language model; the result is its whole text"
    )
    how.add_argument(
        "--asynchronous", action="store_true", help="ENDPOINT is asynchronous: submit jobs, and wait for their results"
    )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _add_where(parser: argparse.ArgumentParser, timeout: str | None) -> None:
    where = parser.add_argument_group("where to send it")
    where.add_argument("--region", metavar="REGION", help="AWS region, e.g. us-east-1")
    where.add_argument("--profile", metavar="NAME", help="profile of the shared AWS files")
    where.add_argument("--endpoint-url", metavar="URL", help="server to call instead of AWS's")
    if timeout is not None:
        where.add_argument("--timeout", metavar="SECONDS", type=float, help=timeout)


def _add_endpoints(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "endpoints",
        help="list endpoints, describe one, or wait for one",
        description="List or describe endpoints, or wait for one to be in service.",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    listing = _command(
        actions, "list", "list endpoints", "Print one line per endpoint: its name, status and last change."
    )
    listing.add_argument("--name-contains", metavar="TEXT", help="only endpoints with this text in their name")
    listing.add_argument("--json", action="store_true", help="print SageMaker's summaries as a JSON array instead")
    listing.add_argument("--status", metavar="STATUS", help="only endpoints with this status, e.g. InService")
    describing = _command(
        actions, "describe", "describe an endpoint", "Print SageMaker's description of an endpoint as JSON."
    )
    waiting = _command(
        actions,
        "wait",
        "wait until an endpoint is in service",
        "Wait until an endpoint is in service, and show its status on standard error meanwhile.\n"
        "The exit status is 1 if the endpoint failed or --limit passed.",
    )
    for each in (describing, waiting):
        each.add_argument("endpoint", metavar="ENDPOINT", help="name of the endpoint")
    waiting.add_argument("--deleted", action="store_true", help="wait until the endpoint is deleted instead")
    waiting.add_argument(
        "--limit", type=float, default=3600.0, metavar="SECONDS", help="longest time to wait (%(default)g)"
    )
    waiting.add_argument("--interval", type=float, metavar="SECONDS", help="longest time between polls (30)")
    for each in (listing, describing):
        _add_where(each, "time limit of each call in seconds, all attempts included")
    _add_where(waiting, None)


def _add_listening(parser: argparse.ArgumentParser, *, port: int) -> None:
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=port, help="port to listen on, 0 for any free one (%(default)s)")
    parser.add_argument("--allow-remote", action="store_true", help="permit addresses that other machines can reach")
    parser.add_argument(
        "--allow-host",
        dest="allowed_hosts",
        metavar="NAME",
        action="append",
        default=[],
        help="a further host name by which clients call it, such as its name in Docker Compose; can be repeated",
    )


def _add_serve(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "serve",
        "run a SageMaker on this machine",
        "Run a SageMaker on this machine, with your models as endpoints, until Ctrl-C or SIGTERM.\n"
        "It implements SageMaker's own protocol and checks signatures: this client, boto3 and curl can call it.",
        "SPEC is a model directory or an inference script, module:callable, the URL of a container\n"
        "(http://127.0.0.1:8000/invocations), or one of the built-in models text and echo.\n\n"
        "examples:\n"
        "  sagemaker-async serve\n"
        "  sagemaker-async serve --port 0 --endpoint my-model=./model --endpoint other=app:predict\n"
        "  sagemaker-async serve --model my-model=./model --state sagemaker.json   # endpoints that clients create",
    )
    _add_listening(parser, port=8080)
    parser.add_argument("--region", default="us-east-1", help="region that requests must be signed for (%(default)s)")
    parser.add_argument(
        "--endpoint",
        dest="endpoints",
        metavar="NAME=SPEC",
        action="append",
        help="an endpoint and its model; can be repeated (default: text=text and echo=echo)",
    )
    parser.add_argument(
        "--model",
        dest="models",
        metavar="NAME=SPEC",
        action="append",
        default=[],
        help="what runs a model that clients create, by the model's name or its container's image; can be repeated",
    )
    parser.add_argument(
        "--state", metavar="FILE", help="keep what clients create in this file, so that it is there after a restart"
    )
    _add_token_delay(parser)


def _add_openai(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "openai",
        "serve endpoints of AWS to clients of OpenAI's API",
        "Serve endpoints of AWS to clients of OpenAI's API (openai-python, LiteLLM, LangChain, ...), with this\n"
        "machine's AWS credentials, until Ctrl-C or SIGTERM. It needs the extra demo.",
        "examples:\n"
        "  sagemaker-async openai --model my-llm=my-endpoint --region us-east-1\n"
        "  sagemaker-async openai --model llama=my-endpoint/llama-component --wait-for-capacity 600\n"
        "  sagemaker-async openai --model tgi=my-tgi --takes inputs --prompt templates:llama\n"
        "  OPENAI_BASE_URL=http://127.0.0.1:8000/v1 OPENAI_API_KEY=unused python my_program.py",
    )
    parser.add_argument(
        "--model",
        dest="models",
        metavar="NAME=ENDPOINT",
        action="append",
        required=True,
        help="a model's name for clients and its endpoint, or ENDPOINT/COMPONENT; can be repeated",
    )
    parser.add_argument(
        "--takes",
        choices=("messages", "prompt", "inputs"),
        default="messages",
        help="what the containers take: messages or prompt as OpenAI's API, or inputs as TGI and LMI (%(default)s)",
    )
    parser.add_argument(
        "--prompt",
        metavar="MODULE:CALLABLE",
        help="makes a prompt of a chat's messages, where containers take no messages",
    )
    parser.add_argument(
        "--wait-for-capacity",
        metavar="SECONDS",
        type=float,
        help="wait so long for a component that was scaled to zero, instead of failing at once",
    )
    _add_listening(parser, port=8000)
    parser.add_argument(
        "--api-key-env", metavar="VARIABLE", help="environment variable with the key that clients must send as theirs"
    )
    _add_where(parser, None)


def _add_demo(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "demo",
        "show a prediction, a stream and what is verified; no AWS account needed",
        "Start a SageMaker on this machine with a small text model, make a prediction, stream a completion token by\n"
        "token, and verify what this client promises. It needs neither an AWS account nor a network.",
    )
    parser.add_argument(
        "--prompt", default="The keeper", metavar="TEXT", help="text that the model continues (%(default)s)"
    )
    parser.add_argument(
        "--tokens", type=int, default=40, metavar="N", help="largest number of tokens to generate (%(default)s)"
    )
    parser.add_argument("--plain", action="store_true", help="no colours, even on a terminal")
    _add_token_delay(parser)
    web = parser.add_argument_group("a page in the browser instead (needs the extra demo)")
    web.add_argument("--web", action="store_true", help="serve a page on this machine until Ctrl-C or SIGTERM")
    web.add_argument("--port", type=int, default=8000, help="port of the page, 0 for any free one (%(default)s)")
    web.add_argument("--endpoint-name", metavar="NAME", help="call an endpoint of AWS instead of one on this machine")
    web.add_argument(
        "--chat", action="store_true", help="that endpoint takes messages, as OpenAI's API, instead of inputs"
    )
    web.add_argument("--region", metavar="REGION", help="its AWS region, e.g. us-east-1")
    web.add_argument("--profile", metavar="NAME", help="profile of the shared AWS files")
    web.add_argument("--endpoint-url", metavar="URL", help="server to call instead of AWS's")


def _add_token_delay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--token-delay",
        type=float,
        default=0.02,
        metavar="SECONDS",
        help="pause of the text model before each token, so that streaming is visible (%(default)s)",
    )
