"""The OpenAPI document, judged: by openapi-spec-validator, and its examples by the schemas that they are examples of."""

import os

import requests
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

base = os.environ["BASE"]
answer = requests.get(f"{base}/openapi.json", headers={"Origin": "https://app.example"})
assert answer.headers["Access-Control-Allow-Origin"] == "*", answer.headers
document = answer.json()
assert document["servers"][0]["url"] == base, document["servers"]
errors = list(OpenAPIV31SpecValidator(document).iter_errors())
assert not errors, errors


def example_of(reference):
    return document["components"]["examples"][reference["$ref"].rsplit("/", 1)[1]]["value"]


def contents(value):
    """Every media type, with its schema and its examples."""
    if isinstance(value, list):
        for part in value:
            yield from contents(part)
    elif isinstance(value, dict):
        for content in value.get("content", {}).values():
            yield content["schema"], [content["example"]] if "example" in content else [
                example_of(example) for example in content["examples"].values()
            ]
        for part in value.values():
            yield from contents(part)


count = 0
for schema, examples in contents(document):
    assert examples
    for example in examples:
        Draft202012Validator(schema | {"components": document["components"]}).validate(example)
        count += 1
operations = [operation for path in document["paths"].values() for operation in path.values() if "responses" in operation]
assert len({operation["operationId"] for operation in operations}) == len(operations)
print(len(document["paths"]), "paths,", len(operations), "operations,", count, "examples")
