# SPDX-License-Identifier: GPL-2.0-or-later
"""The API as a whole: its description is valid OpenAPI and names every address."""

from openapi_spec_validator import validate


def test_description_is_valid_openapi(client):
    description = client.get("/api/v1/openapi.json").json()
    validate(description)
    assert {"/api/v1/calls", "/api/v1/pinholes", "/api/v1/registrations", "/api/v1/rules", "/api/v1/health"} <= set(
        description["paths"]
    )
