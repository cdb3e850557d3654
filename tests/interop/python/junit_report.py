"""Reads a report of JUnit's form with junitparser, and validates it against the schema of Jenkins."""

import sys

import xmlschema
from junitparser import Failure, JUnitXml, Skipped

report, schema = sys.argv[1:]
xmlschema.XMLSchema(schema).validate(report)

cases = [case for suite in JUnitXml.fromfile(report) for case in suite]
results = [(case, result) for case in cases for result in case.result]
for case, result in results:
    assert case.classname.startswith("boomgate.demo-writer."), case.classname
    # What to do is in the text: GitLab shows no attribute.
    assert "Do: " in result.text, (case.name, result.text)
assert len({(case.classname, case.name) for case in cases}) == len(cases)
failed = sum(isinstance(result, Failure) for _, result in results)
skipped = sum(isinstance(result, Skipped) for _, result in results)
print(f"{len(cases)} test cases, {failed} failed, {skipped} skipped")
