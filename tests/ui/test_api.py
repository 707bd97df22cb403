"""The one endpoint that is open to programs."""

import contextlib
import io
import re
from pathlib import Path

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

GOOD = ("a red apple", "", 7, 3, 4.0, 500, "ddim")


@pytest.fixture(scope="module")
def client(app):
    return Client(app.url, verbose=False, analytics_enabled=False)


def test_one_endpoint_is_public_named_and_typed(client):
    api = client.view_api(return_format="dict", print_info=False)
    assert list(api["named_endpoints"]) == ["/generate"] and not api["unnamed_endpoints"]
    endpoint = api["named_endpoints"]["/generate"]
    names = [parameter["parameter_name"] for parameter in endpoint["parameters"]]
    assert names == [
        "prompt",
        "negative",
        "seed",
        "steps",
        "guidance",
        "guidance_from",
        "sampler",
        "model",
    ]
    assert "kind" in str(endpoint["returns"])


def test_a_program_receives_every_step(client):
    job = client.submit(*GOOD, api_name="/generate")
    assert job.result(60)["kind"] == "end"
    kinds = [message["kind"] for message in job.outputs() if message["kind"] != "wait"]
    assert kinds == ["start", "step", "step", "step", "end"]


def test_the_example_of_the_readme_prints_every_step(app):
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(from gradio_client.*?)```", readme, re.DOTALL)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code.replace("http://127.0.0.1:7860", app.url), {})
    steps = [line.split() for line in printed.getvalue().splitlines() if line[:1].isdigit()]
    assert [int(index) for index, _, _ in steps] == list(range(12))


def test_an_upload_that_is_too_large_is_refused(app):
    def upload(size: int) -> int:
        files = {"files": ("picture.png", bytes(size))}
        return httpx.post(f"{app.url}gradio_api/upload", files=files, timeout=30).status_code

    assert upload(1000) == 200 and upload(21_000_000) == 413


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (0, "", "Type what the picture should show."),
        (0, "a" * 5000, "The prompt must be text of at most 2,000 characters."),
        (0, ["a"], "The prompt must be text of at most 2,000 characters."),
        (2, 1.5, "Seed must be a whole number from 0 to 4294967295."),
        (3, 10_000, "Steps must be a whole number from 1 to 100."),
        (3, "25", "Steps must be a whole number from 1 to 100."),
        (4, 99, "Guidance must be a number from 1 to 15."),
        (5, 1001, "Guidance from t must be a whole number from 0 to 1000."),
        (6, "magic", "Sampler must be one of ddim, ddpm"),
        (6, ["ddim"], "Sampler must be one of ddim, ddpm"),
    ],
)
def test_bad_input_gets_a_sentence(client, place, value, words):
    fields = list(GOOD)
    fields[place] = value
    with pytest.raises(AppError, match=words):
        client.predict(*fields, api_name="/generate")
