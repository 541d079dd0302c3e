"""A chat service with a page: tokens over server-sent events, and failures that the reader sees."""

import os
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from sagemaker_async import Predictor
from sagemaker_async.integrations.fastapi import (
    PredictorDep,
    StreamResponse,
    add_exception_handlers,
    openapi_responses,
    session_lifespan,
    stream_response,
)
from sagemaker_async.serializers import JSONSerializer

ENDPOINT = os.environ.get("ENDPOINT_NAME", "my-endpoint")
PORT = int(os.environ.get("PORT", "8000"))

app: FastAPI = FastAPI(
    title="Chat", lifespan=session_lifespan(check=True)
)  # refuses to start without region and credentials
add_exception_handlers(app)
LanguageModel = Annotated[Predictor[Any], PredictorDep(ENDPOINT, serializer=JSONSerializer())]


class Prompt(BaseModel):
    inputs: str = Field(min_length=1, max_length=4000)


@app.post("/chat", responses=openapi_responses("sse"))
async def chat(prompt: Prompt, model: LanguageModel) -> StreamResponse:
    request = {"inputs": prompt.inputs, "parameters": {"max_new_tokens": 100}, "stream": True}
    return await stream_response(model.predict_stream(request).tokens())


@app.get("/", response_class=HTMLResponse)
async def page() -> str:
    return PAGE


PAGE = """<!doctype html><meta charset="utf-8"><title>Chat</title>
<style>body { font: 16px system-ui; max-width: 40em; margin: 2em auto } input { width: 80% }</style>
<form><input name="inputs" value="The sea was" autofocus> <button>Send</button></form><p id="answer"></p>
<script>
const answer = document.getElementById("answer");
document.forms[0].onsubmit = async submitted => {
  submitted.preventDefault();
  const inputs = submitted.target.inputs.value;
  answer.textContent = inputs;
  const response = await fetch("/chat", {
    method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({inputs})});
  if (!response.ok) { answer.textContent = (await response.json()).detail; return; }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const {done, value} = await reader.read();
    if (done) break;
    const events = (rest + value).split("\\n\\n");
    rest = events.pop();
    for (const event of events) {
      const data = event.split("\\n").find(line => line.startsWith("data: "));
      const record = data ? JSON.parse(data.slice(6)) : {};
      if (event.startsWith("event: error")) answer.append(" [" + record.detail + "]");
      else answer.append(record.text ?? "");
    }
  }
};
</script>"""


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, timeout_graceful_shutdown=10)
