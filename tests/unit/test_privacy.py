# SPDX-License-Identifier: GPL-2.0-or-later
"""Headers of every answer, and the collection of CSP reports."""

from appliance.privacy import LONGEST_REPORT, counters


def test_policy_is_strict_and_reports(client):
    policy = client.get("/api/v1/openapi.json").headers["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives == {
        "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:",
        "font-src": "'self'", "connect-src": "'self'", "base-uri": "'none'", "form-action": "'self'",
        "frame-ancestors": "'none'", "report-uri": "/csp-report/",
    }  # fmt: skip


def test_signed_in_answers_are_not_stored(client, owner):
    client.force_login(owner)
    assert client.get("/api/v1/rules").headers["Cache-Control"] == "no-store"


def test_reports_are_counted_and_logged(client, caplog):
    before = counters["csp_reports"]
    assert client.post("/csp-report/", data="{}", content_type="application/csp-report").status_code == 204
    assert counters["csp_reports"] == before + 1
    assert "content security policy violated" in caplog.text


def test_oversized_report_is_refused_and_counted(client):
    report = "x" * (LONGEST_REPORT + 1)
    assert client.post("/csp-report/", data=report, content_type="application/csp-report").status_code == 413
    assert counters["csp_reports:oversized"] == 1


def test_strange_host_is_refused(client):
    assert client.get("/api/v1/openapi.json", headers={"host": "evil.example"}).status_code == 400
